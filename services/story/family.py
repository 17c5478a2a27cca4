"""What a family's page is made of: who holds the story, who has seen it, and what was agreed to.

No statement is in it, and no name but the lead professional's: of everybody else the agency and
the part they play. What must not lie on a kitchen table is left out by the rules of
`consent.telling`, and nothing says that anything was left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, insert, select

from consent.telling import clock_told, lead_told
from consent.telling_lists import KINDS
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import iso
from contracts.messages import KINDS as ALL_KINDS
from contracts.messages.meetings import MeetingKind
from contracts.questions import Category
from contracts.roles import Capacity
from contracts.rules.packs import Person
from services.story import reading
from services.story.erasure_tables import ERASURES
from services.story.joined import Joined, about
from services.story.reading import Inquiry
from services.story.spoken import Contents, Held, held
from services.story.tables import READS

PAGE: Final = "family.page"
_WITH_THE_FAMILY: Final = frozenset(
    {
        MeetingKind.TEAM_AROUND_THE_CHILD.value,
        MeetingKind.CHILD_IN_NEED.value,
        MeetingKind.CHILD_IN_NEED_REVIEW.value,
    }
)
Facts = dict[str, Any]


def page(
    connection: Connection,
    inquiry: Inquiry,
    joined: Joined,
    said: Contents,
    directory: Directory,
    now: datetime,
) -> Facts:
    """Return the facts of a family's page at `now`, and record that it was asked for.

    `said` is what messages say whose kinds may tell of child protection. Every reference that was
    retired into the one asked for is in it. Raises `read.replayed`, `story.not-found` for an agency
    that has no message about the child, and `family.must-not-know` while the family must not learn
    of a referral.
    """
    journey = joined.own.journey
    reading.refuse_replay(connection, inquiry.asked)
    must_be_known(connection, inquiry, journey)
    may_be_given(journey)
    parts = [(p, held(connection, p.child, p.journey, said)) for p in joined.parts]
    for part in joined.parts:
        record(connection, about(inquiry, part.child), now, PAGE, ())
    return {
        "child": inquiry.request.child,
        "at": iso(now),
        "holders": list(_holders([stored for _, stored in parts])),
        "reads": _by_time(_reads(connection, p.child, s, directory) for p, s in parts),
        "consents": [_without_names(one) for one in consents(joined)],
        "support": journey.support,
        "lead": _lead(journey, [stored for _, stored in parts], directory),
        "open": _by_time(_open_requests(p.journey, s) for p, s in parts),
        "meetings": [one for p, s in parts for one in _meetings(p.journey, s)],
        "erasures": _by_time(erasures(connection, p.child) for p in joined.parts),
    }


def consents(joined: Joined) -> list[Facts]:
    """Return the answers of the family under each reference, as they were recorded."""
    several = (one for part in joined.parts for one in part.consents)
    return [one.model_dump(mode="json", exclude_none=True) for one in several]


def may_be_given(journey: Journey) -> None:
    """Raise `family.must-not-know` while the family must not learn of a referral."""
    if Person.FAMILY.value in journey.must_not_know:
        raise HandrailError(
            "family.must-not-know",
            "it is recorded that the family must not learn of a referral at present",
            "speak to the manager who recorded it before anything is given to the family",
        )


def _without_names(held: Facts) -> Facts:
    """Return a consent without who took it, and without who judged that the young person may."""
    named = ("taken_by", "assessed_by")
    consent = {name: said for name, said in held["consent"].items() if name not in named}
    return {**held, "consent": consent}


def _lead(journey: Journey, parts: Sequence[Held], directory: Directory) -> Facts | None:
    """Return who leads, unless that would tell of child protection."""
    lead = journey.lead
    if lead is None:
        return None
    by = journey.sent(lead.by)
    known = (by is not None and by.kind in KINDS) or any(
        message.message == lead.by for stored in parts for message in stored.told
    )
    agency = directory.agencies.get(lead.agency)
    if not known or not lead_told(journey.level, agency.role if agency else None):
        return None
    return {"practitioner": lead.practitioner, "agency": lead.agency, "since": lead.since}


def _by_time(several: Iterable[Iterable[Facts]]) -> list[Facts]:
    return sorted((one for some in several for one in some), key=lambda one: str(one["at"]))


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
    """Return, of the tracker's clocks, those that run because of a message in `told`.

    Only those whose rule is known to tell nothing of child protection.
    """
    known = frozenset(told)
    return [
        {key: clock[key] for key in ("title", "agency", "due_at", "state")}
        for clock in clocks
        if clock["message"] in known
        and clock_told(clock["rule"])
        and clock["state"] in ("running", "paused", "missed")
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


def _holders(parts: Sequence[Held]) -> Iterator[Facts]:
    """Yield every agency that said or was told something that may be spoken of, and since when."""
    since: dict[str, str] = {}
    messages = ((message, stored) for stored in parts for message in stored.told)
    for message, stored in sorted(messages, key=lambda one: one[0].ledger):
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
        kind = ALL_KINDS.get(request.kind)
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
