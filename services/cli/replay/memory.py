"""What this folder remembers of replays: derived ids, agencies and codes, nothing about a child."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Column, MetaData, String, Table, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from contracts.errors import HandrailError
from services.runtime.sql import engine

_TABLES: Final = MetaData()
_KEPT: Final = Table(
    "kept",
    _TABLES,
    Column("record", String(40), primary_key=True),
    Column("codes", String, nullable=False),
)
_SENT: Final = Table(
    "sent",
    _TABLES,
    Column("message", String(40), primary_key=True),
    Column("agency", String(64), nullable=False),
)


class Memory:
    """The memory in one folder of state; every method raises HandrailError `replay.no-memory`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "replay" / "memory.sqlite"
        try:
            self._database = engine(f"sqlite:///{self._path}")
            _TABLES.create_all(self._database)
        except (OSError, SQLAlchemyError):
            raise self._unusable() from None

    def agencies(self) -> Mapping[str, str]:
        """Return for every message that was to be sent the agency that it goes from."""
        try:
            with self._database.begin() as connection:
                return {row.message: row.agency for row in connection.execute(select(_SENT))}
        except SQLAlchemyError:
            raise self._unusable() from None

    def send(self, agencies: Mapping[str, str]) -> None:
        """Remember from which agency each message goes; what is remembered stays."""
        self._add(_SENT, [{"message": m, "agency": a} for m, a in agencies.items()])

    def keep(self, records: Mapping[str, Iterable[str]]) -> frozenset[str]:
        """Remember records that are not sent, with their codes, and return those new to it."""
        rows = [{"record": record, "codes": " ".join(c)} for record, c in records.items()]
        known = self._add(_KEPT, rows)
        return frozenset(records) - known

    def close(self) -> None:
        """Close the file."""
        self._database.dispose()

    def _add(self, table: Table, rows: list[dict[str, str]]) -> frozenset[str]:
        """Add the rows that are missing, in one transaction, and return the keys known before."""
        try:
            with self._database.begin() as connection:
                known = frozenset(connection.scalars(select(table.primary_key.columns[0])))
                if rows:
                    connection.execute(insert(table).on_conflict_do_nothing(), rows)
                return known
        except SQLAlchemyError:
            raise self._unusable() from None

    def _unusable(self) -> HandrailError:
        return HandrailError(
            "replay.no-memory",
            "the memory of earlier replays in this folder of state cannot be used",
            "check the permissions of replay/memory.sqlite and the space on the disk; without the "
            "file, faulty records count as refused again, and nothing is sent twice",
        )
