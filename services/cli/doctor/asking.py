"""What a running installation answers, all asked at once: one that hangs delays no other."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nats.aio.client import Client

from contracts.directory import Directory
from contracts.errors import HandrailError
from services.cli.desk import read_object
from services.cli.doctor.finding import denied
from services.cli.doctor.server import try_forbidden
from services.cli.output import now
from services.cli.quarantine_places import EXCHANGE, connect_places
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from services.runtime.subscribing import ask

_BETWEEN_S: Final = 2.0
"""Between two looks at what should move: beyond one pull of a service, and one retry."""

_WITHIN_S: Final = 5.0
_HEALTH: Final = "exchange.admin.health"
_LOG: Final = "exchange.admin.log.status"
_STATUS: Final = {
    "exchange": "exchange.admin.status.exchange",
    "exchange-urgent": "exchange.admin.status.exchange-urgent",
    "story": "story.admin.status",
    "tracker": "tracker.status",
}

Answer = dict[str, Any] | str
"""What was answered, or the code of why nothing was."""


@dataclass(frozen=True, slots=True)
class Live:
    """What a running installation said: by service an answer, or the code of why there is none."""

    version: str | None
    answers: dict[str, Answer]
    before: Answer
    after: Answer
    quarantine: Answer
    log: Answer
    here: datetime
    reached: str | None = None
    gateway: str = ""


async def ask_all(
    partnership: Partnership, directory: Directory | None
) -> tuple[Live | None, HandrailError | None]:
    """Return what a running installation says; why nothing runs where nothing does."""
    try:
        identity, url = partnership.nkey("operator"), partnership.nats_url()
        client = await connect(url, identity, name="handrail-doctor", ca=partnership.nats_ca)
    except HandrailError as error:
        return None, _closed_port(partnership) or error
    except PermissionError as error:
        return None, denied(error)
    try:
        return await _asked(client, partnership, directory), None
    finally:
        await client.close()


def _closed_port(partnership: Partnership) -> HandrailError | None:
    """Return that the server's address may not be read here, None where it may or is not here."""
    try:
        (partnership.folder / "nats" / "port").open("rb").close()
    except PermissionError as error:
        return denied(error) if partnership.settings.nats_url is None else None
    except OSError:
        return None
    return None


async def _asked(client: Client, partnership: Partnership, directory: Directory | None) -> Live:
    present = _present(directory)
    subjects = (_HEALTH, _LOG, *_STATUS.values())
    gateways = tuple(dict.fromkeys(gateway for _, gateway in present))
    (before, log, *status), (quarantine, agencies), (reached, gateway) = await asyncio.gather(
        asyncio.gather(*(_ask(client, subject) for subject in subjects)),
        _places(partnership, present),
        try_forbidden(partnership, gateways),
    )
    after = before
    if isinstance(before, dict):
        await asyncio.sleep(_BETWEEN_S)
        after = await _ask(client, _HEALTH)
    version = client.connected_server_version
    return Live(
        version=".".join(map(str, (version.major, version.minor, version.patch))),
        answers={**dict(zip(_STATUS, status, strict=True)), **agencies},
        before=before,
        after=after,
        quarantine=quarantine,
        log=log,
        here=now(),
        reached=reached,
        gateway=gateway,
    )


async def _places(
    partnership: Partnership, present: Sequence[tuple[str, str]]
) -> tuple[Answer, dict[str, Answer]]:
    """Return quarantine as a whole, and by agency whether its service answered."""
    try:
        places = await connect_places(partnership, present)
    except HandrailError as error:
        return error.code, {agency: error.code for agency, _ in present}
    except PermissionError as error:
        code = denied(error).code
        return code, {agency: code for agency, _ in present}
    try:
        survey = await places.survey(within_s=_WITHIN_S)
    finally:
        await places.close()
    unasked = {one["place"]: one["why"] for one in survey.not_asked}
    open_items = [one for one in survey.items if one["state"].startswith("in quarantine")]
    told: dict[str, Answer] = {agency: unasked.get(agency, {}) for agency, _ in present}
    if EXCHANGE in unasked and not open_items:
        return unasked[EXCHANGE], told
    return {"open": len(open_items), "not_asked": [*unasked]}, told


async def _ask(client: Client, subject: str) -> Answer:
    try:
        return read_object(await ask(client, subject, b"{}", timeout_s=_WITHIN_S))
    except HandrailError as error:
        return error.code


def _present(directory: Directory | None) -> list[tuple[str, str]]:
    """Return the agencies that take part now, each with its gateway."""
    if directory is None:
        return []
    everyone = directory.document.agencies
    return [(a.id, a.gateway) for a in everyone if directory.agency(a.id, now()) is not None]
