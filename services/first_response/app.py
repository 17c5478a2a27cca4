"""The service of First Response: the duty desk at the front door of social care."""

import asyncio
from collections.abc import Callable

from contracts.roles import Role
from services.agency.serving import run_role
from services.first_response.views import desk
from services.runtime.partnership import Partnership


async def run(
    partnership: Partnership,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None],
    gateway: str | None = None,
) -> None:
    """Serve every agency of this role until `stop` is set, or those of one `gateway`.

    `ready` is called once all are served; raises as `run_role` does.
    """
    await run_role(Role.FIRST_RESPONSE, desk, partnership, stop, ready=ready, gateway=gateway)
