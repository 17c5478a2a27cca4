"""`handrail partnership rules`: putting rule packs in force by signing a new directory.

Nothing else does: a file that is edited afterwards changes nothing until the root signs again, and
what is signed holds from now on and never for what arrived before.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, plain, print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from contracts.directory import Directory, DirectoryDocument, RuleOverride, RulesInForce
    from contracts.rules import RulePack
    from services.runtime.partnership import Partnership

_MOST: Final = 512 * 1024

app = typer.Typer(no_args_is_help=True, help="Which rule packs hold in this partnership.")


@app.command("set")
@command
def set_(  # noqa: PLR0913 - one parameter per option
    *,
    pack: Annotated[
        list[str] | None,
        typer.Option(help="A pack that comes with Handrail, ID or ID@VERSION; name all that are to "
                     "hold, repeating it. Without any, those in force stay as they were signed."),
    ] = None,
    own: Annotated[
        list[Path] | None,
        typer.Option(help="A pack of your own (TOML); it replaces one of the same id."),
    ] = None,
    without_own: Annotated[
        list[str] | None, typer.Option(help="The id of a pack of your own that no longer holds.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(help="A length of your own, such as clocks.decide-request=2:working_days."),
    ] = None,
    without_override: Annotated[
        list[str] | None, typer.Option(help="Take one back, such as clocks.decide-request.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why the lengths are other here; needed with --override.")
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Sign a new directory in which these rules hold from now on.

    What arrived before is judged by what held then, whenever it is looked at. Packs hold in the
    order given, later ones over earlier ones, and your own after them.
    """
    from contracts.errors import HandrailError
    from contracts.rules.in_force import in_force
    from services.cli.amending import read_directory

    if not (pack or own or without_own or override or without_override):
        raise HandrailError(
            "rules.nothing-asked",
            "nothing was asked for, so nothing is signed",
            "give --pack, --own or --override; `handrail rules show` shows what holds",
        )
    at = now()
    before = in_force(read_directory(load(state)), at).names
    wanted = [_override(text, reason) for text in override or ()]
    directory = set_rules(
        load(state),
        at,
        packs=tuple(pack) if pack else None,
        own=[read_pack(file) for file in own or ()],
        overrides=wanted,
        without=(*(without_own or ()), *(without_override or ())),
    )
    names = in_force(directory, at).names
    if as_json:
        print_json({"version": directory.document.version, "since": at, "packs": names})
        return
    say(f"Signed version {directory.document.version} of the directory. In force from now on:")
    for name in names:
        say(plain(f"  {name}"))
    for name in sorted({*before} - {*names}):
        say(plain(f"No longer in force: {name}"))
    say("Running services take it within seconds. See them with `handrail rules show`.")


def set_rules(
    partnership: "Partnership",
    at: "datetime",
    *,
    packs: tuple[str, ...] | None = None,
    own: "Iterable[RulePack]" = (),
    overrides: "Iterable[RuleOverride]" = (),
    without: "Iterable[str]" = (),
) -> "Directory":
    """Sign the next directory with the rules in force at `at` changed as asked, and return it.

    `packs`: names in place of those in force, None to leave them. `own` and `overrides` are added
    to those in force, over one of the same id or rule; `without` names ids of own packs and rules
    (`table.id`) whose override is taken back. Raises HandrailError as `in_force` does, or
    `rules.unknown-pack` and `rules.bad-override` for a name in `without` that is not there.
    """
    from contracts.directory import Directory
    from services.cli.amending import amend

    def change(before: "DirectoryDocument") -> dict[str, object]:
        made = _changed(Directory(before), at, packs, tuple(own), tuple(overrides), tuple(without))
        return {"rule_changes": (*before.rule_changes, made)}

    return amend(partnership, at, change)


def _changed(
    before: "Directory",
    at: "datetime",
    packs: tuple[str, ...] | None,
    own: "tuple[RulePack, ...]",
    overrides: "tuple[RuleOverride, ...]",
    without: tuple[str, ...],
) -> "RulesInForce":
    """Return the new rules, resolved once so that nothing is signed that cannot be judged by."""
    from contracts.directory import RulesInForce
    from contracts.rules import USUAL
    from contracts.rules.in_force import change_in_force, resolved
    from services.cli.founding import entry

    held = change_in_force(before, at)
    named = held.packs if held else before.document.rule_packs
    kept_own = {pack.id: pack for pack in (held.own if held else ())}
    kept = {f"{o.table}.{o.id}": o for o in (held.overrides if held else ())}
    for name in without:
        _drop(name, kept_own, kept)
    kept_own |= {pack.id: pack for pack in own}
    kept |= {f"{o.table}.{o.id}": o for o in overrides}
    signed = _listed(held, named or USUAL, packs)
    made = entry(
        RulesInForce,
        since=at,
        packs=tuple(pack.name for pack in signed),
        signed=signed,
        own=tuple(kept_own.values()),
        overrides=tuple(kept.values()),
    )
    resolved(made)
    return made


def _listed(
    held: "RulesInForce | None", named: tuple[str, ...], packs: tuple[str, ...] | None
) -> "tuple[RulePack, ...]":
    """Return the packs that come with Handrail: as asked for, of this release, or as signed."""
    from contracts.rules.in_force import shipped_as

    if packs is not None:
        return tuple(map(shipped_as, packs))
    content = {name: p for p in (held.signed if held else ()) for name in (p.id, p.name)}
    return tuple(content.get(name) or shipped_as(name) for name in named)


def _drop(name: str, own: "dict[str, RulePack]", overrides: "dict[str, RuleOverride]") -> None:
    from contracts.errors import HandrailError

    if own.pop(name, None) is None and overrides.pop(name, None) is None:
        code = "rules.bad-override" if "." in name else "rules.unknown-pack"
        raise HandrailError(
            code,
            "no pack of the partnership's own and no override of that name is in force",
            "see what is in force with `handrail rules show`",
        )


def read_pack(file: Path) -> "RulePack":
    """Return the rule pack in a file, checked against all that rules may name.

    Raises HandrailError `rules.bad-pack` with every mistake, or `file.unreadable`.
    """
    from contracts.errors import HandrailError
    from contracts.rules import load_pack
    from contracts.rules.vocabulary import vocabulary
    from services.cli.files import read_bytes

    data = read_bytes(file, None)
    try:
        text = data[:_MOST].decode()
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > _MOST:
        raise HandrailError(
            "rules.bad-pack",
            f"{file.name} is empty, not text in UTF-8, or larger than {_MOST // 1024} KiB",
            "give the TOML file of one rule pack",
        )
    return load_pack(text, file.name, vocabulary())


def _override(text: str, reason: str | None) -> "RuleOverride":
    """Return the override that `table.id=length:unit` asks for; the unit may be left out."""
    from pydantic import ValidationError

    from contracts.directory import RuleOverride
    from contracts.errors import HandrailError

    rule, _, span = text.partition("=")
    table, _, identity = rule.partition(".")
    length, _, unit = span.partition(":")
    said: dict[str, object] = {"table": table, "id": identity, "length": length, "reason": reason}
    try:
        # int() would take signs, spaces and other scripts' digits.
        said |= {"length": int(length)} if length.isascii() and length.isdecimal() else {}
        return RuleOverride.model_validate({**said, **({"unit": unit} if unit else {})})
    except (ValidationError, ValueError):
        raise HandrailError(
            "rules.bad-override",
            "an override names a rule, a length, perhaps a unit, and needs its reason",
            "write it as --override clocks.decide-request=2:working_days --reason TEXT",
        ) from None
