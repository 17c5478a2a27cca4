"""The service of universal agencies (a school, a surgery): what became of their referrals."""

import asyncio
from collections.abc import Callable

from contracts.roles import Role
from services.agency.serving import run_role
from services.runtime.partnership import Partnership
from services.universal.views import desk


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
    await run_role(Role.UNIVERSAL, desk, partnership, stop, ready=ready, gateway=gateway)
