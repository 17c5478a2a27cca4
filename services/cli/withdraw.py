"""`handrail withdraw`: taking back a message that was sent in error."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.choices import WrongSending
from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command

if TYPE_CHECKING:
    from contracts.directory import Directory
    from contracts.records import Decision
    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership


@command
def withdraw(  # noqa: PLR0913 - one parameter per option
    message: Annotated[str, typer.Argument(help="The id of a message of your own agency.")],
    *,
    author: As,
    error: Annotated[
        WrongSending,
        typer.Option(
            help="wrong_child or wrong_recipient, which are counted as breaches, or sent_in_error."
        ),
    ],
    countersigners: Annotated[
        list[str] | None,
        typer.Option(
            "--countersign",
            metavar="PRACTITIONER",
            help="Sign for this manager too; in a demonstration partnership only.",
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Withdraw a message: nobody can read what it said any more, and whoever had it is told.

    An open request is open no more; what others have decided stands. Child protection is withdrawn
    from the wrong child or recipient only, with a manager's signature.
    """
    from services.cli.desk import wait_for

    work = _withdraw(
        load(state),
        message,
        author,
        error,
        countersigners=tuple(countersigners or ()),
        also=tuple(also or ()),
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


async def _withdraw(  # noqa: PLR0913 - what is withdrawn, by whom and how
    partnership: "Partnership",
    message: str,
    author: str,
    error: str,
    *,
    countersigners: tuple[str, ...],
    also: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import send_answer
    from services.cli.sending import may_countersign

    async with desk(partnership, agency_of(author)) as place:
        may_countersign(countersigners, place.directory)
        decision = await _accepted(place, message)
        asked = await _asked_since(place, decision.child, message)
        told = dict.fromkeys((*(to.agency for to in decision.to), *asked, *also))
        told.pop(place.agency, None)
        written = {
            "kind": "message.withdrawn",
            "child": decision.child,
            "basis": {"kind": "notice"},
            "data": {"message": message, "error": error},
            "recipients": list(told) or [place.agency],
            "countersigners": [_manager(place.directory, one, author) for one in countersigners],
        }
        code, _ = await send_answer(
            place,
            written,
            author,
            timeout_s=timeout_s,
            as_json=as_json,
            countersigners=countersigners,
        )
        return code


async def _accepted(place: "Desk", message: str) -> "Decision":
    """Return the decision by which the message was accepted; raises `withdrawal.unknown`."""
    from contracts.identifiers import is_reference
    from contracts.records import Outcome
    from contracts.seal import refused
    from services.agency.sending import receipt_of

    if not is_reference(message):
        raise refused("withdrawal.unknown")
    found = await receipt_of(
        place.client, place.partnership, place.directory, place.agency, message
    )
    if found is None or found.decision.outcome is not Outcome.ACCEPTED:
        raise refused("withdrawal.unknown")
    return found.decision


async def _asked_since(place: "Desk", child: str | None, message: str) -> tuple[str, ...]:
    """Return the agencies to which the request was redirected, as far as it is known here.

    The exchange refuses a withdrawal of which one of them does not learn, and names it.
    """
    from contracts.errors import HandrailError
    from services.cli.desk import ask_operator

    try:
        told = await ask_operator(place.partnership, "tracker.track", child=child)
    except HandrailError as error:
        if not error.code.startswith(("nkey.", "service.", "track.")):
            raise
        return ()
    copies = [one["id"] for one in told["messages"] if one["answers"] == message]
    copies = [one["id"] for one in told["messages"] if one["id"] in copies and _redirects(one)]
    return tuple(to["agency"] for to in told["told"] if to["message"] in copies)


def _redirects(message: dict[str, Any]) -> bool:
    return bool(message["kind"] == "request.redirected")


def _manager(directory: "Directory", signer: str, author: str) -> dict[str, Any]:
    """Return a countersigner with the capacity in which the directory knows them."""
    from services.cli.output import now

    over_author = signer in directory.line_managers(author, now())
    return {"id": signer, "capacity": "line_manager" if over_author else "team_manager"}
