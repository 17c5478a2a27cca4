"""`handrail acknowledge` and `handrail decide`: what a person does about a request received."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.choices import Outcome, Provision
from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership

Message = Annotated[str, typer.Argument(help="The id of the request, as `inbox` shows it.")]
Also = Annotated[
    list[str] | None,
    typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
]

_DECISIONS = {
    "referral.submitted": "referral.decided",
    "stepup.requested": "stepup.decided",
    "stepdown.requested": "stepdown.decided",
}
"""By the kind of a request, the kind that decides it."""


@command
def acknowledge(
    message: Message,
    *,
    author: As,
    also: Also = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Say that a person here has taken a request: it stops the clock, and whoever asked is told.

    Who leads the support of the child is told as well.
    """
    from services.cli.desk import wait_for

    written = {"kind": "message.acknowledged", "basis": {"kind": "notice"}}
    work = _answer(
        load(state),
        message,
        author,
        written,
        also=tuple(also or ()),
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


@command
def decide(  # noqa: PLR0913 - one parameter per option
    message: Message,
    *,
    author: As,
    outcome: Annotated[
        Outcome,
        typer.Option(
            help="For a referral not_met, assess or section_47; for a step up not_accepted, assess "
            "or section_47; for a step down accepted or not_accepted."
        ),
    ],
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; a no must say it.")
    ] = None,
    next_steps: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What happens next.")
    ] = None,
    social_worker: Annotated[
        str | None, typer.Option(metavar="PRACTITIONER", help="Who will assess.")
    ] = None,
    encourage_caf: Annotated[
        bool, typer.Option("--encourage-caf", help="Advise the referrer to start a CAF.")
    ] = False,
    provision: Annotated[
        Provision, typer.Option(help="The duty on which the reason is shared, by Act and section.")
    ] = "CA2004-s10",
    also: Also = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Decide a request and tell whoever asked and whoever leads, with the reason.

    The kind of decision follows from the request. An outcome without words travels as a notice.
    """
    from services.cli.desk import wait_for

    said = {"decision.reason": reason, "decision.next_steps": next_steps}
    content = {"outcome": outcome, "social_worker": social_worker}
    written = {
        "data": {name: value for name, value in content.items() if value is not None}
        | ({"caf_encouraged": True} if encourage_caf else {}),
        **in_words({key: text for key, text in said.items() if text}, provision),
    }
    others = [*(also or ()), *([_agency(social_worker)] if social_worker else [])]
    work = _answer(
        load(state),
        message,
        author,
        written,
        also=tuple(others),
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


def in_words(said: dict[str, str], provision: str) -> dict[str, Any]:
    """Return basis and statements of a document that says `said`, by question, or is a notice."""
    if not said:
        return {"basis": {"kind": "notice"}}
    return {
        "basis": {"kind": "statutory_duty", "provision": provision},
        "statements": [
            {"question": key, "value": text, "said_by": "decision-maker", "standing": "opinion"}
            for key, text in said.items()
        ],
    }


async def _answer(
    partnership: "Partnership",
    message: str,
    author: str,
    written: dict[str, Any],
    *,
    also: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from services.cli.desk import desk
    from services.cli.receiving import delivery, note, request_in, send_answer
    from services.cli.telling import recipients

    agency = _agency(author)
    async with desk(partnership, agency) as place:
        held = await delivery(place, message)
        request, kind = request_in(held)
        whole = {
            **written,
            "kind": _answer_to(kind, written.get("kind")),
            "child": held["child"],
            "answers": request,
            "recipients": await recipients(
                partnership, agency, held["child"], answers=request, others=(held["from"], *also)
            ),
        }
        code, answer = await send_answer(place, whole, author, timeout_s=timeout_s, as_json=as_json)
        state = "acknowledged" if whole["kind"] == "message.acknowledged" else "decided"
        await note(place, held["message"], state, answer)
        return code


def _answer_to(kind: str | None, acknowledges: str | None) -> str:
    """Return the kind that decides a request of `kind`, or acknowledges it where that is meant.

    `kind` is None for a redirected request of a kind that was not said. Raises
    `answer.no-request`.
    """
    from contracts.errors import HandrailError
    from contracts.messages import KINDS

    if acknowledges is None and kind in _DECISIONS:
        return _DECISIONS[kind]
    if acknowledges is not None and (kind is None or (kind in KINDS and KINDS[kind].asks)):
        return acknowledges
    raise HandrailError(
        "answer.no-request",
        "that message is not a request that can be acknowledged or decided",
        "a proposed lead professional answers with `handrail lead accept` or `lead refuse`; "
        "any other request is answered with a document and `handrail send`",
    )


def _agency(practitioner: str) -> str:
    from contracts.identifiers import agency_of

    return agency_of(practitioner)
