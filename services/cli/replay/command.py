"""The command `handrail replay cin`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command

if TYPE_CHECKING:
    from services.cli.replay.counting import Summary, Tally
    from services.runtime.partnership import Partnership

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def replay() -> None:
    """Send what was recorded before, as history: no clock starts and nobody is notified."""


@app.command()
@command
def cin(
    file: Annotated[Path, typer.Argument(help="A children in need census return, in XML.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Send every referral of a CIN census return, and what followed it, through the exchange.

    A referral goes from the agency that its source code names; First Response records those that
    persons made, and social care tells conferences, closures and deaths. What the file itself
    shows to be wrong is not sent. `handrail up` must be running on the same folder. Run it as
    often as you like: nothing is sent twice.
    """
    from services.cli.output import print_json

    summary = replay_file(load(state), file, shown=not as_json)
    if as_json:
        print_json(summary.as_json())
    else:
        _tell(summary)


def replay_file(partnership: "Partnership", file: Path, *, shown: bool) -> "Summary":
    """Replay the return in `file`; progress goes to a terminal's standard error when `shown`.

    Raises HandrailError `file.unreadable`, `cin.unreadable`, `nats.*`, `replay.*` or `key.*`.
    """
    import asyncio

    from services.cli.replay.prepare import prepared
    from services.cli.replay.sending import send_plan

    with (
        prepared(partnership, file) as (plan, memory, front),
        _progress(len(plan.kept) + sum(map(len, plan.children)), shown) as advance,
    ):
        return asyncio.run(send_plan(partnership, plan, memory, front, advance))


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns: tuple[Any, ...] = (
        TextColumn("Replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        Remaining(),
    )
    quiet = not (shown and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _tell(summary: "Summary") -> None:
    from services.cli.output import say, table

    def row(name: str, tally: "Tally") -> tuple[object, ...]:
        counts = (tally.sent, tally.accepted, tally.refused, tally.already_sent)
        return (name, tally.total, *counts)

    table(
        ("", "in the file", "sent", "accepted", "refused", "sent before"),
        (row("referrals", summary.referrals), row("what followed", summary.events)),
    )
    _tell_reasons("Why referrals were refused", summary.referrals.reasons)
    _tell_reasons("Why later events were refused", summary.events.reasons)
    _tell_reasons("What kept later events back", summary.events_kept)
    say(f"\nIt took {summary.seconds:.1f} s.")


def _tell_reasons(heading: str, counts: dict[str, int]) -> None:
    from contracts.cin import Fault
    from contracts.reasons import reasons
    from services.cli.output import say, table

    if not counts:
        return
    say(f"\n{heading}")
    known = {str(fault): fault.text for fault in Fault}
    told = reasons()
    rows = (
        (code, count, known.get(code) or (told[code].message if code in told else ""))
        for code, count in sorted(counts.items())
    )
    table(("code", "how many", "what it means"), rows)
