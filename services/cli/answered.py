"""`handrail sent` and `handrail held`: what became of a message, and what still waits."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import As, Dir, Json, load
from services.cli.output import Exit, command, plain, print_json, say, sending, table, when

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership


@sending
def sent(
    message: Annotated[str, typer.Argument(help="The id of a message of your own agency.")],
    *,
    author: As,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Show what became of a message that your agency sent: accepted, refused and why, or held.

    The exchange's receipt is fetched and proved anew, whatever command sent the message.
    Exit code: 0 accepted, 3 refused, 5 held, 4 no answer yet, 1 any other error.
    """
    from services.cli.desk import wait_for

    raise typer.Exit(wait_for(_show(load(state), message, author, as_json=as_json)))


@command
def held(*, state: Dir = None, as_json: Json = False) -> None:
    """List the messages that are held until what they depend on arrives; for the operator.

    References and codes alone, and until when each waits.
    """
    from contracts.reasons import reasons
    from services.cli.desk import ask_operator, wait_for

    waiting = wait_for(ask_operator(load(state), "tracker.held"))["held"]
    if as_json:
        print_json({"held": waiting})
        return
    if not waiting:
        say("Nothing is held.")
        return
    known = reasons()
    table(
        ("message", "child", "from", "arrived", "until", "waits for"),
        (
            (
                one["message"],
                one["child"],
                one["agency"],
                when(one["arrived_at"]),
                when(one["until"]),
                "\n".join(f"{c}: {known[c].message if c in known else c}" for c in one["codes"]),
            )
            for one in waiting
        ),
    )


async def _show(partnership: "Partnership", message: str, author: str, *, as_json: bool) -> Exit:
    from contracts.identifiers import agency_of, is_reference
    from contracts.records import Outcome
    from services.agency.sending import receipt_of
    from services.cli.desk import desk
    from services.cli.showing import decision_json, show_decision

    async with desk(partnership, agency_of(author)) as place:
        found = None
        if is_reference(message):
            whole = (place.client, place.partnership, place.directory, place.agency, message)
            found = await receipt_of(*whole)
        if found is None:
            _tell_nothing(message, as_json=as_json)
            return Exit.NO_ANSWER
        decision = found.decision
        made: dict[str, Any] = {
            "message": message,
            "child": decision.child,
            "kind": decision.kind,
            **decision_json(decision, (), place.directory),
        }
        if as_json:
            print_json({**made, "receipt": found.receipt.model_dump(mode="json")})
        else:
            show_decision(made)
    return {
        Outcome.ACCEPTED: Exit.OK,
        Outcome.REFUSED: Exit.REFUSED,
        Outcome.HELD: Exit.HELD,
    }[decision.outcome]


def _tell_nothing(message: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"message": message, "outcome": "no_answer"})
        return
    say(f"No answer to a message {plain(message)} of this agency is known.")
    say("  what to do  compare the id and the agency; a message just sent is answered in seconds")
