"""What a rule pack holds, and how several are read together.

A pack is one TOML file: a header (`format`, `id`, `version`, `title`, `source`) and tables of
entries. Every entry has an `id`, a `title`, a `citation` and, where the source leaves a word open,
an `interpretation` that says how it was read.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, StrictInt, StringConstraints, model_validator

from contracts.errors import HandrailError
from contracts.roles import Capacity, Level
from contracts.values import ShortText, Value
from contracts.worktime import MAX_LENGTH, Unit

EntryId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,60}\z")]
KindName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+\z")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,60}\z")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Kinds = Annotated[tuple[KindName, ...], Field(min_length=1)]
Codes = Annotated[tuple[Code, ...], Field(min_length=1)]
Length = Annotated[StrictInt, Field(ge=1, le=MAX_LENGTH)]


class StoppedBy(StrEnum):
    """What ties the message that stops a clock to the one that started it."""

    ANSWER = "answer"
    CHILD = "child"


class Told(StrEnum):
    """Who is told of a missed clock, as a place in the directory and never as a name."""

    RECEIVING_MANAGER = "receiving_manager"


class Entry(Value):
    """One provision of a source: what it is called and where it stands."""

    id: EntryId
    title: ShortText
    citation: Prose
    interpretation: Prose | None = None


class Condition(Value):
    """Narrow a rule to messages whose concern has one of these codes."""

    concern: Codes


class ClockRule(Entry):
    """One standard of time: `length` `unit` from a message of `starts_on` to one of `stops_on`.

    A decision on the starting message with one of `ended_by_outcomes` stops it as well: what the
    clock waits for is then no longer to come.
    """

    starts_on: Kinds
    when: Condition | None = None
    stops_on: Kinds
    stopped_by: StoppedBy = StoppedBy.ANSWER
    ended_by_outcomes: tuple[Code, ...] = ()
    length: Length
    unit: Unit
    told: Told


class LevelLabel(Entry):
    """What a level of help (the `id`) is called in this partnership (the `title`)."""

    id: Level


class RoleLabel(Entry):
    """What a capacity (the `id`) is called in this partnership (the `title`)."""

    id: Capacity


class Provision(Entry):
    """A guard, a list of required parts, or a list of people to tell, for some kinds of message.

    `codes` names the parts, people or refused reasons; `length` and `unit` a time that must pass.
    """

    applies_to: Kinds
    codes: tuple[Code, ...] = ()
    length: Length | None = None
    unit: Unit | None = None

    @model_validator(mode="after")
    def _length_has_a_unit(self) -> Self:
        if (self.length is None) != (self.unit is None):
            message = "length and unit come together"
            raise ValueError(message)
        return self


_E = TypeVar("_E", bound=Entry)


class RulePack(Value):
    """One versioned file of rules; `name` (`id@version`) is what a decision records."""

    format: Literal[1]  # A new table is an addition; a changed meaning is a new number.
    id: EntryId
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*\z")]
    title: ShortText
    source: Prose
    clocks: tuple[ClockRule, ...] = ()
    levels: tuple[LevelLabel, ...] = ()
    roles: tuple[RoleLabel, ...] = ()
    guards: tuple[Provision, ...] = ()
    parts: tuple[Provision, ...] = ()
    tells: tuple[Provision, ...] = ()

    @property
    def name(self) -> str:
        """Return `id@version`."""
        return f"{self.id}@{self.version}"


class RulePacks(Value):
    """Several packs read as one; an entry of a later pack replaces one of the same table and id.

    The order of entries is that of their first appearance.
    """

    packs: tuple[RulePack, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return `id@version` of every pack, in the order in which they were combined."""
        return tuple(pack.name for pack in self.packs)

    @cached_property
    def clocks(self) -> dict[str, ClockRule]:
        """Return the clocks in force, by id."""
        return _merged(pack.clocks for pack in self.packs)

    @cached_property
    def guards(self) -> dict[str, Provision]:
        """Return the guards in force, by id."""
        return _merged(pack.guards for pack in self.packs)

    @cached_property
    def parts(self) -> dict[str, Provision]:
        """Return the lists of required parts in force, by id."""
        return _merged(pack.parts for pack in self.packs)

    @cached_property
    def tells(self) -> dict[str, Provision]:
        """Return the lists of people to tell in force, by id."""
        return _merged(pack.tells for pack in self.packs)

    def level_label(self, level: Level) -> str:
        """Return what `level` is called here; its plain key where no pack names it."""
        found = _merged(pack.levels for pack in self.packs).get(level)
        return found.title if found else level.value.replace("_", " ")

    def role_label(self, capacity: Capacity) -> str:
        """Return what `capacity` is called here; its plain key where no pack names it."""
        found = _merged(pack.roles for pack in self.packs).get(capacity)
        return found.title if found else capacity.value.replace("_", " ")

    def pack_of(self, clock_rule: str) -> str | None:
        """Return the name of the pack whose clock of that id is in force, or None."""
        holders = [p.name for p in self.packs if any(c.id == clock_rule for c in p.clocks)]
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
