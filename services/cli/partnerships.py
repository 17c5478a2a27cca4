"""`handrail partnership`: founding a partnership and adding agencies to it."""

from pathlib import Path
from typing import Annotated, Final

import typer

from contracts.roles import Role
from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say

_START_AGAIN: Final = (
    "Where `handrail up` is running, stop it and start it again: the server's accounts are written "
    "when it starts. People are taken within seconds."
)

app = typer.Typer(
    no_args_is_help=True, help="Found a partnership and say which agencies take part."
)
agencies = typer.Typer(no_args_is_help=True, help="The agencies that take part.")
app.add_typer(agencies, name="agency")


@app.command()
@command
def create(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where to keep its state.", show_default=False),
    ] = None,
    *,
    partnership: Annotated[str, typer.Option("--id", help="The partnership's id.")] = "demo",
    demonstration: Annotated[
        bool, typer.Option(help="Fill it with invented agencies and practitioners.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Found a partnership: its root key, its services' keys and identities, its directory.

    The root key (keys/root.key) signs who takes part. Whoever has it can change that, so keep it
    apart in earnest use.
    """
    from services.cli.amending import read_directory
    from services.cli.founding import create as found
    from services.runtime.settings import Settings

    where = folder or Settings.load(state_dir=state).state_dir
    made = found(where, partnership, now=now(), demonstration=demonstration)
    document = read_directory(made).document
    if as_json:
        print_json(
            {
                "partnership": made.id,
                "folder": str(where),
                "root_x": made.root_x,
                "agencies": [a.id for a in document.agencies],
                "practitioners": [p.id for p in document.practitioners],
            }
        )
        return
    say(f"Founded the partnership {made.id} in {where}.")
    say(f"  root key    {made.root_x} (compare it whenever you hand the directory on)")
    say(f"  agencies    {len(document.agencies)}")
    say(f"  people      {len(document.practitioners)}")
    say(
        f"Next: handrail up --dir {where}"
        if demonstration
        else f"Next: handrail partnership agency add NAME --dir {where}"
    )


@app.command()
@command
def renew(*, state: Dir = None, as_json: Json = False) -> None:
    """Sign the directory for another year, and make the delivery keys of the coming months.

    Do it well before the directory expires; running services take it within seconds.
    """
    from services.cli.amending import renew as sign_anew

    document = sign_anew(load(state), now()).document
    if as_json:
        print_json({"version": document.version, "expires_at": document.expires_at})
        return
    until = f"{document.expires_at:%d %B %Y}"
    say(f"Signed version {document.version} of the directory, valid until {until}.")


@agencies.command()
@command
def add(  # noqa: PLR0913 - one parameter per option
    name: Annotated[str, typer.Argument(help="Its name in ids, such as hilltop-school.")],
    *,
    title: Annotated[str, typer.Option("--name", help="What people call it.")],
    role: Annotated[Role, typer.Option(help="What it is in the partnership.")],
    gateway: Annotated[
        str, typer.Option(help="The gateway that connects for it; made when it is new.")
    ],
    source_code: Annotated[
        str | None, typer.Option(help="Its DfE referral source code, such as 2A.")
    ] = None,
    duty_desk: Annotated[
        str | None, typer.Option(help="Handle of who is told when a clock runs out.")
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Add an agency: its delivery keys for 13 months, and its gateway's identities if new.

    The server's accounts are written when it starts, so `handrail up` must be started again for it.
    """
    from services.cli.amending import add_agency
    from services.cli.founding import Plan

    partnership = load(state)
    plan = Plan(name, title, role, gateway, source_code, duty_desk)
    directory = add_agency(partnership, plan, now())
    agency = directory.agencies[f"{partnership.id}.{name}"]
    if as_json:
        version = directory.document.version
        made = {"agency": agency.id, "gateway": agency.gateway, "directory_version": version}
        print_json({**made, "note": _START_AGAIN})
        return
    say(f"Added {agency.id} ({agency.role.value}) behind the gateway {agency.gateway}.")
    say(_START_AGAIN)
    say(f"Next: handrail practitioner add {agency.id}.HANDLE --name NAME")


@agencies.command("list")
@command
def list_(*, state: Dir = None, as_json: Json = False) -> None:
    """List the agencies that take part, with their role, gateway and people."""
    from services.cli.amending import read_directory
    from services.cli.listing import show_agencies

    show_agencies(read_directory(load(state)), as_json=as_json)
