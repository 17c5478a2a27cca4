"""The server: version, durability, its configuration, its limits, its clock, and its isolation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.errors import HandrailError
from services.cli.doctor.finding import Finding, ok, some, unchecked, warning, wrong
from services.runtime.batch import EXPECTED
from services.runtime.connection import connect
from services.runtime.nats_config import agrees
from services.runtime.nats_plan import ServerPlan
from services.runtime.partnership import Partnership

OLDEST: Final = (2, 15, 1)
API_LEVEL: Final = 5
_DRIFT_S: Final = 2.0
_DRIFT_WRONG_S: Final = 60.0
_FORBIDDEN: Final = "journey.doctor-asks-whether-it-may"
_PROBE_S: Final = 1.0
_FULL: Final = 0.9

_CONFIG_REMEDY: Final = (
    "start everything again with `handrail up`, which writes the configuration; never edit it"
)
_NO_CONFIG: Final = "the server's configuration is not in this folder, or cannot be compared here"
_OWN_IDENTITY: Final = ("key.", "nkey.", "system.")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Instants of one moment: here, at the exchange, at the server; and of the newest record."""

    here: datetime
    exchange: datetime | None = None
    server: datetime | None = None
    newest: datetime | None = None


def judge_answer(
    version: str | None, error: HandrailError | None, running: Sequence[int] = ()
) -> Iterator[Finding]:
    """Yield whether a server answers, and whether it is new enough.

    `running` are the process ids of servers on the configuration of this folder.
    """
    if error is not None and error.code.startswith(_OWN_IDENTITY):
        yield wrong(
            "server",
            f"it cannot be asked: {error.message}",
            "whether anything runs, and how, is not known from here",
            error.remedy,
        )
        return
    if running and (error is not None or version is None):
        processes = some(map(str, running))
        yield wrong(
            "server",
            f"process {processes} runs and does not answer",
            "nothing is accepted from anybody, child protection included",
            f"read nats/server.log; if it does not come back, end it (kill {processes}, and "
            "kill -9 after a minute), then start everything with `handrail up`",
        )
        return
    if error is not None or version is None:
        code = error.code if error else "nats.unreachable"
        yield wrong(
            "server",
            f"no server answers here ({code})",
            "nothing is accepted from anybody, child protection included",
            error.remedy if error else "start everything with `handrail up`",
        )
        return
    numbers = tuple(int(n) for n in version.partition("-")[0].split(".") if n.isdecimal())
    if numbers < OLDEST:
        yield wrong(
            "server.version",
            f"nats-server {version}",
            "atomic batches, time to live and syncing are relied on as 2.15.1 does them",
            "install nats-server 2.15.1 or newer and start everything again",
        )
    else:
        yield ok("server.version", f"nats-server {version}")


def judge_config(text: str | None, plan: ServerPlan | None) -> Iterator[Finding]:
    """Yield whether the configuration on disk syncs always, and is that of the directory."""
    if text is None or plan is None:
        yield unchecked("durability", _NO_CONFIG)
        yield unchecked("permissions.config", _NO_CONFIG)
        return
    if _sync_interval(text) == "always":
        yield ok("durability", "the server syncs before it acknowledges")
    else:
        yield wrong(
            "durability",
            "sync_interval is not `always`",
            "a power cut loses up to two minutes of what was acknowledged",
            _CONFIG_REMEDY,
        )
    if agrees(text, plan):
        yield ok("permissions.config", "accounts and permissions are those of the directory")
    else:
        yield wrong(
            "permissions.config",
            "the configuration is not the one that the newest directory calls for",
            "somebody may have rights that are not theirs, or lack their own",
            _CONFIG_REMEDY,
        )


def judge_account(account: Mapping[str, Any], config: str | None) -> Iterator[Finding]:
    """Yield how JetStream's account stands: its API level, and what may still be reserved."""
    level = int((account.get("api") or {}).get("level") or 0)
    if level < API_LEVEL:
        yield wrong(
            "server.api-level",
            f"JetStream's API is of level {level}",
            "streams cannot be made as the exchange needs them",
            "install nats-server 2.15.1 or newer on every node",
        )
    else:
        yield ok("server.api-level", f"level {level}")
    reserved, most = int(account.get("reserved_storage") or 0), _max_file(config)
    if most is None:
        yield unchecked("limits", "the server's configuration is not in this folder")
    elif reserved > _FULL * most:
        yield warning(
            "limits",
            f"streams have reserved {reserved / most:.0%} of what they may",
            "an agency that joins may get no lanes",
            "give the server a larger max_file; the space is taken only when it is used",
        )
    else:
        yield ok("limits", f"{reserved / most:.0%} of the space that streams may have is reserved")


def judge_clocks(clocks: Clocks) -> Iterator[Finding]:
    """Yield whether the clocks agree, and whether the newest record lies in the future."""
    told = (("exchange", clocks.exchange), ("server", clocks.server))
    for name, at in told:
        if at is not None:
            yield _of_drift(f"clock.{name}", abs((at - clocks.here).total_seconds()))
    if clocks.newest is not None and clocks.newest > clocks.here + timedelta(seconds=_DRIFT_S):
        yield wrong(
            "clock.ledger",
            f"the newest record is of {clocks.newest:%d %B %Y %H:%M:%S} UTC, which is to come",
            "the clock went back: what is decided next is told as of that later instant",
            "set the machine's clock by NTP, and find out why it was wrong",
        )
    elif clocks.newest is not None:
        yield ok("clock.ledger", "no record lies in the future")


def judge_isolation(reached: str | None, gateway: str) -> Finding:
    """Return whether an agency's identity could write a journey; None was not tried."""
    if reached is None:
        return unchecked("permissions.live", "no desk of a gateway could connect from here")
    if reached:
        return wrong(
            "permissions.live",
            f"the desk of {gateway} reached the ledger's journeys",
            "an agency could write what only the exchange may write",
            f"stop the server at once; {_CONFIG_REMEDY}",
        )
    return ok("permissions.live", f"the desk of {gateway} cannot write a journey")


async def try_forbidden(
    partnership: Partnership, gateways: tuple[str, ...]
) -> tuple[str | None, str]:
    """Try to write a journey as a gateway's desk; return what was reached, and whose desk.

    Guarded by a sequence that no such record has, so that even a server that permits it stores
    nothing. What is reached is empty for a refusal, None where no desk could connect.
    """
    for gateway in gateways:
        try:
            identity = partnership.nkey(f"{gateway}-desk")
            url, ca = partnership.nats_url(), partnership.nats_ca
            client = await connect(url, identity, name="handrail-doctor", ca=ca)
        except (HandrailError, PermissionError):
            continue
        try:
            return await _reached(client), gateway
        finally:
            await client.close()
    return None, ""


async def _reached(client: Client) -> str:
    guard = {EXPECTED: "1000000000"}
    try:
        answer = await client.request(_FORBIDDEN, b"{}", timeout=_PROBE_S, headers=guard)
    except (TimeoutError, NatsError):
        return ""
    return "jetstream" if answer.data else ""


def read_config(folder: Path) -> str | None:
    """Return the text of the server's configuration in the folder of state, None without one."""
    try:
        return (folder / "nats" / "server.conf").read_text(encoding="utf-8")
    except OSError:
        return None


def _sync_interval(text: str) -> object:
    try:
        return json.loads(text)["jetstream"].get("sync_interval")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _max_file(text: str | None) -> int | None:
    try:
        return int(json.loads(text or "")["jetstream"]["max_file"])
    except (ValueError, KeyError, TypeError):
        return None


def _of_drift(check: str, drift_s: float) -> Finding:
    what = f"{drift_s:.1f} s from this machine's"
    means = "clocks of statutory times and the bounds on when something was sealed rely on it"
    remedy = "have both machines set their clocks by NTP"
    if drift_s > _DRIFT_WRONG_S:
        return wrong(check, what, means, remedy)
    return warning(check, what, means, remedy) if drift_s > _DRIFT_S else ok(check, what)


def instant(text: object) -> datetime | None:
    """Return an instant from the server's RFC 3339 with nanoseconds, in UTC, or None."""
    if not isinstance(text, str):
        return None
    head, _, rest = text.rstrip("Z").partition(".")
    try:
        made = datetime.fromisoformat(f"{head}.{rest[:6]:0<6}" if "+" not in rest else text)
    except ValueError:
        return None
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
