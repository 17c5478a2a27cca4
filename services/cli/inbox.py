"""`handrail inbox` and `handrail open`: what an agency received, and reading it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import As, Dir, Json, load
from services.cli.output import command, now, plain, print_json, say, table, when

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership


_LONGEST_PURPOSE = 200
_WHY = {
    "named": "named",
    "role": "by role",
    "duty_desk": "duty desk",
    "covering": "covering for",
    "stands_in": "in the place of",
    "handed_on": "handed on from",
    "anybody": "no duty desk",
}


@command
def inbox(
    agency: Annotated[
        str | None,
        typer.Argument(help="Such as demo.first-response; without it, that of --as."),
    ] = None,
    *,
    reader: Annotated[
        str | None,
        typer.Option("--as", metavar="PRACTITIONER", help="Show what is for this person first."),
    ] = None,
    todo: Annotated[
        bool, typer.Option("--todo", help="Only what its desk has to do, in its order.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """List what an agency has received, without a word of any family.

    A child-protection message is marked with an exclamation mark, an alert with two. Each line says
    for whom it is: the person named, a role, the duty desk, or who covers or stands in for them.
    Nothing is hidden from the agency's desk.
    """
    from services.cli.desk import wait_for

    whose = _agency(agency, reader)
    told = wait_for(_ask_inbox(load(state), whose, "desk" if todo else "inbox", reader))
    if as_json:
        print_json(told)
        return
    table(
        ("", "message", "what", "child", "from", "received", "for", "state"),
        (
            (
                "!!" if one["alert"] else "!" if one["protection"] else "",
                one["message"],
                one["kind"],
                one["child"],
                one["from"],
                when(one["received"]),
                "\n".join(_for_whom(seen) for seen in one["seen_by"]),
                one["state"],
            )
            for one in told["messages"]
        ),
    )
    for name, count in (("more", told.get("more")), ("set aside", told.get("quarantined"))):
        if count:
            say(f"and {count} {name}")


@command
def open_(
    message: Annotated[str, typer.Argument(help="The id of a message, as `inbox` shows it.")],
    *,
    author: As,
    purpose: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it is read; recorded with the read.")
    ] = "to act on the message",
    story: Annotated[
        bool, typer.Option("--story", help="All that the agency may read of the child's story.")
    ] = False,
    attachments: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Fetch the attached documents into this folder."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Open a message: consent is decided again now, and the read is recorded with your name.

    What the family has not agreed to is withheld and only counted.
    """
    from contracts.errors import HandrailError
    from services.cli.desk import wait_for

    if not 0 < len(purpose) <= _LONGEST_PURPOSE:
        raise HandrailError(
            "open.bad-purpose",
            "the purpose of a read is one short sentence",
            f"say it in at most {_LONGEST_PURPOSE} characters",
        )
    asked = _Asked(message, author, purpose, story, attachments)
    told = wait_for(_read(load(state), asked))
    if as_json:
        print_json(told)
        return
    _show(told)


async def _ask_inbox(
    partnership: "Partnership", agency: str, what: str, reader: str | None
) -> dict[str, Any]:
    from services.cli.desk import desk

    asked = {"practitioner": reader} if reader else {}
    async with desk(partnership, agency) as place:
        return await place.ask(what, json.dumps(asked).encode())


def _agency(agency: str | None, reader: str | None) -> str:
    from contracts.errors import HandrailError
    from contracts.identifiers import agency_of

    if agency is None and reader is None:
        raise HandrailError(
            "inbox.whose",
            "whose inbox is not said",
            "name an agency, or a practitioner with --as",
        )
    return agency or agency_of(reader or "")


def _for_whom(seen: dict[str, Any]) -> str:
    """Return who sees a line and why, in words; the ids without their partnership and agency."""
    name, of = (str(seen[key] or "").rpartition(".")[2] for key in ("practitioner", "of"))
    return f"{name} ({_WHY.get(seen['why'], seen['why'])}{f' {of}' if of else ''})"


@dataclass(frozen=True, slots=True)
class _Asked:
    message: str
    reader: str
    purpose: str
    whole: bool
    attachments: Path | None


async def _read(partnership: "Partnership", asked: _Asked) -> dict[str, Any]:
    from contracts.identifiers import agency_of
    from services.agency.reading import sign_request
    from services.cli.attachments import Reader, fetch_all
    from services.cli.desk import desk
    from services.cli.receiving import delivery

    key = partnership.practitioner_key(asked.reader)
    async with desk(partnership, agency_of(asked.reader)) as place:
        about = await delivery(place, asked.message)
        one = None if asked.whole else asked.message
        request = sign_request(key, about["child"], one, asked.purpose, now())
        told = {"delivery": about, **await place.ask("open", request)}
        if asked.attachments is None:
            return told
        reader = Reader(about["child"], asked.purpose, key)
        found = await fetch_all(place, reader, told["statements"], asked.attachments)
        return {**told, "attachments": found}


def _show(told: dict[str, Any]) -> None:
    from services.cli.showing import content_words, show_attachments, show_statements, title

    about = told["delivery"]
    say(f"{title(about['kind'])} ({about['kind']}), message {about['message']}")
    say(f"  about child  {about['child']}")
    say(f"  from         {about['from']}, {plain(about['author']['id'])}")
    say(f"  received     {when(about['received'])}")
    say(f"  basis        {about['basis']['kind']}")
    for name, value in about["content"].items():
        say(f"  {name:<12} {content_words(value)}")
    show_statements(one["statement"] for one in told["statements"])
    show_attachments(told)
    withheld = told["withheld"]
    if withheld is None:
        say("Opened with the agency's own key, because the story service did not answer.")
    elif withheld:
        say(f"{withheld} more withheld: no consent in force covers them now.")
