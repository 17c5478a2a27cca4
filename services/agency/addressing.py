"""To whom at an agency each delivery is addressed, and what was handed on between its people."""

from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.dialects.sqlite import insert

from contracts.desks import Handover
from contracts.event import Recipient
from services.agency.items import Item
from services.agency.tables import ADDRESSED, HANDED


def keep_addresses(connection: Connection, agency: str, item: Item) -> None:
    """Write to whom at the agency a new delivery is addressed."""
    rows = [
        {
            "agency": agency,
            "message": item.message,
            "number": number,
            "practitioner": to.practitioner,
            "capacity": to.capacity,
        }
        for number, to in enumerate(item.to)
    ]
    if rows:
        connection.execute(insert(ADDRESSED), rows)


def keep_handover(
    connection: Connection, agency: str, sequence: int, child: str, handed: Handover | None
) -> None:
    """Write what a new delivery hands on within the agency, if it does."""
    if handed is not None:
        row = {"agency": agency, "sequence": sequence, "child": child}
        made = insert(HANDED).values(**row, giver=handed.giver, taker=handed.taker)
        connection.execute(made.on_conflict_do_nothing())


def addresses(
    connection: Connection, agency: str, messages: Select[Any]
) -> dict[str, tuple[Recipient, ...]]:
    """Return by message to whom at the agency it is addressed; `messages` selects their ids."""
    at = ADDRESSED.c
    rows = select(ADDRESSED).where(at.agency == agency, at.message.in_(messages))
    found: dict[str, tuple[Recipient, ...]] = {}
    for row in connection.execute(rows.order_by(at.message, at.number)).mappings():
        to = Recipient(agency=agency, practitioner=row["practitioner"], capacity=row["capacity"])
        found[row["message"]] = (*found.get(row["message"], ()), to)
    return found
