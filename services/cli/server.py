"""`handrail partnership server`: the configuration of nats-servers that run elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say

if TYPE_CHECKING:
    from services.cli.server_files import Node
    from services.runtime.nats_plan import ServerPlan
    from services.runtime.partnership import Partnership


@command
def server(  # noqa: PLR0913 - one parameter per option
    out: Annotated[Path, typer.Option("--out", help="Where to write a folder for each server.")],
    *,
    hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            help="Host of a server, with its other names after commas; once for each server. "
            "Without it: 127.0.0.1.",
            show_default=False,
        ),
    ] = None,
    nodes: Annotated[int, typer.Option(help="How many servers: 1, 3 or 5.")] = 1,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where clients connect.")] = 4222,
    route_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the servers of a cluster connect.")
    ] = 6222,
    at: Annotated[
        Path | None,
        typer.Option(
            help="Where its folder will lie on the server; left out: where it is written."
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Where the server keeps its streams; left out: beside it.")
    ] = None,
    monitor: Annotated[
        int | None,
        typer.Option(help="Port on which it tells its own machine of itself, for health checks."),
    ] = None,
    reload: Annotated[
        Path | None,
        typer.Option(metavar="PIDFILE", help="Have the one server that runs here take it now."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write the configuration and certificates of one nats-server, or of a cluster of servers.

    Run it again whenever an agency or a gateway has joined, left or changed, and reload the
    servers. Certificates with more than 90 days to go are kept.
    """
    from dataclasses import replace

    from services.cli.accounts import planned
    from services.cli.server_files import nodes_of, plan_of, write_certificates, write_config

    partnership = load(state)
    made = nodes_of(hosts or ["127.0.0.1"], nodes, port, route_port)
    plan = replace(planned(partnership), monitor_port=monitor)
    write_certificates(partnership, made, out, now())
    placed = {
        one.name: plan_of(plan, made, one, at or (out / one.name).absolute(), store) for one in made
    }
    if reload is None:
        for one in made:
            write_config(placed[one.name], out / one.name)
    else:
        _reload(partnership, made, placed, out, reload)
    _tell(made, out, reloaded=reload is not None, as_json=as_json)


def _reload(
    partnership: "Partnership",
    nodes: tuple["Node", ...],
    plans: dict[str, "ServerPlan"],
    out: Path,
    pid_file: Path,
) -> None:
    """Have the server of `pid_file` take its plan; raises `server.*`."""
    import asyncio
    import os
    import signal

    from contracts.errors import HandrailError
    from services.cli.server_files import CONFIG, write_config
    from services.runtime.nats_config import changed_gateways
    from services.runtime.reloading import Server
    from services.runtime.reloading import reload as take

    node, pid = nodes[0], _pid_in(pid_file)
    if len(nodes) > 1 or pid is None:
        raise HandrailError(
            "server.no-process",
            "there is no one server here that could be told",
            "name the process-id file of a server that runs on this machine, without --nodes",
        )
    folder, plan = out / node.name, plans[node.name]
    path = folder / CONFIG
    before = path.read_text(encoding="utf-8") if path.exists() else "{}"
    running = Server(
        node.url,
        lambda probing: write_config(probing, folder),
        lambda: os.kill(pid, signal.SIGHUP),
        partnership.folder / "tls" / "ca.pem",
    )
    asyncio.run(take(running, plan, changed_gateways(before, plan)))


def _pid_in(path: Path) -> int | None:
    """Return the process id in a file, where a nats-server has it: a signal ends other programs."""
    try:
        pid = int(path.read_text(encoding="ascii"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if b"nats-server" in words[0] else None


def _tell(nodes: tuple["Node", ...], out: Path, *, reloaded: bool, as_json: bool) -> None:
    urls = ",".join(one.url for one in nodes)
    if as_json:
        written = [{"server": one.name, "folder": str(out / one.name)} for one in nodes]
        print_json({"servers": written, "url": urls, "reloaded": reloaded})
        return
    for one in nodes:
        say(f"{one.name}: {out / one.name}/server.conf")
    if reloaded:
        say("The server has taken it; nobody who is still in it was disconnected.")
    else:
        say("Start each with: nats-server -c server.conf")
        say("Where it runs: nats-server --signal reload=server.pid, twice, a second apart.")
    say(f"Services and desks: HANDRAIL_NATS_URL={urls} and the partnership's tls/ca.pem")
