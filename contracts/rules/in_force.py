"""Which rule packs hold at an instant: the directory says, and nothing else (design §4, §5).

What the root signed at one time is never taken back by what it signs later: a message is judged by
the packs in force when it arrived, however long ago that was.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from math import inf
from typing import Final
from weakref import WeakKeyDictionary

from contracts.directory import Directory, RuleOverride, RulesInForce
from contracts.errors import HandrailError
from contracts.rules.combined import RulePacks, combine
from contracts.rules.loader import USUAL, shipped
from contracts.rules.mistakes import contradictions, unknown_names
from contracts.rules.packs import ClockRule, Entry, GuardRule, RulePack, Span, TellRule
from contracts.rules.vocabulary import vocabulary
from contracts.worktime import Unit

_RESOLVED: WeakKeyDictionary[Directory, dict[int, RulePacks]] = WeakKeyDictionary()


def in_force(directory: Directory, at: datetime) -> RulePacks:
    """Return the rule packs that `directory` puts in force at the instant `at`.

    They are its `rule_packs` until the first of its `rule_changes`, then the latest change that
    is not after `at`. Raises HandrailError `rules.unknown-pack`, `rules.pack-twice`,
    `rules.bad-pack` for a pack of the partnership's own, or `rules.bad-override`.
    """
    changes = directory.document.rule_changes
    if not changes:
        return named(directory.document.rule_packs)
    chosen = _latest(changes, at)
    known = _RESOLVED.setdefault(directory, {})
    if chosen not in known:
        change = changes[chosen] if chosen >= 0 else None
        known[chosen] = resolved(change) if change else named(directory.document.rule_packs)
    return known[chosen]


def must_be_readable(directory: Directory, now: datetime) -> None:
    """Raise as `in_force` for a directory whose rules, from `now` on, cannot be resolved here."""
    in_force(directory, now)
    for change in directory.document.rule_changes:
        if change.since > now:
            in_force(directory, change.since)


def change_in_force(directory: Directory, at: datetime) -> RulesInForce | None:
    """Return the change by which the rules at `at` came into force; None for those of the start."""
    chosen = _latest(directory.document.rule_changes, at)
    return directory.document.rule_changes[chosen] if chosen >= 0 else None


def _latest(changes: tuple[RulesInForce, ...], at: datetime) -> int:
    """Return the place of the latest change not after `at`, of equal ones the last; -1 for none."""
    found = -1
    for place, change in enumerate(changes):
        if change.since <= at and (found < 0 or change.since >= changes[found].since):
            found = place
    return found


@lru_cache(maxsize=32)
def named(names: tuple[str, ...]) -> RulePacks:
    """Return the packs called `id` or `id@version`, combined; the usual ones for no name.

    Raises HandrailError `rules.unknown-pack` or `rules.pack-twice`.
    """
    return combine(map(shipped_as, names or USUAL))


def shipped_as(name: str) -> RulePack:
    """Return the pack `id` or `id@version` that comes with Handrail.

    Raises HandrailError `rules.unknown-pack`, for another version too.
    """
    identity, _, version = name.partition("@")
    pack = shipped(identity)
    if version and pack.version != version:
        raise HandrailError(
            "rules.unknown-pack",
            f"this release of Handrail comes with {pack.name} and no other version of it",
            f"name it as {pack.id}, or install the release that comes with the version you want",
        )
    return pack


def resolved(change: RulesInForce) -> RulePacks:
    """Return the packs of one change: those signed, its own after them, then its overrides.

    A pack that is named without its content, as a directory written by hand may do, is the one
    that ships. A pack of the partnership's own stands in place of one of the same id. Raises
    HandrailError as `in_force` does.
    """
    for pack in (*change.signed, *change.own):
        _check(pack)
    content = {name: pack for pack in change.signed for name in (pack.id, pack.name)}
    listed = [content.get(name) or shipped_as(name) for name in change.packs or USUAL]
    replaced = {pack.id for pack in change.own}
    packs = combine((*(p for p in listed if p.id not in replaced), *change.own))
    for override in change.overrides:
        packs = _overridden(packs, override)
    return packs


def _check(pack: RulePack) -> None:
    mistakes = [*contradictions(pack), *unknown_names(pack, vocabulary())]
    if mistakes:
        told = "; ".join(f"{'.'.join(map(str, place))}: {wrong}" for place, wrong in mistakes)
        raise HandrailError(
            "rules.bad-pack",
            f"{pack.name}, a pack of the partnership's own: {told}",
            "correct the pack, check it with `handrail rules check`, and sign a new directory",
        )


def mark(override: RuleOverride) -> str:
    """Return how decisions record an override: `override:clocks.decide-request=2:working_days`."""
    unit = f":{override.unit.value}" if override.unit else ""
    return f"override:{override.table}.{override.id}={override.length}{unit}"


def _overridden(packs: RulePacks, override: RuleOverride) -> RulePacks:
    holder = packs.holder_of(override.table, override.id)
    if holder is None:
        raise _bad_override(override, "no pack in force has a rule of that name")
    changed = tuple(_with(p, override) if p.name == holder else p for p in packs.packs)
    return RulePacks(packs=changed, marks=(*packs.marks, mark(override)))


def _with(pack: RulePack, override: RuleOverride) -> RulePack:
    table: Iterable[Entry] = getattr(pack, override.table)
    entries = tuple(_lengthened(e, override) if e.id == override.id else e for e in table)
    return pack.model_copy(update={override.table: entries})


def _lengthened(entry: Entry, override: RuleOverride) -> Entry:
    """Return the entry with the length and unit of the override; its own unit where none is."""
    if isinstance(entry, TellRule):
        unit = override.unit or (entry.within.unit if entry.within else None)
        if unit is not None:
            within = Span(length=override.length, unit=unit)
            return entry.model_copy(update={"within": within})
    if isinstance(entry, ClockRule | GuardRule) and entry.length is not None:
        unit = override.unit or entry.unit
        if entry.only_stricter and not _is_stricter(entry, override.length, unit or Unit.HOURS):
            raise _bad_override(override, "the guidance gives that time; it may only be stricter")
        return entry.model_copy(update={"length": override.length, "unit": unit})
    raise _bad_override(override, "that rule has no length of time that could be replaced")


_HOURS: Final[dict[Unit, tuple[float, float]]] = {
    Unit.HOURS: (1, 1),
    Unit.DAY_ENDS: (0, 25),
    Unit.WORKING_DAYS: (0, inf),
    Unit.CALENDAR_DAYS: (23, 25),
    Unit.WEEKS: (24 * 7 - 1, 24 * 7 + 1),
    Unit.MONTHS: (24 * 28 - 1, 24 * 31 + 1),
}
"""The least and the most hours that one of a unit may last, over changes of the clocks.

How long a working day may take to come depends on an agency's own closures.
"""


def _is_stricter(rule: ClockRule | GuardRule, length: int, unit: Unit) -> bool:
    """Tell whether a length is surely not laxer: a deadline no later, a minimum no shorter."""
    held, held_unit = rule.length or 0, rule.unit or Unit.HOURS
    deadline = isinstance(rule, ClockRule)
    if unit is held_unit:
        return length <= held if deadline else length >= held
    if deadline:
        return length * _HOURS[unit][1] <= held * _HOURS[held_unit][0]
    return length * _HOURS[unit][0] >= held * _HOURS[held_unit][1]


def _bad_override(override: RuleOverride, why: str) -> HandrailError:
    return HandrailError(
        "rules.bad-override",
        f"{override.table}.{override.id}: {why}",
        "see `handrail rules show` for the rules in force and their lengths",
    )
