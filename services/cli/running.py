"""Which services there are, and running one of them until it is told to stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

from contracts.errors import HandrailError
from services.runtime.partnership import Partnership

Run = Callable[..., Awaitable[None]]

SERVICES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "exchange": ("services.exchange.app", {}),
    "exchange-urgent": ("services.exchange.app", {"urgent": True}),
    "story": ("services.story.app", {}),
    "tracker": ("services.tracker.app", {}),
    "universal": ("services.universal.app", {}),
    "caf-team": ("services.caf_team.app", {}),
    "first-response": ("services.first_response.app", {}),
    "social-care": ("services.social_care.app", {}),
}
"""Every service by the name that `handrail run` knows it by, and how it is started."""


def service(name: str) -> Run:
    """Return what runs the service `name`; raises HandrailError `service.unknown`."""
    if name not in SERVICES:
        raise HandrailError(
            "service.unknown",
            f"there is no service of that name; there are {', '.join(SERVICES)}",
            "name one of these",
        )
    module, options = SERVICES[name]
    run: Run = import_module(module).run
    return partial(run, **options)


async def run_alone(partnership: Partnership, name: str, ready: Callable[[], None]) -> None:
    """Run one service here until SIGINT or SIGTERM; raises what keeps it from running."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    await service(name)(partnership, stop, ready=ready)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` when the process is interrupted or asked to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
