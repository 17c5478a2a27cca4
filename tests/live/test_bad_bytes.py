"""Bytes that are no message, on a real nats-server: each is answered and kept, none stops it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from urllib.parse import urlsplit

import orjson
import pytest
import pytest_asyncio
from nats.js.errors import APIError

from contracts.event import MAX_BYTES
from contracts.identifiers import new_reference
from contracts.records import Outcome, Quarantined
from contracts.seal import Sealed
from contracts.subjects import journey, quarantine, receipt_bytes, submit, submit_stream
from contracts.submission import digest_of_bytes
from services.exchange.ledger import Ledger
from services.exchange.streams import HEADROOM
from tests import crafting as c
from tests import messages as m
from tests.area import SCHOOL, TEACHER, Area
from tests.live.refusing import Bad, Gate, gate_at, wire

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_STEP = 3
_DEADLINE_S = 60
_MAX_PAYLOAD = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    """One exchange for all cases: a case that stopped it would fail those that follow."""
    async with gate_at(tmp_path_factory.mktemp("gate")) as made:
        yield made


def _flipped(data: bytes) -> list[bytes]:
    """`data` with one bit changed, at every third byte, each of the eight bits in turn."""
    made: list[bytes] = []
    for position in range(0, len(data), _STEP):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        made.append(bytes(changed))
    return made


def _cut(data: bytes) -> list[bytes]:
    """`data` cut short at many places, and with something more at its end."""
    return [data[:length] for length in range(1, len(data), 97)] + [data + b"x", data + data]


def _shifted(data: bytes) -> list[bytes]:
    """`data` with a byte left out, and with one doubled, here and there."""
    places = range(1, len(data), 61)
    return [data[:p] + data[p + 1 :] for p in places] + [data[:p] + data[p - 1 :] for p in places]


async def _answers(gate: Gate, sent: Iterable[bytes]) -> dict[bytes, bytes]:
    """The receipt of every submission, once all are there."""
    ledger = Ledger(gate.exchange.client, gate.exchange.js)
    subjects = {one: receipt_bytes(SCHOOL, digest_of_bytes(one)) for one in sent}
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            found = await ledger.last_of_many(list(subjects.values()))
            if len(found) == len(subjects):
                return {one: found[subject].data for one, subject in subjects.items()}
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("change", [_flipped, _cut, _shifted])
async def test_a_changed_byte_anywhere_is_refused_and_quarantined(
    gate: Gate, change: Callable[[bytes], list[bytes]]
) -> None:
    """No change of a submission's bytes passes, in whatever part of it, and none is lost."""
    exchange, child = gate.exchange, new_reference()
    sealed = m.referral(exchange.area, child)
    data = exchange.bytes_of(sealed)
    spoiled = list(dict.fromkeys(one for one in change(data) if one != data))
    await asyncio.gather(*(exchange.js.publish(submit(SCHOOL, child), one) for one in spoiled))
    answers = await _answers(gate, spoiled)
    kept = await Ledger(exchange.client, exchange.js).last_of_many(
        [quarantine(SCHOOL, digest_of_bytes(one)) for one in spoiled]
    )
    assert len(kept) == len(spoiled)
    for one, found in answers.items():
        decision = exchange.verified(found)
        assert decision.outcome is Outcome.REFUSED
        assert decision.reasons
        record = kept[quarantine(SCHOOL, digest_of_bytes(one))]
        assert Quarantined.model_validate_json(record.data).reasons == decision.reasons
    assert await exchange.all(journey(child)) == []
    await gate.accepted(sealed)


def _nested_payload(area: Area, child: str) -> Sealed:
    """Correctly signed JSON in which a member of the content is nested very deep."""
    payload = c.payload_of(m.referral(area, child))
    payload["data"]["content"]["extra"] = 0
    text = json.dumps(payload).replace('"extra": 0', f'"extra": {c.nested(5000)}')
    return c.sealed_bytes(text.encode(), area.keys[TEACHER])


def _payload(old: str, new: bytes) -> Callable[[Area, str], Sealed]:
    """A correctly signed referral in whose JSON text `old` was replaced by any bytes."""

    def make(area: Area, child: str) -> Sealed:
        good = m.referral(area, child)
        text = orjson.dumps(c.payload_of(good))
        assert text.count(old.encode()) == 1
        spoiled = text.replace(old.encode(), new)
        return c.sealed_bytes(spoiled, area.keys[TEACHER], good.disclosures)

    return make


_SOURCE = '"source":"2A"'
PAYLOADS: dict[str, Callable[[Area, str], Sealed]] = {
    "not JSON": lambda a, _c: c.sealed_bytes(b"Dear colleague", a.keys[TEACHER]),
    "empty": lambda a, _c: c.sealed_bytes(b"", a.keys[TEACHER]),
    "null": lambda a, _c: c.sealed_bytes(b"null", a.keys[TEACHER]),
    "a list": lambda a, _c: c.sealed_bytes(b"[]", a.keys[TEACHER]),
    "a number": lambda a, _c: c.sealed_bytes(b"1e999", a.keys[TEACHER]),
    "nested deep": _nested_payload,
    "a name repeated": _payload(_SOURCE, b'"source":"2A","source":"2B"'),
    "a name repeated at the top": _payload('{"specversion"', b'{"id":"x","specversion"'),
    "a name repeated, spelled otherwise": _payload(_SOURCE, b'"source":"2A","\\u0073ource":"2B"'),
    "invalid UTF-8": _payload('"2A"', b'"\xff\xfe"'),
    "a surrogate in UTF-8": _payload('"2A"', b'"\xed\xa0\x80"'),
    "a lone surrogate": _payload('"2A"', b'"\\ud83d"'),
    "NaN": _payload('"2A"', b"NaN"),
    "infinity": _payload('"2A"', b"1e400"),
    "a huge integer": _payload('"2A"', b"9" * 30),
    "an integer of thousands of digits": _payload('"2A"', b"9" * 10_000),
    "a byte order mark": _payload('{"specversion"', b'\xef\xbb\xbf{"specversion"'),
}


@pytest.mark.parametrize("name", PAYLOADS)
async def test_signed_bytes_that_are_no_message_are_quarantined(gate: Gate, name: str) -> None:
    """A right signature over JSON that readers could read differently does not make a message."""
    child = new_reference()
    sealed = PAYLOADS[name](gate.exchange.area, child)
    data = gate.exchange.bytes_of(sealed)
    assert await gate.refused(Bad(data, child)) == {"message.unreadable"}


def _statement(raw: str) -> bytes:
    return f'["{"A" * 22}",{raw}]'.encode()


_GOOD = (
    '"question":"concern.what_happened","said_by":"parent",'
    f'"recorded_by":"{TEACHER}","recorded_at":"2026-01-01T10:00:00Z"'
)
STATEMENTS: dict[str, bytes] = {
    "a value nested deep": _statement(f'{{{_GOOD},"value":{c.nested(400)}}}'),
    "a value nested a little": _statement(f'{{{_GOOD},"value":{c.nested(3)}}}'),
    "nested beyond any reader": _statement(f'{{{_GOOD},"value":{c.nested(100_000)}}}'),
    "a name repeated": _statement(f'{{{_GOOD},"value":"no","value":"yes"}}'),
    "NaN": _statement(f'{{{_GOOD},"value":NaN}}'),
    "a huge integer": _statement(f'{{{_GOOD},"value":{"9" * 30}}}'),
    "a lone surrogate": _statement(f'{{{_GOOD},"value":"\\udc00"}}'),
    "invalid UTF-8": _statement(f'{{{_GOOD},"value":"?"}}').replace(b"?", b"\xff"),
    "no question of the catalogue": _statement(
        f'{{{_GOOD},"value":"x"}}'.replace("concern.what_happened", "shoe.size")
    ),
    "given without a value": _statement(f"{{{_GOOD}}}"),
    "three elements": _statement(f'{{{_GOOD},"value":"x"}},1'),
    "an SD-JWT object property": b'["' + b"A" * 22 + b'","sub","x"]',
    "not JSON": b"hello",
    "nothing": b"",
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_of_another_form_is_quarantined(gate: Gate, name: str) -> None:
    """With digest, binding and signature right, a statement must still be of the contract."""
    area, child = gate.exchange.area, new_reference()
    members, disclosures = c.disclosures_of(STATEMENTS[name])
    good = m.referral(area, child)
    sealed = c.resealed(good, area.keys[TEACHER], lambda p: p["data"].update(members))
    data = gate.exchange.bytes_of(Sealed(sealed.text, disclosures))
    assert await gate.refused(Bad(data, child)) == {"statements.unreadable"}


def _of_size(size: int) -> bytes:
    """JSON of a submission's form that is exactly `size` bytes long."""
    return wire("a" * (size - len(wire(""))))


OUTER: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "seal.unreadable"),
    "not JSON": (b"hello", "seal.unreadable"),
    "null": (b"null", "seal.unreadable"),
    "no member": (b"{}", "seal.unreadable"),
    "another version": (b'{"v":2,"seal":"x"}', "seal.unreadable"),
    "a member more": (wire("x", more=1), "seal.unreadable"),
    "a seal that is not a text": (wire({"payload": ""}), "seal.unreadable"),
    "an empty seal": (wire(""), "seal.unreadable"),
    "a name repeated": (b'{"v":1,"seal":"a","seal":"b"}', "seal.unreadable"),
    "nested deep": (c.nested(100_000).encode(), "seal.unreadable"),
    "nested deep in a member": (
        f'{{"v":1,"seal":{c.nested(3000)}}}'.encode(),
        "seal.unreadable",
    ),
    "nested deep in the seal": (wire(c.nested(100_000)), "seal.unreadable"),
    "an integer of thousands of digits": (
        b'{"v":' + b"1" * 10_000 + b',"seal":""}',
        "seal.unreadable",
    ),
    "NaN": (b'{"v":NaN,"seal":""}', "seal.unreadable"),
    "invalid UTF-8": (b'{"v":1,"seal":"\xff"}', "seal.unreadable"),
    "a lone surrogate": (b'{"v":1,"seal":"\\ud800"}', "seal.unreadable"),
    "UTF-16": ('{"v":1,"seal":"x"}'.encode("utf-16"), "seal.unreadable"),
    "as large as may be": (_of_size(MAX_BYTES), "seal.unreadable"),
    "one byte too large": (_of_size(MAX_BYTES + 1), "seal.too-large"),
    "as large as the lane takes": (_of_size(MAX_BYTES + HEADROOM // 2), "seal.too-large"),
}


@pytest.mark.parametrize("name", OUTER)
async def test_bytes_that_are_no_submission_are_quarantined(gate: Gate, name: str) -> None:
    """Whatever is published in a lane is answered under its digest, and the lane goes on."""
    data, code = OUTER[name]
    assert await gate.refused(Bad(data, new_reference())) == {code}


@pytest.mark.parametrize(
    "entries",
    ['[{"protected":"e30","signature":"%s"}]', "[%s]", '{"0":"%s"}', '["%s"]', "[null,null]", "[]"],
)
async def test_a_seal_of_another_shape_is_quarantined(gate: Gate, entries: str) -> None:
    """Signatures that are no list of objects, or hold nothing, are no seal."""
    filled = entries % ("A" * 86) if "%s" in entries else entries
    data = wire(f'{{"payload":"e30","signatures":{filled}}}')
    found = await gate.refused(Bad(data, new_reference()))
    assert found <= {"seal.unreadable", "seal.bad-algorithm"}


async def test_more_than_a_lane_takes_is_refused_by_the_server(gate: Gate) -> None:
    """A submission beyond the lane's own limit is told to its sender and leaves nothing behind."""
    lane = submit_stream(SCHOOL)
    before = (await gate.exchange.js.stream_info(lane)).state.last_seq
    with pytest.raises(APIError):
        await gate.exchange.js.publish(
            submit(SCHOOL, new_reference()), _of_size(MAX_BYTES + HEADROOM + 1)
        )
    assert (await gate.exchange.js.stream_info(lane)).state.last_seq == before
    await gate.goes_on()


async def test_two_megabytes_from_a_raw_client_are_refused_by_the_server(gate: Gate) -> None:
    """The server answers a payload beyond its limit with its own error and cuts that client off."""
    address = urlsplit(gate.exchange.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    size = 2 * _MAX_PAYLOAD
    head = f"PUB {submit(SCHOOL, new_reference())} {size}\r\n"
    writer.write(b'CONNECT {"verbose":false}\r\n' + head.encode())
    async with asyncio.timeout(_DEADLINE_S):
        await reader.readuntil(b"-ERR 'Maximum Payload Violation'")
        await reader.read()
    assert reader.at_eof()
    writer.close()
    await gate.goes_on()
