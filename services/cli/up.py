"""`handrail up` and `handrail run`: everything on one machine, or one service alone."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership


@command
def up(*, state: Dir = None, as_json: Json = False) -> None:
    """Start the nats-server and every service, and stay up until Ctrl-C.

    An empty folder of state is given a demonstration partnership first. After a crash, the same
    command carries on where everything stood.
    """
    import asyncio

    partnership = found_if_missing(state)
    log_to_folder(partnership)
    asyncio.run(_stay_up(partnership, as_json=as_json))


@command
def run(
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="Which service to run.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Run one service alone until it is told to stop; the server must be running.

    Services: exchange, exchange-urgent, story, tracker, universal, caf-team, first-response,
    social-care.
    """
    import asyncio

    from services.cli.running import run_alone
    from services.cli.whole_folder import check_whole
    from services.runtime import log

    partnership = load(state)
    check_whole(partnership.folder)
    log.configure(name, level=partnership.settings.log_level)
    told = {"service": name, "state": "ready"}
    asyncio.run(run_alone(partnership, name, lambda: _tell(told, f"{name} is ready", as_json)))


async def _stay_up(partnership: "Partnership", *, as_json: bool) -> None:
    """Run everything until a signal; one that comes while it starts ends the start."""
    import asyncio
    from contextlib import suppress

    from services.cli.running import stop_on_signals
    from services.cli.supervisor import everything

    stop, ready = asyncio.Event(), asyncio.Event()
    stop_on_signals(stop)

    async def stay() -> None:
        async with everything(partnership, _teller(as_json=as_json)):
            ready.set()
            told = {"state": "ready", "url": partnership.nats_url()}
            _tell(told, f"ready at {partnership.nats_url()}; Ctrl-C stops everything", as_json)
            await stop.wait()

    work = asyncio.create_task(stay())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not ready.is_set():
        work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    _tell({"state": "stopped"}, "stopped", as_json)


def found_if_missing(state: Path | None) -> "Partnership":
    """Return the partnership of the folder, a new demonstration one in an empty folder or none.

    Raises HandrailError `state.half` where something else lies there.
    """
    from contracts.errors import HandrailError
    from services.cli.founding import create
    from services.cli.output import now
    from services.cli.whole_folder import check_whole
    from services.runtime.settings import Settings

    folder = Settings.load(state_dir=state).state_dir
    check_whole(folder)
    try:
        return load(state)
    except HandrailError as error:
        if error.code != "partnership.missing":
            raise
    return create(folder, now=now(), demonstration=True)


def log_to_folder(partnership: "Partnership") -> None:
    """Write this process's log to `logs/up.log` in the folder of state, by the level set."""
    from services.cli.files import private_log
    from services.runtime import log

    logs = partnership.folder / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    log.configure("up", private_log(logs / "up.log"), partnership.settings.log_level)


def _teller(*, as_json: bool) -> Callable[[str], None]:
    return lambda name: _tell({"state": "up", "service": name}, f"  {name}", as_json)


def _tell(made: dict[str, str], text: str, as_json: bool) -> None:
    import json

    typer.echo(json.dumps(made) if as_json else text)
