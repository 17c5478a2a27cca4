"""What a family's page is made of: who holds the story, who has seen it, and what was agreed to.

No statement is in it, and no name but the lead professional's: of everybody else the agency and
the part they play. What must not lie on a kitchen table is left out by the rules of
`consent.telling`, and nothing says that anything was left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, insert, select

from consent.telling import untold, untold_read
from contracts.consents import Basis
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import iso
from contracts.messages import KINDS
from contracts.messages.meetings import MeetingKind
from contracts.questions import Category
from contracts.roles import Capacity
from contracts.rules.packs import Person
from services.story import reading
from services.story.erasure_tables import ERASURES
from services.story.reading import Inquiry
from services.story.tables import MESSAGES, READS, STATEMENTS
from services.story.withdrawing import withdrawn

PAGE: Final = "family.page"
_BASIS: Final[TypeAdapter[Basis]] = TypeAdapter(Basis)
_WITH_THE_FAMILY: Final = frozenset(
    {
        MeetingKind.TEAM_AROUND_THE_CHILD.value,
        MeetingKind.CHILD_IN_NEED.value,
        MeetingKind.CHILD_IN_NEED_REVIEW.value,
    }
)
Facts = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A child's messages as stored, and of each the digests with their categories."""

    messages: Sequence[Row[Any]]
    categories: Mapping[int, Mapping[str, Category]]

    @cached_property
    def told(self) -> tuple[Row[Any], ...]:
        """Return the messages that a family's page may speak of."""
        return tuple(m for m in self.messages if rule_of(m) is None)

    @cached_property
    def _told_digests(self) -> dict[str, Category]:
        """Return the statements of messages that may be spoken of, by digest."""
        parts = (self.categories.get(m.ledger, {}) for m in self.told)
        return {digest: category for part in parts for digest, category in part.items()}

    @cached_property
    def _untold_digests(self) -> dict[str, str]:
        """Return, by digest, the rule by which a statement's message is not spoken of."""
        rules = ((rule_of(m), self.categories.get(m.ledger, ())) for m in self.messages)
        return {digest: rule for rule, digests in rules if rule for digest in digests}

    def rule_of_read(self, row: Row[Any]) -> str | None:
        """Return the rule by which a page does not speak of a recorded read, or None."""
        shown = orjson.loads(row.shown)
        hidden = [self._untold_digests[d] for d in shown if d in self._untold_digests]
        categories = {self._told_digests[d] for d in shown if d in self._told_digests}
        return hidden[0] if hidden else untold_read(categories, orjson.loads(row.rules))


def rule_of(message: Row[Any]) -> str | None:
    """Return the rule by which a page does not speak of a stored message, or None."""
    return untold(_BASIS.validate_json(message.basis), protection=bool(message.protection))


def held(connection: Connection, child: str, journey: Journey) -> Held:
    """Return what is stored about `child`, without what its sender has withdrawn."""
    wanted = select(MESSAGES).where(MESSAGES.c.child == child).order_by(MESSAGES.c.ledger)
    rows = connection.execute(wanted).all()
    gone = withdrawn(connection, child, rows, journey.withdrawn)
    left = tuple(row for row in rows if row.ledger not in gone)
    columns = (STATEMENTS.c.ledger, STATEMENTS.c.digest, STATEMENTS.c.category)
    here = STATEMENTS.c.ledger.in_([row.ledger for row in left])
    found: dict[int, dict[str, Category]] = {}
    for row in connection.execute(select(*columns).where(here)):
        found.setdefault(row.ledger, {})[row.digest] = Category(row.category)
    return Held(left, found)


def page(
    connection: Connection, inquiry: Inquiry, journey: Journey, directory: Directory, now: datetime
) -> Facts:
    """Return the facts of a family's page at `now`, and record that it was asked for.

    Raises `read.replayed`, `story.not-found` for an agency that has no message about the child, and
    `family.must-not-know` while the family must not learn of a referral.
    """
    reading.refuse_replay(connection, inquiry.asked)
    must_be_known(connection, inquiry, journey)
    if Person.FAMILY.value in journey.must_not_know:
        raise HandrailError(
            "family.must-not-know",
            "it is recorded that the family must not learn of a referral at present",
            "speak to the manager who recorded it before anything is given to the family",
        )
    stored = held(connection, inquiry.request.child, journey)
    record(connection, inquiry, now, PAGE, ())
    return {
        "child": inquiry.request.child,
        "at": iso(now),
        "holders": list(_holders(stored)),
        "reads": list(_reads(connection, inquiry.request.child, stored, directory)),
        "consents": [c.model_dump(mode="json", exclude_none=True) for c in journey.consents],
        "support": journey.support,
        "lead": journey.lead
        and {
            "practitioner": journey.lead.practitioner,
            "agency": journey.lead.agency,
            "since": journey.lead.since,
        },
        "open": list(_open_requests(journey, stored)),
        "meetings": list(_meetings(journey, stored)),
        "erasures": list(erasures(connection, inquiry.request.child)),
    }


def must_be_known(connection: Connection, inquiry: Inquiry, journey: Journey) -> None:
    """Raise `story.not-found` unless the asker's agency has a message about the child.

    Also for somebody who must not learn of a referral: the answer is that of a child unknown.
    """
    of_the_child = inquiry.request.model_copy(update={"message": None})
    anything = replace(inquiry, asked=replace(inquiry.asked, request=of_the_child))
    if (
        not reading.known(connection, anything)
        or inquiry.asked.practitioner in journey.must_not_know
    ):
        raise reading.not_found()


def record(
    connection: Connection, inquiry: Inquiry, now: datetime, rule: str, shown: Sequence[str]
) -> None:
    """Write down that a page or a copy was asked for, and the digests of what it showed."""
    request = inquiry.request
    row = {
        "practitioner": inquiry.asked.practitioner,
        "agency": inquiry.agency,
        "read_at": iso(now),
        "purpose": request.purpose,
        "child": request.child,
        "message": None,
        "basis": "[]",
        "rules": orjson.dumps([rule]).decode(),
        "shown": orjson.dumps(list(shown)).decode(),
        "shown_count": len(shown),
        "withheld": 0,
        "nonce": request.nonce,
    }
    connection.execute(insert(READS).values(**row))


def told_clocks(clocks: Iterable[Mapping[str, Any]], told: Iterable[str]) -> list[Facts]:
    """Return, of the tracker's clocks, those that run because of a message in `told`."""
    known = frozenset(told)
    return [
        {key: clock[key] for key in ("title", "agency", "due_at", "state")}
        for clock in clocks
        if clock["message"] in known and clock["state"] in ("running", "paused", "missed")
    ]


def erasures(connection: Connection, child: str) -> Iterator[Facts]:
    """Yield what has been erased about a child: when, why and how many statements."""
    rows = select(ERASURES).where(ERASURES.c.child == child).order_by(ERASURES.c.ledger)
    for row in connection.execute(rows):
        yield {
            "at": row.ordered_at,
            "because": row.because,
            "statements": row.statements,
            "message": row.id,
        }


def _holders(stored: Held) -> Iterator[Facts]:
    """Yield every agency that said or was told something that may be spoken of, and since when."""
    since: dict[str, str] = {}
    for message in stored.told:
        categories = stored.categories.get(message.ledger, {}).values()
        if all(c is Category.SAFETY for c in categories):
            continue
        for agency in (message.sender, *orjson.loads(message.recipients)):
            since.setdefault(agency, message.accepted_at)
    for agency, at in since.items():
        yield {"agency": agency, "since": at}


def _reads(
    connection: Connection, child: str, stored: Held, directory: Directory
) -> Iterator[Facts]:
    for row in reads(connection, child):
        if row.shown_count and stored.rule_of_read(row) is None:
            yield {
                "agency": row.agency,
                "role": part_of(directory, row.practitioner),
                "at": row.read_at,
                "basis": orjson.loads(row.basis),
                "count": row.shown_count,
            }


def reads(connection: Connection, child: str) -> Sequence[Row[Any]]:
    """Return every recorded read of a child's story, the oldest first."""
    wanted = select(READS).where(READS.c.child == child).order_by(READS.c.id)
    return connection.execute(wanted).all()


def part_of(directory: Directory, practitioner: str) -> str:
    """Return the first capacity that the directory gives a person, and practitioner for none."""
    found = directory.practitioners.get(practitioner)
    capacities = found.capacities if found else ()
    return capacities[0].value if capacities else Capacity.PRACTITIONER.value


def _open_requests(journey: Journey, stored: Held) -> Iterator[Facts]:
    told = {m.message for m in stored.told}
    for request in journey.requests:
        if request.outcome or request.protection or request.id not in told:
            continue
        kind = KINDS.get(request.kind)
        yield {
            "kind": request.kind,
            "title": kind.title if kind else request.kind,
            "agency": request.agency,
            "to": list(request.to),
            "at": request.at,
            "taken": request.acknowledged,
        }


def _meetings(journey: Journey, stored: Held) -> Iterator[Facts]:
    told = {m.message for m in stored.told}
    for meeting in journey.meetings:
        if meeting.id in told and meeting.kind in _WITH_THE_FAMILY:
            yield {"kind": meeting.kind, "by": meeting.by, "called_at": meeting.at}
