"""Handing on: what is open with a colleague, and a proposal that its own agency takes back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command

if TYPE_CHECKING:
    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership


@command
def hand_on(
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    giver: Annotated[
        str, typer.Option("--from", metavar="ID", help="Whose work it was, also if they have left.")
    ],
    taker: Annotated[str, typer.Option("--to", metavar="ID", help="Who takes it on.")],
    author: As,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Hand on what is open about a child to a colleague of the same agency.

    What is addressed to the one shows for the other from then on. The person signs, or their
    manager. The lead does not move by it: propose somebody with `handrail lead propose`.
    """
    from contracts.identifiers import agency_of
    from services.cli.desk import wait_for

    written = {
        "kind": "work.handed-on",
        "child": child,
        "basis": {"kind": "notice"},
        "data": {"from_practitioner": giver, "to_practitioner": taker},
        "recipients": [agency_of(author)],
    }
    work = _send(load(state), written, author, timeout_s=timeout, as_json=as_json)
    raise typer.Exit(wait_for(work))


@command
def withdraw(
    proposal: Annotated[str, typer.Argument(help="The id of your agency's own proposal.")],
    *,
    author: As,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Take back a proposal that nobody has answered: whoever leads now goes on.

    Everybody whom the proposal reached is told.
    """
    from services.cli.desk import wait_for

    written = {
        "kind": "lead.withdrawn",
        "basis": {"kind": "notice"},
        "answers": proposal,
        "recipients": list(also or ()),
    }
    work = _send(load(state), written, author, timeout_s=timeout, as_json=as_json)
    raise typer.Exit(wait_for(work))


async def _send(
    partnership: "Partnership",
    written: dict[str, Any],
    author: str,
    *,
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import send_answer

    async with desk(partnership, agency_of(author)) as place:
        whole = written if "child" in written else await _addressed(place, written)
        code, _ = await send_answer(place, whole, author, timeout_s=timeout_s, as_json=as_json)
        return code


async def _addressed(place: "Desk", written: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the child and the recipients of the message that it answers.

    They stand in that message's receipt: an agency's own message is not in its inbox. Raises
    HandrailError `lead.no-proposal`.
    """
    from contracts.identifiers import is_reference
    from contracts.seal import refused
    from services.agency.sending import receipt_of

    proposal = written["answers"]
    found = (
        await receipt_of(place.client, place.partnership, place.directory, place.agency, proposal)
        if is_reference(proposal)
        else None
    )
    if found is None or found.decision.child is None:
        raise refused("lead.no-proposal")
    told = dict.fromkeys((*(to.agency for to in found.decision.to), *written["recipients"]))
    return {**written, "child": found.decision.child, "recipients": list(told)}
