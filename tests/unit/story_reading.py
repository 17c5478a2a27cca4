"""Storing and reading as the story service does, for its tests."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import Connection, select

from contracts.consents import ConsentHeld
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.roles import Role
from services.agency.reading import Asked, ReadRequest
from services.story.entries import LaneCursor, Told, entries_of, tell
from services.story.keeping import keep
from services.story.reading import Answer, Inquiry, read
from services.story.store import Store
from services.story.tables import MESSAGES, READS, STATEMENTS
from tests.area import CARE, DUTY, FRONT, GP, SCHOOL, TEACHER, WORKER
from tests.unit.story_cases import Exchange, Written

ROLES = {SCHOOL: Role.UNIVERSAL, GP: Role.UNIVERSAL, FRONT: Role.FIRST_RESPONSE}
READERS = {SCHOOL: TEACHER, FRONT: DUTY, CARE: WORKER}


def told(exchange: Exchange, written: Written, ledger: int) -> Told:
    """Tell the entry at a place of the ledger."""
    (entry,) = entries_of((written.record(ledger),))
    return tell(entry, written.submission, exchange.area.directory, exchange.key_of_month)


async def kept(store: Store, *messages: Told, cursors: tuple[LaneCursor, ...] = ()) -> None:
    """Store messages and cursors as the follower does."""
    keys = await store.child_keys((m.entry.child for m in messages), datetime.now(UTC))
    await store.run(partial(keep, told=messages, keys=keys, cursors=cursors))


def inquiry(agency: str, child: str, message: str | None = None, nonce: str = "") -> Inquiry:
    """Ask as a practitioner of an agency, whose signature somebody else has verified."""
    request = ReadRequest(
        child=child,
        message=message,
        purpose="to decide on the referral",
        at=datetime.now(UTC),
        nonce=nonce or secrets.token_urlsafe(18),
    )
    reader = READERS.get(agency, f"{agency}.anyone")
    return Inquiry(Asked(reader, request), agency, ROLES.get(agency))


async def reads(
    store: Store, asked: Inquiry, consents: tuple[ConsentHeld, ...] = (), **how: datetime
) -> Answer:
    """Read as the service does."""
    key = await store.child_key(asked.request.child)
    now = how.get("now", datetime.now(UTC))
    journey = Journey(child=asked.request.child, consents=consents)
    return await store.run(partial(read, inquiry=asked, journey=journey, child_key=key, now=now))


async def refusal(store: Store, asked: Inquiry) -> tuple[str, str, str]:
    """Fail to read, and give all that the asker is told."""
    with pytest.raises(HandrailError) as caught:
        await reads(store, asked)
    return caught.value.code, caught.value.message, caught.value.remedy


def recorded(*columns: str) -> Callable[[Connection], list[tuple[object, ...]]]:
    """Give what looks up columns of the recorded reads, in order."""
    wanted = select(*(READS.c[name] for name in columns)).order_by(READS.c.id)
    return lambda connection: [tuple(row) for row in connection.execute(wanted)]


def count(connection: Connection) -> tuple[int, int]:
    """Count messages and statements."""
    return tuple(len(connection.execute(select(t)).all()) for t in (MESSAGES, STATEMENTS))  # type: ignore[return-value]
