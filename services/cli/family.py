"""`handrail family`: the page a family may ask for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say

if TYPE_CHECKING:
    from contracts.directory import Directory
    from services.runtime.partnership import Partnership

_TITLE = "My story: who holds it, and what happens next"


@command
def family(
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    author: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="PRACTITIONER",
            help="Who asks for the family; without it the lead professional.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the page as HTML; into a folder as page.html."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print it as text as well.")] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write one page for a family: who holds their story, who has seen it, what happens next.

    It has no word that anybody said and nothing about other children. That it was asked for is
    recorded with your name. Child-protection concerns are never on it.
    """
    from services.cli.desk import wait_for
    from services.cli.family_page import as_html, as_text
    from services.cli.family_words import agency_name, moment, sections
    from services.cli.files import write_file

    facts, directory, asker = wait_for(_ask(load(state), child, author))
    if as_json:
        print_json(facts)
        return
    made = f"Made on {moment(facts['at'])} by {agency_name(directory, asker)}."
    intro = (made, f"Reference: {child}. Keep this page where only you can read it.")
    parts = sections(facts, directory)
    if html is not None:
        target = html / "page.html" if html.is_dir() else html
        write_file(target, as_html(_TITLE, intro, parts).encode())
        say("Written. Print it or hand it over; do not send it by unprotected e-mail.")
    if text or html is None:
        say(as_text(_TITLE, intro, parts))


async def _ask(
    partnership: "Partnership", child: str, author: str | None
) -> "tuple[dict[str, Any], Directory, str]":
    from contracts.identifiers import agency_of
    from services.agency.personal import FamilyRequest
    from services.cli.asking_personally import ask_personally
    from services.cli.desk import desk

    asker = author or await _lead(partnership, child)
    own = agency_of(asker)
    async with desk(partnership, own) as place:
        purpose = "the family asked who holds their story"
        facts = await ask_personally(place, asker, "family", FamilyRequest, child, purpose, now())
        return facts, place.directory, own


async def _lead(partnership: "Partnership", child: str) -> str:
    """Return the lead professional; raises `family.who-asks` where that is not known here."""
    from contracts.errors import HandrailError
    from services.cli.telling import journey_of

    try:
        journey = await journey_of(partnership, child)
    except HandrailError:
        journey = None
    if journey is None or journey.lead is None:
        raise HandrailError(
            "family.who-asks",
            "who asks for the family is not said, and no lead professional is known here",
            "name yourself with --as",
        )
    return journey.lead.practitioner
