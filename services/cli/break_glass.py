"""`handrail story break-glass`: read beyond consent, for a reason of which a person is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.protecting import BreakGlassReason
from services.cli.options import As, Dir, Json, load
from services.cli.output import command, now, print_json, say

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class _Asked:
    child: str
    reader: str
    reason: BreakGlassReason
    words: str
    attachments: Path | None


@command
def break_glass(
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    author: As,
    reason: Annotated[BreakGlassReason, typer.Option(help="Why, by a code of the closed list.")],
    words: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why, in your own words; recorded.")
    ],
    attachments: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Fetch the attached documents into this folder."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Read more of a child's story than consent allows, where a child needs it now.

    Your agency has to have a part in the child's journey. The read is recorded with your name, and
    a named person is told at once; that covers the documents of the statements shown. What
    endangers somebody stays shut, except to protect a child.
    """
    from contracts.errors import HandrailError
    from services.cli.desk import wait_for

    if not 0 < len(words) <= _LONGEST:
        raise HandrailError(
            "open.bad-purpose",
            "the reason of a read is one short sentence",
            f"say it in at most {_LONGEST} characters",
        )
    asked = _Asked(child, author, reason, words, attachments)
    told = wait_for(_break(load(state), asked))
    if as_json:
        print_json(told)
        return
    _show(told)


async def _break(partnership: "Partnership", asked: _Asked) -> dict[str, Any]:
    from pydantic import ValidationError

    from contracts.errors import HandrailError
    from contracts.identifiers import agency_of
    from services.agency.breaking import sign_glass_request
    from services.cli.attachments import Reader, fetch_all
    from services.cli.desk import desk

    key = partnership.practitioner_key(asked.reader)
    try:
        request = sign_glass_request(key, asked.child, asked.reason, asked.words, now())
    except ValidationError:
        raise HandrailError(
            "open.bad-child",
            "that is not the reference of a child",
            "copy it from `handrail inbox` or `handrail track`",
        ) from None
    async with desk(partnership, agency_of(asked.reader)) as place:
        told = await place.ask("break_glass", request)
        if asked.attachments is None:
            return told
        reader = Reader(asked.child, asked.words, key)
        given = [one for one in told["statements"] if "ticket" in one]
        return {**told, "attachments": await fetch_all(place, reader, given, asked.attachments)}


def _show(told: dict[str, Any]) -> None:
    from services.cli.showing import show_attachments, show_statements

    say("The glass is broken: this read is recorded, and a named person has been told of it.")
    show_statements(one["statement"] for one in told["statements"])
    show_attachments(told)
    if told["withheld"]:
        say(f"{told['withheld']} more stay shut.")
