"""Which rule packs hold at an instant: the directory says, and nothing else (design §4, §5).

What the root signed at one time is never taken back by what it signs later: a message is judged by
the packs in force when it arrived, however long ago that was.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from weakref import WeakKeyDictionary

from contracts.directory import Directory, RuleOverride, RulesInForce
from contracts.errors import HandrailError
from contracts.rules.combined import RulePacks, combine
from contracts.rules.loader import USUAL, shipped
from contracts.rules.mistakes import contradictions, unknown_names
from contracts.rules.packs import ClockRule, Entry, GuardRule, RulePack, Span, TellRule
from contracts.rules.vocabulary import vocabulary

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
            f"the directory puts a rule pack in force in another version than {pack.name}",
            "install the release of Handrail that ships that version, or sign a new directory",
        )
    return pack


def resolved(change: RulesInForce) -> RulePacks:
    """Return the packs of one change: those that ship, its own after them, then its overrides.

    Raises HandrailError as `in_force` does.
    """
    for pack in change.own:
        _check(pack)
    packs = combine((*map(shipped_as, change.packs or USUAL), *change.own))
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
        return entry.model_copy(update={"length": override.length, "unit": unit})
    raise _bad_override(override, "that rule has no length of time that could be replaced")


def _bad_override(override: RuleOverride, why: str) -> HandrailError:
    return HandrailError(
        "rules.bad-override",
        f"{override.table}.{override.id}: {why}",
        "see `handrail rules show` for the rules in force and their lengths",
    )
