"""Telling people at once that a child-protection message could not be accepted (003 §2.2).

The alert is a notice sealed by the exchange: it names the sending agency and the reasons, and no
content. It goes to First Response's duty desk and to the sender's own agency.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson

from contracts import jws
from contracts.consents import NoticeBasis
from contracts.directory import Directory
from contracts.event import TYPE_PREFIX, Data, Event, Recipient, Signer, source_of
from contracts.identifiers import AGENCY, REFERENCE
from contracts.kinds import iso
from contracts.messages.notices import PROTECTION_FAILED
from contracts.records import shown_digest
from contracts.roles import Capacity, Role
from contracts.seal import seal
from contracts.submission import digest_of_bytes
from services.exchange.decision import Refused
from services.exchange.lanes import Arrived
from services.exchange.opening import Unopenable

_URGENT = "URGENT_"


@dataclass(frozen=True, slots=True)
class Alert:
    """A sealed notice, the decision that carries it, its leaf's index, and who receives it."""

    message: str
    sealed: str
    decision: str
    index: int
    to: tuple[str, ...]


def alert_for(
    arrived: Arrived,
    verdict: Refused | Unopenable,
    directory: Directory,
    exchange: str,
    key: jws.PrivateKey,
    now: datetime,
    add_leaf: Callable[[str], int],
) -> Alert | None:
    """Return the alert for a refusal that concerns child protection, or None for any other.

    What arrives in a child-protection lane concerns it whether or not it could be opened.
    """
    concerns = arrived.lane.startswith(_URGENT) or getattr(verdict, "protection", False)
    sender = ".".join(arrived.subject.split(".")[1:3])
    to = _receivers(directory, sender)
    if not concerns or not to:
        return None
    event = _notice(arrived, verdict, directory, exchange, sender, to, now)
    sealed = seal(event, key)
    body = {
        "v": 1,
        "exchange": exchange,
        "outcome": "accepted",
        "agency": exchange,
        "lane": arrived.lane,
        "sequence": arrived.sequence,
        "submission": digest_of_bytes(arrived.data),
        "sealed": sealed.digest,
        "message": event.id,
        "child": event.subject,
        "kind": event.kind,
        "basis": event.data.basis.kind,
        "to": [{"agency": agency, "shown": shown_digest(())} for agency in to],
        "protection": True,
        "now": iso(now),
    }
    text = orjson.dumps(body).decode()
    return Alert(event.id, sealed.text, text, add_leaf(text), to)


def _receivers(directory: Directory, sender: str) -> tuple[str, ...]:
    desks = tuple(a.id for a in directory.by_role(Role.FIRST_RESPONSE))
    own = (sender,) if sender in directory.agencies else ()
    return tuple(dict.fromkeys(desks + own))


def _notice(
    arrived: Arrived,
    verdict: Refused | Unopenable,
    directory: Directory,
    exchange: str,
    sender: str,
    to: tuple[str, ...],
    now: datetime,
) -> Event:
    seed = hashlib.sha256(f"alert {arrived.lane} {arrived.sequence}".encode()).hexdigest()
    child = arrived.subject.split(".")[-1]
    return Event(
        id=seed[:32],
        source=source_of(exchange),
        type=f"{TYPE_PREFIX}{PROTECTION_FAILED.name}",
        subject=child if REFERENCE.fullmatch(child) else seed[32:],
        time=now,
        data=Data(
            author=Signer(id=exchange, capacity=Capacity.SERVICE),
            recipients=tuple(_recipient(directory, agency, sender) for agency in to),
            basis=NoticeBasis(),
            content={
                "sender": sender if AGENCY.fullmatch(sender) else exchange,
                "reasons": [r.code for r in verdict.reasons],
            },
        ),
    )


def _recipient(directory: Directory, agency: str, sender: str) -> Recipient:
    """Address the duty desk, at the sender's own agency its desk's line manager."""
    desk = directory.agencies[agency].duty_desk
    person = directory.practitioners.get(desk) if desk else None
    if agency == sender and person is not None and person.line_manager:
        return Recipient(agency=agency, practitioner=person.line_manager)
    return Recipient(agency=agency, practitioner=desk)
