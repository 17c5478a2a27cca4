"""Opening a delivery: the story service decides again and answers; child protection never waits.

Consent is decided at the moment of reading (design §3, step 5), so what the agency service holds is
no way around it. Only where the story service gives no answer, and only for child protection, the
delivery opens by the agency's own key of the month (design §4). Who must not learn of a referral,
as the newest delivery about the child says, opens nothing here either.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nats.aio.client import Client

from contracts.errors import HandrailError
from contracts.reasons import Refusal
from contracts.records import Delivery
from contracts.seal import peek, refused
from contracts.statements import Disclosed, binding, open_disclosures
from contracts.submission import decrypt
from services.agency.faults import Unproven, fault
from services.agency.filling import What
from services.agency.reading import Asked, verify_request
from services.agency.store import AgencyStore, Held, Opening
from services.agency.trusting import judged
from services.agency.withdrawing import must_be_open
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.keystore import KeyStore
from services.runtime.subscribing import INTERNAL, ask

NO_ANSWER: Final = frozenset(
    {
        "service.unreachable",
        "service.no-answer",
        INTERNAL,
        "directory.missing",
        "story.behind",
        "story.statement-damaged",
    }
)
"""When the story service cannot answer; any other error is its answer, and stands."""

_ANSWERS_WITHIN_S: Final = 5.0
_EMPTY: Final = orjson.dumps({"statements": [], "withheld": 0})
_log = log.get(__name__)


class Opener:
    """Opens what one agency's practitioners ask to read."""

    def __init__(
        self,
        agency: str,
        client: Client,
        directory: DirectoryHolder,
        store: AgencyStore,
        keys: KeyStore,
        clock: Callable[[], datetime],
    ) -> None:
        """Ask the story service through `client`; `keys` are the agency's own, named by month."""
        self._agency, self._client, self._directory = agency, client, directory
        self._store, self._keys, self._clock = store, keys, clock

    async def open(self, data: bytes) -> bytes:
        """Return the statements that answer a practitioner's signed request.

        Raises `read.*` for a request that is not good, `delivery.unknown`, `delivery.withdrawn`,
        and what the story service answered.
        """
        now = self._clock()
        asked = await judged(self._directory, lambda d: verify_request(data, self._agency, d, now))
        if isinstance(asked, Unproven):
            raise fault(asked.code)
        held = await self._held(asked)
        answer, source = await self._answer(data, held, asked.practitioner)
        await self._record(asked, now, source)
        return answer

    async def about_form(self, what: What, data: bytes) -> bytes:
        """Return what the story service answers to a signed request about a form.

        Raises what it answered: it proves the request, decides consent again and records the read.
        """
        subject = f"story.{self._agency}.{what}"
        answer = await ask(self._client, subject, data, timeout_s=_ANSWERS_WITHIN_S)
        _log.info("form.answered", agency=self._agency, state=what)
        return answer

    async def break_glass(self, data: bytes) -> bytes:
        """Return what the story service answers to a signed request to break the glass.

        Raises what it answered: it proves the request, records the read and tells a named person.
        """
        subject = f"story.{self._agency}.break-glass"
        answer = await ask(self._client, subject, data, timeout_s=_ANSWERS_WITHIN_S)
        _log.warning("glass.broken", agency=self._agency)
        return answer

    async def _answer(self, data: bytes, held: Held | None, who: str) -> tuple[bytes, str]:
        """Return the answer and whether it is the story's, the delivery's own, or just empty."""
        if held is not None and not _statements(held):
            _must_be_shown(held, who)
            return _EMPTY, "inbox"
        try:
            subject = f"story.{self._agency}.read"
            return await ask(self._client, subject, data, timeout_s=_ANSWERS_WITHIN_S), "story"
        except HandrailError as error:
            if error.code not in NO_ANSWER or held is None or not _opens_alone(held):
                raise
            _must_be_shown(held, who)
            return self._open_here(held), "delivery"

    async def _held(self, asked: Asked) -> Held | None:
        message = asked.request.message
        if message is None:
            return None
        held = await self._store.held(self._agency, message)
        if held.item.child != asked.request.child:
            raise fault("read.child-mismatch")
        must_be_open(held.item)
        return held

    def _open_here(self, held: Held) -> bytes:
        box = held.delivery.disclosures
        keys = {box.month: self._keys.encryption(box.month)} if box else {}
        opened = disclosed(held.delivery, keys)
        if isinstance(opened, Refusal):
            raise refused(opened.code)
        return orjson.dumps(
            {"statements": [_as_json(one, held) for one in opened], "withheld": None}
        )

    async def _record(self, asked: Asked, now: datetime, source: str) -> None:
        request = asked.request
        await self._store.opened(
            self._agency,
            Opening(
                nonce=request.nonce,
                message=request.message,
                practitioner=asked.practitioner,
                purpose=request.purpose,
                at=now,
                source=source,
            ),
        )
        _log.info(
            "delivery.opened",
            agency=self._agency,
            message_id=request.message,
            state=source,
        )


def disclosed(
    delivery: Delivery, keys: Mapping[str, X25519PrivateKey]
) -> tuple[Disclosed, ...] | Refusal:
    """Return the statements that a child-protection delivery carries; `keys` are by month.

    They must be exactly those that the exchange attested in `shown`: the seal binds the set of all
    disclosures, and an agency may have been sent fewer.
    """
    if delivery.disclosures is None:
        return Refusal("seal.disclosures-unreadable")
    plain = decrypt(delivery.disclosures, delivery.sealed.digest, keys)
    if isinstance(plain, Refusal):
        return plain
    bound = binding(plain.salt, delivery.shown)
    return open_disclosures(delivery.shown, bound, plain.salt, plain.items)


def _statements(held: Held) -> bool:
    """Tell whether the message has statements at all; a notice has none, and no story."""
    event = peek(held.delivery.sealed)
    return isinstance(event, Refusal) or bool(event.data.statements)


def _must_be_shown(held: Held, practitioner: str) -> None:
    """Raise what is said of a message that is not there to who must not learn of a referral."""
    if practitioner in held.not_to_know:
        raise fault("delivery.unknown")


def _opens_alone(held: Held) -> bool:
    return held.item.protection and held.delivery.disclosures is not None


def _as_json(one: Disclosed, held: Held) -> dict[str, Any]:
    return {
        "message": held.item.message,
        "sender": held.item.sender,
        "digest": one.digest,
        "disclosure": one.disclosure,
        "statement": one.statement.model_dump(mode="json"),
    }
