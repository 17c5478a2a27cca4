"""A copy of everything held about a child, as the child or a parent may ask for (UK GDPR art. 15).

What is about others, or was said by others, is kept back by rule; a person decides about that and
about every free text, and says so by digest in a further request. A data protection officer is
given everything to decide on; any other manager what consent lets the agency read, and a count,
for each agency that said it, of what to ask there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from consent import Seen, counted, decide_read
from consent.telling import kept_back
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import iso
from contracts.questions import Category
from contracts.roles import Capacity
from contracts.statements import Disclosed
from services.agency.personal import AccessRequest
from services.story import family, reading
from services.story.family import Facts
from services.story.joined import Joined, Part, about
from services.story.reading import Inquiry
from services.story.spoken import Contents, Held, held, spoken_of
from services.story.tables import STATEMENTS

COPY: Final = "access.copy"
_ENTITLED: Final = frozenset({Capacity.DATA_PROTECTION, Capacity.TEAM_MANAGER})
_MOST_BYTES: Final = 600_000
_AT_ONCE: Final = 100
_BY_PERSON: Final = "access.kept-back"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, what was decided about single statements, and as what the person is entitled."""

    inquiry: Inquiry
    request: AccessRequest
    officer: bool


def entitled(inquiry: Inquiry, directory: Directory, now: datetime) -> Asked:
    """Return what is asked, where the person may answer for the agency.

    Raises `access.not-entitled` for anybody but a data protection officer or a team manager.
    """
    person = directory.practitioner(inquiry.asked.practitioner, now)
    held = frozenset(person.capacities) if person else frozenset[Capacity]()
    request = inquiry.request
    if held.isdisjoint(_ENTITLED) or not isinstance(request, AccessRequest):
        raise HandrailError(
            "access.not-entitled",
            "a copy of everything held is given by a data protection officer or a team manager",
            "pass the family's request on to your agency's data protection officer today: "
            "the answer is due within one month",
        )
    return Asked(inquiry, request, Capacity.DATA_PROTECTION in held)


def copy(
    connection: Connection,
    asked: Asked,
    joined: Joined,
    said: Contents,
    keys: Mapping[str, bytes | None],
    now: datetime,
) -> Facts:
    """Return one part of the copy, from the statement `after` on, and record it as a read.

    What lies under references retired into the one asked for comes after its own; `keys` open each.
    `next` is the number to ask for after, or None with the last part; the first part holds
    everything beside the statements. Raises `read.replayed`, `story.not-found`,
    `story.statement-damaged`, and `family.must-not-know` while the family must not learn of a
    referral: a copy that leaves it out would still be given by somebody who was not asked.
    """
    inquiry = asked.inquiry
    reading.refuse_replay(connection, inquiry.asked)
    family.must_be_known(connection, inquiry, joined.own.journey)
    family.may_be_given(joined.own.journey)
    parts = [(p, held(connection, p.child, p.journey, said)) for p in joined.parts]
    rows: list[Row[Any]] = []
    withheld = Counter[str]()
    for part, stored in parts:
        readable, others = _readable(connection, asked, stored, part.journey, now)
        rows += readable
        withheld += others
    given, following = _given(asked, [stored for _, stored in parts], rows, keys)
    _record(connection, asked, parts, given, now)
    beside = {} if asked.request.after else _beside(connection, inquiry, joined, parts)
    return {**beside, "statements": given, "withheld": withheld, "next": following, "at": iso(now)}


def sent(
    connection: Connection, asked: Asked, joined: Joined, said: Contents, now: datetime
) -> tuple[list[tuple[str, str]], int | None]:
    """Return agency and id of the messages whose receipts come next, and the number to go on at.

    It is recorded as `copy` is, and raises as that does.
    """
    inquiry, after = asked.inquiry, asked.request.after
    reading.refuse_replay(connection, inquiry.asked)
    family.must_be_known(connection, inquiry, joined.own.journey)
    family.may_be_given(joined.own.journey)
    told = spoken_of(connection, joined, said)
    for part in joined.parts:
        family.record(connection, about(inquiry, part.child), now, COPY, ())
    some = [(m.sender, m.message) for m in told[after : after + _AT_ONCE]]
    return some, after + _AT_ONCE if len(told) > after + _AT_ONCE else None


def _record(
    connection: Connection,
    asked: Asked,
    parts: Sequence[tuple[Part, Held]],
    given: Sequence[Facts],
    now: datetime,
) -> None:
    """Write the read of each reference down, with the digests of what was given of it."""
    shown = {one["digest"]: one["message"] for one in given if one["kept_back"] is None}
    for part, stored in parts:
        theirs = {message.message for message in stored.messages}
        digests = [digest for digest, message in shown.items() if message in theirs]
        family.record(connection, about(asked.inquiry, part.child), now, COPY, digests)


def _readable(
    connection: Connection, asked: Asked, stored: Held, journey: Journey, now: datetime
) -> tuple[list[Row[Any]], Counter[str]]:
    """Return the statements that may be answered for, and how many others each agency said."""
    by_ledger = {m.ledger: m for m in stored.messages}
    order = (STATEMENTS.c.ledger, STATEMENTS.c.place)
    wanted = select(STATEMENTS).where(STATEMENTS.c.ledger.in_(by_ledger)).order_by(*order)
    rows = connection.execute(wanted).all()
    if asked.officer:
        return list(rows), Counter()
    kept = reading.kept_statements(rows, by_ledger)
    decided = decide_read(reading.read_request(asked.inquiry, journey, kept, now))
    pairs = list(zip(rows, decided, strict=True))
    others = Counter(by_ledger[row.ledger].sender for row, seen in pairs if _told_of(seen))
    return [row for row, seen in pairs if seen.shown], others


def _told_of(seen: Seen) -> bool:
    return not seen.shown and counted(seen.rules)


def _given(
    asked: Asked,
    parts: Sequence[Held],
    rows: Sequence[Row[Any]],
    keys: Mapping[str, bytes | None],
) -> tuple[list[Facts], int | None]:
    held_as = {m.ledger: (m, stored.rule_of(m)) for stored in parts for m in stored.messages}
    given: list[Facts] = []
    size = 0
    for number, row in enumerate(rows[asked.request.after :], asked.request.after):
        message, untold = held_as[row.ledger]
        one = reading.open_statement(row, message.child, keys.get(message.child) or b"")
        made = _statement(one, row, message, untold, asked.request)
        size += len(orjson.dumps(made))
        if size > _MOST_BYTES and given:
            return given, number
        given.append(made)
    return given, None


def _statement(
    one: Disclosed, row: Row[Any], message: Row[Any], untold: str | None, request: AccessRequest
) -> Facts:
    said = one.statement.model_dump(mode="json", exclude_none=True)
    category, said_by = Category(row.category), one.statement.said_by
    rule = kept_back(category, said_by, untold, request.requester)
    if one.digest in request.keep_back:
        rule = _BY_PERSON
    elif one.digest in request.release:
        rule = None
    told = one.statement
    typed = isinstance(told.value, str) or told.original is not None
    said_freely = typed or told.attachment is not None
    free = said_freely and one.digest not in request.release
    facts = {
        "message": message.message,
        "sender": message.sender,
        "digest": one.digest,
        "category": row.category,
        "kept_back": rule,
        "to_review": rule not in (None, _BY_PERSON) or (rule is None and free),
    }
    # What is kept back leaves nothing behind but that it is there.
    return facts if rule is not None else {**facts, "statement": said}


def _beside(
    connection: Connection, inquiry: Inquiry, joined: Joined, parts: Sequence[tuple[Part, Held]]
) -> Facts:
    reads = [_read(r, s) for p, s in parts for r in family.reads(connection, p.child)]
    return {
        "child": inquiry.request.child,
        "messages": [_message(row, s) for _, s in parts for row in s.messages],
        "reads": sorted(reads, key=lambda one: str(one["at"])),
        "consents": family.consents(joined),
        "erasures": [one for p in joined.parts for one in family.erasures(connection, p.child)],
    }


def _message(row: Row[Any], stored: Held) -> Facts:
    return {
        "message": row.message,
        "sender": row.sender,
        "kind": row.kind,
        "recipients": orjson.loads(row.recipients),
        "basis": orjson.loads(row.basis)["kind"],
        "accepted_at": row.accepted_at,
        "kept_back": stored.rule_of(row),
    }


def _read(row: Row[Any], stored: Held) -> Facts:
    return {
        "agency": row.agency,
        "practitioner": row.practitioner,
        "at": row.read_at,
        "purpose": row.purpose,
        "basis": orjson.loads(row.basis),
        "shown": row.shown_count,
        "withheld": row.withheld,
        "kept_back": stored.rule_of_read(row),
    }
