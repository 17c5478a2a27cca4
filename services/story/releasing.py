"""Releasing what the story set aside: the ledger's record is taken in once more.

A record is set aside only where its statements could not be had. When what was wrong has been
mended (a lane restored, a key put back) the operator releases it, and every release is kept.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import orjson
from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import Field, ValidationError
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Select,
    String,
    Table,
    insert,
    select,
)

from contracts.errors import HandrailError
from contracts.kinds import iso
from contracts.quarantine import OPERATOR, ReleaseReason
from contracts.subjects import LEDGER
from contracts.submission import digest_of_bytes
from contracts.values import Value
from services.runtime.subscribing import Record, Request, request_subscriber
from services.story.following import Follower
from services.story.store import Store
from services.story.tables import SET_ASIDE, STORY

LIST: Final = "story.admin.quarantine"
RELEASE: Final = "story.admin.release"

RELEASES: Final = Table(
    "releases",
    STORY,
    Column("number", Integer, primary_key=True),
    Column("ledger", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("because", String(40), nullable=False),
    Column("reference", String(40), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)
"""Who released what was set aside, why, when, and what came of it."""

_MOST = 500


class StoryRelease(Value):
    """What the operator asks for."""

    sequence: int = Field(ge=1)
    because: ReleaseReason
    reference: str = Field("", pattern=r"^[A-Za-z0-9._/-]{0,40}$")
    by: str = Field(OPERATOR, pattern=r"^[a-z0-9.-]{1,100}$")


class ReleaseDesk:
    """Lists what was set aside, and takes it in again."""

    def __init__(self, js: JetStreamContext, store: Store, follower: Follower) -> None:
        self._js, self._store, self._follower = js, store, follower

    def subscribe(self, broker: NatsBroker) -> None:
        """Answer the operator."""
        request_subscriber(broker, LIST)(self.listing)
        request_subscriber(broker, RELEASE)(self.release)

    async def listing(self, _request: Request) -> bytes:
        """Answer with what was set aside, the newest first: a digest and a code."""
        return orjson.dumps({"items": await self._store.run(listed)})

    async def release(self, request: Request) -> bytes:
        """Take one record in again and answer with what came of it; raises `quarantine.*`.

        However many are set aside. What fails for now is raised, and nothing is kept of it.
        """
        try:
            asked = StoryRelease.model_validate_json(request.data)
        except ValidationError:
            raise _bad_request() from None
        item = await self._store.run(partial(_item, sequence=asked.sequence))
        told: dict[str, Any] = {"item": f"story:{asked.sequence}"}
        if item is None:
            return orjson.dumps(told | {"outcome": "unknown"})
        if item["state"] == "released":
            return orjson.dumps(told | {"outcome": "stored", "released_before": True})
        outcome, reason = await self._again(asked.sequence, item["digest"])
        await self._store.run(partial(_keep, asked=asked, outcome=outcome, reason=reason))
        return orjson.dumps(told | {"outcome": outcome, "reasons": _reasons(reason)})

    async def _again(self, sequence: int, digest: str) -> tuple[str, str]:
        """Return what came of taking a record in again, and why that cannot be.

        Raises what passes: what NATS does while the ledger does not answer, and what the follower
        does for anything but a HandrailError.
        """
        try:
            found = await self._js.get_msg(LEDGER, sequence)
        except NotFoundError:
            return "gone", ""
        data = found.data or b""
        if digest_of_bytes(data) != digest:
            return "gone", ""
        at = found.time or datetime.now(UTC)
        record = Record(LEDGER, str(found.subject), sequence, at, 1, data, {})
        try:
            await self._follower.follow((record,))
        except HandrailError as error:
            return "quarantined", error.code
        return "stored", ""


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Return what was set aside with its releases, the newest first; at most `_MOST`."""
    newest = select(SET_ASIDE).order_by(SET_ASIDE.c.ledger.desc()).limit(_MOST)
    return _items(connection, newest, select(RELEASES))


def _item(connection: Connection, sequence: int) -> dict[str, Any] | None:
    """Return the one item with its releases, None where nothing of the sequence was set aside."""
    aside = select(SET_ASIDE).where(SET_ASIDE.c.ledger == sequence)
    released = select(RELEASES).where(RELEASES.c.ledger == sequence)
    return next(iter(_items(connection, aside, released)), None)


def _items(
    connection: Connection, aside: Select[Any], released: Select[Any]
) -> list[dict[str, Any]]:
    releases: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(released.order_by(RELEASES.c.number)):
        one = {name: getattr(row, name) for name in ("at", "by", "because", "reference", "outcome")}
        releases.setdefault(row.ledger, []).append(one | {"reasons": _reasons(row.reason)})
    return [
        {
            "sequence": row.ledger,
            "digest": row.digest,
            "reasons": _reasons(row.reason),
            "at": row.set_aside_at,
            "state": _state(releases.get(row.ledger, [])),
            "releases": releases.get(row.ledger, []),
        }
        for row in connection.execute(aside)
    ]


def _state(releases: list[dict[str, Any]]) -> str:
    if not releases:
        return "in quarantine"
    outcome = releases[-1]["outcome"]
    return {"stored": "released", "gone": "gone"}.get(outcome, "in quarantine again")


def _keep(connection: Connection, asked: StoryRelease, outcome: str, reason: str) -> None:
    row = {
        "ledger": asked.sequence,
        "by": asked.by,
        "because": asked.because.value,
        "reference": asked.reference,
        "outcome": outcome,
        "reason": reason,
        "at": iso(datetime.now(UTC)),
    }
    connection.execute(insert(RELEASES).values(**row))


def _reasons(code: str) -> list[dict[str, str]]:
    return [{"code": code, "detail": ""}] if code else []


def _bad_request() -> HandrailError:
    return HandrailError(
        "quarantine.bad-request",
        "that is no request to release",
        "name an item as `handrail quarantine list` shows it, and a known reason",
    )
