"""`handrail same`: whether a child is known already, and whom it may be the same as.

What identifies a child comes from a file, from standard input or from questions at the terminal,
never from the command line: that stays in the shell's history and shows in the list of processes.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import As, Dir, Json, load
from services.cli.output import command, now, plain, print_json, say, table, warn, when
from services.cli.same_linking import link, unlink

if TYPE_CHECKING:
    from contracts.matching import Sought
    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership

app = typer.Typer(
    no_args_is_help=True,
    help="Find the same child: ask before a referral, look at possible matches, join two "
    "references and part them again.",
)
app.command()(link)
app.command()(unlink)

_MOST_BYTES = 4096
_INTAKE_S = 5.0


@app.command("ask")
@command
def ask_(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="JSON with nhs_number (or nhs_number_absent), upn, name, born_on, postcode; "
            "- reads it from standard input; without it you are asked.",
            show_default=False,
        ),
    ] = None,
    *,
    author: As,
    before: Annotated[
        str, typer.Option(metavar="KIND", help="The message that you are about to send.")
    ] = "referral.submitted",
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Ask whether a child is known here, before you refer: known, possibly, or not known.

    You are told at most a reference, never who or what. That you asked is recorded; a possible
    match is looked at by First Response and the CAF team.
    """
    from services.cli.desk import wait_for

    told = wait_for(_ask(load(state), _sought(file), author, before))
    if as_json:
        print_json(told)
        return
    _show(told)


@app.command()
@command
def possible(*, author: As, state: Dir = None, as_json: Json = False) -> None:
    """List references that may be one child, for First Response and the CAF team to look at."""
    from services.cli.desk import wait_for

    told = wait_for(_possible(load(state), author))
    if as_json:
        print_json(told)
        return
    table(
        ("child", "child", "alike", "since", "led by"),
        (
            (
                *pair["references"],
                "same number or address" if pair["likeness"] == "same" else "possibly",
                when(pair["found_at"]),
                "\n".join(lead or "-" for lead in pair["leads"]),
            )
            for pair in told["pairs"]
        ),
    )
    if told["pairs"]:
        warn("one child: handrail same link; two children: handrail same different")


@app.command()
@command
def different(
    one: Annotated[str, typer.Argument(help="A reference, as `same possible` shows it.")],
    other: Annotated[str, typer.Argument(help="The other one.")],
    *,
    author: As,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Say that two references are two children, after somebody has looked."""
    from services.cli.desk import wait_for

    told = wait_for(_different(load(state), one, other, author))
    if as_json:
        print_json(told)
        return
    say("They are taken off the list; it is recorded that you looked.")


async def _ask(
    partnership: "Partnership", sought: "Sought", author: str, before: str
) -> dict[str, Any]:
    from pydantic import ValidationError

    from contracts.identifiers import agency_of, new_reference
    from services.agency.faults import fault
    from services.agency.intake_key import intake_key
    from services.agency.same import sign_match
    from services.cli.desk import desk

    key, fresh = partnership.practitioner_key(author), new_reference()
    async with desk(partnership, agency_of(author)) as place:
        intake = await intake_key(place.client, partnership, place.directory, _INTAKE_S)
        if intake is None:
            raise fault("match.no-key")
        try:
            data = sign_match(key, sought, fresh, before, intake, now())
        except ValidationError:
            raise fault("match.not-referring") from None
        return {**await place.ask("match", data), "fresh": fresh}


async def _possible(partnership: "Partnership", author: str) -> dict[str, Any]:
    from contracts.identifiers import new_reference
    from services.agency.same import sign_possible

    request = sign_possible(partnership.practitioner_key(author), new_reference(), now())
    return await _at_desk(partnership, author, "possible", request)


async def _different(
    partnership: "Partnership", one: str, other: str, author: str
) -> dict[str, Any]:
    from pydantic import ValidationError

    from services.agency.faults import fault
    from services.agency.same import sign_different

    try:
        request = sign_different(partnership.practitioner_key(author), one, other, now())
    except ValidationError:
        raise fault("match.no-pair") from None
    return await _at_desk(partnership, author, "different", request)


async def _at_desk(
    partnership: "Partnership", author: str, what: str, request: bytes
) -> dict[str, Any]:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk

    place: Desk
    async with desk(partnership, agency_of(author)) as place:
        return await place.ask(what, request)


def _sought(file: Path | None) -> "Sought":
    """Return what is sought; raises HandrailError `match.invalid` or `file.unreadable`."""
    import sys

    from pydantic import ValidationError

    from contracts.matching import Sought
    from services.agency.faults import fault
    from services.cli.files import read_bytes

    if file is None:
        return _prompted()
    data = sys.stdin.buffer.read(_MOST_BYTES) if str(file) == "-" else read_bytes(file, _MOST_BYTES)
    try:
        return Sought.model_validate_json(data)
    except ValidationError:
        raise fault("match.invalid") from None


def _prompted() -> "Sought":
    from pydantic import ValidationError

    from contracts.matching import Absent, Sought
    from services.agency.faults import fault

    def asked(what: str) -> str | None:
        return typer.prompt(what, default="", show_default=False, err=True).strip() or None

    said = {
        "nhs_number": asked("NHS number (empty if not given)"),
        "upn": asked("Unique pupil number"),
        "name": asked("Name, given names first"),
        "born_on": asked("Date of birth, as 2015-03-04"),
        "postcode": asked("Postcode"),
    }
    if said["nhs_number"] is None:
        said["nhs_number_absent"] = asked(f"Why no NHS number ({', '.join(Absent)})")
    try:
        return Sought.model_validate(said)
    except ValidationError:
        raise fault("match.invalid") from None


def _show(told: dict[str, Any]) -> None:
    references = ", ".join(plain(one) for one in told["references"])
    if told["verdict"] == "known_here":
        say(f"Known here under {references}. Send your message about that reference.")
        return
    if told["verdict"] == "possibly":
        say("Possibly known: First Response and the CAF team are shown it once you have referred.")
        if references:
            say(f"Of those your own agency has a part in: {references}.")
    else:
        say("Not known here.")
    say(f"Refer under the new reference {plain(told['fresh'])}.")
