"""`handrail partnership gateway`: the gateways and their NATS identities; agencies that leave."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, table, warn

if TYPE_CHECKING:
    from contracts.directory import Directory

_NOT_KNOWN: Final = (
    "The server does not know the new identities yet, so the old ones stay in use here. Write its "
    "configuration with `handrail partnership server`, reload it, and run this command again."
)

app = typer.Typer(no_args_is_help=True, help="The gateways that connect for agencies.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The gateway, such as schools.")]


@app.command("list")
@command
def list_(*, state: Dir = None, as_json: Json = False) -> None:
    """List the gateways: the agencies of each, and its identities, old ones too."""
    from services.cli.amending import read_directory

    directory = read_directory(load(state))
    found = [_told(directory, one.id) for one in directory.document.gateways]
    if as_json:
        print_json({"gateways": found})
        return
    table(
        ("gateway", "agencies", "service", "desk", "retiring"),
        (
            (
                one["gateway"],
                ", ".join(one["agencies"]),
                one["service_nkey"],
                one["desk_nkey"],
                len(one["retiring_service"]) + len(one["retiring_desk"]),
            )
            for one in found
        ),
    )


@app.command()
@command
def rekey(gateway: Name, *, state: Dir = None, as_json: Json = False) -> None:
    """Give a gateway new NATS identities; the old ones may connect until they are retired.

    Services of this folder take up the new ones by themselves. One that runs elsewhere is handed
    them by `handrail partnership gateway export` before the old identities are retired.
    """
    from services.cli import rekeying

    partnership = load(state)
    directory = rekeying.rekey(partnership, gateway, now())
    taken_up = rekeying.take_up(partnership, gateway)
    if as_json:
        print_json({**_told(directory, gateway), "taken_up": taken_up})
    elif taken_up:
        say(f"{gateway} has new identities; the old ones still connect.")
        say(f"Next: handrail partnership gateway retire {gateway}")
    if not taken_up:
        warn(_NOT_KNOWN)
        raise typer.Exit(1)


@app.command()
@command
def retire(gateway: Name, *, state: Dir = None, as_json: Json = False) -> None:
    """End a gateway's old identities: whoever still connects by one is disconnected at once."""
    from services.cli.rekeying import retire as end

    directory = end(load(state), gateway, now())
    if as_json:
        print_json(_told(directory, gateway))
        return
    version = directory.document.version
    say(f"The old identities of {gateway} are ended; the directory is now version {version}.")


@app.command()
@command
def export(
    gateway: Name,
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder.", show_default=False)
    ],
    file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Holds a passphrase for the way."),
    ] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Write plain keys, on purpose.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write a folder of state for a gateway that runs elsewhere: its identities and witness keys.

    They are encrypted under a passphrase for the way, which is asked for or read from a file. There
    `handrail key protect` puts them under the one in use there.
    """
    from services.cli.gateway_export import export as write
    from services.cli.passphrases import new_passphrase

    partnership = load(state)
    directory = write(partnership, gateway, out, None if unencrypted else new_passphrase(file))
    if as_json:
        print_json({**_told(directory, gateway), "folder": str(out)})
        return
    say(f"Wrote {out}: what connects as {gateway}. Hand it over, and the passphrase another way.")


@command
def leave(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="Such as demo.hilltop-school.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Let an agency leave: it sends and receives nothing any more; what it sent stays valid.

    Its gateway is disconnected when it carries nobody else. Hand on before what is open for its
    people: `handrail practitioner work` shows it.
    """
    from services.cli.rekeying import leave as end

    directory = end(load(state), agency, now())
    version = directory.document.version
    if as_json:
        left_at = directory.agencies[agency].left_at
        print_json({"agency": agency, "left_at": left_at, "directory_version": version})
        return
    say(f"{agency} has left; the directory is now version {version}.")


def _told(directory: "Directory", gateway: str) -> dict[str, "list[str] | str"]:
    entry = next(one for one in directory.document.gateways if one.id == gateway)
    at = now()
    carried = (one for one in directory.agencies.values() if one.gateway == gateway)
    return {
        "gateway": gateway,
        "agencies": [one.id for one in carried if directory.agency(one.id, at) is not None],
        "service_nkey": entry.service_nkey,
        "desk_nkey": entry.desk_nkey,
        "retiring_service": list(entry.retiring_service),
        "retiring_desk": list(entry.retiring_desk),
    }
