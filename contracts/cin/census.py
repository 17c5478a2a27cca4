"""The values of a children in need (CIN) return: census, children, referrals and later events.

Dates are calendar dates as the return gives them, without a time or a time zone. None stands for
what the file does not give or gives unreadably; which of the two it was is told by a fault.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from contracts.cin.faults import Fault
from contracts.codes import (
    ClosureReason,
    Disability,
    Ethnicity,
    PrimaryNeed,
    ReferralSource,
    Sex,
    UpnUnknown,
)


@dataclass(frozen=True, slots=True, repr=False)
class Referral:
    """One `CINdetails` of a child; `position` counts from 0 in file order within that child.

    `conference_dates` holds the initial child protection conferences of the episode and of its
    section 47 enquiries, each date once, in order (rule 2884 lets either place hold it).
    """

    position: int
    referral_date: date | None
    source: ReferralSource | None
    need: PrimaryNeed | None = None
    closure_date: date | None = None
    closure_reason: ClosureReason | None = None
    conference_dates: tuple[date, ...] = ()
    no_further_action: bool | None = None
    faults: tuple[Fault, ...] = ()
    """What could not be read of this referral."""


@dataclass(frozen=True, slots=True, repr=False)
class Child:
    """One `Child` of a return, with its referrals in file order.

    The representation shows no field, because every one of them is personal data.
    `reference_date` is the last day that the return covers.
    """

    la_child_id: str
    referrals: tuple[Referral, ...]
    upn: str | None = None
    former_upn: str | None = None
    upn_unknown: UpnUnknown | None = None
    birth_date: date | None = None
    expected_birth_date: date | None = None
    death_date: date | None = None
    sex: Sex | None = None
    ethnicity: Ethnicity | None = None
    disabilities: tuple[Disability, ...] = ()
    reference_date: date | None = None
    faults: tuple[Fault, ...] = ()
    """What could not be read of this child."""


@dataclass(frozen=True, slots=True)
class Census:
    """One return: who made it (`LEA`, three digits), for which year, and the children in it."""

    local_authority: str | None
    year: str | None
    reference_date: date | None
    children: tuple[Child, ...]


class EventKind(StrEnum):
    """Name what can follow a referral in a return."""

    CONFERENCE = "conference"
    DEATH = "death"
    CLOSURE = "closure"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that followed a referral; only a closure has a `reason`."""

    kind: EventKind
    date: date
    reason: ClosureReason | None = None
