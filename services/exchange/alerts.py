"""Telling people at once that a child-protection message could not be accepted (003 §2.2).

The alert is a notice sealed by the exchange: it names the sending agency and the reasons, and no
content; about bytes that nobody signed one tells of many. It goes to First Response's duty desk
and to the sender's own agency, where these take part now; to a guest First Response only where the
partnership has none of its own.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
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
from services.exchange.deciding import Decided
from services.exchange.decision import Refused
from services.exchange.lanes import Arrived
from services.exchange.opening import Unopenable, is_noise
from services.exchange.rates import SINGLY

_URGENT = "URGENT_"


@dataclass(frozen=True, slots=True)
class Alert:
    """A sealed notice, the decision that carries it, its leaf's index, and who receives it."""

    message: str
    sealed: str
    decision: str
    index: int
    to: tuple[str, ...]


def tells_of(group: Sequence[Decided]) -> list[int | None]:
    """Return for what nobody signed of how many its alert tells, 0 where another's does; or None.

    Of one lane, more than a few become one alert, that of the first. It counts what is decided in
    its own group, so that nothing is lost or counted twice when that is decided again.
    """
    noise = Counter(one.arrived.lane for one in group if is_noise(one.arrived, one.verdict))
    told: set[str] = set()
    counts: list[int | None] = []
    for one in group:
        lane = one.arrived.lane
        if not is_noise(one.arrived, one.verdict):
            counts.append(None)
        elif noise[lane] <= SINGLY:
            counts.append(1)
        else:
            counts.append(0 if lane in told else noise[lane])
            told.add(lane)
    return counts


def alert_for(
    decided: Decided,
    verdict: Refused | Unopenable,
    directory: Directory,
    exchange: str,
    key: jws.Signer,
    add_leaf: Callable[[str], int],
    count: int | None = None,
) -> Alert | None:
    """Return the alert for a refusal that concerns child protection, or None for any other.

    What arrives in a child-protection lane concerns it whether or not it could be opened. `count`
    is of how many that nobody signed it tells; None for what somebody did.
    """
    arrived, now = decided.arrived, decided.now
    concerns = arrived.lane.startswith(_URGENT) or verdict.protection
    sender = _sender(arrived)
    to = _receivers(directory, sender, now)
    if not concerns or not to or count == 0:
        return None
    event = _notice(decided, verdict, directory, exchange, to, count)
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


def _sender(arrived: Arrived) -> str:
    return ".".join(arrived.subject.split(".")[1:3])


def _receivers(directory: Directory, sender: str, now: datetime) -> tuple[str, ...]:
    desks = tuple(a.id for a in directory.answering(Role.FIRST_RESPONSE, now))
    own = (sender,) if directory.agency(sender, now) is not None else ()
    return tuple(dict.fromkeys(desks + own))


def _notice(
    decided: Decided,
    verdict: Refused | Unopenable,
    directory: Directory,
    exchange: str,
    to: tuple[str, ...],
    count: int | None,
) -> Event:
    arrived = decided.arrived
    sender = _sender(arrived)
    taken = arrived.taken  # what is released and refused again is told again, as another notice
    seed = hashlib.sha256(f"alert {taken.lane} {taken.sequence}".encode()).hexdigest()
    child = arrived.subject.split(".")[-1]
    return Event(
        id=seed[:32],
        source=source_of(exchange),
        type=f"{TYPE_PREFIX}{PROTECTION_FAILED.name}",
        subject=child if REFERENCE.fullmatch(child) else seed[32:],
        time=decided.now,
        data=Data(
            author=Signer(id=exchange, capacity=Capacity.SERVICE),
            recipients=tuple(_recipient(directory, agency, sender) for agency in to),
            basis=NoticeBasis(),
            content={
                "sender": sender if AGENCY.fullmatch(sender) else exchange,
                "reasons": [r.code for r in verdict.reasons],
                **({"count": count} if count else {}),
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
