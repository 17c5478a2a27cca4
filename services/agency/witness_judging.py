"""What a witness makes of a head that it is shown, beside the one it remembers: pure decisions."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.log import Head, continues


class Judged(StrEnum):
    """What comes of a head: signed, nothing new, told, or a log of two pasts."""

    NEW = "new"
    SAME = "same"
    OLDER = "older"
    BACK_IN_TIME = "back-in-time"
    FORKED = "forked"


@dataclass(frozen=True, slots=True)
class ToProve:
    """What the exchange must prove before a head can be judged: that one begins with the other."""

    first: int
    second: int


def first_look(old: Head | None, new: Head) -> Judged | ToProve:
    """Return what `new` is beside `old`, or what must be proved to tell.

    The first head ever is taken as it is. Two roots for one size are two logs, whatever anybody
    proves. A smaller head may come from an exchange that was asleep: it is not signed, and no fork.
    """
    if old is None:
        return Judged.NEW
    if new.size == old.size:
        return Judged.SAME if new.root == old.root else Judged.FORKED
    if new.size < old.size:
        return Judged.OLDER
    if new.at < old.at:
        return Judged.BACK_IN_TIME
    return ToProve(old.size, new.size)


def proved(old: Head, new: Head, path: tuple[str, ...]) -> Judged:
    """Return what a larger head is once the exchange has given its proof (RFC 9162 §2.1.4.2)."""
    return Judged.NEW if continues(old, new, path) else Judged.FORKED
