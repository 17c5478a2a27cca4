"""Keeping the accounts of the running nats-server as the newest directory has them.

Whoever joins, leaves or changes identities is taken within seconds; nobody else notices.
"""

import asyncio
from itertools import count
from typing import Final

from services.cli.messages import current_directory
from services.cli.output import now
from services.runtime.log import error_keys, get
from services.runtime.nats_plan import ServerPlan
from services.runtime.partnership import Partnership
from services.runtime.planning import server_plan
from services.runtime.server import EmbeddedServer

_LOOK_EVERY_S: Final = 0.5
_PLAN_EVERY_LOOKS: Final = 20
"""How often the same directory is planned again: somebody in it may leave at a later time."""

_AFTER_FAULT_S: Final = 5.0
_log = get(__name__)


def planned(partnership: Partnership) -> ServerPlan:
    """Return the plan that the directory in the folder of state calls for now.

    Raises HandrailError `directory.*` or `nkey.missing`.
    """
    return server_plan(partnership, current_directory(partnership), now())


async def keep_accounts(
    partnership: Partnership, server: EmbeddedServer, started: ServerPlan
) -> None:
    """Have `server`, started by the plan `started`, take every newer one, until cancelled.

    What goes wrong is logged and tried again; the accounts that there are stay as they are.
    """
    taken, told, looks = started, "", count()
    seen: object = None
    while True:
        await asyncio.sleep(_AFTER_FAULT_S if told else _LOOK_EVERY_S)
        try:
            found = _mark(partnership)
            if found == seen and next(looks) % _PLAN_EVERY_LOOKS:
                continue
            plan = await asyncio.to_thread(planned, partnership)
            if plan != taken:
                await server.reload(plan)
                taken = plan
                _log.info("server.reloaded", count=len(plan.gateways))
            seen = found
        except Exception as error:  # noqa: BLE001 - tried again, whatever it was
            keys = error_keys(error)
            if str(keys) != told:
                _log.warning("server.not-reloaded", **keys)
            told, seen = str(keys), None
        else:
            told = ""


def _mark(partnership: Partnership) -> object:
    """Return what changes whenever the directory's file is another one."""
    there = partnership.directory_path.stat()
    return there.st_ino, there.st_mtime_ns, there.st_size
