"""The sequencer: grows the log's tree with the ledger and signs its heads (RFC 9162 §4.10).

Deciding never waits for it and never stops with it. It signs nothing that contradicts what has been
signed before: a tree that does not reproduce the heads in the ledger, or the newest one remembered
here, is told and left alone until people have looked.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from nats.js.errors import APIError

from contracts import base64url, jws
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.log import Head, open_head, sign_head
from contracts.subjects import TREE_GROUP, TREE_HEAD
from services.exchange.ledger import Ledger, Stored
from services.exchange.tree_store import Reached, TreeStore
from services.runtime import batch
from services.runtime.log import error_keys, get

EVERY_S = 1.0
_LOOKED_BACK = 10_000
KEPT = f"{400 * 24 * 3600}s"
"""How long heads and their witnesses stay in the ledger; groups stay for good."""
_log = get(__name__)


class State(StrEnum):
    """How the sequencer stands: not through with looking, at work, or refusing to sign."""

    STARTING = "starting"
    FOLLOWING = "following"
    INCONSISTENT = "inconsistent"


class Inconsistent(Exception):  # noqa: N818 - not an error of ours: what was found in the log
    """The tree contradicts a signed head; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sequencer:
    """Follows the ledger's groups and publishes signed tree heads, one sequence for everybody."""

    def __init__(
        self,
        ledger: Ledger,
        store: TreeStore,
        *,
        exchange: str,
        key: jws.Signer,
        directory: Callable[[], Directory],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Sign with `key`, the directory key of the service `exchange`."""
        self.store = store
        self.state = State.STARTING
        self.reason = ""
        self.token = ""
        self.newest: Head | None = None
        self._ledger, self._exchange, self._key = ledger, exchange, key
        self._directory, self._now = directory, now
        self._published = 0

    async def run(self, every_s: float = EVERY_S) -> None:
        """Follow until cancelled; whatever goes wrong is tried again, except a contradiction."""
        while True:
            try:
                await self.step()
            except Exception as error:  # noqa: BLE001 - tried again, whatever it was
                _log.warning("log.interrupted", **error_keys(error))
            await asyncio.sleep(every_s)

    async def step(self) -> None:
        """Take in what the ledger holds, and sign a head over it when there is something new."""
        if self.state is State.INCONSISTENT:
            return
        try:
            await self._step()
        except Inconsistent as found:
            self.state, self.reason = State.INCONSISTENT, found.reason
            _log.error("log.inconsistent", reason=found.reason)

    async def _step(self) -> None:
        starting = self.state is State.STARTING
        if starting and not await self._index_stands():
            await self.store.clear()
        if not await self._follow():
            return
        await self._read_head()
        if starting:
            await self._keeps_promises()
            self.state = State.FOLLOWING
        reached = await self.store.reached()
        signed = self.newest.size if self.newest else 0
        if reached.size < signed:
            raise Inconsistent("log.shorter")
        if reached.size > signed:
            await self._publish(reached)

    async def _index_stands(self) -> bool:
        """Tell whether the index holds the groups that the ledger holds, and is whole."""
        reached = await self.store.reached()
        if not reached.size:
            return True
        if not await self._ledger_agrees(reached):
            _log.warning("log.index-outdated", size=reached.size)
            return False
        for head in [*await self._promises(), None]:
            size = reached.size if head is None else min(head.size, reached.size)
            try:
                root = await self.store.root(size)
            except HandrailError:
                root = None
            other = head is not None and size == head.size and root != base64url.decode(head.root)
            if root is None or other:
                _log.warning("log.index-damaged", size=reached.size)
                return False
        return True

    async def _ledger_agrees(self, reached: Reached) -> bool:
        """Compare every group of the ledger with the index, a page at a time."""
        after = position = 0
        while after < reached.sequence:
            page = await self._ledger.page_of(TREE_GROUP, after)
            groups = [(s.sequence, _text(s)) for _, s in page if s.sequence <= reached.sequence]
            if not groups or not await self.store.holds(position, groups):
                return False
            after, position = groups[-1][0], position + len(groups)
        return position == reached.size

    async def _follow(self) -> bool:
        """Take in every group the ledger holds now; False where a copy read lags behind."""
        last = await self._ledger.last(TREE_GROUP)
        reached = await self.store.reached()
        if last is None:
            if reached.size:
                raise Inconsistent("log.groups-gone")
            return True
        if last.sequence < reached.sequence:
            raise Inconsistent("log.groups-gone")
        while reached.sequence < last.sequence:
            page = await self._ledger.page_of(TREE_GROUP, reached.sequence)
            if not page:
                return False
            groups = [(stored.sequence, _text(stored)) for _, stored in page]
            reached = await self.store.append(reached.sequence, groups)
        return True

    async def _read_head(self) -> None:
        """Learn of the ledger's newest head that is to be trusted, and compare the tree with it.

        One whose key was revoked meanwhile, or that nobody has signed, is told and counts for
        nothing: the next head continues the newest before it.
        """
        last = await self._ledger.last(TREE_HEAD)
        if last is None:
            self._published = 0
            return
        if last.sequence == self._published:
            return
        token, head = _text(last), open_head(_text(last), self._directory(), self._exchange)
        if head is None:
            _log.error("log.head-untrusted", sequence=last.sequence)
            token, head = await self._trusted_before(last.sequence)
        if head is not None:
            await self._reproduces(head)
        self._published, self.token, self.newest = last.sequence, token, head

    async def _trusted_before(self, sequence: int) -> tuple[str, Head | None]:
        """Return the newest head before a sequence that is to be trusted, looking ever further."""
        looked = _LOOKED_BACK
        while True:
            after = max(0, sequence - looked)
            found: tuple[str, Head | None] = ("", None)
            while page := await self._ledger.page_of(TREE_HEAD, after):
                for _, stored in page:
                    head = open_head(_text(stored), self._directory(), self._exchange)
                    if head is not None and stored.sequence < sequence:
                        found = (_text(stored), head)
                after = page[-1][1].sequence
            if found[1] is not None or looked >= sequence:
                return found
            looked *= 8

    async def _keeps_promises(self) -> None:
        for head in await self._promises():
            await self._reproduces(head)

    async def _promises(self) -> list[Head]:
        """Return the heads that were signed before, as far as they are known: newest of each."""
        last = await self._ledger.last(TREE_HEAD)
        texts = [await self.store.promise(), _text(last) if last else ""]
        heads = [open_head(text, self._directory(), self._exchange) for text in texts if text]
        return [head for head in heads if head is not None]

    async def _reproduces(self, head: Head) -> None:
        root = await self.store.root(head.size)
        if root is None:
            raise Inconsistent("log.shorter")
        if root != base64url.decode(head.root):
            raise Inconsistent("log.other-root")

    async def _publish(self, reached: Reached) -> None:
        """Sign and publish a head, unless somebody else did so first: that one is read next."""
        root = await self.store.root(reached.size)
        if root is None:
            return
        now = self._now()
        head = Head(
            log=self._exchange,
            size=reached.size,
            root=base64url.encode(root),
            at=now if self.newest is None else max(now, self.newest.at),
            ledger=reached.sequence,
        )
        token = sign_head(head, self._key)
        signed = open_head(token, self._directory(), self._exchange)
        if signed is None:
            raise HandrailError(
                "key.not-valid",
                "the exchange's key may not sign at this instant",
                "see its key with `handrail key list`, and start the exchange with a valid one",
            )
        headers = {batch.EXPECTED: str(self._published), batch.TTL: KEPT}
        try:
            made = await self._ledger.js.publish(TREE_HEAD, token.encode("ascii"), headers=headers)
        except APIError as error:
            if error.err_code not in batch.SOMEONE_WAS_FIRST:
                raise
            return
        self._published, self.token, self.newest = made.seq, token, signed
        await self.store.keep_promise(token)


def _text(stored: Stored) -> str:
    """Return a record as text; bytes that are none become text that nobody has signed."""
    return stored.data.decode("ascii", "replace")
