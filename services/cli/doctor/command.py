"""`handrail doctor`: is this installation sound, and what is to do if it is not."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, plain, print_json, say

if TYPE_CHECKING:
    from contracts.directory import Directory
    from contracts.errors import HandrailError
    from services.cli.doctor.asking import Live
    from services.cli.doctor.finding import Finding
    from services.runtime.partnership import Partnership

_SHOWN: Final = {"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  ", "unchecked": "-      "}
_COLOURS: Final = {"warning": "yellow", "wrong": "red"}


@command
def doctor(*, state: Dir = None, as_json: Json = False) -> None:
    """Check this installation, and say of everything that is not well what it means and what to do.

    It looks, and changes nothing: server, durability, permissions, clocks, disk, keys, streams,
    consumers, databases, services, quarantine, log and backups. What does not run is said, and the
    rest is checked all the same.
    Exit code: 0 all is well, 1 something to look at, 2 something is wrong.
    """
    from services.cli.doctor.finding import worst

    findings = _findings(state)
    if as_json:
        checks = [one.as_json() for one in findings]
        print_json({"worst": worst(findings).name.lower(), "checks": checks})
    else:
        for one in findings:
            _show(one)
    raise typer.Exit(int(worst(findings)))


def _findings(state: Path | None) -> "list[Finding]":
    """Return every finding, or the one that there is no partnership to look at."""
    from contracts.errors import HandrailError
    from services.cli.doctor.stored import nothing_here
    from services.runtime.settings import Settings

    try:
        partnership = load(state)
    except HandrailError as error:
        if error.code not in ("partnership.missing", "partnership.unreadable"):
            raise
        return [nothing_here(Settings.load(state_dir=state).state_dir)]
    return asyncio.run(examine(partnership))


async def examine(partnership: "Partnership") -> "list[Finding]":
    """Return every finding about an installation, whether or not it runs."""
    import sys

    from contracts.errors import HandrailError
    from services.cli.amending import read_directory
    from services.cli.doctor.asking import ask_all
    from services.cli.doctor.finding import denied
    from services.cli.output import now
    from services.runtime import log

    log.configure("cli", sys.stderr, "CRITICAL")
    directory: Directory | None = None
    unread: HandrailError | None = None
    try:
        directory = read_directory(partnership)
    except HandrailError as error:
        unread = error
    except PermissionError as error:
        unread = denied(error)
    live, silence = await ask_all(partnership, directory)
    return [
        *_seen(_of_server(partnership, directory, live, silence)),
        *_seen(_of_folder(partnership, live)),
        *_seen(_of_stored(partnership, directory, live)),
        *_seen(_of_directory(partnership, directory, unread, now())),
        *(_of_live(live, directory) if live is not None and directory is not None else ()),
    ]


def _seen(findings: "Iterator[Finding]") -> "Iterator[Finding]":
    """Yield findings until one cannot be made for want of rights, and then that."""
    from services.cli.doctor.folder import of_rights

    try:
        yield from findings
    except PermissionError as error:
        yield of_rights([str(error.filename)])


def _of_server(
    partnership: "Partnership",
    directory: "Directory | None",
    live: "Live | None",
    error: "HandrailError | None",
) -> "Iterator[Finding]":
    from contracts.errors import HandrailError
    from services.cli.doctor import folder, server
    from services.cli.doctor.finding import DENIED, unchecked
    from services.cli.output import now
    from services.runtime.planning import server_plan

    running = folder.servers_of(partnership.folder / "nats" / "server.conf")
    yield from server.judge_answer(live.version if live else None, error, running)
    text, plan = None, None
    if partnership.settings.nats_url is None and directory is not None:
        text = server.read_config(partnership.folder)
        try:
            plan = server_plan(partnership, directory, now())
        except HandrailError as missing:
            yield _missing_identity(missing)
        except PermissionError:
            yield unchecked("identities", f"some of the keys {DENIED}")
    yield from server.judge_config(text, plan)
    if live is not None and isinstance(live.after, dict):
        yield from server.judge_account(live.after["account"], text)
        yield from server.judge_clocks(_clocks(live.after, live.here))
    if live is not None:
        yield server.judge_isolation(live.reached, live.gateway)


def _of_folder(partnership: "Partnership", live: "Live | None") -> "Iterator[Finding]":
    from services.cli.doctor import folder

    embedded, answers = partnership.settings.nats_url is None, live is not None
    yield from folder.judge(folder.gather(partnership.folder), embedded=embedded, answers=answers)


def _of_stored(
    partnership: "Partnership", directory: "Directory | None", live: "Live | None"
) -> "Iterator[Finding]":
    from services.cli.doctor import stored

    served = _served(partnership, directory)
    facts = stored.gather(partnership.folder, served)
    yield from stored.judge(
        facts,
        embedded=partnership.settings.nats_url is None,
        last=_newest(live),
        delivered=_delivered(live, served),
    )


def _served(partnership: "Partnership", directory: "Directory | None") -> dict[str, str]:
    """Return the gateway of each agency that is served from this folder, as far as can be seen."""
    from services.cli.output import now

    served: dict[str, str] = {}
    if directory is None:
        return served
    at = now()
    for one in directory.agencies.values():
        with suppress(PermissionError):
            is_here = partnership.identities.holds(f"{one.gateway}-service")
            if is_here and directory.agency(one.id, at) is not None:
                served[one.id] = one.gateway
    return served


def _delivered(live: "Live | None", served: dict[str, str]) -> frozenset[str]:
    """Return the agencies of whose deliveries the server knows some to be settled."""
    from contracts.subjects import inbox_consumer

    if live is None or not isinstance(live.after, dict):
        return frozenset()
    floors = {one["name"]: one["ack_floor"] or {} for one in live.after["consumers"]}
    settled = {name for name, floor in floors.items() if floor.get("consumer_seq")}
    return frozenset(agency for agency in served if inbox_consumer(agency) in settled)


def _of_directory(
    partnership: "Partnership",
    directory: "Directory | None",
    unread: "HandrailError | None",
    at: datetime,
) -> "Iterator[Finding]":
    from services.cli.doctor import keys
    from services.cli.doctor.finding import DENIED, ok, unchecked, wrong

    if directory is None and _is_denied(partnership, unread):
        yield unchecked("directory", f"it {DENIED}")
        return
    if directory is None:
        what = unread.message if unread else "it cannot be read"
        remedy = unread.remedy if unread else "restore directory.jws"
        means = "no service starts without it, and a command knows nobody"
        yield wrong("directory", what, means, remedy)
        return
    yield ok("directory", f"version {directory.document.version}, signed by the root")
    yield from keys.judge(keys.gather(partnership.folder, directory, at), at)


def _is_denied(partnership: "Partnership", unread: "HandrailError | None") -> bool:
    path = partnership.directory_path
    closed = path.exists() and not os.access(path, os.R_OK)
    return closed or (unread is not None and unread.code == "system.denied")


def _of_live(live: "Live", directory: "Directory") -> "Iterator[Finding]":
    from services.cli.doctor import answering, streams
    from services.cli.doctor.finding import unchecked

    yield from answering.judge_services(live.answers)
    yield from answering.judge_exchange(live.answers["exchange"])
    yield from answering.judge_tracker(live.answers["tracker"])
    if isinstance(live.before, dict) and isinstance(live.after, dict):
        yield from streams.judge_streams(live.after)
        yield from streams.judge_readers(live.before, live.after)
        yield from streams.judge_lanes(live.before, live.after)
    else:
        yield unchecked("streams", "no exchange answers")
    yield answering.judge_quarantine(live.quarantine)
    everyone = directory.agencies.values()
    present = [a.gateway for a in everyone if directory.agency(a.id, live.here) is not None]
    yield from answering.judge_log(live.log, tuple(dict.fromkeys(present)), live.here)


def _ledger(health: dict[str, Any]) -> dict[str, Any] | None:
    from contracts.subjects import LEDGER

    return next((one for one in health["streams"] if one["name"] == LEDGER), None)


def _newest(live: "Live | None") -> int | None:
    """Return the newest sequence of the ledger that runs, None where nobody tells."""
    ledger = _ledger(live.after) if live is not None and isinstance(live.after, dict) else None
    return int(ledger["state"]["last_seq"] or 0) if ledger else None


def _clocks(health: dict[str, Any], here: datetime) -> Any:  # noqa: ANN401 - imported when asked for
    from services.cli.doctor.server import Clocks, instant

    ledger = _ledger(health)
    return Clocks(
        here=here,
        exchange=instant(health["now"]),
        server=instant(ledger["ts"]) if ledger else None,
        newest=instant(ledger["state"]["last_ts"]) if ledger else None,
    )


def _missing_identity(error: "HandrailError") -> "Finding":
    from services.cli.doctor.finding import wrong

    means = "that service cannot connect, and the server's accounts cannot be written"
    return wrong("identities", error.message, means, error.remedy)


def _show(one: "Finding") -> None:
    state = one.state.name.lower()
    line = f"{_SHOWN[state]} {one.check:<22} {plain(one.what)}"
    typer.secho(line, fg=_COLOURS.get(state))
    if one.means:
        say(f"          it means    {plain(one.means)}")
    if one.remedy:
        say(f"          what to do  {plain(one.remedy)}")
