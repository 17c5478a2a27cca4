"""Reasons for refusal: a closed list, each with its citation, its meaning and what to do now.

A code never changes its meaning and is never used again for another. `detail` of a `Refusal` holds
only names of the contract (a part, a field, an agency id), never a value that somebody sent.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of the closed list."""

    code: str
    citation: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One ground on which a message was refused; `detail` names a part of the contract.

    Of an answer that its sender may read it also says where that is.
    """

    code: str
    detail: str = ""

    def __post_init__(self) -> None:
        """Refuse a code outside the closed list: such a refusal could not be explained."""
        if self.code not in reasons():
            raise KeyError(self.code)

    @property
    def reason(self) -> Reason:
        """Return the entry of the closed list that explains this refusal."""
        return reasons()[self.code]


@cache
def reasons() -> dict[str, Reason]:
    """Return the closed list, by code."""
    text = resources.files("contracts").joinpath("reasons.toml").read_text(encoding="utf-8")
    return {
        code: Reason(code, entry["cites"], entry["message"], entry["remedy"])
        for code, entry in tomllib.loads(text).items()
    }
