"""Answering about forms: what is still to ask a family, and a form filled in with what it said.

A statement is used where its reader may read it, or where the family's consents, as they stand, let
the reader's agency have such an answer though it was sent to others: that is what spares the family
the question. What may not be read is a place still to ask, and looks like any other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from consent import KeptStatement, Seen
from consent.knowing import Knower, may_know
from contracts.consents import BasisKind
from contracts.errors import HandrailError
from contracts.forms import Form, form_of, forms, places
from contracts.journey import Journey
from contracts.keeping_back import keeps_back
from contracts.messages import KINDS
from contracts.questions import Question, by_number
from contracts.rules import RulePacks
from contracts.rules.in_force import in_force
from contracts.statements import Statement
from contracts.told_once import day_of, of_family
from services.agency.faults import fault
from services.agency.filling import FORM_TYP, FormRequest
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request
from services.story import filling, reading
from services.story.handlers import ReadingDesk
from services.story.joined import NOTHING_THERE, Joined, about
from services.story.opening import open_statements, statements_of
from services.story.refusing import SignedDesk
from services.story.tables import MESSAGES
from services.story.withdrawing import withdrawn

_log = log.get(__name__)
_BY_CONSENT: Final = BasisKind.CONSENT.value


@dataclass(frozen=True, slots=True)
class Ask:
    """A verified request about `form`, the journey as it stands, and the packs in force `now`."""

    inquiry: reading.Inquiry
    form: Form
    journey: Journey
    packs: RulePacks
    now: datetime


class FormDesk:
    """Answer signed requests about forms."""

    def __init__(self, desk: ReadingDesk, directory: DirectoryHolder) -> None:
        """Verify requests and look up journeys as `desk` does."""
        self._desk, self._directory = desk, directory

    def subscribe(self, signed: SignedDesk) -> None:
        """Answer `story.<agency>.missing` and `story.<agency>.prefill`."""
        signed.subscribe("missing", self.answer, FormRequest, FORM_TYP)
        signed.subscribe("prefill", self.answer, FormRequest, FORM_TYP)

    async def answer(self, request: Request) -> bytes:
        """Answer what `_missing` or `_prefilled` gives; the read is recorded before.

        Raises `read.*` for a request that is not good, `form.unknown`, and as `heard` does.
        """
        inquiry = await self._desk.inquiry(request, FormRequest, FORM_TYP)
        asked = inquiry.request
        what = request.subject.rpartition(".")[2]
        if not isinstance(asked, FormRequest) or asked.what != what:
            raise fault("read.unreadable")
        form = form_of(asked.form)
        if form is None:
            raise _unknown_form()
        child, now = await self._desk.joined(asked.child), datetime.now(UTC)
        ask = Ask(inquiry, form, child.own.journey, in_force(self._directory.current, now), now)
        found = [*await self._heard(ask), *await self._under_retired(ask, child)]
        filled = filling.fill(places(form, ask.packs), found, day_of(now))
        _log.info("story.form-filled", kind=form.kind, count=len(found))
        return orjson.dumps((_missing if what == "missing" else _prefilled)(ask, filled))

    async def _heard(self, ask: Ask) -> tuple[filling.Heard, ...]:
        async with self._desk.store.changing:
            key = await self._desk.store.child_key(ask.journey.child)
            return await self._desk.store.run(partial(heard, ask=ask, child_key=key))

    async def _under_retired(self, ask: Ask, child: Joined) -> list[filling.Heard]:
        """Return what is heard under the references retired into the one asked for."""
        found: list[filling.Heard] = []
        for part in child.retired:
            inquiry = about(ask.inquiry, part.child)
            try:
                found += await self._heard(replace(ask, inquiry=inquiry, journey=part.journey))
            except HandrailError as error:
                if error.code not in NOTHING_THERE:
                    raise
        return found


def heard(connection: Connection, ask: Ask, child_key: bytes | None) -> tuple[filling.Heard, ...]:
    """Return the statements that answer places of the form and may be used; record the read.

    Raises `read.replayed`, `story.not-found`, `story.erased` and `story.statement-damaged`; nothing
    is recorded then.
    """
    inquiry, child = ask.inquiry, ask.journey.child
    reading.refuse_replay(connection, inquiry.asked)
    everything = select(MESSAGES).where(MESSAGES.c.child == child).order_by(MESSAGES.c.ledger)
    messages = connection.execute(everything).all()
    gone = withdrawn(connection, child, messages, ask.journey.withdrawn)
    by_ledger = {m.ledger: m for m in messages if m.ledger not in gone}
    numbers = {place.question.number for place in places(ask.form, ask.packs)}
    stored = statements_of(connection, list(by_ledger))
    rows = [row for row in stored if row.question in numbers]
    decided = list(zip(rows, _decided(ask, rows, by_ledger), strict=True))
    shown = [row for row, seen in decided if seen.shown]
    _must_be_known(connection, ask, shown)
    if shown and child_key is None:
        raise reading.erased()
    opened = open_statements(shown, child, child_key or b"")
    used = {by_ledger[row.ledger] for row in shown}
    reading.record(connection, inquiry, ask.now, sorted(_bases(used)), decided)
    return tuple(
        filling.Heard(
            Statement.model_validate_json(one.text), one.digest, by_ledger[row.ledger].message
        )
        for row, one in zip(shown, opened, strict=True)
    )


def _must_be_known(connection: Connection, ask: Ask, shown: Sequence[Row[Any]]) -> None:
    """Raise the one answer to who must not know, and to who neither has a message nor may know."""
    who = ask.inquiry.asked.practitioner
    if who in ask.journey.must_not_know:
        raise reading.not_found()
    if not shown and not reading.known(connection, ask.inquiry):
        raise reading.not_found()


def _bases(messages: set[Row[Any]]) -> Iterator[str]:
    yield from {str(orjson.loads(message.basis)["kind"]) for message in messages}


def _decided(ask: Ask, rows: Sequence[Row[Any]], messages: dict[int, Row[Any]]) -> Iterator[Seen]:
    """Yield for each row whether it may be used: read as it was sent, or known by consent now."""
    inquiry, journey = ask.inquiry, ask.journey
    kept = reading.kept_statements(rows, messages)
    knower = Knower(
        inquiry.agency,
        inquiry.role,
        journey.consents,
        inquiry.agency in journey.involved,
        ask.now,
        journey.protected,
    )
    known: dict[int, Seen] = {}
    seen_as_sent = reading.decide_each(reading.read_request(inquiry, journey, kept, ask.now))
    for row, one, seen in zip(rows, kept, seen_as_sent, strict=True):
        question = by_number().get(row.question)
        if seen.shown or question is None or not _went_by_consent(one, question):
            yield seen
            continue
        if keeps_back(journey.not_shared, one.sender, inquiry.agency, question.category):
            yield seen
            continue
        if row.question not in known:
            known[row.question] = may_know(knower, question)
        yield known[row.question]


def _went_by_consent(kept: KeptStatement, question: Question) -> bool:
    return kept.basis.kind == _BY_CONSENT and not kept.protection and of_family(question)


def _missing(ask: Ask, filled: tuple[filling.Filled, ...]) -> dict[str, Any]:
    """Return what is still to ask: places without a fresh answer that the reader may use."""
    return {
        "form": ask.form.kind,
        "title": ask.form.title,
        "places": len(filled),
        "missing": filling.missing(filled),
    }


def _prefilled(ask: Ask, filled: tuple[filling.Filled, ...]) -> dict[str, Any]:
    """Return the form as a plain document, and where answers in it contradict each other."""
    form = ask.form
    document = filling.document(form, KINDS[form.kind], ask.journey.child, filled)
    return {
        "form": form.kind,
        "title": form.title,
        "places": len(filled),
        "filled": sum(1 for one in filled if one.answers),
        "contradictions": filling.contradictions(filled),
        "document": document,
    }


def _unknown_form() -> HandrailError:
    named = ", ".join(f"{form.name} ({form.kind})" for form in forms().values())
    return HandrailError(
        "form.unknown",
        "there is no form of that name",
        f"name one of {named}",
    )
