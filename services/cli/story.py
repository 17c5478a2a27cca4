"""`handrail story`: what is still to ask a family, forms filled in already, and how often we asked.

A family tells its story once: what it has told, and may be read, need not be asked again.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.break_glass import break_glass
from services.cli.options import As, Dir, Json, load
from services.cli.output import command, plain, print_json, say, table, warn

if TYPE_CHECKING:
    from services.agency.filling import What
    from services.runtime.partnership import Partnership

app = typer.Typer(no_args_is_help=True, help="What families have told already.")

_LONGEST_PURPOSE = 200

app.command("break-glass")(break_glass)

Child = Annotated[str, typer.Argument(help="The child's reference.")]
Form = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help="referral, step-up, caf or step-down, or the kind of message, as stepup.requested.",
    ),
]
Purpose = Annotated[
    str, typer.Option(metavar="TEXT", help="Why it is read; recorded with the read.")
]


@app.callback()
def _group() -> None:
    """Read what families have told, so that nobody asks them again."""


@app.command()
@command
def missing(
    child: Child,
    kind: Form,
    *,
    author: As,
    purpose: Purpose = "to see what is still to ask",
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Say what is still to ask before a form about a child is whole.

    Left out is what is held, fresh and may be read by your agency. Consent is decided again, and
    the read is recorded with your name.
    """
    told = _asked(state, "missing", child, kind, author, purpose)
    if as_json:
        print_json(told)
        return
    asked = told["missing"]
    say(f"{plain(told['title'])}: {len(asked)} of {told['places']} places are still to fill.")
    if asked:
        rows = [(q["question"], q["text"], _whom(q), _must(q)) for q in asked]
        table(("question", "what", "from", ""), rows)


@app.command()
@command
def prefill(
    child: Child,
    kind: Form,
    *,
    author: As,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write the document to this file, for you alone."
        ),
    ] = None,
    purpose: Purpose = "to fill in a form",
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Give a form about a child, filled in with what your agency may see of what was told.

    It is a plain document: complete its empty places, name recipients and basis, and send it with
    `handrail send`. Each answer keeps who said it, who recorded it and when, and the message that
    carried it first. Answers that contradict each other stand side by side.
    """
    told = _asked(state, "prefill", child, kind, author, purpose)
    if out is not None:
        _write(out, told["document"])
    if as_json:
        print_json(told)
        return
    if out is None:
        print_json(told["document"])
    say_filled = f"{told['filled']} of {told['places']} places are filled in"
    (say if out else warn)(f"{plain(told['title'])}: {say_filled}{f' in {out}' if out else ''}.")
    for one in told["contradictions"]:
        places = " and ".join(f"$.statements[{place}]" for place in one["statements"])
        warn(f"{plain(one['question'])}: the answers at {places} contradict each other")


@app.command()
@command
def measures(
    child: Annotated[
        str | None, typer.Argument(help="The child's reference; without it, the whole area.")
    ] = None,
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Show how often families were asked again (target 0) and how much of forms was not asked."""
    from services.cli.desk import ask_operator, wait_for

    about = {"child": child} if child else {}
    told = wait_for(ask_operator(load(state), "tracker.measures", **about))
    if as_json:
        print_json(told)
        return
    show_measures(told)
    rows = [
        (agency, one["answers"], one["asked_again"], _share(one))
        for agency, one in told.get("agencies", {}).items()
    ]
    if rows:
        table(("agency", "questions answered", "asked again", "filled without asking"), rows)


def show_measures(told: dict[str, Any]) -> None:
    """Print both measures of a child or of an area."""
    say(f"  asked again            {told['asked_again']} of {told['answers']} (target 0)")
    say(f"  filled without asking  {_share(told)}")


def _share(told: dict[str, Any]) -> str:
    if told["filled_without_asking"] is None:
        return "no form yet"
    counts = f"{told['carried']} of {told['form_statements']} statements"
    return f"{told['filled_without_asking']} % ({counts})"


def _whom(question: dict[str, Any]) -> str:
    return "family" if question["asked_of_family"] else "professionals"


def _must(question: dict[str, Any]) -> str:
    return "required" if question["required"] else ""


def _write(out: Path, document: dict[str, Any]) -> None:
    from services.cli.files import write_file

    write_file(out, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")


def _asked(
    state: Dir, what: "What", child: str, form: str, reader: str, purpose: str
) -> dict[str, Any]:
    from contracts.errors import HandrailError
    from contracts.identifiers import is_reference
    from services.cli.desk import wait_for

    if not 0 < len(purpose) <= _LONGEST_PURPOSE:
        raise HandrailError(
            "open.bad-purpose",
            "the purpose of a read is one short sentence",
            f"say it in at most {_LONGEST_PURPOSE} characters",
        )
    if not is_reference(child) or not 0 < len(form) <= _LONGEST_PURPOSE:
        raise HandrailError(
            "form.unreadable",
            "the child's reference or the name of the form is not one that there can be",
            "give the reference as a receipt gives it, and a form such as step-up",
        )
    return wait_for(_ask(load(state), what, child, form, reader, purpose))


async def _ask(
    partnership: "Partnership", what: "What", child: str, form: str, reader: str, purpose: str
) -> dict[str, Any]:
    from contracts.identifiers import agency_of
    from services.agency.filling import sign_form_request
    from services.cli.desk import desk
    from services.cli.output import now

    key = partnership.practitioner_key(reader)
    async with desk(partnership, agency_of(reader)) as place:
        return await place.ask(what, sign_form_request(key, what, form, child, purpose, now()))
