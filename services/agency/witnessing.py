"""The witness of the log: an agency's service that lets nobody rewrite what was decided.

It asks the exchange for the newest head, has it prove that this continues the one seen before, and
signs that. A log of two pasts is never signed again: both heads are kept, it is told, and an
operator has to look (ADR 0026).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

import orjson
from nats.aio.client import Client
from pydantic import Field, ValidationError

from contracts import jws
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.log import (
    MOST_STEPS,
    Cosignature,
    Head,
    cosign,
    digest_of,
    open_head,
)
from contracts.records import Hash
from contracts.subjects import log_request
from contracts.values import Value
from services.agency.witness_judging import Judged, ToProve, first_look, proved
from services.agency.witness_kept import Kept
from services.agency.witness_memory import Memory, Remembered, State
from services.runtime.log import get
from services.runtime.subscribing import ask

EVERY_S: Final = 5.0
OLDER_AT_MOST: Final = 12
"""Rounds for which a smaller head may come from an exchange that was asleep: about a minute."""
_ANSWERS_WITHIN_S: Final = 5.0
_log = get(__name__)
Form = TypeVar("Form", bound=Value)


class ShownHead(Value):
    """The exchange's answer to `head`."""

    head: Annotated[str, Field(max_length=4096)]


class ShownPath(Value):
    """The exchange's answer to `proof`."""

    path: Annotated[tuple[Hash, ...], Field(max_length=MOST_STEPS)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose witness it is: the gateway whose key signs, the agency it asks for, the exchange."""

    gateway: str
    agency: str
    exchange: str


class Witness:
    """The witness of one gateway's service, asking in the name of one of its agencies."""

    def __init__(
        self,
        who: Identity,
        client: Client,
        memory: Memory,
        *,
        directory: Callable[[], Directory],
        key: Callable[[], jws.Signer],
        clock: Callable[[], datetime],
    ) -> None:
        """Sign with `key()`, which raises `key.*` where there is none that may sign.

        It is called in a thread of its own: a key is opened by its passphrase, or signs in a token.
        """
        self._gateway, self._agency, self._exchange = who.gateway, who.agency, who.exchange
        self._client = client
        self._kept = Kept(memory, who.agency)
        self._directory, self._key, self._clock = directory, key, clock
        self._older = 0
        self.withholds = False
        """Whether nothing is signed now: the exchange does not prove what was delivered."""

    @property
    def remembered(self) -> Remembered:
        """Return what the witness remembers."""
        return self._kept.now

    @property
    def begun(self) -> int:
        """Return how often an operator has let the witness begin again since it was made."""
        return self._kept.begun

    @property
    def head(self) -> Head | None:
        """Return the newest head that was seen and continues all before; None before the first."""
        return self.open(self.remembered.head or "")

    @property
    def directory(self) -> Directory:
        """Return the directory in force."""
        return self._directory()

    async def round(self) -> None:
        """Look at the log once; raises what the exchange answers, and then nothing has changed.

        A witness whose memory an operator has put aside begins again with the head it is shown.
        """
        await self._kept.look()
        seen = self.remembered
        if seen.state is State.FORKED:
            return
        token = (await self.ask("head", {}, ShownHead)).head
        if not token:
            return
        new, old = self.open(token), self.open(seen.head or "")
        if new is None or (old is None and seen.head):
            _log.error("log.head-untrusted", agency=self._agency)
            return
        await self._judge(seen, old, new, token)
        await self._sign()

    async def remember(self, seen: Remembered, **changes: object) -> bool:
        """Remember `changes` of `seen`, by which they were judged, on disk and then here.

        False, and nothing has changed, where `seen` is not what is remembered any more: whoever
        judged by it judges anew in the next round. Raises OSError.
        """
        return await self._kept.put(seen, seen.but(**changes))

    async def _judge(self, seen: Remembered, old: Head | None, new: Head, token: str) -> None:
        found = first_look(old, new)
        if isinstance(found, ToProve):
            asked = {"first": found.first, "second": found.second}
            path = (await self.ask("proof", asked, ShownPath)).path
            assert old is not None  # noqa: S101 - nothing is to be proved beside nothing
            found = proved(old, new, path)
        self._older = self._older + 1 if found is Judged.OLDER else 0
        if found is Judged.FORKED or self._older > OLDER_AT_MOST:
            reason = "log.shorter" if found is Judged.OLDER else "log.other-root"
            await self.fork(seen, reason, token)
        elif found is Judged.NEW:
            since = seen.since or new.ledger
            await self.remember(seen, state=State.WITNESSING, head=token, since=since)
        elif found is not Judged.SAME:
            _log.warning("log.not-newer", agency=self._agency, reason=found.value, size=new.size)

    async def fork(self, seen: Remembered, reason: str, token: str) -> None:
        """Never sign again until somebody has looked; keep both heads.

        Nothing has changed where `seen` is not what is remembered any more, as with `remember`.
        """
        made = seen.but(state=State.FORKED, reason=reason, other=token)
        if await self._kept.put(seen, made, (seen.head or "", token)):
            _log.error("log.forked", agency=self._agency, reason=reason)

    async def _sign(self) -> None:
        """Sign the newest head, where that has not been taken from us yet, and hand it in."""
        seen, head = self.remembered, self.head
        if seen.state is not State.WITNESSING or seen.head is None or head is None:
            return
        if head.size <= seen.cosigned or self.withholds:
            return
        said = Cosignature(
            witness=self._gateway,
            agency=self._agency,
            log=head.log,
            head=digest_of(seen.head),
            size=head.size,
            root=head.root,
            at=self._clock(),
        )
        signed = await asyncio.to_thread(lambda: cosign(said, self._key()))
        await self._request("witness", {"cosignature": signed, "head": seen.head})
        await self.remember(seen, cosigned=head.size)

    def open(self, token: str) -> Head | None:
        """Return the exchange's head in `token`, None where it is none."""
        return open_head(token, self._directory(), self._exchange)

    async def ask(self, verb: str, body: object, form: type[Form]) -> Form:
        """Ask the log and return its answer; raises what it answers, and `log.bad-answer`."""
        try:
            return form.model_validate_json(await self._request(verb, body))
        except ValidationError:
            raise HandrailError(
                "log.bad-answer",
                "the exchange answered for the log in a form that is not understood",
                "run the same version of Handrail here and there",
            ) from None

    async def _request(self, verb: str, body: object) -> bytes:
        subject = log_request(self._agency, verb)
        return await ask(self._client, subject, orjson.dumps(body), timeout_s=_ANSWERS_WITHIN_S)
