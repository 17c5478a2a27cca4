"""`handrail explain-miss`: the reason why a standard of time was missed (000 l.37)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.choices import Cause, Provision
from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership


@command
def explain_miss(  # noqa: PLR0913 - one parameter per option
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    clock: Annotated[
        str,
        typer.Argument(metavar="CLOCK-ID", help="The clock, as `track` shows it: RULE:MESSAGE."),
    ],
    *,
    author: As,
    cause: Annotated[
        Cause,
        typer.Option(
            help="workload, absence, family_unavailable, information_awaited, system or other."
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="The reason, in words.")],
    provision: Annotated[
        Provision, typer.Option(help="The duty on which the reason is shared, by Act and section.")
    ] = "CA2004-s10",
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Record why a standard was missed: signed, beside the clock, and before the manager.

    Somebody of the agency whose standard it was explains; the manager who was told gets it.
    """
    from services.cli.answers import in_words
    from services.cli.desk import wait_for

    rule, started_by = _parts(clock)
    written = {
        "kind": "standard.explained",
        "child": child,
        "data": {"clock": rule, "started_by": started_by, "cause": cause},
        **in_words({"standard.reason": reason}, provision),
    }
    work = _send(
        load(state), written, author, also=tuple(also or ()), timeout_s=timeout, as_json=as_json
    )
    raise typer.Exit(wait_for(work))


def _parts(clock: str) -> tuple[str, str]:
    """Return rule and message of a clock's id; raises `explain.clock`."""
    from contracts.errors import HandrailError
    from contracts.identifiers import is_reference

    rule, _, message = clock.partition(":")
    if not rule or not is_reference(message):
        raise HandrailError(
            "explain.clock",
            "a clock is named by its rule and the message that started it",
            "copy the id from `handrail track CHILD`, such as acknowledge-request:01J...",
        )
    return rule, message


async def _send(
    partnership: "Partnership",
    written: dict[str, Any],
    author: str,
    *,
    also: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import send_answer

    own = agency_of(author)
    async with desk(partnership, own) as place:
        manager = await _manager(partnership, written)
        to: list[Any] = [agency for agency in dict.fromkeys(also) if agency != own]
        if manager is not None and manager != author:
            to = [agency for agency in to if agency != agency_of(manager)]
            to.append({"agency": agency_of(manager), "practitioner": manager})
        written = {**written, "recipients": to}
        code, _ = await send_answer(place, written, author, timeout_s=timeout_s, as_json=as_json)
        return code


async def _manager(partnership: "Partnership", written: dict[str, Any]) -> str | None:
    """Return who was told of the miss, or None where nobody was or no tracker is to be had."""
    from contracts.errors import HandrailError
    from services.cli.desk import ask_operator
    from services.cli.output import warn

    said = written["data"]
    try:
        told = await ask_operator(partnership, "tracker.track", child=written["child"])
    except HandrailError as error:
        if not error.code.startswith(("nkey.", "service.")):
            raise
        warn("the tracker is not to be had, so the manager who was told is not addressed")
        return None
    clock_id = f"{said['clock']}:{said['started_by']}"
    return next((c["manager"] for c in told["clocks"] if c["id"] == clock_id), None)
