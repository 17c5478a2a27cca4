"""Sending a sealed message from an agency and waiting for the exchange's signed answer.

The submission is published with a JetStream acknowledgement and, over an outage, again with the
same bytes: the exchange answers a message once, however often it arrives. The receipt is read by
direct get from the ledger and proved against the directory before it is believed (design §5).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError
from nats.js.errors import Error as JetStreamError
from pydantic import ValidationError

from contracts import subjects, submission
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.event import MAX_BYTES, Event
from contracts.reasons import Refusal
from contracts.records import Decision, Receipt, attested, lane_attested
from contracts.seal import Sealed, peek, refused
from contracts.statements import pack_disclosures
from contracts.submission import IntakeKey, digest_of_bytes
from services.agency.faults import fault
from services.agency.intake_key import intake_key
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.partnership import Partnership

LEAST_S: Final = 15.0
"""An outage of the server, such as an election, is waited out for at least this long."""

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.5
_ATTEMPT_S: Final = 2.0
_NO_ROOM: Final = 10077
"""What the server says of a stream that holds as many bytes as it may."""
_ENCRYPTION_OVERHEAD: Final = 32 + 16
_LEDGER_GET: Final = f"{HUB_PREFIX}.DIRECT.GET.{subjects.LEDGER}"
_STATUS: Final = "Status"


@dataclass(frozen=True, slots=True)
class Answered:
    """The exchange's answer: the receipt as it stands in the ledger, and its proved decision."""

    receipt: Receipt
    decision: Decision


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came in time; `stored` says whether the server took the submission.

    Where it did, the answer comes by itself; where it did not, nothing is known. Sending the same
    sealed message again is right in both cases.
    """

    message: str
    stored: bool


async def submit(
    client: Client,
    partnership: Partnership,
    directory: Directory,
    sealed: Sealed,
    *,
    urgent: bool,
    timeout_s: float = 30.0,
) -> Answered | NoAnswer:
    """Submit `sealed` in its agency's lane and return the exchange's answer.

    `client` is a gateway's connection, `urgent` chooses the child-protection lane. Waits up to
    `timeout_s` seconds, and at least 15. Raises HandrailError: `seal.too-large` before anything is
    sent, `lane.full`, `intake-key.untrusted`, `receipt.untrusted`, or the code of a seal that is
    none.
    """
    event = _event(sealed)
    check_size(sealed)
    deadline = asyncio.get_running_loop().time() + max(timeout_s, LEAST_S)
    intake = await _intake_key(client, partnership, directory, deadline)
    if intake is None:
        return NoAnswer(event.id, stored=False)
    data = submission.write(sealed, intake)
    name = subjects.urgent if urgent else subjects.submit
    if not await _publish(client, name(event.agency, event.subject), data, deadline):
        return NoAnswer(event.id, stored=False)
    pauses = _Pauses(deadline)
    while await pauses.next():
        answer = await _answer(client, partnership, directory, event, sealed, data)
        if answer is not None:
            return answer
    return NoAnswer(event.id, stored=True)


async def receipt_of(
    client: Client, partnership: Partnership, directory: Directory, agency: str, message: str
) -> Answered | None:
    """Return the answer that the ledger holds to `message` of `agency`, or None when it has none.

    It is the final one, or else the notice that the message is held. Raises HandrailError
    `receipt.untrusted`, or `service.no-answer` when the server gives none.
    """
    for subject in (subjects.receipt(agency, message), subjects.receipt_held(agency, message)):
        found = _proved(await _get(client, subject), partnership, directory)
        if found is not None:
            return found
    return None


def check_size(sealed: Sealed) -> None:
    """Raise HandrailError `seal.too-large` for what the exchange would not take either."""
    if size_of(sealed) > MAX_BYTES:
        raise refused("seal.too-large")


def size_of(sealed: Sealed) -> int:
    """Return the number of bytes of the submission that `sealed` becomes, without a key."""
    if sealed.disclosures is None:
        return len(orjson.dumps({"v": 1, "seal": sealed.text}))
    packed = pack_disclosures(sealed.disclosures.salt, sealed.disclosures.items)
    box = -(-4 * (len(packed) + _ENCRYPTION_OVERHEAD) // 3)
    empty = {"v": 1, "seal": sealed.text, "disclosures": {"month": "2026-11", "box": ""}}
    return len(orjson.dumps(empty)) + box


def _event(sealed: Sealed) -> Event:
    event = peek(sealed)
    if isinstance(event, Refusal):
        raise refused(event.code, event.detail)
    return event


class _Pauses:
    """Growing pauses until a deadline of the loop's clock."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._pause = 0.0

    async def next(self) -> bool:
        """Pause, from the second time on, and tell whether there is time for another attempt."""
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            return False
        await asyncio.sleep(min(self._pause, left))
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        return True


async def _intake_key(
    client: Client, partnership: Partnership, directory: Directory, deadline: float
) -> IntakeKey | None:
    pauses = _Pauses(deadline)
    while await pauses.next():
        key = await intake_key(client, partnership, directory, _ATTEMPT_S)
        if key is not None:
            return key
    return None


async def _publish(client: Client, subject: str, data: bytes, deadline: float) -> bool:
    """Publish until the server has stored the bytes; a repetition does no harm.

    Raises HandrailError `lane.full` where to the last the lane had no room for them.
    """
    stream = client.jetstream(prefix=HUB_PREFIX)
    pauses, full = _Pauses(deadline), False
    while await pauses.next():
        try:
            await stream.publish(subject, data, timeout=_ATTEMPT_S)
        except (TimeoutError, NatsError, JetStreamError) as error:
            full = isinstance(error, APIError) and error.err_code == _NO_ROOM
            continue
        return True
    if full:
        raise fault("lane.full")
    return False


async def _answer(
    client: Client,
    partnership: Partnership,
    directory: Directory,
    event: Event,
    sealed: Sealed,
    data: bytes,
) -> Answered | None:
    """Return the answer to exactly these bytes, or None while there is none.

    A receipt under the message's id that answers another digest belongs to another message; what
    repeats an id with other bytes is answered under the digest of its own bytes.
    """
    own = subjects.receipt(event.agency, event.id)
    held = subjects.receipt_held(event.agency, event.id)
    bytes_ = subjects.receipt_bytes(event.agency, digest_of_bytes(data))
    for subject in (own, bytes_, held):
        try:
            found = _proved(await _get(client, subject), partnership, directory)
        except HandrailError as error:
            if error.code != "service.no-answer":
                raise
            return None
        if found is None:
            continue
        if subject == bytes_ or found.decision.sealed == sealed.digest:
            return found
    return None


async def _get(client: Client, subject: str) -> bytes | None:
    """Return the newest record under a subject of the ledger, or None where there is none."""
    try:
        answer = await client.request(f"{_LEDGER_GET}.{subject}", b"", timeout=_ATTEMPT_S)
    except (TimeoutError, NatsError) as error:
        raise HandrailError(
            "service.no-answer",
            "the server did not say whether there is a receipt",
            "ask again; nothing is done twice for the same message id",
        ) from error
    return None if _STATUS in (answer.headers or {}) else answer.data


def _proved(data: bytes | None, partnership: Partnership, directory: Directory) -> Answered | None:
    if data is None:
        return None
    untrusted = HandrailError(
        "receipt.untrusted",
        "a receipt is not attested by the partnership's exchange",
        "fetch the newest directory and ask again; if it happens again, tell the partnership",
    )
    try:
        receipt = Receipt.model_validate_json(data)
    except ValidationError:
        raise untrusted from None
    exchange = partnership.exchange
    proof = attested(receipt.decision, receipt.group, receipt.place, directory, exchange)
    if proof is None or lane_attested(receipt, directory, exchange) is None:
        raise untrusted
    return Answered(receipt, proof.decision)
