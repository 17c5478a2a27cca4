"""Comparing what an agency was delivered with the log: nothing it holds may be left out of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Integer, literal_column, select

from contracts.log import LogProof, digest_of
from contracts.log_proof import verify_proof
from services.agency.tables import DELIVERIES
from services.agency.unproved import Unproved
from services.agency.witness_memory import MOST_MISSING, Remembered
from services.agency.witnessing import Witness
from services.runtime.batch import MAX_RECORDS
from services.runtime.log import get
from services.runtime.sql import SqlRunner

AT_ONCE: Final = 100
_PLACE: Final = literal_column("deliveries.rowid", Integer)
"""SQLite's own number of a row: rows are never deleted, so a later one has a larger number."""
_log = get(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A stored delivery: the place at which it was stored here, its ledger sequence, its group."""

    place: int
    sequence: int
    group: str


class Comparing:
    """Has the exchange prove that every delivery stands in the log, in the order of arrival here.

    A batch holds at most 1,000 records: under a head that is further along the ledger than that, a
    delivery's group is in the log or it was left out. While the exchange gives no such answer for
    longer than a minute the witness signs nothing.
    """

    def __init__(
        self,
        witness: Witness,
        agencies: Sequence[str],
        sql: SqlRunner,
        exchange: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Compare the deliveries of `agencies` in `sql`; `clock` gives seconds that only grow."""
        self._witness, self._agencies, self._sql = witness, agencies, sql
        self._exchange, self._waits = exchange, Unproved(clock)

    async def round(self) -> None:
        """Compare a page of each agency's deliveries; raises what the exchange answers."""
        failed: Exception | None = None
        for agency in self._agencies:
            seen = self._witness.remembered
            after = seen.checked.get(agency, 0)
            page = await self._sql.run(partial(_page, agency=agency, after=after))
            if not page or not seen.head:
                continue
            try:
                await self._compare(agency, page, seen)
            except Exception as error:  # noqa: BLE001 - told, and raised when all have been asked
                self._not_proved(agency, page[0].sequence)
                failed = error
        unanswered = any(self._waits.overdue(f"answer {agency}") for agency in self._agencies)
        self._witness.withholds = unanswered
        if failed is not None:
            raise failed

    async def _compare(self, agency: str, page: Sequence[Delivered], seen: Remembered) -> None:
        head = self._witness.open(seen.head or "")
        if head is None:
            return
        groups = dict.fromkeys(one.group for one in page)
        asked = {"groups": [digest_of(g) for g in groups], "head": seen.head}
        proof = await self._witness.ask("included", asked, LogProof)
        if proof.head != seen.head:
            self._not_proved(agency, page[0].sequence)
            return
        self._waits.proved(f"answer {agency}")
        proved = verify_proof(proof, groups, self._witness.directory, self._exchange)
        reached, missing = seen.checked.get(agency, 0), list(seen.missing)
        for one in page:
            if digest_of(one.group) not in proved.places:
                if head.ledger <= one.sequence + MAX_RECORDS:
                    self._wait(agency, one.sequence)
                    break
                if one.sequence > seen.since:
                    missing.append(one.sequence)
                    _log.error("log.missing", agency=agency, sequence=one.sequence)
            reached = one.place
        checked = {**seen.checked, agency: reached}
        if checked != seen.checked or tuple(missing) != seen.missing:
            kept = tuple(missing[-MOST_MISSING:])
            await self._witness.remember(seen, checked=checked, missing=kept)

    def _wait(self, agency: str, sequence: int) -> None:
        """Tell once a minute of a delivery that the log does not hold yet and ought to."""
        if self._waits.wait(agency, sequence):
            _log.error("log.missing", agency=agency, sequence=sequence, reason="log.not-yet")

    def _not_proved(self, agency: str, sequence: int) -> None:
        """Tell once a minute of a delivery for which the exchange gives no proof at all."""
        if self._waits.wait(f"answer {agency}", sequence):
            _log.error("log.not-proved", agency=agency, sequence=sequence)


def _page(connection: Connection, agency: str, after: int) -> list[Delivered]:
    """Return deliveries stored after a place: by sequence a late one would be passed over."""
    rows = connection.execute(
        select(_PLACE.label("place"), DELIVERIES.c.sequence, DELIVERIES.c.record)
        .where(DELIVERIES.c.agency == agency, after < _PLACE)
        .order_by(_PLACE)
        .limit(AT_ONCE)
    )
    return [Delivered(row.place, row.sequence, _group_of(row.record)) for row in rows]


def _group_of(record: str) -> str:
    made: Any = orjson.loads(record)
    return str(made["group"])
