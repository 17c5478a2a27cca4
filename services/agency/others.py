"""Comparing what other witnesses signed with what this one saw: one log for everybody.

The exchange hands out the signatures, so it can keep one back, but not alter one. A head that it
signed for another witness and that this one's log does not hold is a fork.
"""

from typing import Annotated, Final

from pydantic import Field

from contracts.log import MOST_WITNESSES, Token, continues, digest_of, open_cosignature
from contracts.values import Value
from services.agency.witness_memory import State
from services.agency.witnessing import ShownPath, Witness

EVERY: Final = 12
"""Rounds from one comparison to the next: about a minute."""


class Shown(Value):
    """What another witness signed, and the head that it is over."""

    cosignature: Token
    head: Token


class ShownOthers(Value):
    """The exchange's answer to `witnesses`."""

    witnesses: Annotated[tuple[Shown, ...], Field(max_length=MOST_WITNESSES)] = ()


class Others:
    """Compares the newest signature of every other witness with the head this one remembers."""

    def __init__(self, witness: Witness, every: int = EVERY) -> None:
        """Compare for `witness`, in every `every`-th round."""
        self._witness, self._every = witness, every
        self._rounds = 0
        self._proved: set[str] = set()
        self._begun = 0

    async def round(self) -> None:
        """Compare, if it is time; raises what the exchange answers."""
        self._rounds += 1
        if self._rounds % self._every or self._witness.remembered.state is not State.WITNESSING:
            return
        if self._begun != self._witness.begun:
            self._begun, self._proved = self._witness.begun, set()
        shown = (await self._witness.ask("witnesses", {}, ShownOthers)).witnesses
        digests = {digest_of(one.head) for one in shown}
        self._proved &= digests
        for one in shown:
            if digest_of(one.head) not in self._proved and not await self._compare(one):
                return

    async def _compare(self, one: Shown) -> bool:
        """Tell whether this witness may go on: False once it has found a fork.

        What nobody has signed is passed over: anybody could make that.
        """
        said = open_cosignature(one.cosignature, self._witness.directory)
        seen = self._witness.remembered
        theirs, own = self._witness.open(one.head), self._witness.open(seen.head or "")
        if said is None or theirs is None or own is None or said.head != digest_of(one.head):
            return True
        if theirs.size == own.size:
            agrees = theirs.root == own.root
        else:
            first, second = sorted((theirs.size, own.size))
            asked = {"first": first, "second": second}
            agrees = continues(
                theirs, own, (await self._witness.ask("proof", asked, ShownPath)).path
            )
        if not agrees:
            await self._witness.fork(seen, "log.other-witness", one.head)
            return False
        self._proved.add(digest_of(one.head))
        return True
