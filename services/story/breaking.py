"""Breaking the glass: a read beyond consent, recorded, of which a named person is told at once.

The read and the sealed notice of it are written in one transaction, before anything is answered.
The notice is handed in before the answer goes out; where the lane does not answer then, it is
handed in as soon as it does.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Row, insert, select

from consent import BrokenGlass, decide_broken_glass
from contracts import jws
from contracts.consents import NoticeBasis
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.event import TYPE_PREFIX, Data, Event, Recipient, Signer, source_of
from contracts.identifiers import agency_of
from contracts.journey import Journey
from contracts.managers import line_managers
from contracts.messages.notices import GLASS_BROKEN, GlassBroken
from contracts.protecting import BreakGlassReason
from contracts.roles import Capacity, Role
from contracts.seal import seal
from services.story import reading
from services.story.breaking_tables import GLASS_NOTICES
from services.story.deciding import told_withheld
from services.story.opening import open_statements, statements_of
from services.story.tables import MESSAGES
from services.story.withdrawing import withdrawn

BASIS: Final = "break_glass"
_LENGTH: Final = 26


class KeyOf(Protocol):
    """Gives the story service's own signing key, or raises `key.*`."""

    def __call__(self) -> jws.Signer:
        """Return the key."""
        ...


@dataclass(frozen=True, slots=True)
class Teller:
    """The service that tells, and how it gets its key: a story may be read without one."""

    service: str
    key: KeyOf

    def sealed(self, event: Event) -> str:
        """Return the sealed text of a notice."""
        return seal(event, self.key()).text


@dataclass(frozen=True, slots=True)
class Broken:
    """The answer to who broke the glass, and the id of the notice of it."""

    answer: reading.Answer
    notice: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where things stand: the child's journey, the directory, and who tells."""

    journey: Journey
    directory: Directory
    teller: Teller


def break_glass(
    connection: Connection,
    inquiry: reading.Inquiry,
    reason: BreakGlassReason,
    standing: Standing,
    child_key: bytes | None,
    now: datetime,
) -> Broken:
    """Return all of the child's story that breaking the glass shows at `now`; record it and tell.

    An agency without a part in the journey, and a person who must not learn of a referral, get the
    one answer to all that does not exist. Raises what `reading.read` raises and
    `story.nobody-to-tell`; nothing is recorded then.
    """
    reading.refuse_replay(connection, inquiry.asked)
    who, child = inquiry.asked.practitioner, inquiry.request.child
    journey = standing.journey
    stranger = inquiry.role is None or inquiry.agency not in journey.involved
    if stranger or who in journey.must_not_know:
        raise reading.not_found()
    event = _notice(inquiry, reason, standing, now)
    by_ledger = _messages(connection, child, journey)
    statements = statements_of(connection, list(by_ledger))
    kept = reading.kept_statements(statements, by_ledger)
    request = reading.read_request(inquiry, journey, kept, now)
    asked = BrokenGlass(request, reason, journey.involved, journey.not_shared)
    decided = list(zip(statements, decide_broken_glass(asked), strict=True))
    shown = [s for s, seen in decided if seen.shown]
    if shown and child_key is None:
        raise reading.erased()
    opened = open_statements(shown, child, child_key or b"")
    withheld = told_withheld(seen for _, seen in decided)
    answer = reading.answer_of(shown, opened, by_ledger, withheld=withheld)
    reading.record(connection, inquiry, now, [f"{BASIS}.{reason.value}"], decided)
    row = {"id": event.id, "child": child, "sealed": standing.teller.sealed(event)}
    connection.execute(insert(GLASS_NOTICES).values(**row))
    return Broken(answer, event.id)


def _messages(connection: Connection, child: str, journey: Journey) -> dict[int, Row[Any]]:
    """Return a child's accepted messages by ledger sequence, without those sent in error."""
    wanted = select(MESSAGES).where(MESSAGES.c.child == child).order_by(MESSAGES.c.ledger)
    messages = connection.execute(wanted).all()
    gone = withdrawn(connection, child, messages, journey.withdrawn)
    return {m.ledger: m for m in messages if m.ledger not in gone}


def named_person(
    directory: Directory, practitioner: str, not_to_know: tuple[str, ...], at: datetime
) -> str | None:
    """Return who is told that `practitioner` broke the glass, or None where there is nobody.

    The safeguarding lead of the agency; else the line manager or who acts in that place; else the
    duty desk of First Response. Never the practitioner, and nobody who must not know.
    """
    agency = directory.agency(agency_of(practitioner), at)
    lead: list[str] = [agency.safeguarding_lead] if agency and agency.safeguarding_lead else []
    desks: Iterator[str] = (
        a.duty_desk for a in directory.answering(Role.FIRST_RESPONSE, at) if a.duty_desk
    )
    managers = sorted(line_managers(directory, practitioner, at))
    for one in (*lead, *managers, *desks):
        if one == practitioner or one in not_to_know:
            continue
        if directory.practitioner(one, at) is not None:
            return one
    return None


def _notice(
    inquiry: reading.Inquiry, reason: BreakGlassReason, standing: Standing, now: datetime
) -> Event:
    who, service = inquiry.asked.practitioner, standing.teller.service
    told = named_person(standing.directory, who, standing.journey.must_not_know, now)
    if told is None:
        raise HandrailError(
            "story.nobody-to-tell",
            "there is nobody to be told that the glass was broken",
            "have the partnership name a safeguarding lead for your agency; "
            "ring First Response if a child is in danger",
        )
    seed = f"glass {inquiry.request.child} {who} {inquiry.request.nonce}"
    said = GlassBroken(practitioner=who, reason=reason)
    return Event(
        id=hashlib.sha256(seed.encode()).hexdigest()[:_LENGTH],
        source=source_of(service),
        type=f"{TYPE_PREFIX}{GLASS_BROKEN.name}",
        subject=inquiry.request.child,
        time=now,
        data=Data(
            author=Signer(id=service, capacity=Capacity.SERVICE),
            recipients=(Recipient(agency=agency_of(told), practitioner=told),),
            basis=NoticeBasis(),
            content=said.model_dump(mode="json"),
        ),
    )
