"""The exchange's intake key as senders have it: asked for, proved, and remembered.

A remembered key lets a message be handed to the server while the exchange is away; it is answered
when the exchange is back. Child protection must not wait for that.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from nats.aio.client import Client

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.subjects import INTAKE_KEY
from contracts.submission import IntakeKey, open_intake_key
from services.runtime.partnership import Partnership
from services.runtime.subscribing import ask
from services.runtime.whole_files import write_whole

LASTS_STILL: Final = timedelta(days=30)
"""A remembered key is used while it has this long to live: what it encrypts may have to wait."""

_CHANGES_WITHIN_S: Final = 5.0
"""For so long an exchange whose key has just been changed may not know of it."""

_AGAIN_S: Final = 0.25
_AWAY: Final = frozenset({"service.unreachable", "service.no-answer", "busy.try-again"})


async def intake_key(
    client: Client, partnership: Partnership, directory: Directory, timeout_s: float
) -> IntakeKey | None:
    """Return the exchange's key, or the one remembered while it is away; None without either.

    Waits up to `timeout_s` seconds for the exchange. Raises HandrailError `intake-key.untrusted`
    for a key that the exchange of `directory` has not signed.
    """
    until = asyncio.get_running_loop().time() + _CHANGES_WITHIN_S
    while True:
        try:
            data = await ask(client, INTAKE_KEY, b"", timeout_s=timeout_s)
        except HandrailError as error:
            if error.code not in _AWAY:
                raise
            return await asyncio.to_thread(_remembered, partnership, directory)
        key = open_intake_key(data, directory, partnership.exchange, datetime.now(UTC))
        if key is not None:
            break
        if asyncio.get_running_loop().time() > until:
            raise _untrusted()
        await asyncio.sleep(_AGAIN_S)
    await asyncio.to_thread(_keep, partnership, data)
    return key


def _remembered(partnership: Partnership, directory: Directory) -> IntakeKey | None:
    now = datetime.now(UTC)
    key = open_intake_key(_kept(partnership), directory, partnership.exchange, now)
    return key if key and now < key.expires_at - LASTS_STILL else None


def _untrusted() -> HandrailError:
    return HandrailError(
        "intake-key.untrusted",
        "the key to encrypt for is not signed by the partnership's exchange",
        "fetch the newest directory; if it happens again, tell the partnership",
    )


def _path(partnership: Partnership) -> Path:
    return partnership.folder / "seen" / "intake-key.jws"


def _kept(partnership: Partnership) -> bytes:
    try:
        return _path(partnership).read_bytes()
    except OSError:
        return b""


def _keep(partnership: Partnership, data: bytes) -> None:
    """Remember the signed key; not being able to is no reason not to send."""
    path = _path(partnership)
    if _kept(partnership) == data:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError:
        return
