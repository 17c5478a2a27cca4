"""`handrail partnership`: founding a partnership and adding agencies to it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from contracts.roles import Role
from services.cli import gateways, roots, rules_amending, trust
from services.cli.contacts import contact
from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say
from services.cli.server import server

if TYPE_CHECKING:
    from contracts.directory import Directory
    from contracts.errors import HandrailError

_DATES: Final = ["%Y-%m-%d"]
AgencyName = Annotated[str, typer.Argument(metavar="AGENCY", help="Such as demo.hilltop-school.")]

app = typer.Typer(
    no_args_is_help=True, help="Found a partnership and say which agencies take part."
)
agencies = typer.Typer(no_args_is_help=True, help="The agencies that take part.")
app.add_typer(agencies, name="agency")
app.add_typer(rules_amending.app, name="rules")
app.add_typer(roots.app, name="root")
app.add_typer(trust.app, name="trust")
app.command()(contact)
app.command()(server)
app.add_typer(gateways.app, name="gateway")
agencies.command()(gateways.leave)


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
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Keep private keys in plain files, on purpose.")
    ] = False,
    root_pkcs11: Annotated[
        bool, typer.Option("--root-pkcs11", help="Make the root key in the hardware module.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Found a partnership: its root key, its services' keys and identities, its directory.

    The root key (keys/root.key) signs who takes part. Whoever has it can change that, so keep it
    apart in earnest use. Private keys are encrypted under HANDRAIL_KEY_PASSPHRASE; without one,
    nothing is made but a demonstration, unless --unencrypted says so.
    """
    from services.cli.amending import read_directory
    from services.cli.founding import create as found
    from services.runtime.partnership import FILE
    from services.runtime.settings import Settings

    settings = Settings.load(state_dir=folder or state)
    where = settings.state_dir
    plain = settings.key_passphrase is None and not (demonstration or unencrypted)
    if plain and not (where / FILE).exists():
        raise _no_passphrase()
    made = found(
        where, partnership, now=now(), demonstration=demonstration, root_in_token=root_pkcs11
    )
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

    A running `handrail up` takes it within seconds. Servers that run elsewhere need their
    configuration written again: `handrail partnership server`.
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
        print_json(made)
        return
    say(f"Added {agency.id} ({agency.role.value}) behind the gateway {agency.gateway}.")
    say(f"Next: handrail practitioner add {agency.id}.HANDLE --name NAME")


@agencies.command("list")
@command
def list_(*, state: Dir = None, as_json: Json = False) -> None:
    """List the agencies that take part, with their role, gateway and people."""
    from services.cli.amending import read_directory
    from services.cli.listing import show_agencies

    show_agencies(read_directory(load(state)), as_json=as_json)


@agencies.command()
@command
def close(
    agency: AgencyName,
    *,
    first: Annotated[datetime, typer.Option("--from", formats=_DATES, help="First day closed.")],
    last: Annotated[
        datetime | None, typer.Option("--to", formats=_DATES, help="Last day closed; or that one.")
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Take back the closure that begins on that day.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Close an agency for some days, such as a school's holidays, beside the common calendar.

    Working days of its clocks are counted without them. Days are local, both included.
    """
    from services.cli.agencies import close_days, open_days

    partnership, begin = load(state), first.date()
    if cancel:
        directory = open_days(partnership, agency, begin, now())
    else:
        end = last.date() if last else begin
        directory = close_days(partnership, agency, begin, end, now())
    _tell(agency, directory, as_json=as_json)


@agencies.command()
@command
def change(
    agency: AgencyName,
    *,
    always_open: Annotated[
        bool | None,
        typer.Option(
            "--always-open/--not-always-open", help="Whether it works on every day of the year."
        ),
    ] = None,
    duty_desk: Annotated[
        str | None, typer.Option(metavar="ID", help="Who sees what is addressed to nobody there.")
    ] = None,
    safeguarding_lead: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Who countersigns for whoever has no line manager; `none` for nobody.",
        ),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Change an agency's duty desk, its safeguarding lead, or whether it is always open.

    For an agency with a single practitioner the safeguarding lead may be of another agency.
    """
    from services.cli.agencies import change_agency

    named = {
        "always_open": always_open,
        "duty_desk": duty_desk,
        "safeguarding_lead": safeguarding_lead,
    }
    changes: dict[str, object] = {
        k: None if v == "none" else v for k, v in named.items() if v is not None
    }
    _tell(agency, change_agency(load(state), agency, changes, now()), as_json=as_json)


def _no_passphrase() -> "HandrailError":
    from contracts.errors import HandrailError

    return HandrailError(
        "key.no-passphrase",
        "private keys would lie in plain files",
        "set HANDRAIL_KEY_PASSPHRASE, or HANDRAIL_KEY_PASSPHRASE_FILE to a file that holds it; "
        "--unencrypted is for a disk that is encrypted itself",
    )


def _tell(agency: str, directory: "Directory", *, as_json: bool) -> None:
    entry, version = directory.agencies[agency], directory.document.version
    told = {"duty_desk", "safeguarding_lead", "closures", "always_open"}
    if as_json:
        made = entry.model_dump(mode="json", include=told)
        print_json({"agency": agency, **made, "directory_version": version})
        return
    say(f"Changed {agency}; the directory is now version {version}.")
    if entry.always_open:
        say("  always open")
    for one in entry.closures:
        say(f"  closed from {one.first:%d %B %Y} through {one.last:%d %B %Y}")
