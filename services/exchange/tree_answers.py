"""What the log answers: to the agencies' witnesses, and to the partnership's operator.

A witness asks for the newest head, for the proof that it continues another, and for the places of
groups; it hands in its signature over a head. The operator asks how the log stands, for a proof to
put into an evidence file, and for the records to check it all with.
"""

import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

import orjson
from nats.js.errors import BadRequestError
from pydantic import Field, ValidationError

from contracts import base64url
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.identifiers import Digest
from contracts.log import (
    Head,
    Inclusion,
    LogProof,
    Size,
    Token,
    Witnessed,
    digest_of,
    open_cosignature,
    open_head,
)
from contracts.subjects import tree_witness
from contracts.values import Value
from services.exchange.ledger import Ledger
from services.exchange.tree_heads import KEPT, Sequencer
from services.exchange.tree_pages import Page, page_of
from services.runtime import batch
from services.runtime.limiting import Buckets, Rate, try_again

MOST_ASKED = 500
MOST_COMPARED = 100
PLACES = Rate(per_s=40, burst=400)
"""Places of groups that one agency is told: a page a round is half of it."""
_MOST_WITNESSES = 200
_TRIES = 5
Form = TypeVar("Form", bound=Value)
Groups = Annotated[tuple[Digest, ...], Field(max_length=MOST_ASKED)]


class Between(Value):
    """Ask for the proof that the log of `second` leaves begins with that of `first`."""

    first: Size
    second: Size


class Prove(Value):
    """Ask for the places of groups, named by the digests of their texts, under a head.

    `head` is the newest one when it is left out; `witnesses` tells whether they are wanted too.
    """

    groups: Groups = ()
    head: Token | None = None
    witnesses: bool = True


class Witnessing(Value):
    """Hand in a witness's signature and the head that it is over."""

    cosignature: Token
    head: Token


class LogAnswers:
    """Answers out of the sequencer's tree and the ledger; each takes and returns JSON."""

    def __init__(
        self,
        sequencer: Sequencer,
        ledger: Ledger,
        exchange: str,
        directory: Callable[[], Directory],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Answer out of `sequencer`; `clock` gives seconds that only grow."""
        self._places, self._clock = Buckets(PLACES), clock
        self._sequencer, self._ledger = sequencer, ledger
        self._exchange, self._directory = exchange, directory

    async def head(self) -> bytes:
        """Return the newest head, the empty text before the first."""
        return orjson.dumps({"head": self._sequencer.token})

    async def proof(self, data: bytes) -> bytes:
        """Return a consistency path; raises `log.behind` where the tree is not that large yet."""
        asked = _read(Between, data)
        path = await self._sequencer.store.consistency(asked.first, asked.second)
        if path is None:
            raise _behind()
        return orjson.dumps({"path": _texts(path)})

    async def included(self, agency: str, data: bytes) -> bytes:
        """Return the places of groups, without witnesses: what an agency compares its own with.

        Each group counts against the agency's rate: beyond that it is told `busy.try-again`, before
        anything is worked out.
        """
        asked = _read(Prove, data)
        if len(asked.groups) > MOST_COMPARED:
            raise _not_understood()
        now = self._clock()
        if self._places.left(agency, now) < len(asked.groups):
            raise try_again()
        self._places.charge(agency, now, max(1, len(asked.groups)))
        return await self._prove(asked.model_copy(update={"witnesses": False}))

    async def prove(self, data: bytes) -> bytes:
        """Return the places of groups and who has witnessed the log."""
        return await self._prove(_read(Prove, data))

    async def witness(self, agency: str, data: bytes) -> bytes:
        """Record what the witness of `agency` signed.

        Raises `log.witness-untrusted` and `busy.try-again`.

        Only the newest counts: what is not newer than what is recorded is not recorded again.
        """
        given = _read(Witnessing, data)
        said = open_cosignature(given.cosignature, self._directory())
        head = await self._own(given.head)
        if said is None or said.agency != agency or head is None:
            raise _untrusted()
        signed = (said.head, said.log, said.size, said.root)
        if signed != (digest_of(given.head), head.log, head.size, head.root):
            raise _untrusted()
        return orjson.dumps({"recorded": await self._record(agency, given, said.size)})

    async def _record(self, agency: str, given: Witnessing, size: int) -> bool:
        """Record a signature over a head of `size`; return False where the recorded is as new.

        Two that are handed in at once are put in their order. Raises `busy.try-again` where others
        were first again and again.
        """
        subject = tree_witness(agency)
        body = orjson.dumps({**given.model_dump(), "size": size})
        for _ in range(_TRIES):
            recorded = await self._ledger.last(subject)
            place, newest = (recorded.sequence, _size_of(recorded.data)) if recorded else (0, 0)
            if size <= newest:
                return False
            headers = {batch.TTL: KEPT, batch.EXPECTED: str(place)}
            try:
                await self._ledger.js.publish(subject, body, headers=headers)
            except BadRequestError as error:
                if error.err_code not in batch.SOMEONE_WAS_FIRST:
                    raise
            else:
                return True
        raise try_again()

    async def witnesses(self) -> bytes:
        """Return what is recorded of every witness, contradictions too: witnesses compare them."""
        found = (await self._witnesses())[:_MOST_WITNESSES]
        return orjson.dumps({"witnesses": [one.model_dump() for one in found]})

    async def status(self) -> bytes:
        """Return how the log stands, and how far each witness has signed."""
        of = self._sequencer
        reached = await of.store.reached()
        directory = self._directory()
        seen: list[dict[str, Any]] = []
        for given in await self._witnesses():
            said = open_cosignature(given.cosignature, directory)
            if said is not None:
                about = said.model_dump(mode="json", include={"agency", "witness", "size", "at"})
                seen.append(about)
        return orjson.dumps(
            {
                "state": of.state.value,
                "reason": of.reason,
                "groups": reached.size,
                "ledger": reached.sequence,
                "token": of.token,
                "head": of.newest.model_dump(mode="json") if of.newest else None,
                "witnesses": sorted(seen, key=lambda one: str(one["agency"])),
            }
        )

    async def page(self, data: bytes) -> bytes:
        """Return the next records of one sort; none when there are no more."""
        asked = _read(Page, data)
        return orjson.dumps({"records": await page_of(self._ledger, asked)})

    async def _prove(self, asked: Prove) -> bytes:
        token = asked.head or self._sequencer.token
        head = await self._own(token)
        if head is None:
            raise _behind()
        found = await self._sequencer.store.inclusions(asked.groups, head.size)
        proof = LogProof(
            head=token,
            included=tuple(
                Inclusion(group=digest, index=index, path=_texts(path))
                for digest, (index, path) in found.items()
            ),
            missing=tuple(d for d in dict.fromkeys(asked.groups) if d not in found),
            witnesses=await self._witnessed(head) if asked.witnesses else (),
        )
        return proof.model_dump_json().encode()

    async def _own(self, token: str) -> Head | None:
        """Return the head in `token` when the exchange signed it and the tree reproduces it."""
        head = open_head(token, self._directory(), self._exchange)
        root = None if head is None else await self._sequencer.store.root(head.size)
        return head if root is not None and head and base64url.encode(root) == head.root else None

    async def _witnessed(self, head: Head) -> tuple[Witnessed, ...]:
        made: list[Witnessed] = []
        for given in (await self._witnesses())[:_MOST_WITNESSES]:
            seen = await self._own(given.head)
            if seen is None:
                continue
            first, second = sorted((seen.size, head.size))
            path = await self._sequencer.store.consistency(first, second) or ()
            made.append(
                Witnessed(cosignature=given.cosignature, head=given.head, path=_texts(path))
            )
        return tuple(made)

    async def _witnesses(self) -> list[Witnessing]:
        """Return what is recorded of each agency that the directory names."""
        agencies = self._directory().agencies
        found = await self._ledger.last_of_many([tree_witness(one) for one in agencies])
        read = (_recorded(stored.data) for stored in found.values())
        return [given for given in read if given is not None]


def _recorded(data: bytes) -> Witnessing | None:
    try:
        made = orjson.loads(data)
        return Witnessing(cosignature=made["cosignature"], head=made["head"])
    except (ValueError, KeyError, TypeError):
        return None


def _size_of(data: bytes) -> int:
    try:
        return int(orjson.loads(data)["size"])
    except (ValueError, KeyError, TypeError):
        return 0


def _texts(path: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(base64url.encode(step) for step in path)


def _read(form: type[Form], data: bytes) -> Form:
    try:
        return form.model_validate_json(data)
    except ValidationError:
        raise _not_understood() from None


def _not_understood() -> HandrailError:
    return HandrailError(
        "log.bad-question",
        "the log does not understand what it is asked, or is asked too much at once",
        "run the same version of Handrail here and there",
    )


def _behind() -> HandrailError:
    return HandrailError(
        "log.behind",
        "the exchange has not signed that much of the log, or is not through with reading it",
        "ask again; if it stays so, see `handrail log status`",
    )


def _untrusted() -> HandrailError:
    return HandrailError(
        "log.witness-untrusted",
        "that is not the signature of this agency's witness over a head of this log",
        "see that the directory names the gateway's witness key, and that it is valid",
    )
