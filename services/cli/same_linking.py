"""`handrail same link` and `unlink`: two signed messages, the retired reference's always first."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command, now, print_json, warn

if TYPE_CHECKING:
    from services.agency.sending import Answered, NoAnswer
    from services.cli.desk import Desk
    from services.runtime.partnership import Partnership

Retired = Annotated[str, typer.Argument(help="The reference that does not go on.")]
Survivor = Annotated[str, typer.Argument(help="The reference under which the child goes on.")]
Signers = Annotated[
    list[str] | None,
    typer.Option(
        "--countersign",
        metavar="PRACTITIONER",
        help="Sign for this team manager too; in a demonstration partnership only.",
    ),
]
Tell = Annotated[
    list[str] | None,
    typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
]


@command
def link(  # noqa: PLR0913 - one parameter per option
    retired: Retired,
    survivor: Survivor,
    *,
    author: As,
    because: Annotated[
        str, typer.Option(help="same_identifier, family_confirmed or professional_judgement.")
    ],
    countersigners: Signers = None,
    tell: Tell = None,
    first: Annotated[
        str | None,
        typer.Option(
            metavar="MESSAGE", help="Complete a join: the message that retired the reference."
        ),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Join two references that are one child; the survivor's lead professional goes on.

    The retired reference's lead ends with the first message. Everybody with a part is told, each
    about the reference they know.
    """
    from services.cli.desk import wait_for

    said = {"survivor": survivor, "because": because}
    word = _Word(
        "child.linked",
        (retired, survivor),
        said,
        author,
        tuple(countersigners or ()),
        tuple(tell or ()),
    )
    work = _both(load(state), word, first=first, timeout_s=timeout, as_json=as_json)
    raise typer.Exit(wait_for(work))


@command
def unlink(  # noqa: PLR0913 - one parameter per option
    retired: Retired,
    survivor: Survivor,
    *,
    author: As,
    because: Annotated[str, typer.Option(help="different_children or wrong_identifier.")],
    countersigners: Signers = None,
    tell: Tell = None,
    first: Annotated[
        str | None,
        typer.Option(metavar="MESSAGE", help="Complete it: the message that released the first."),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Part two references again: the lead stays with the survivor, and the other needs a new one.

    Propose somebody for it with `handrail lead propose`.
    """
    from services.cli.desk import wait_for

    word = _Word(
        "child.unlinked",
        (retired, survivor),
        {"because": because},
        author,
        tuple(countersigners or ()),
        tuple(tell or ()),
    )
    work = _both(load(state), word, first=first, timeout_s=timeout, as_json=as_json)
    raise typer.Exit(wait_for(work))


@dataclass(frozen=True, slots=True)
class _Word:
    """What is said of two references, in the order in which it is said, and who signs it."""

    kind: str
    children: tuple[str, str]
    said: dict[str, Any]
    author: str
    countersigners: tuple[str, ...]
    also: tuple[str, ...]

    def written(self, number: int, told: list[str], answers: str | None) -> dict[str, Any]:
        """Return the document about one of the two, which may answer the message about another."""
        return {
            "kind": self.kind,
            "child": self.children[number],
            "basis": {"kind": "notice"},
            "data": {**self.said, "other": self.children[1 - number]},
            "recipients": list(dict.fromkeys((*told, *self.also))),
            "countersigners": [
                {"id": one, "capacity": "team_manager"} for one in self.countersigners
            ],
            **({"answers": answers} if answers else {}),
        }


async def _both(
    partnership: "Partnership", word: _Word, *, first: str | None, timeout_s: float, as_json: bool
) -> Exit:
    """Send what is said about the retired reference, and once it is accepted about the survivor."""
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.sending import may_countersign

    sent: list[dict[str, Any]] = []
    code = Exit.OK
    async with desk(partnership, agency_of(word.author)) as place:
        may_countersign(word.countersigners, place.directory)
        content, told = await _looked_up(place, word.kind, word.children, word.said)
        found = replace(word, said=content)
        for number in range(1 if first else 0, len(word.children)):
            child = word.children[number]
            written = found.written(number, told[child], first)
            answer, code = await _submitted(place, found, written, timeout_s, as_json=as_json)
            sent.append(_as_json(child, answer))
            if code is not Exit.OK:
                break
            first = sent[-1]["message"]
    if as_json:
        print_json({"messages": sent})
    if code is not Exit.OK and first is not None:
        warn(f"half done, with one lead: run it again with --first {first}")
    return code


async def _submitted(
    place: "Desk", word: _Word, written: dict[str, Any], timeout_s: float, *, as_json: bool
) -> tuple["Answered | NoAnswer", Exit]:
    from contracts import document as documents
    from services.cli.messages import seal_document
    from services.cli.sending import tell as show

    made = documents.parse(written)
    signed = (word.author, now(), word.countersigners)
    sealed = seal_document(place.partnership, place.directory, made, *signed)
    answer = await place.submit(sealed, timeout_s)
    code = _exit(answer) if as_json else show(sealed, answer, place.directory, as_json=False)
    return answer, code


def _as_json(child: str, answer: "Answered | NoAnswer") -> dict[str, Any]:
    from services.agency.sending import NoAnswer

    if isinstance(answer, NoAnswer):
        return {"child": child, "message": answer.message, "outcome": None}
    return {
        "child": child,
        "message": answer.decision.message,
        "outcome": answer.decision.outcome.value,
        "reasons": [ground.model_dump() for ground in answer.decision.reasons],
    }


def _exit(answer: "Answered | NoAnswer") -> Exit:
    from services.agency.sending import NoAnswer

    if isinstance(answer, NoAnswer):
        return Exit.NO_ANSWER
    outcomes = {"accepted": Exit.OK, "held": Exit.HELD}
    return outcomes.get(answer.decision.outcome.value, Exit.REFUSED)


async def _looked_up(
    place: "Desk", kind: str, children: tuple[str, str], said: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the content with who leads the survivor, and by reference who has to be told.

    As the tracker has it; whether it is still so is for the exchange.
    """
    from services.cli.desk import ask_operator

    told: dict[str, list[str]] = {}
    for child in children:
        journey = (await ask_operator(place.partnership, "tracker.track", child=child))["journey"]
        told[child] = [agency for agency in journey["involved"] if agency != place.agency]
    if kind == "child.linked":
        lead = journey["lead"]
        said = {**said, **({"lead": lead["practitioner"]} if lead else {})}
    return said, told
