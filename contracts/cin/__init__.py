"""The children in need (CIN) census return: its reader, its faults, and what followed a referral.

`read_census` turns the bytes of a return into values; `referral_faults`, `event_faults` and
`warnings` judge one referral of one child; `events` lists what followed it and can be sent.
"""

from contracts.cin.census import Census, Child, Event, EventKind, Referral
from contracts.cin.faults import Effect, Fault
from contracts.cin.judge import event_faults, events, referral_faults, warnings
from contracts.cin.reader import read_census

__all__ = [
    "Census",
    "Child",
    "Effect",
    "Event",
    "EventKind",
    "Fault",
    "Referral",
    "event_faults",
    "events",
    "read_census",
    "referral_faults",
    "warnings",
]
