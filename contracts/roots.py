"""The partnership root and how it changes: from one key to the next, signed by both (ADR 0024).

A reader pinned to any root that the partnership ever had follows the changes to the newest one and
believes that one alone. A change is a JWS with two signatures, the old root's first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final

from pydantic import Field, ValidationError

from contracts import base64url, jws
from contracts.directory_entries import PublicHalf
from contracts.identifiers import PartnershipId
from contracts.values import Instant, Value
from contracts.weak_keys import is_weak

TYP: Final = "handrail-root+jws"
_SIGNERS: Final = 2


class RootChange(Value):
    """From which root key a partnership goes over to which, as its `number`th change, and when."""

    partnership: PartnershipId
    number: Annotated[int, Field(ge=1)]
    old: Annotated[PublicHalf, Field(alias="from")]
    new: Annotated[PublicHalf, Field(alias="to")]
    at: Instant


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots of a partnership in their order, as RFC 8037 `x`; the last one signs."""

    keys: tuple[str, ...]
    partnership: str = ""

    @property
    def newest(self) -> str:
        """Return the root that signs now."""
        return self.keys[-1]


def sign_change(
    partnership: str, number: int, old: jws.Signer, new: jws.Signer, at: datetime
) -> str:
    """Return the change from the root `old` to the root `new` as JWS text, signed by both."""
    change = RootChange(partnership=partnership, number=number, old=old.x, new=new.x, at=at)
    payload = change.model_dump_json(by_alias=True).encode()
    made = (old.signature(payload, TYP), new.signature(payload, TYP))
    return jws.assemble(base64url.encode(payload), made).decode("ascii")


@lru_cache(maxsize=512)
def open_change(text: str) -> RootChange | None:
    """Return the change in `text` when the two keys that it names signed it, else None."""
    parsed = jws.parse(text, TYP)
    if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != _SIGNERS:
        return None
    try:
        change = RootChange.model_validate_json(base64url.decode(parsed.payload) or b"")
    except ValidationError:
        return None
    if not all(base64url.is_canonical(x) for x in (change.old, change.new)):
        return None
    if any(is_weak(base64url.decode(x) or b"") for x in (change.old, change.new)):
        return None
    keys = [jws.PublicKey(change.old), jws.PublicKey(change.new)]
    if [s.kid for s in parsed.signatures] != [key.kid for key in keys] or change.old == change.new:
        return None
    verified = jws.verify(parsed, {key.kid: key for key in keys})
    return None if verified is None else change


def follow(pinned_x: str, changes: Sequence[str]) -> Roots | None:
    """Return the roots to which `changes` lead whoever is pinned to `pinned_x`, else None.

    None for a change that does not verify, for numbers with a gap, a change that does not begin
    where the one before ended, a root that comes back, and a chain that `pinned_x` is no part of.
    """
    opened = [open_change(text) for text in changes]
    known = [change for change in opened if change is not None]
    if not known and not opened:
        return Roots((pinned_x,))
    if len(known) < len(opened) or not _hang_together(known):
        return None
    keys = (known[0].old, *(change.new for change in known))
    if pinned_x not in keys or len(set(keys)) < len(keys):
        return None
    return Roots(keys, known[0].partnership)


def _hang_together(changes: Sequence[RootChange]) -> bool:
    numbered = [change.number for change in changes] == list(range(1, len(changes) + 1))
    return numbered and all(
        a.new == b.old and a.partnership == b.partnership and a.at <= b.at
        for a, b in pairwise(changes)
    )
