"""Having a running nats-server take a new configuration, and knowing that it has.

A server says nothing when it is told to read its configuration again. So each time the file names a
fresh probe: once that key can connect, the file was read. And an account that is new is known after
one reading but reaches nothing until a second one (nats-server 2.11 to 2.15). So there are always
two, and a key of the account itself then asks whether JetStream answers. Nobody is disconnected but
those whose key or account is gone.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.errors import HandrailError
from services.runtime.connection import connect
from services.runtime.nats_accounts import reachable
from services.runtime.nats_plan import Gateway, ServerPlan, ServiceUser
from services.runtime.nkeys import NKey

PROBE: Final = "handrail.probe"
TAKEN_WITHIN_S: Final = 20.0
_READINGS: Final = 2
_MORE_READINGS: Final = 3
_POLL_S: Final = 0.05
_ANSWERS_WITHIN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its address, and how it is given a plan and told to read it.

    `write` puts the configuration of a plan in the place of the one before, `hang_up` sends SIGHUP.
    """

    url: str
    write: Callable[[ServerPlan], None]
    hang_up: Callable[[], None]
    ca: Path | None = None


async def reload(server: Server, plan: ServerPlan, changed: tuple[Gateway, ...]) -> None:
    """Have `server` take `plan`, and return once the accounts of `changed` reach JetStream.

    Raises `HandrailError` `server.not-reloaded` where that did not happen within `TAKEN_WITHIN_S`
    seconds; the configuration is written nevertheless.
    """
    deadline = time.monotonic() + TAKEN_WITHIN_S
    probes = {gateway.name: NKey.generate() for gateway in changed}
    probing = replace(
        plan,
        gateways=tuple(
            replace(one, probe_nkey=probes[one.name].public) if one.name in probes else one
            for one in plan.gateways
        ),
    )
    for reading in range(_READINGS + _MORE_READINGS):
        await _read_again(server, probing, deadline)
        if reading + 1 >= _READINGS and await _all_reach(server, changed, probes):
            return
    raise _not_reloaded()


async def _read_again(server: Server, plan: ServerPlan, deadline: float) -> None:
    """Return once the server has read the configuration, which names a probe of its own."""
    probe = NKey.generate()
    server.write(replace(plan, services=(*plan.services, ServiceUser(PROBE, probe.public))))
    server.hang_up()
    while time.monotonic() < deadline:
        if await _connects(server, probe):
            return
        await asyncio.sleep(_POLL_S)
    raise _not_reloaded()


async def _connects(server: Server, key: NKey) -> bool:
    try:
        client = await _connection(server, key)
    except HandrailError as error:
        if error.code not in ("nats.refused", "nats.unreachable"):
            raise
        return False
    await client.close()
    return True


async def _all_reach(
    server: Server, gateways: tuple[Gateway, ...], probes: dict[str, NKey]
) -> bool:
    for gateway in gateways:
        client = await _connection(server, probes[gateway.name])
        try:
            for question in reachable(gateway):
                await client.request(question, b"", timeout=_ANSWERS_WITHIN_S)
        except (NatsError, TimeoutError):
            return False
        finally:
            await client.close()
    return True


async def _connection(server: Server, key: NKey) -> Client:
    return await connect(
        server.url, key, name="handrail-probe", ca=server.ca, timeout_s=_ANSWERS_WITHIN_S
    )


def _not_reloaded() -> HandrailError:
    return HandrailError(
        "server.not-reloaded",
        "nats-server has not taken its new configuration",
        "read the last lines of its log, which say why, and reload it again",
    )
