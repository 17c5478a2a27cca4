"""`handrail story break-glass`: read beyond consent, for a reason of which a person is told."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.protecting import BreakGlassReason
from services.cli.options import As, Dir, Json, load
from services.cli.output import command, now, print_json, say

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership

_LONGEST = 200


@command
def break_glass(
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    author: As,
    reason: Annotated[BreakGlassReason, typer.Option(help="Why, by a code of the closed list.")],
    words: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Why, in your own words; recorded.")
    ],
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Read more of a child's story than consent allows, where a child needs it now.

    Your agency has to have a part in the child's journey. The read is recorded with your name, and
    a named person is told at once. What endangers somebody stays shut, except to protect a child.
    """
    from contracts.errors import HandrailError
    from services.cli.desk import wait_for

    if not 0 < len(words) <= _LONGEST:
        raise HandrailError(
            "open.bad-purpose",
            "the reason of a read is one short sentence",
            f"say it in at most {_LONGEST} characters",
        )
    told = wait_for(_break(load(state), child, author, reason, words))
    if as_json:
        print_json(told)
        return
    _show(told)


async def _break(
    partnership: "Partnership", child: str, reader: str, reason: BreakGlassReason, words: str
) -> dict[str, Any]:
    from pydantic import ValidationError

    from contracts.errors import HandrailError
    from contracts.identifiers import agency_of
    from services.agency.breaking import sign_glass_request
    from services.cli.desk import desk

    key = partnership.practitioner_key(reader)
    try:
        request = sign_glass_request(key, child, reason, words, now())
    except ValidationError:
        raise HandrailError(
            "open.bad-child",
            "that is not the reference of a child",
            "copy it from `handrail inbox` or `handrail track`",
        ) from None
    async with desk(partnership, agency_of(reader)) as place:
        return await place.ask("break_glass", request)


def _show(told: dict[str, Any]) -> None:
    from services.cli.showing import show_statements

    say("The glass is broken: this read is recorded, and a named person has been told of it.")
    show_statements(one["statement"] for one in told["statements"])
    if told["withheld"]:
        say(f"{told['withheld']} more stay shut.")
