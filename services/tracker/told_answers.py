"""What the tracker answers about who was told of each message: told, not yet, or why not."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from contracts.kinds import iso
from services.tracker.store import LIVE
from services.tracker.telling import Telling

Answer = dict[str, Any]


def telling(connection: Connection, child: str, now: datetime) -> list[Answer]:
    """Return everyone who had to be told of a message about `child`, as at `now` (aware).

    In the order of the messages. `agency` is null for who is no agency and not told by one;
    `late` tells that it was not done by `due_at`; `acknowledged_at` and `acknowledged_by` when and
    by whom what told them was taken there, as far as is known.
    """
    table, told = LIVE.telling, LIVE.told
    taken = {
        (row["message"], row["agency"]): row
        for row in connection.execute(select(told).where(told.c.child == child)).mappings()
    }
    chosen = select(table).where(table.c.child == child)
    rows = connection.execute(chosen.order_by(*table.primary_key.columns)).mappings()
    return [_answer(row, taken.get((row["by_message"], row["agency"])), now) for row in rows]


def _answer(row: RowMapping, taken: RowMapping | None, now: datetime) -> Answer:
    agencies = row["agencies"]
    return {
        "message": row["message"],
        "person": row["person"],
        "agency": row["agency"] or (agencies[0] if len(agencies) == 1 else None),
        "agencies": agencies,
        "state": row["state"],
        "due_at": _at(row["due_at"]),
        "late": _late(row, now),
        "told_at": _at(row["told_at"]),
        "recorded_at": _at(row["recorded_at"]),
        "how": row["how"],
        "form": row["form"],
        "by": row["by_message"],
        "because": row["because"],
        "acknowledged_at": _at(taken["acknowledged_at"]) if taken else None,
        "acknowledged_by": taken["acknowledged_by"] if taken else None,
        "rules": row["rules"],
    }


def _late(row: RowMapping, now: datetime) -> bool:
    due = row["due_at"]
    if due is None or row["state"] in (Telling.NOT_APPROPRIATE, Telling.WITHDRAWN):
        return False
    return bool((row["told_at"] or now) > due)


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)
