"""`handrail redirect`: passing a request on to the agency where it belongs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.choices import Provision, WhyRedirected
from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command

if TYPE_CHECKING:
    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership

_CARRIED = ("consent", "statutory_duty", "court_order")
"""Bases that hold for the next agency as well, where they hold for it at all."""


@command
def redirect(  # noqa: PLR0913 - one parameter per option
    message: Annotated[str, typer.Argument(help="The id of the request, as `inbox` shows it.")],
    *,
    author: As,
    to: Annotated[str, typer.Option(metavar="AGENCY", help="Where the request belongs.")],
    because: Annotated[WhyRedirected, typer.Option(help="not_ours, other_area or other_service.")],
    provision: Annotated[
        Provision,
        typer.Option(
            help="The duty on which it is shared again where the referrer had set consent aside, "
            "which is nobody else's decision; by Act and section."
        ),
    ] = "CA1989-s17",
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Redirect a request with what it said, as it was first recorded; whoever asked is told.

    The new agency can acknowledge and decide it. Child protection goes on without delay and stays
    with you as well: to pass it on is never a refusal to act. Opening it is recorded as your read.
    """
    from services.cli.desk import wait_for

    work = _redirect(
        load(state),
        message,
        author,
        to,
        because,
        provision=provision,
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


async def _redirect(  # noqa: PLR0913 - what goes where, why and how
    partnership: "Partnership",
    message: str,
    author: str,
    to: str,
    because: str,
    *,
    provision: str,
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import delivery, note, request_in, send_answer

    async with desk(partnership, agency_of(author)) as place:
        held = await delivery(place, message)
        request, kind = request_in(held)
        statements = await _opened(place, held, author)
        written = {
            "kind": "request.redirected",
            "child": held["child"],
            "answers": request,
            "recipients": list(dict.fromkeys((to, await _referrer(place, held, request)))),
            "data": _content(held, to, because, kind),
            "basis": _basis(held, statements, provision),
            "statements": statements,
        }
        code, answer = await send_answer(
            place, written, author, timeout_s=timeout_s, as_json=as_json
        )
        if not held["protection"]:
            await note(place, held["message"], "decided", answer)
        return code


async def _opened(place: "Desk", held: dict[str, Any], author: str) -> list[dict[str, Any]]:
    """Return what the request said, with who said and recorded it and when; a read is recorded."""
    from services.agency.reading import sign_request
    from services.cli.output import now

    key = place.partnership.practitioner_key(author)
    asked = (held["child"], held["message"], "to redirect the request", now())
    told = await place.ask("open", sign_request(key, *asked))
    return [one["statement"] for one in told["statements"]]


async def _referrer(place: "Desk", held: dict[str, Any], request: str) -> str:
    """Return who asked: the sender, or of what was redirected before, as far as it is known here.

    The exchange refuses a redirection of which the referrer does not learn, and names it.
    """
    from services.cli.telling import journey_of

    sender: str = held["from"]
    if held["message"] == request:
        return sender
    journey = await journey_of(place.partnership, held["child"])
    asked = journey.request(request) if journey else None
    return asked.agency if asked else sender


def _content(held: dict[str, Any], to: str, because: str, kind: str | None) -> dict[str, Any]:
    protection = "child_protection" if held["protection"] else None
    said = {"to": to, "because": because, "of_kind": kind, "concern": protection}
    return {name: value for name, value in said.items() if value}


def _basis(held: dict[str, Any], statements: list[Any], provision: str) -> dict[str, Any]:
    first: dict[str, Any] = held["basis"]
    if held["protection"]:
        return first if first["kind"] == "child_protection" else {"kind": "child_protection"}
    if not statements:
        return {"kind": "notice"}
    if first["kind"] in _CARRIED:
        return first
    return {"kind": "statutory_duty", "provision": provision}
