"""Several rule packs read as one, and which of their rules a kind of message is judged by."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

from contracts.errors import HandrailError
from contracts.roles import Capacity, Level
from contracts.rules.packs import (
    ClockRule,
    Entry,
    GuardRule,
    LevelLabel,
    PartsRule,
    Provision,
    RetentionRule,
    RoleLabel,
    RulePack,
    TellRule,
)
from contracts.values import Value

_E = TypeVar("_E", bound=Entry)
_P = TypeVar("_P", bound=Provision)


@dataclass(frozen=True, slots=True)
class KindRules:
    """What one kind of message is judged by; of the people to tell, only those told by itself."""

    parts: tuple[PartsRule, ...] = ()
    tells: tuple[TellRule, ...] = ()
    guards: tuple[GuardRule, ...] = ()


_NONE: Final = KindRules()


class RulePacks(Value):
    """Several packs read as one; an entry of a later pack replaces one of the same table and id.

    The order of entries is that of their first appearance. `marks` say which single lengths were
    replaced by the partnership, such as `override:clocks.decide-request=2:working_days`.
    """

    packs: tuple[RulePack, ...]
    marks: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return `id@version` of every pack in the order of combining, and then the marks."""
        return (*(pack.name for pack in self.packs), *self.marks)

    @cached_property
    def levels(self) -> dict[str, LevelLabel]:
        """Return what the levels of help are called, by level."""
        return _merged(pack.levels for pack in self.packs)

    @cached_property
    def roles(self) -> dict[str, RoleLabel]:
        """Return what people are called, by capacity."""
        return _merged(pack.roles for pack in self.packs)

    @cached_property
    def clocks(self) -> dict[str, ClockRule]:
        """Return the clocks in force, by id."""
        return _merged(pack.clocks for pack in self.packs)

    @cached_property
    def guards(self) -> dict[str, GuardRule]:
        """Return the guards in force, by id."""
        return _merged(pack.guards for pack in self.packs)

    @cached_property
    def parts(self) -> dict[str, PartsRule]:
        """Return the lists of required parts in force, by id."""
        return _merged(pack.parts for pack in self.packs)

    @cached_property
    def tells(self) -> dict[str, TellRule]:
        """Return the lists of people to tell in force, by id."""
        return _merged(pack.tells for pack in self.packs)

    @cached_property
    def retentions(self) -> dict[str, RetentionRule]:
        """Return how long statements are kept, by id."""
        return _merged(pack.retentions for pack in self.packs)

    def for_kind(self, kind: str) -> KindRules:
        """Return what a message of `kind` is judged by when it arrives."""
        return self._by_kind.get(kind, _NONE)

    @cached_property
    def _by_kind(self) -> dict[str, KindRules]:
        told = {k: rule for k, rule in self.tells.items() if rule.on_message}
        tables = (self.parts, told, self.guards)
        kinds = {k for table in tables for rule in table.values() for k in rule.applies_to}
        return {
            kind: KindRules(_about(kind, self.parts), _about(kind, told), _about(kind, self.guards))
            for kind in kinds
        }

    def level_label(self, level: Level) -> str:
        """Return what `level` is called here; its plain key where no pack names it."""
        found = self.levels.get(level)
        return found.title if found else level.value.replace("_", " ")

    def role_label(self, capacity: Capacity) -> str:
        """Return what `capacity` is called here; its plain key where no pack names it."""
        found = self.roles.get(capacity)
        return found.title if found else capacity.value.replace("_", " ")

    def pack_of(self, clock_rule: str) -> str | None:
        """Return the name of the pack whose clock of that id is in force, or None."""
        return self.holder_of("clocks", clock_rule)

    def holder_of(self, table: str, entry: str) -> str | None:
        """Return the name of the pack whose entry of that table and id is in force, or None."""
        holders = [p.name for p in self.packs if any(e.id == entry for e in getattr(p, table))]
        return holders[-1] if holders else None


def combine(packs: Iterable[RulePack]) -> RulePacks:
    """Return `packs` read as one, later ones over earlier ones.

    Raises HandrailError `rules.pack-twice` when one id comes twice: which version holds is unclear.
    """
    chosen = tuple(packs)
    if len({pack.id for pack in chosen}) < len(chosen):
        raise HandrailError(
            "rules.pack-twice",
            "one rule pack is listed twice: " + ", ".join(pack.name for pack in chosen),
            "list every rule pack once, in the version that is to hold",
        )
    return RulePacks(packs=chosen)


def _merged(tables: Iterable[tuple[_E, ...]]) -> dict[str, _E]:
    return {entry.id: entry for table in tables for entry in table}


def _about(kind: str, table: dict[str, _P]) -> tuple[_P, ...]:
    return tuple(rule for rule in table.values() if kind in rule.applies_to)
