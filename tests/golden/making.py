"""Recording a golden set: a partnership's messages through a real exchange, and what came of them.

Nothing here is about anybody: people, agencies and words are invented, and the keys are made for
the one set that holds them.
"""

import base64
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nats.js.errors import NotFoundError

from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.releases import ReleaseReason
from contracts.seal import Sealed, peek
from contracts.subjects import LEDGER, receipt_bytes, submit, submit_stream, urgent_stream
from contracts.submission import digest_of_bytes
from services.exchange.quarantine_desk import QuarantineDesk
from services.exchange.streams import lane_owners
from services.runtime.nats_config import ServerPlan
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, FRONT, SCHOOL, TEACHER, WORKER
from tests.golden.formats import formats
from tests.live import servers
from tests.live.exchanging import Exchange, exchange_at, working

HOLD: Final = timedelta(minutes=5)
WORDS: Final = "Wilhelmina keeps a tortoise called Admiral"
_RAW: Final = (Encoding.Raw, PrivateFormat.Raw, NoEncryption())


class _Play:
    """Sends messages in order and notes what became of each."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.answers: dict[str, str] = {}

    async def send(self, sealed: Sealed, *, as_urgent: bool = False) -> str:
        """Send, wait for the answer, note it, and return the message's id."""
        decision = await self.exchange.decided(sealed, as_urgent=as_urgent)
        event = peek(sealed)
        self.answers[event.id] = decision.outcome.value  # type: ignore[union-attr]
        return event.id  # type: ignore[union-attr]


async def record(folder: Path, note: str) -> None:
    """Record a set into `folder`; the server's own state goes into a folder beside it."""
    state = folder.with_name(f".{folder.name}.state")
    async with (
        servers.running(state, ServerPlan("127.0.0.1", 0, state, ()), servers.unguarded) as server,
        exchange_at(server.url) as exchange,
    ):
        play = _Play(exchange)
        async with (
            working(exchange.worker(hold=HOLD)),
            working(exchange.worker(as_urgent=True)),
        ):
            children = await _play_all(play)
        lines = [one async for one in _dumped(exchange)]
        about = await _about(exchange, play, children, note)
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "set.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


async def _play_all(play: _Play) -> dict[str, str]:
    """Play every kind of record that a ledger holds; give the children by what they are for."""
    area, children = play.exchange.area, {n: new_reference() for n in ("up_and_down", "protected")}
    child = children["up_and_down"]
    await play.send(m.opened_before(area, child))
    request = await play.send(m.step_up(area, child))
    await play.send(m.acknowledged(area, child, request))
    await play.send(m.step_up_decided(area, child, request))
    await play.send(m.assessment(area, child))
    await play.send(m.assessment(area, child, concluded="child_in_need"))
    await _led_by(play, child, WORKER, WORKER, (SCHOOL, CARE))
    down = await play.send(m.step_down(area, child))
    await play.send(m.acknowledged(area, child, down, by=CAF_WORKER, to=CARE))
    await play.send(m.step_down_decided(area, child, down))
    await _led_by(play, child, TEACHER, CAF_WORKER, (SCHOOL, CARE))
    told = area.statement("concern.what_happened", WORDS)
    await play.send(m.protection(area, children["protected"], statements=[told]), as_urgent=True)
    await play.send(m.step_up(area, new_reference()))  # of a child that nobody knows: refused
    garbage = f"no message {os.urandom(4).hex()}".encode()
    sent = await play.exchange.js.publish(submit(SCHOOL, new_reference()), garbage)
    await _release(play.exchange, sent.seq, garbage)
    await _hold(play)
    return children


async def _release(exchange: Exchange, sequence: int, garbage: bytes) -> None:
    """Release what is no message, once it is in quarantine, where it ends up again."""
    desk = QuarantineDesk(exchange.client, exchange.js, "demo.exchange")
    digest = digest_of_bytes(garbage)
    await exchange.receipt(receipt_bytes(SCHOOL, digest), receipt_bytes(SCHOOL, digest))
    item = {"lane": submit_stream(SCHOOL), "sequence": sequence, "digest": digest}
    body = {"items": [item], "because": ReleaseReason.SENDER_ASKED, "reference": "IT-1"}
    (result,) = orjson.loads(await desk.release(orjson.dumps(body)))["results"]
    assert result["outcome"] == "quarantined", result


async def _led_by(play: _Play, child: str, who: str, by: str, to: tuple[str, ...]) -> None:
    area = play.exchange.area
    proposal = await play.send(m.lead_proposed(area, child, who, by, to))
    await play.send(m.lead_answered(area, child, proposal, who, (SCHOOL, CARE, CAF)))


async def _hold(play: _Play) -> None:
    """Leave one message held, and one that was held and is decided."""
    area, child = play.exchange.area, new_reference()
    opening = m.opened_before(area, child)
    request = m.step_up(area, child)
    waits = m.acknowledged(area, child, peek(request).id)  # type: ignore[union-attr]
    await play.exchange.send(waits)
    await play.exchange.held(waits)
    await play.send(opening)
    await play.send(request)
    done = await play.exchange.final(waits)
    assert done.outcome is Outcome.ACCEPTED, done.reasons
    play.answers[peek(waits).id] = done.outcome.value  # type: ignore[union-attr]
    other = m.acknowledged(area, new_reference(), new_reference())
    await play.exchange.send(other)
    held = await play.exchange.held(other)
    play.answers[peek(other).id] = held.outcome.value  # type: ignore[union-attr]


async def _dumped(exchange: Exchange) -> AsyncIterator[dict[str, Any]]:
    """Yield every record of the ledger and of every lane, in the order of its stream."""
    owners = lane_owners(exchange.area.directory)
    lanes = [make(owner) for owner in owners for make in (submit_stream, urgent_stream)]
    for stream in (LEDGER, *lanes):
        sequence = 1
        while True:
            try:
                found = await exchange.js.get_msg(stream, sequence, ">", next=True)
            except NotFoundError:
                break
            sequence = int(found.seq or 0) + 1
            data = found.data or b""
            assert found.time is not None
            yield {
                "stream": stream,
                "sequence": found.seq,
                "subject": found.subject,
                "stored_at": found.time.astimezone(UTC).isoformat(),
                "headers": dict(found.headers or {}),
                **_readable(data),
            }


def _readable(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


async def _about(
    exchange: Exchange, play: _Play, children: dict[str, str], note: str
) -> dict[str, Any]:
    area = exchange.area
    journeys: dict[str, Any] = {}
    for name, child in children.items():
        found = await exchange.last(f"journey.{child}")
        assert found is not None
        journeys[name] = orjson.loads(found)["journey"]
    month = exchange.month
    return {
        "note": note,
        "formats": formats(),
        "root_x": area.root.x,
        "directory": area.signed.decode(),
        "root_key": _secret(area.root.raw),
        "people": {who: _secret(key.raw) for who, key in area.keys.items()},
        "services": {name: _secret(key.raw) for name, key in area.services.items()},
        "intake": {month: _secret(exchange.intake)},
        "delivery": {agency: {month: _secret(key)} for agency, key in area.delivery.items()},
        "children": children,
        "journeys": journeys,
        "answers": play.answers,
        "words": WORDS,
        "leads": [TEACHER, WORKER, TEACHER],
        "protection_to": FRONT,
    }


def _secret(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    return key.private_bytes(*_RAW).hex()
