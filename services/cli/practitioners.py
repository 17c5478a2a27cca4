"""`handrail practitioner`: keys that people make, the directory that names them, and absences."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.handing_on import hand_on
from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, warn, when

if TYPE_CHECKING:
    from contracts.directory import Directory

app = typer.Typer(no_args_is_help=True, help="Who may sign: make a key, join, leave.")

Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="Such as demo.hilltop-school.jo-marsh.", show_default=False),
]

_DATES: Final = ["%Y-%m-%d"]
_LEADS: Final = (
    "a child whom this person leads stays theirs until somebody else accepts, and a proposal to "
    "them stays open; hand each on with `handrail lead propose CHILD PRACTITIONER --as PERSON`"
)


@app.command()
@command
def key(practitioner: Id, *, state: Dir = None, as_json: Json = False) -> None:
    """Make your own signing key in this folder and print its public half.

    The private half never leaves the folder. Give the public half to the partnership, which signs
    it in with `handrail practitioner add ID --key PUBLIC`. Run again, it prints the same half.
    """
    from contracts.jws import thumbprint
    from services.cli.amending import public_half

    x = public_half(load(state), practitioner, create=True)
    if as_json:
        print_json({"practitioner": practitioner, "key": x, "kid": thumbprint(x)})
        return
    say(x)


@app.command()
@command
def add(  # noqa: PLR0913 - one parameter per option
    practitioner: Id,
    *,
    name: Annotated[str, typer.Option(help="The person's name.")],
    capacity: Annotated[
        list[str] | None,
        typer.Option(help="A capacity in which the person signs, such as social_worker; repeat."),
    ] = None,
    line_manager: Annotated[
        str | None, typer.Option(metavar="ID", help="The person's line manager.")
    ] = None,
    deputy: Annotated[
        str | None, typer.Option(metavar="ID", help="Who stands in for this person.")
    ] = None,
    public: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="PUBLIC",
            help="What `practitioner key` printed; without it, the key in this folder.",
        ),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Sign a person and their public key into the directory, with the partnership's root key."""
    from contracts.directory import Practitioner
    from services.cli.amending import add_practitioner, capacities, public_half
    from services.cli.founding import entry

    partnership = load(state)
    person = entry(
        Practitioner,
        id=practitioner,
        name=name,
        capacities=capacities(capacity or []),
        line_manager=line_manager,
        deputy=deputy,
    )
    x = public or public_half(partnership, practitioner, create=True)
    version = add_practitioner(partnership, person, x, now()).document.version
    if as_json:
        print_json({"practitioner": practitioner, "key": x, "directory_version": version})
        return
    say(f"Added {practitioner}; the directory is now version {version}.")
    say("A running exchange takes it up within seconds.")


@app.command()
@command
def change(
    practitioner: Id,
    *,
    deputy: Annotated[
        str | None, typer.Option(metavar="ID", help="Who stands in for this person.")
    ] = None,
    line_manager: Annotated[
        str | None, typer.Option(metavar="ID", help="The person's line manager.")
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Name another deputy or line manager, of the same agency."""
    from services.cli.absences import set_stand_ins

    directory = set_stand_ins(
        load(state), practitioner, deputy=deputy, line_manager=line_manager, now=now()
    )
    _tell(practitioner, directory, as_json=as_json)


@app.command()
@command
def cover(
    practitioner: Id,
    *,
    by: Annotated[
        str | None, typer.Option(metavar="ID", help="Who covers; of the same agency.")
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DATES, help="First day away; without it, today."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--until", formats=_DATES, help="Last day away.")
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="The person is back: end all cover now.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Say who covers for somebody who is away: what is addressed to them shows for that person.

    Whoever covers a line manager may countersign as line manager meanwhile. Days are local.
    """
    from contracts.errors import HandrailError
    from contracts.worktime import LONDON
    from services.cli.absences import end_cover, set_cover

    at = now()
    if back:
        directory = end_cover(load(state), practitioner, at)
    elif by is None or last is None:
        raise HandrailError(
            "cover.incomplete",
            "who covers and until when is not said",
            "give --by and --until, or --back where the person is there again",
        )
    else:
        begin = first.date() if first else at.astimezone(LONDON).date()
        directory = set_cover(load(state), practitioner, by, begin, last.date(), at)
    _tell(practitioner, directory, as_json=as_json)


@app.command()
@command
def work(practitioner: Id, *, state: Dir = None, as_json: Json = False) -> None:
    """Show what is open for somebody: the children they lead, proposals and requests to them."""
    from services.cli.open_work import open_work, show_open_work

    told = open_work(load(state), practitioner)
    if as_json:
        print_json({"practitioner": practitioner, "open": told})
        return
    show_open_work(told, practitioner)


@app.command()
@command
def leave(practitioner: Id, *, state: Dir = None, as_json: Json = False) -> None:
    """Let a person leave: from now on they sign nothing; what they signed before stays valid.

    What is open for them is told, to be handed on. The lead for a child stays theirs until somebody
    else has accepted it; what is addressed to them shows for their deputy from now on.
    """
    from services.cli.absences import dismiss, vacancies
    from services.cli.open_work import open_work, show_open_work

    partnership, at = load(state), now()
    directory = dismiss(partnership, practitioner, at)
    open_places = list(vacancies(directory, practitioner, at))
    told = open_work(partnership, practitioner)
    version = directory.document.version
    if as_json:
        print_json(
            {
                "practitioner": practitioner,
                "directory_version": version,
                "still_named_as": open_places,
                "open": told,
                "note": _LEADS,
            }
        )
        return
    say(f"{practitioner} has left; the directory is now version {version}.")
    for place in open_places:
        warn(f"still named as {place}")
    show_open_work(told, practitioner)
    warn(_LEADS)


app.command("hand-on")(hand_on)


def _tell(practitioner: str, directory: "Directory", *, as_json: bool) -> None:
    entry, version = directory.practitioners[practitioner], directory.document.version
    if as_json:
        made = entry.model_dump(mode="json", include={"line_manager", "deputy", "cover"})
        print_json({"practitioner": practitioner, **made, "directory_version": version})
        return
    say(f"Changed {practitioner}; the directory is now version {version}.")
    for one in entry.cover:
        say(f"  {one.by} covers from {when(one.since)} until {when(one.until)}")
