"""`handrail rules`: which rules hold, why a message is refused, and mistakes in a pack."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, plain, print_json, say

if TYPE_CHECKING:
    from contracts.directory import RulesInForce
    from contracts.reasons import Reason
    from contracts.rules import RulePacks
    from services.cli.rules_wording import Row

_MOST: Final = 512 * 1024
_HEADINGS: Final = {
    "levels": "Levels of help",
    "roles": "What people are called",
    "clocks": "Times to keep",
    "guards": "What a message is checked for",
    "parts": "What a message must answer",
    "tells": "Who must be told",
}

app = typer.Typer(
    no_args_is_help=True, help="Show the rules in force, and what a refusal asks of you."
)


@app.command()
@command
def show(
    *,
    pack: Annotated[
        str | None,
        typer.Option(help="One pack alone, in force or not; without it, the rules in force."),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="One table: levels, roles, clocks, guards, parts or tells.")
    ] = None,
    at: Annotated[
        datetime | None, typer.Option(help="The rules in force at this instant (UTC).")
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Show what is asked, where that is written, how it was read, and what is changed here.

    Outside a partnership these are the rules of a partnership that names no packs of its own.
    """
    from services.cli.rules_wording import rows

    packs, change = _in_force(state, at.replace(tzinfo=UTC) if at else now())
    if pack is not None:
        packs, change = _alone(packs, change, pack)
    shown = list(rows(packs, change, _tables(table)))
    if as_json:
        since = change.since if change else None
        made = {"packs": packs.names, "since": since, "rules": [row.as_json() for row in shown]}
        print_json(made)
        return
    for one in packs.packs:
        say(plain(f"{one.title} ({one.name})"))
        say(plain(f"  {one.source}"))
    for name in _tables(table):
        _show_table(_HEADINGS[name], [row for row in shown if row.table == name])


@app.command()
@command
def explain(
    code: Annotated[str, typer.Argument(help="The code of a refusal, such as stepdown.too-soon.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Explain a refusal: what it means, where that is written, what to do, which rules raise it."""
    from services.cli.rules_wording import TABLES, rows

    reason = _reason(code)
    packs, change = _in_force(state, now())
    raised = [row for row in rows(packs, change, TABLES) if row.refuses == code]
    elsewhere = [row for row in _not_in_force(packs) if row.refuses == code]
    if as_json:
        print_json(
            {
                "code": reason.code,
                "message": reason.message,
                "citation": reason.citation,
                "remedy": reason.remedy,
                "rules": [row.as_json() for row in raised],
                "not_in_force": [row.as_json() for row in elsewhere],
            }
        )
        return
    _show_reason(reason)
    if raised:
        _show_table("Raised here by", raised)
    else:
        say("\nNo rule pack raises it here: it belongs to how messages work, and holds everywhere.")
    if elsewhere:
        _show_table("Packs that are not in force here would raise it too", elsewhere)


@app.command()
@command
def check(
    file: Annotated[Path, typer.Argument(help="A rule pack: one TOML file.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Load a rule pack and tell every mistake in it with its line; nothing is put in force.

    Without a mistake, it tells which rules in force the pack would replace.
    """
    from services.cli.rules_amending import read_pack

    pack = read_pack(file)
    packs, _ = _in_force(state, now())
    names = [f"{table}.{entry.id}" for table in _HEADINGS for entry in getattr(pack, table)]
    replaced = [name for name in names if packs.holder_of(*name.split(".", 1))]
    if pack.id in {held.id for held in packs.packs}:
        replaced = [f"the whole pack {pack.id}", *replaced]
    if as_json:
        made = {"pack": pack.name, "title": pack.title, "rules": len(names), "replaces": replaced}
        print_json(made)
        return
    say(plain(f"{pack.name}, {pack.title}: {len(names)} rules, no mistake."))
    if replaced:
        say(plain(f"It would replace {', '.join(replaced)}."))
    say(f"Next: handrail partnership rules set --own {plain(file)}")


def _in_force(state: Path | None, at: datetime) -> "tuple[RulePacks, RulesInForce | None]":
    from contracts.errors import HandrailError
    from contracts.rules import shipped_packs
    from contracts.rules.in_force import change_in_force, in_force
    from services.cli.amending import read_directory

    try:
        directory = read_directory(load(state))
    except HandrailError as error:
        if error.code != "partnership.missing" or state is not None:
            raise
        return shipped_packs(), None
    return in_force(directory, at), change_in_force(directory, at)


def _alone(
    packs: "RulePacks", change: "RulesInForce | None", name: str
) -> "tuple[RulePacks, RulesInForce | None]":
    """Return one pack: as it is in force here, with what is changed, or as it ships."""
    from contracts.rules import combine
    from contracts.rules.in_force import shipped_as

    for pack in packs.packs:
        if name in (pack.id, pack.name):
            return combine([pack]), change
    return combine([shipped_as(name)]), None


def _not_in_force(packs: "RulePacks") -> "list[Row]":
    from contracts.rules import SHIPPED, combine, shipped
    from services.cli.rules_wording import TABLES, rows

    here = {pack.id for pack in packs.packs}
    others = combine(shipped(name) for name in SHIPPED if name not in here)
    return list(rows(others, None, TABLES))


def _tables(table: str | None) -> tuple[str, ...]:
    from contracts.errors import HandrailError

    if table is None:
        return tuple(_HEADINGS)
    if table not in _HEADINGS:
        raise HandrailError(
            "rules.unknown-table",
            "rule packs have no table of that name to show",
            "choose one of " + ", ".join(_HEADINGS),
        )
    return (table,)


def _reason(code: str) -> "Reason":
    from difflib import get_close_matches

    from contracts.errors import HandrailError
    from contracts.reasons import reasons

    known = reasons()
    if code not in known:
        near = get_close_matches(code, known, n=3, cutoff=0.4)
        raise HandrailError(
            "reason.unknown",
            "no message is refused with that code",
            f"did you mean {' or '.join(near)}?" if near else "copy it from the refusal",
        )
    return known[code]


def _show_reason(reason: "Reason") -> None:
    say(f"{reason.code}: {reason.message}")
    say(f"  what to do  {reason.remedy}")
    say(f"  written in  {reason.citation}")


def _show_table(heading: str, shown: "list[Row]") -> None:
    if not shown:
        return
    say(f"\n{heading}")
    for row in shown:
        say(plain(f"\n  {row.title}  [{row.id}]"))
        say(plain(f"    asks        {row.asks}"))
        say(plain(f"    written in  {row.citation}"))
        if row.interpretation:
            say(plain(f"    read as     {row.interpretation}"))
        if row.refuses:
            say(f"    refused as  {row.refuses}")
        if row.override:
            say(plain(f"    changed to  {row.override}"))
        say(f"    pack        {row.pack}")
