"""`handrail access`: a copy of everything held about a child, for the family (UK GDPR art. 15)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.roles import Requester
from services.cli.options import As, Dir, Json, load
from services.cli.output import command, now, print_json, say, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership

_TITLE = "A copy of what is held about me"
_PURPOSE = "to answer the family's request for a copy"
_Digests = Annotated[
    list[str] | None,
    typer.Option(metavar="DIGEST", help="Give this statement, which a rule keeps back; repeat."),
]


@command
def access(  # noqa: PLR0913 - one parameter per option
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    author: As,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A folder that is new or empty.")],
    requester: Annotated[
        Requester | None,
        typer.Option(
            "--for",
            help="Whom it is for: their own words are given; without it nobody's are, unless named "
            "with --release.",
            show_default=False,
        ),
    ] = None,
    release: _Digests = None,
    keep_back: Annotated[
        list[str] | None,
        typer.Option(metavar="DIGEST", help="Do not give this statement; repeat for more."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write a copy of everything held, without what is about or was said by other people.

    For a data protection officer or a team manager. `copy.txt` and `copy.json` are for the family,
    once `review.txt`, which is not, has been looked through. Recorded as a read with your name.
    """
    from services.cli.access_copy import copy_sections, divided, review_lines
    from services.cli.desk import wait_for
    from services.cli.family_page import as_text
    from services.cli.family_words import agency_name, moment
    from services.cli.files import write_file

    _must_be_empty(out)
    said = {
        "requester": requester,
        "release": tuple(release or ()),
        "keep_back": tuple(keep_back or ()),
    }
    parts, receipts, directory, own = wait_for(_ask(load(state), child, author, said))
    copy = divided(parts, receipts)
    intro = (
        f"Made on {moment(copy.given['made_at'])} by {agency_name(directory, own)}.",
        f"Reference: {child}.",
    )
    text = as_text(_TITLE, intro, copy_sections(copy.given, directory))
    review = "\n".join(review_lines(copy.review, directory)) + "\n"
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in (
        ("copy.txt", text),
        ("copy.json", json.dumps(copy.given, indent=2, ensure_ascii=False)),
        ("review.txt", review),
        ("review.json", json.dumps(copy.review, indent=2, ensure_ascii=False)),
    ):
        write_file(out / name, content.encode())
    counts = {
        "statements": len(copy.given["statements"]),
        "kept_back": copy.given["kept_back"],
        "to_review": len(copy.review["statements"]),
        "receipts": len(copy.given["receipts"]),
    }
    if as_json:
        print_json(counts)
        return
    say(f"Written: {counts['statements']} statements, {counts['kept_back']} kept back.")
    warn(f"look at the {counts['to_review']} statements in review.txt before the copy is given")


def _must_be_empty(folder: Path) -> None:
    from contracts.errors import HandrailError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HandrailError(
            "access.folder-used",
            "that folder is not empty, and a copy must not be mixed with anything else",
            "name a folder that is new or empty",
        )


async def _ask(
    partnership: "Partnership", child: str, author: str, said: "Mapping[str, object]"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Any, str]:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk

    async with desk(partnership, agency_of(author)) as place:
        parts = await _parts(place, author, child, part="statements", **said)
        receipts = await _parts(place, author, child, part="receipts")
        several = [one for part in receipts for one in part["receipts"]]
        return parts, several, place.directory, place.agency


async def _parts(place: "Desk", author: str, child: str, **said: object) -> list[dict[str, Any]]:
    """Return every answer, asking on while there is more."""
    from services.agency.personal import AccessRequest
    from services.cli.asking_personally import ask_personally

    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = await ask_personally(
            place, author, "access", AccessRequest, child, _PURPOSE, now(), after=after, **said
        )
        found.append(answer)
        after = answer["next"]
    return found
