"""What commands print: for people in sentences and tables, with `--json` for machines.

Errors are told as code, message and remedy. What another agency wrote is shown as plain text:
nothing in it moves a terminal's cursor or counts as markup.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import ParamSpec, TypeVar

import typer

from contracts.errors import HandrailError

P = ParamSpec("P")
T = TypeVar("T")

_PIPED_COLUMNS = 200
_NO_ANSWER = frozenset(
    {
        "nats.not-running",
        "nats.unreachable",
        "service.unreachable",
        "service.no-answer",
        "quarantine.not-asked",
        "lane.full",
    }
)


class Exit(IntEnum):
    """What a command's exit code says."""

    OK = 0
    ERROR = 1
    USAGE = 2
    REFUSED = 3
    NO_ANSWER = 4
    HELD = 5


def command(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a command: what it raises on purpose, or the system, ends it with exit code 1.

    A command's own switch for JSON is called `as_json`.
    """
    return _ending(function, lambda _: Exit.ERROR)


def asking(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a command that asks a running system, as `command` does: 4 where none answers."""
    return _ending(
        function, lambda error: Exit.NO_ANSWER if error.code in _NO_ANSWER else Exit.ERROR
    )


def sending(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a command that sends, as `command` does; its exit code tells why nothing was sent.

    What is refused here for a reason that the exchange would give counts as refused, a server that
    cannot be reached as no answer.
    """
    return _ending(function, _why_unsent)


def _why_unsent(error: HandrailError) -> Exit:
    from contracts.reasons import reasons

    if error.code in _NO_ANSWER:
        return Exit.NO_ANSWER
    return Exit.REFUSED if error.code in reasons() else Exit.ERROR


def _ending(function: Callable[P, T], exit_of: Callable[[HandrailError], Exit]) -> Callable[P, T]:
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except HandrailError as error:
            told = error
        except BrokenPipeError:
            raise
        except OSError as error:
            told = _by_system(error)
        tell_error(told, as_json=bool(kwargs.get("as_json")))
        raise typer.Exit(exit_of(told))

    return run


def _by_system(error: OSError) -> HandrailError:
    where = f" ({error.filename})" if error.filename else ""
    return HandrailError(
        "system.failed",
        f"the operating system refused: {error.strerror or type(error).__name__}{where}",
        "see that the folder exists, may be written and has space, and try again",
    )


def tell_error(error: HandrailError, *, as_json: bool) -> None:
    """Print an error: JSON on standard output, or sentences on standard error."""
    if as_json:
        told = {"code": error.code, "message": error.message, "remedy": error.remedy}
        print_json({"error": told})
        return
    typer.secho(f"{plain(error.code)}: {plain(error.message)}", fg="red", err=True)
    typer.echo(f"  what to do: {plain(error.remedy)}", err=True)


def print_json(made: Mapping[str, object]) -> None:
    """Print one JSON object; instants and other values as text."""
    sys.stdout.write(json.dumps(made, indent=2, ensure_ascii=False, default=str) + "\n")


def say(text: str) -> None:
    """Print a sentence for people; untrusted parts must have gone through `plain`."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print a warning on standard error, also beside JSON."""
    typer.secho(f"note: {text}", fg="yellow", err=True)


def plain(value: object) -> str:
    """Return text that shows as it is: what would control a terminal becomes a visible mark."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in str(value)
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; ids are folded onto another line rather than cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        # A reference that breaks over two lines cannot be copied.
        made.add_column(column, overflow="fold", no_wrap=column in ("message", "child"))
    for row in rows:
        made.add_row(*(Text(plain("" if cell is None else cell)) for cell in row))
    # Into a file or a pipe whole ids are worth more than a narrow page.
    Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS).print(made)


def when(instant: object) -> str:
    """Return an instant (datetime or RFC 3339 text) in local time, for reading; "-" for none."""
    if not instant:
        return "-"
    try:
        made = instant if isinstance(instant, datetime) else datetime.fromisoformat(str(instant))
    except ValueError:
        return plain(instant)
    return made.astimezone().strftime("%a %d %b %Y %H:%M %Z")


def now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)
