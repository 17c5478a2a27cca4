"""`handrail lead`: proposing a lead professional, and the answer of the person proposed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.chain import chain
from services.cli.handing_on import withdraw
from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command

if TYPE_CHECKING:
    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership

app = typer.Typer(
    no_args_is_help=True,
    help="Hand over the lead: propose somebody, and accept or refuse. Until it is accepted, "
    "whoever leads now goes on.",
)

Also = Annotated[
    list[str] | None,
    typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
]
Proposal = Annotated[str, typer.Argument(help="The id of the proposal, as `inbox` shows it.")]
Child = Annotated[
    str | None,
    typer.Option(metavar="CHILD", help="The child, where your own agency made the proposal."),
]


@app.command()
@command
def propose(
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    practitioner: Annotated[str, typer.Argument(help="Who is asked to lead.")],
    *,
    author: As,
    also: Also = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Propose a lead professional; the person proposed and whoever leads now are told."""
    from services.cli.desk import wait_for

    work = _propose(
        load(state),
        child,
        practitioner,
        author,
        also=tuple(also or ()),
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


@app.command()
@command
def accept(
    proposal: Proposal,
    *,
    author: As,
    child: Child = None,
    also: Also = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Accept to lead: from the exchange's acceptance on, you are the lead professional."""
    _respond("lead.accepted", proposal, author, child, also, timeout, state, as_json=as_json)


@app.command()
@command
def refuse(
    proposal: Proposal,
    *,
    author: As,
    child: Child = None,
    also: Also = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Decline to lead: whoever leads now goes on, and somebody else can be proposed."""
    _respond("lead.refused", proposal, author, child, also, timeout, state, as_json=as_json)


def _respond(  # noqa: PLR0913 - the options of two commands
    kind: str,
    proposal: str,
    author: str,
    child: str | None,
    also: list[str] | None,
    timeout_s: float,
    state: Dir,
    *,
    as_json: bool,
) -> None:
    from services.cli.desk import wait_for

    work = _answer(
        load(state),
        kind,
        proposal,
        author,
        child=child,
        also=tuple(also or ()),
        timeout_s=timeout_s,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


async def _propose(
    partnership: "Partnership",
    child: str,
    practitioner: str,
    author: str,
    *,
    also: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import send_answer
    from services.cli.telling import recipients

    own, theirs = agency_of(author), agency_of(practitioner)
    async with desk(partnership, own) as place:
        told = await recipients(
            partnership, own, child, others=(theirs, *also), must_be_known=True, replaces=True
        )
        if theirs == own and own not in told:
            told.append(own)
        written = {
            "kind": "lead.proposed",
            "child": child,
            "basis": {"kind": "notice"},
            "data": {"practitioner": practitioner},
            "recipients": [
                {"agency": agency, "practitioner": practitioner} if agency == theirs else agency
                for agency in told
            ],
        }
        code, _ = await send_answer(place, written, author, timeout_s=timeout_s, as_json=as_json)
        return code


async def _answer(  # noqa: PLR0913 - who answers which proposal, and how
    partnership: "Partnership",
    kind: str,
    proposal: str,
    author: str,
    *,
    child: str | None,
    also: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import note, send_answer
    from services.cli.telling import recipients

    own = agency_of(author)
    async with desk(partnership, own) as place:
        about, proposer = await _proposal(place, proposal, child)
        told = await recipients(partnership, own, about, others=(proposer, *also))
        written = {
            "kind": kind,
            "child": about,
            "basis": {"kind": "notice"},
            "answers": proposal,
            "recipients": told,
        }
        code, answer = await send_answer(
            place, written, author, timeout_s=timeout_s, as_json=as_json
        )
        if proposer != own:
            await note(place, proposal, "decided", answer)
        return code


async def _proposal(place: "Desk", proposal: str, child: str | None) -> tuple[str, Any]:
    """Return the child and the proposing agency; an agency's own proposal is not in its inbox."""
    from services.cli.receiving import delivery

    if child is not None:
        return child, place.agency
    held = await delivery(place, proposal)
    return held["child"], held["from"]


app.command()(withdraw)
app.command()(chain)
