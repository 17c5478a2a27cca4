"""`handrail track` and `tracker`: what the operator may ask of the tracker."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, plain, print_json, say, table, when
from services.cli.story import show_measures
from services.cli.tracking_tables import show_clocks, show_messages, show_telling

tracker = typer.Typer(no_args_is_help=True, help="The tracker's own store.")


@command
def track(
    child: Annotated[str, typer.Argument(help="The child's reference, as a receipt gives it.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Show a child's journey: messages, who was told of each, clocks, and who led when.

    It holds references, codes and dates, and no word of a family.
    """
    told = _asked(state, "tracker.track", child=child)
    if as_json:
        print_json(told)
        return
    _show_journey(told["journey"], child)
    show_messages(told["messages"], told["told"])
    show_telling(told["telling"])
    show_clocks(told["clocks"])
    _show_custody(told["custody"])
    say("\nTold once")
    show_measures(told["told_once"])


@tracker.command()
@command
def rebuild(*, state: Dir = None, as_json: Json = False) -> None:
    """Build the tracker's store again from the ledger; nothing is sent twice by it."""
    _tell(_asked(state, "tracker.rebuild"), as_json=as_json)


@tracker.command()
@command
def status(*, state: Dir = None, as_json: Json = False) -> None:
    """Show how far the tracker has come and how many clocks run, are kept or were missed."""
    _tell(_asked(state, "tracker.status"), as_json=as_json)


def _asked(state: Dir, subject: str, **body: object) -> dict[str, Any]:
    from services.cli.desk import ask_operator, wait_for

    return wait_for(ask_operator(load(state), subject, **body))


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        counts = value.items() if isinstance(value, dict) else ()
        words = ", ".join(f"{key} {count}" for key, count in counts)
        say(f"{name:<12} {plain(words or value)}")


def _show_journey(journey: Mapping[str, Any], child: str) -> None:
    lead = journey["lead"]
    led = f"{lead['practitioner']} since {when(lead['since'])}" if lead else "nobody"
    say(f"Child {child}")
    say(f"  level of help      {journey['level'].replace('_', ' ')}")
    say(f"  social care        {'case open' if journey['case_open'] else 'no open case'}")
    say(f"  lead professional  {led}")
    for what, said in _remarks(journey):
        say(f"  {what:<17}  {said}")
    for proposal in journey["proposals"]:
        say(f"  proposed to lead   {proposal['practitioner']} on {when(proposal['at'])}")
    for request in journey["open_requests"]:
        taken = "acknowledged" if request["acknowledged"] else "not acknowledged yet"
        say(f"  open request       {request['message']}, {request['kind']}, {taken}")


def _remarks(journey: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what somebody who looks at the journey for the first time must not overlook."""
    if journey["linked_into"]:
        yield "retired", f"the child goes on under {plain(journey['linked_into'])}; write there"
    for retired in journey["linked"]:
        yield "same child", f"{plain(retired)} was retired into this reference"
    if journey["support"] == "declined":
        yield "family", "has declined support; nobody asks again unless it wishes"
    if journey["moved_to"]:
        yield "family", f"has moved to {plain(journey['moved_to'])}"
    if journey["lead_left"]:
        yield "lead", "has left; somebody else has to be proposed"
    assessment = journey["assessment"]
    if assessment:
        begun = "under way" if assessment["started"] else "called for, not started yet"
        yield "assessment", f"{begun}, by {plain(assessment['by'])}"


def _show_custody(custody: Iterable[Mapping[str, Any]]) -> None:
    rows = [(c["practitioner"], when(c["from"]), when(c["to"])) for c in custody]
    if rows:
        say("\nWho led")
        table(("lead professional", "from", "to"), rows)
