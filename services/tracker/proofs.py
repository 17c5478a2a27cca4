"""What an evidence file is made of, as the ledger and the tables hold it (ADR 0027).

The operator asks for the messages of a child page by page, for the exchange's answers to them, to
messages that it refused too, and for the clocks. What is handed out was signed by others, but for
the clocks: they are the tracker's word, which it signs.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson
from faststream.nats import NatsBroker
from nats.aio.client import Client
from pydantic import ValidationError
from sqlalchemy import Connection, select, tuple_

from contracts import subjects
from contracts.errors import HandrailError
from contracts.evidence.said import EvidenceClock, EvidenceClocks, sign_clocks
from contracts.identifiers import AgencyId, ChildRef, MessageId
from contracts.records import Decision, Receipt
from contracts.values import Value
from contracts.worktime import WorkingCalendar
from services.runtime.sql import SqlRunner
from services.runtime.subscribing import Record, Request, request_subscriber
from services.tracker.clock_rows import all_of
from services.tracker.evidence import MOST_BYTES, EntriesRequest, asked_for, entry_of
from services.tracker.outbox import Sealer
from services.tracker.reading import latest, latest_of_leader, records
from services.tracker.store import LIVE

MOST_REFUSALS: Final = 1_000
"""Refusals looked at for one answer, whoever they are about."""
_STEP_BYTES: Final = 46
"""A hash in base64url, quoted, and its comma."""
Answer = dict[str, Any]


class ClocksRequest(Value):
    """Whose clocks are asked for; with a `message` those that it started."""

    child: ChildRef
    message: MessageId | None = None


class MessageRequest(Value):
    """Which message is asked about, and whose: several agencies may have used one id."""

    message: MessageId
    agency: AgencyId | None = None


class RefusalsRequest(Value):
    """Whose refused messages are asked for, and after which one of all that are known."""

    child: ChildRef
    after: tuple[AgencyId, MessageId] | None = None


class Proofs:
    """Answers the operator who puts an evidence file together."""

    def __init__(
        self,
        runner: SqlRunner,
        client: Client,
        calendar: WorkingCalendar,
        clock: Callable[[], datetime],
        sealer: Sealer,
    ) -> None:
        """Answer from the tables and the ledger; what is said of clocks is signed as `sealer`."""
        self._sealer = sealer
        self._runner, self._client = runner, client
        self._calendar, self._clock = calendar, clock

    async def entries(self, request: Request) -> bytes:
        """Answer with the messages of a child and the answers to them; `next` is where to ask on.

        An answer that is no longer kept is missing; the messages have attestations of their own.
        Raises `track.invalid`, `ledger.unread` or `entry.unreadable`.
        """
        asked = asked_for(EntriesRequest, request)
        found: list[Answer] = []
        size, after = 0, None
        async for batch in records(self._client, subjects.journey(asked.child), asked.first):
            for record in batch:
                if size >= MOST_BYTES // 2:
                    after = record.sequence
                    break
                found.append(entry_of(record, attested=True))
                size += _size_of(found[-1])
            if after is not None:
                break
        answers = await self._answers_to(_decided(found))
        return orjson.dumps({"entries": found, "answers": answers, "next": after})

    async def message(self, request: Request) -> bytes:
        """Answer with the answers to one agency's message, and its entry where it was accepted.

        Its entry is found by the tables where no answer is kept. Raises as `entries`, and
        `track.several-agencies` where none is named and several have used the id.
        """
        asked = asked_for(MessageRequest, request)
        wanted = _subjects_of(asked.agency or "*.*", asked.message)
        answers = [_answer(record) for record in await latest(self._client, wanted)]
        decided = list(_decided(answers))
        rows = await self._runner.run(partial(_entries_of, asked=asked))
        whose = {made.agency for made in decided} | {agency for agency, _ in rows}
        if len(whose) > 1:
            raise _several(asked.message, sorted(whose))
        told = [(made.child, made.entry) for made in decided if made.child and made.entry]
        places = told or [place for _, place in rows]
        entry = await self._entry(*places[0]) if places else None
        return orjson.dumps({"entry": entry, "answers": answers})

    async def refusals(self, request: Request) -> bytes:
        """Answer with the answers to refused messages about a child; `next` is where to ask on.

        Raises as `entries`.
        """
        asked = asked_for(RefusalsRequest, request)
        rows = await self._runner.run(partial(_refusals, after=asked.after))
        wanted = {subjects.receipt(*row): row for row in rows}
        about: list[Answer] = []
        size, more = 0, list(rows[-1]) if len(rows) == MOST_REFUSALS else None
        for record in sorted(await latest(self._client, list(wanted)), key=_by_key(wanted)):
            answer = _answer(record)
            if _child_of(answer) != asked.child:
                continue
            about.append(answer)
            size += len(record.data)
            if size >= MOST_BYTES:
                more = list(wanted[record.subject])
                break
        return orjson.dumps({"answers": about, "next": more})

    async def clocks(self, request: Request) -> bytes:
        """Answer with a child's clocks as they stand, and the calendar by which they are counted.

        All of it is signed by the tracker, so that nobody else can say it. Raises `track.invalid`
        and `key.*`.
        """
        asked = asked_for(ClocksRequest, request)
        said = EvidenceClocks(
            tracker=self._sealer.tracker,
            child=asked.child,
            message=asked.message,
            at=self._clock(),
            closing_time=self._calendar.closing_time,
            closing_days=tuple(sorted(self._calendar.extra_closing_days)),
            clocks=await self._runner.run(partial(_clocks, asked=asked)),
        )
        signed = await asyncio.to_thread(sign_clocks, said, self._sealer.key)
        return orjson.dumps({"signed": signed})

    async def _entry(self, child: str, number: int) -> Answer | None:
        async for batch in records(self._client, subjects.journey(child), 1):
            for record in batch:
                entry = entry_of(record, attested=True)
                if Decision.model_validate_json(entry["decision"]).entry == number:
                    return entry
        return None

    async def _answers_to(self, decided: Iterable[Decision]) -> list[Answer]:
        """Return the final answers to messages, and the notices that they were held."""
        keys = [(made.agency, made.message or "") for made in decided]
        wanted = [subject for key in keys for subject in _subjects_of(*key)]
        found = {record.subject: record for record in await latest(self._client, wanted)}
        for subject in (subjects.receipt(*key) for key in keys):
            if subject not in found:
                record = await latest_of_leader(self._client, subject)
                if record is not None:
                    found[subject] = record
        return [_answer(record) for _, record in sorted(found.items())]


def subscribe(broker: NatsBroker, proofs: Proofs) -> None:
    """Subscribe to `tracker.proof.>`, each question named as its handler is."""
    request_subscriber(broker, "tracker.proof.entries")(proofs.entries)
    request_subscriber(broker, "tracker.proof.message")(proofs.message)
    request_subscriber(broker, "tracker.proof.refusals")(proofs.refusals)
    request_subscriber(broker, "tracker.proof.clocks")(proofs.clocks)


def _size_of(entry: Answer) -> int:
    """Return about how many bytes an entry takes in an answer."""
    steps = len(entry["place"]["path"]) if entry["place"] else 0
    texts = len(entry["seal"]) + len(entry["decision"]) + len(entry["group"] or "")
    return texts + steps * _STEP_BYTES


def _decided(found: Iterable[Answer]) -> Iterator[Decision]:
    """Return the decisions of entries or of answers."""
    return (Decision.model_validate_json(one["decision"]) for one in found)


def _subjects_of(agency: str, message: str) -> tuple[str, str]:
    return subjects.receipt(agency, message), subjects.receipt_held(agency, message)


def _answer(record: Record) -> Answer:
    """Return a receipt's parts as they stand in it; raises `entry.unreadable`."""
    try:
        receipt = Receipt.model_validate_json(record.data)
        Decision.model_validate_json(receipt.decision)
    except ValidationError:
        raise HandrailError(
            "entry.unreadable",
            "a receipt in the ledger cannot be read by this version of the tracker",
            "run the version that the exchange runs; if it is the same, restore the backup",
        ) from None
    return receipt.model_dump(mode="json", exclude={"v"})


def _by_key(wanted: Mapping[str, tuple[str, str]]) -> Callable[[Record], tuple[str, str]]:
    """Return how receipts are put into the order of the agencies and ids that were asked for."""
    return lambda record: wanted[record.subject]


def _child_of(answer: Answer) -> str | None:
    return Decision.model_validate_json(answer["decision"]).child


def _refusals(connection: Connection, after: tuple[str, str] | None) -> list[tuple[str, str]]:
    """Return the agency and id of refused messages, in the order of both, after one of them."""
    table = LIVE.refusals
    key = (table.c.agency, table.c.message)
    chosen = select(*key).order_by(*key).limit(MOST_REFUSALS)
    if after is not None:
        chosen = chosen.where(tuple_(*key) > tuple_(*after))
    return [(row.agency, row.message) for row in connection.execute(chosen)]


def _entries_of(connection: Connection, asked: MessageRequest) -> list[tuple[str, tuple[str, int]]]:
    """Return of the accepted messages asked for whose they are, and their children and numbers."""
    table = LIVE.messages
    chosen = select(table.c.agency, table.c.child, table.c.entry).where(table.c.id == asked.message)
    if asked.agency is not None:
        chosen = chosen.where(table.c.agency == asked.agency)
    rows = connection.execute(chosen.order_by(table.c.child))
    return [(row.agency, (row.child, row.entry)) for row in rows]


def _several(message: str, agencies: Sequence[str]) -> HandrailError:
    return HandrailError(
        "track.several-agencies",
        f"this id was used by {', '.join(agencies)}, each for a message of its own",
        f"say whose message is meant, with the agency first: {agencies[0]}/{message}",
    )


def _clocks(connection: Connection, asked: ClocksRequest) -> tuple[EvidenceClock, ...]:
    return tuple(
        EvidenceClock(clock=kept.clock, missed_notice=kept.missed, warned_notice=kept.warned)
        for kept in all_of(connection, LIVE, LIVE.clocks.c.child == asked.child)
        if asked.message in (None, kept.clock.message)
    )
