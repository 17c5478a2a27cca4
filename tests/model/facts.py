"""What has happened to one family, as plain facts: all that the reference knows."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Word:
    """One consent or refusal as somebody gave it, with the names of codes as plain text."""

    id: str
    refuses: bool
    service: bool
    by: str
    given: datetime
    ends: datetime | None
    agencies: tuple[str, ...]
    roles: tuple[str, ...]
    categories: tuple[str, ...]
    people: tuple[str, ...]
    purposes: tuple[str, ...]
    hidden: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]
    fault: str = ""
    taken_by: str = ""
    gone: datetime | None = None
    lifted: bool = False


@dataclass
class Told:
    """A statement that was accepted: what it answers and how its message travelled."""

    question: str
    category: str
    people: tuple[str, ...]
    tells_where: bool
    sender: str
    to: tuple[str, ...]
    basis: str
    names: tuple[str, ...]
    both_limbs: bool
    alarm: bool
    purpose: str


@dataclass
class Facts:
    """Everything that was accepted about one child."""

    words: list[Word] = field(default_factory=list)
    gone_before: dict[str, datetime] = field(default_factory=dict)
    may_know_where: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    not_to_know: set[str] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)


@dataclass
class Message:
    """One message on its way: its statements as `Told`, what it brings, and who signs it."""

    sender: str
    to: tuple[str, ...]
    basis: str
    names: tuple[str, ...]
    brings: tuple[Word, ...]
    ground: str
    limbs: tuple[bool, bool]
    manager_signs: bool
    statements: tuple[Told, ...]
    purpose: str
    alarm: bool
    at: datetime
