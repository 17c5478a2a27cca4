"""`handrail report`: what the partnership did in a period, from the tracker's tables."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json

app = typer.Typer(no_args_is_help=True, help="What the partnership did, in numbers.")


class Format(StrEnum):
    """How a report is printed."""

    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"


class Reader(StrEnum):
    """Who reads it: somebody entitled to every number, or anybody."""

    FULL = "full"
    PUBLIC = "public"


@app.callback()
def _group() -> None:
    """Report on a period."""


@app.command()
@command
def quarter(  # noqa: PLR0913 - one parameter per option
    *,
    of: Annotated[
        str | None,
        typer.Option(
            "--quarter",
            help="A quarter of the calendar year, such as 2026-Q3. Without it and without days: "
            "the last one that is over.",
        ),
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, of London."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, of London."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="md, csv or json.")] = Format.MARKDOWN,
    reader: Annotated[
        Reader,
        typer.Option(help="public: a quarter that is over, without small numbers or the sample."),
    ] = Reader.FULL,
    sample: Annotated[
        int, typer.Option(min=0, max=500, help="How many journeys to draw for an audit.")
    ] = 10,
    seed: Annotated[
        str | None,
        typer.Option(help="Draw the audit sample by this seed again; printed with every sample."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Report on a quarter: volumes, times, misses and why, who was told, and an audit sample.

    It holds references, codes and counts, and no word of a family.
    """
    import secrets

    from services.cli.desk import ask_operator, wait_for
    from services.cli.output import say
    from services.cli.report_days import days_of
    from services.cli.report_writing import as_csv, as_markdown

    days = days_of(of, first.date() if first else None, last.date() if last else None, now())
    asked = {
        "first": days[0].isoformat(),
        "last": days[1].isoformat(),
        "reader": reader.value,
        "seed": seed or secrets.token_hex(8),
        "sample": sample,
    }
    told = wait_for(ask_operator(load(state), "tracker.report", **asked))
    if as_json or form is Format.JSON:
        print_json(told)
    else:
        say((as_csv if form is Format.CSV else as_markdown)(told).rstrip("\r\n"))
