"""Connections of the command line: as an agency's desk, or as the partnership's operator."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from nats.aio.client import Client

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.event import Event
from contracts.seal import Sealed, refused
from contracts.subjects import DIRECTORY
from services.agency.sending import Answered, NoAnswer, submit
from services.cli.messages import current_directory, event_of, newest_directory
from services.cli.output import now
from services.runtime import log
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from services.runtime.subscribing import ask

T = TypeVar("T")
_PROTECTION = "child_protection"
_DIRECTORY_S = 2.0
_QUESTION_S = 10.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A connection of one agency's desk, and the directory in force."""

    partnership: Partnership
    directory: Directory
    client: Client
    agency: str

    async def submit(self, sealed: Sealed, timeout_s: float) -> Answered | NoAnswer:
        """Send a sealed message in the lane that its basis calls for; raises as `submit` does."""
        return await submit(
            self.client,
            self.partnership,
            self.directory,
            sealed,
            urgent=_raises_protection(event_of(sealed)),
            timeout_s=timeout_s,
        )

    async def ask(self, what: str, body: bytes = b"{}") -> dict[str, Any]:
        """Ask the agency's own service and return its JSON answer; raises what it answers."""
        subject = f"agency.{self.agency}.{what}"
        return read_object(await ask(self.client, subject, body, timeout_s=_QUESTION_S))


def _raises_protection(event: Event) -> bool:
    """Tell whether a message belongs in the child-protection lane, by its basis or its concern."""
    return _PROTECTION in (event.data.basis.kind, event.data.content.get("concern"))


@asynccontextmanager
async def desk(partnership: Partnership, agency: str) -> AsyncIterator[Desk]:
    """Connect as the desk of `agency`, with the newest directory that is to be had.

    Raises HandrailError `agency.unknown`, `nkey.missing`, `nats.*` or `directory.*`.
    """
    log.configure("cli", sys.stderr, "ERROR")
    held = current_directory(partnership)
    found = held.agency(agency, now())
    if found is None:
        raise refused("agency.unknown", agency)
    identity = partnership.nkey(f"{found.gateway}-desk")
    url, ca = partnership.nats_url(), partnership.nats_ca
    client = await connect(url, identity, name="handrail-desk", ca=ca)
    try:
        directory = await _newest(client, partnership, held)
        yield Desk(partnership, directory, client, agency)
    finally:
        await client.close()


async def ask_operator(partnership: Partnership, subject: str, **body: object) -> dict[str, Any]:
    """Ask one of the operator's questions and return the JSON answer; raises what is answered."""
    log.configure("cli", sys.stderr, "ERROR")
    identity = partnership.nkey("operator")
    url, ca = partnership.nats_url(), partnership.nats_ca
    client = await connect(url, identity, name="handrail-operator", ca=ca)
    try:
        data = await ask(client, subject, orjson.dumps(body), timeout_s=_QUESTION_S)
        return read_object(data)
    finally:
        await client.close()


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in an event loop of its own."""
    return asyncio.run(work)


def read_object(data: bytes) -> dict[str, Any]:
    """Return an answer's JSON object; a list becomes its member `items`.

    Raises HandrailError `service.bad-answer` for anything else.
    """
    try:
        made = orjson.loads(data)
    except orjson.JSONDecodeError:
        made = None
    if isinstance(made, list):
        return {"items": made}
    if not isinstance(made, dict):
        raise HandrailError(
            "service.bad-answer",
            "the service answered in a form that is not understood",
            "run the same version of Handrail here and there",
        )
    return made


async def _newest(client: Client, partnership: Partnership, held: Directory) -> Directory:
    """Return the exchange's directory when it is newer; ours will do while it does not answer."""
    try:
        data = await ask(client, DIRECTORY, b"", timeout_s=_DIRECTORY_S)
    except HandrailError as error:
        if error.code not in ("service.unreachable", "service.no-answer", "busy.try-again"):
            raise
        return held
    return newest_directory(partnership, held, data)
