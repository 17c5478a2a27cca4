"""`handrail practitioner`: keys that people make, and the directory that names them."""

from typing import Annotated, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, warn

app = typer.Typer(no_args_is_help=True, help="Who may sign: make a key, join, leave.")

Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="Such as demo.hilltop-school.jo-marsh.", show_default=False),
]

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
def leave(practitioner: Id, *, state: Dir = None, as_json: Json = False) -> None:
    """Let a person leave: from now on they sign nothing; what they signed before stays valid.

    The lead for a child stays theirs until somebody else has accepted it.
    """
    from services.cli.amending import dismiss, vacancies

    directory = dismiss(load(state), practitioner, now())
    open_places = list(vacancies(directory, practitioner))
    version = directory.document.version
    if as_json:
        print_json(
            {
                "practitioner": practitioner,
                "directory_version": version,
                "still_named_as": open_places,
                "note": _LEADS,
            }
        )
        return
    say(f"{practitioner} has left; the directory is now version {version}.")
    for place in open_places:
        warn(f"still named as {place}")
    warn(_LEADS)
