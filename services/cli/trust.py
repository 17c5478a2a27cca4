"""`handrail partnership trust`: taking another partnership's agencies as guests, and ending it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, table, when
from services.runtime.whole_files import write_whole

if TYPE_CHECKING:
    from contracts.directory import Directory

app = typer.Typer(
    no_args_is_help=True, help="Other partnerships whose agencies take part here as guests."
)

Agencies = Annotated[
    list[str], typer.Option("--agency", metavar="ID", help="Such as westmoor.moor-school; repeat.")
]
Theirs = Annotated[
    Path,
    typer.Option("--directory", metavar="FILE", help="What the other partnership handed over."),
]


@app.command()
@command
def offer(
    *,
    agency: Agencies,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write what another partnership needs to take some of our agencies as guests.

    It holds these agencies and who works there, signed by our root key, and nobody else. Tell them
    the root key by another way.
    """
    from services.cli.amending import read_directory
    from services.cli.trusting import offer as made_for

    partnership = load(state)
    write_whole(out, made_for(partnership, agency))
    directory = read_directory(partnership)
    root_x, version = directory.root_x, directory.document.version
    if as_json:
        print_json({"file": str(out), "root_x": root_x, "directory_version": version})
        return
    say(f"Wrote {out}: {', '.join(agency)}, as of version {version}.")
    say(f"  root key    {root_x}")


@app.command()
@command
def add(
    *,
    directory: Theirs,
    root: Annotated[
        str, typer.Option(metavar="KEY", help="Their root key, as they made it known.")
    ],
    agency: Annotated[
        list[str],
        typer.Option(
            "--agency",
            metavar="ID=ROLE",
            help="Such as westmoor.moor-school=universal; repeat.",
        ),
    ],
    gateway: Annotated[
        str, typer.Option(help="Our gateway that connects for them alone; made if new.")
    ],
    new_root: Annotated[
        bool, typer.Option("--new-root", help="They have lost the root key trusted so far.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Take agencies of another partnership as guests; named again, to change which.

    Their own root says who works there and with which keys; it says nothing about anybody of ours.
    What role each has here, ours says.
    """
    from services.cli.files import read_bytes
    from services.cli.trusting import trust

    data = read_bytes(directory, None)
    after = trust(load(state), data, root, agency, gateway, now(), new_root=new_root)
    _tell(after, "Trusted", as_json=as_json)


@app.command()
@command
def refresh(*, directory: Theirs, state: Dir = None, as_json: Json = False) -> None:
    """Take a trusted partnership's newer directory: who joined or left, which keys are revoked."""
    from services.cli.files import read_bytes
    from services.cli.trusting import refresh as take

    after = take(load(state), read_bytes(directory, None), now())
    _tell(after, "Refreshed", as_json=as_json)


@app.command()
@command
def end(
    partnership: Annotated[str, typer.Argument(metavar="PARTNERSHIP", help="Such as westmoor.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """End the trust at once: nothing that arrives from its agencies from now on counts."""
    from services.cli.trusting import end_trust

    _tell(end_trust(load(state), partnership, now()), "Ended", as_json=as_json)


@app.command("list")
@command
def list_(*, state: Dir = None, as_json: Json = False) -> None:
    """List the partnerships trusted, their guests here, and until when their directories hold."""
    from services.cli.amending import read_directory

    told = _told(read_directory(load(state)))
    if as_json:
        print_json({"trusted": told})
        return
    columns = ("partnership", "guests", "gateway", "version", "holds until", "since", "ended")
    rows = [
        (
            one["partnership"],
            " ".join(f"{agency} ({role})" for agency, role in one["roles"].items()),
            one["gateway"],
            one["version"],
            when(one["expires_at"]),
            when(one["since"]),
            when(one["ended_at"]),
        )
        for one in told
    ]
    table(columns, rows)


def _told(directory: "Directory") -> list[dict[str, Any]]:
    from contracts.guests import open_theirs

    made: list[dict[str, Any]] = []
    for one in directory.document.trusted:
        theirs = open_theirs(one.directory, one.root_x)
        made.append(
            {
                "partnership": one.partnership,
                "root_x": theirs.roots.newest if theirs else one.root_x,
                "guests": [g.agency for g in one.guests if g.left_at is None],
                "roles": {g.agency: g.role for g in one.guests if g.left_at is None},
                "gateway": one.gateway,
                "version": theirs.document.version if theirs else None,
                "expires_at": theirs.document.expires_at if theirs else None,
                "since": one.since,
                "ended_at": one.ended_at,
            }
        )
    return made


def _tell(directory: "Directory", what: str, *, as_json: bool) -> None:
    version = directory.document.version
    if as_json:
        print_json({"trusted": _told(directory), "directory_version": version})
        return
    say(f"{what}; the directory is now version {version}. Running services take it within seconds.")
