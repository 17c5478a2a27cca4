"""What a check says: how it stands, what was found, what that means, and what to do now."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from contracts.errors import HandrailError

DENIED: Final = "cannot be read by this user"
AS_ANOTHER: Final = (
    "run this as the user who runs the services; if that is you, give the folder back to that user "
    "(chown -R)"
)


class State(IntEnum):
    """How a check stands, the worse the higher; the worst is the exit code.

    What could not be looked at is no fault of its own: another check says why.
    """

    UNCHECKED = -1
    OK = 0
    WARNING = 1
    WRONG = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer; `what` names streams, agencies and files and never a child."""

    check: str
    state: State
    what: str
    means: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for machines."""
        return {
            "check": self.check,
            "state": self.state.name.lower(),
            "what": self.what,
            "means": self.means,
            "remedy": self.remedy,
        }


def ok(check: str, what: str) -> Finding:
    """Return that all is well."""
    return Finding(check, State.OK, what)


def unchecked(check: str, why: str) -> Finding:
    """Return that a check could not be made, and why."""
    return Finding(check, State.UNCHECKED, f"not checked: {why}")


def warning(check: str, what: str, means: str, remedy: str) -> Finding:
    """Return what somebody should look at soon."""
    return Finding(check, State.WARNING, what, means, remedy)


def wrong(check: str, what: str, means: str, remedy: str) -> Finding:
    """Return what has to be put right now."""
    return Finding(check, State.WRONG, what, means, remedy)


def worst(findings: Iterable[Finding]) -> State:
    """Return the worst state; what was not checked counts as well."""
    return max((State.OK, *(one.state for one in findings)))


def some(names: Iterable[str], most: int = 5) -> str:
    """Return names joined, the first few of many."""
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def denied(error: PermissionError) -> HandrailError:
    """Return what to say of a file that the system keeps from this user."""
    name = Path(str(error.filename)).name if error.filename else "a file"
    return HandrailError("system.denied", f"{name} {DENIED}", AS_ANOTHER)
