"""Submitting to the exchange: with the same bytes over an outage, believing only what is proved."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.document import parse
from contracts.errors import HandrailError
from contracts.event import MAX_BYTES
from contracts.jws import PrivateKey
from contracts.records import Outcome
from contracts.seal import Sealed
from contracts.submission import IntakeKey, raw_public, write
from services.agency import sending
from services.agency.sending import (
    Answered,
    NoAnswer,
    check_size,
    receipt_of,
    size_of,
    submit,
)
from services.cli.founding import create
from services.cli.messages import current_directory, event_of, seal_document
from services.runtime.partnership import Partnership
from tests.unit.cli_exchange import Exchange

OFFICER = "demo.police.will-penrose"


@pytest.fixture(scope="module")
def partnership(tmp_path_factory: pytest.TempPathFactory) -> Partnership:
    """Give the demonstration partnership."""
    return create(tmp_path_factory.mktemp("demo"), now=datetime.now(UTC), demonstration=True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tenth of a second where the product waits for fifteen."""
    monkeypatch.setattr(sending, "LEAST_S", 0.1)


def sealed(partnership: Partnership, text: str = "x", **changes: Any) -> Sealed:
    """Return a sealed referral by a police officer."""
    document = {
        "kind": "referral.submitted",
        "child": "new",
        "recipients": ["demo.first-response"],
        "basis": {"kind": "statutory_duty", "provision": "CA2004-s11"},
        "data": {"concern": "child_in_need", "source": "6"},
        "statements": [{"question": "concern.what_happened", "value": text, "said_by": "officer"}],
        **changes,
    }
    directory = current_directory(partnership)
    return seal_document(partnership, directory, parse(document), OFFICER, datetime.now(UTC))


async def send(exchange: Exchange, message: Sealed, **options: Any) -> Answered | NoAnswer:
    """Submit to the exchange in the test's place."""
    partnership = exchange.partnership
    settings = {"urgent": False, "timeout_s": 0.1, **options}
    return await submit(
        exchange.client, partnership, current_directory(partnership), message, **settings
    )


async def test_an_accepted_message_gets_its_proved_receipt(partnership: Partnership) -> None:
    """The answer is the decision about exactly this sealed message."""
    exchange, message = Exchange(partnership), sealed(partnership)
    answer = await send(exchange, message)

    assert isinstance(answer, Answered)
    assert answer.decision.outcome is Outcome.ACCEPTED
    assert answer.decision.sealed == message.digest
    assert exchange.published[0][0] == f"submit.demo.police.{event_of(message).subject}"


async def test_child_protection_takes_the_urgent_lane(partnership: Partnership) -> None:
    """`urgent` chooses the lane of its own."""
    exchange, message = Exchange(partnership), sealed(partnership)
    await send(exchange, message, urgent=True)
    assert exchange.published[0][0].startswith("urgent.demo.police.")


@pytest.mark.parametrize("stored", [False, True])
async def test_an_outage_is_met_with_the_same_bytes(partnership: Partnership, stored: bool) -> None:
    """Until the server acknowledges, the same bytes go again; the answer comes once."""
    exchange = Exchange(partnership, lost=3, stored_when_lost=stored)
    answer = await send(exchange, sealed(partnership))

    assert isinstance(answer, Answered)
    assert len(exchange.published) == 4
    assert len({data for _, data in exchange.published}) == 1
    assert len(exchange.records) == 1


async def test_an_outage_is_waited_out_for_fifteen_seconds(
    partnership: Partnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shorter patience than an election of a server may take is not accepted from a caller."""
    asked: list[float] = []

    async def note(_client: object, _partnership: object, _directory: object, until: float) -> None:
        asked.append(until - asyncio.get_running_loop().time())

    monkeypatch.setattr(sending, "_intake_key", note)
    await send(Exchange(partnership), sealed(partnership), timeout_s=1)
    assert asked[0] > 14


@pytest.mark.usefixtures("impatient")
async def test_no_answer_says_whether_the_server_has_it(partnership: Partnership) -> None:
    """Stored and not answered, and not known to be stored, are two different things."""
    stored = await send(Exchange(partnership, silent=True), sealed(partnership))
    unknown = await send(Exchange(partnership, lost=10_000), sealed(partnership))

    assert isinstance(stored, NoAnswer)
    assert isinstance(unknown, NoAnswer)
    assert (stored.stored, unknown.stored) == (True, False)


async def test_an_id_that_is_taken_is_answered_for_these_bytes(partnership: Partnership) -> None:
    """A receipt under the same id that answers another message is not taken for ours."""
    exchange = Exchange(partnership)
    first, second = (sealed(partnership, id="MESSAGE0000000000001") for _ in range(2))
    await send(exchange, first)
    answer = await send(exchange, second)

    assert isinstance(answer, Answered)
    assert [r.code for r in answer.decision.reasons] == ["message.id-reused"]


async def test_sending_the_same_sealed_message_again_gets_the_first_receipt(
    partnership: Partnership,
) -> None:
    """The statements are encrypted anew and the answer is still the first one."""
    exchange, message = Exchange(partnership), sealed(partnership)
    first, again = await send(exchange, message), await send(exchange, message)

    assert first == again
    assert exchange.published[0] != exchange.published[1]


async def test_a_receipt_by_another_key_is_not_believed(partnership: Partnership) -> None:
    """What the exchange of the directory has not attested is an error, not an answer."""
    exchange, message = Exchange(partnership), sealed(partnership)
    await send(exchange, message)
    name, record = next(iter(exchange.records.items()))
    exchange.records[name] = record.replace(b'"accepted', b'"refused_')
    directory = current_directory(partnership)
    with pytest.raises(HandrailError, match=r"receipt\.untrusted"):
        await receipt_of(
            exchange.client, partnership, directory, "demo.police", event_of(message).id
        )


async def test_statements_are_encrypted_to_the_exchange_alone(partnership: Partnership) -> None:
    """An intake key that the exchange did not sign ends the sending before anything is sent."""
    exchange = Exchange(partnership, key=PrivateKey.generate())
    with pytest.raises(HandrailError, match=r"intake-key\.untrusted"):
        await send(exchange, sealed(partnership))
    assert exchange.published == []


@pytest.mark.usefixtures("impatient")
async def test_what_is_sent_while_the_exchange_is_away_waits_for_it(
    partnership: Partnership,
) -> None:
    """A key remembered from before lets the server take the message; without one it is not sent."""
    kept = partnership.folder / "seen" / "intake-key.jws"
    kept.unlink(missing_ok=True)
    exchange = Exchange(partnership, away=True, silent=True)
    first = sealed(partnership)
    assert await send(exchange, first) == NoAnswer(event_of(first).id, stored=False)
    assert exchange.published == []

    exchange.away = False
    await send(exchange, sealed(partnership))
    exchange.away = True
    message = sealed(partnership)
    assert await send(exchange, message) == NoAnswer(event_of(message).id, stored=True)
    assert len(exchange.published) == 2


@pytest.mark.usefixtures("impatient")
async def test_a_remembered_key_is_proved_again(partnership: Partnership) -> None:
    """What lies in the folder is believed only with the exchange's signature."""
    kept = partnership.folder / "seen" / "intake-key.jws"
    kept.parent.mkdir(exist_ok=True)
    forger = Exchange(partnership, key=PrivateKey.generate())
    kept.write_bytes((await forger.request("intake-key", b"")).data)
    exchange = Exchange(partnership, away=True)
    await send(exchange, sealed(partnership))
    kept.unlink()
    assert exchange.published == []


async def test_a_receipt_that_is_not_there_is_none(partnership: Partnership) -> None:
    """Asking for the receipt of a message that was never sent gives None."""
    exchange = Exchange(partnership)
    directory = current_directory(partnership)
    found = await receipt_of(
        exchange.client, partnership, directory, "demo.police", "MESSAGE0000000000009"
    )
    assert found is None


async def test_what_is_too_large_is_refused_before_it_is_sent(partnership: Partnership) -> None:
    """The client answers with the code that the exchange would answer with."""
    statement = {"question": "concern.what_happened", "value": "x" * 20_000, "said_by": "officer"}
    large = sealed(partnership, statements=[statement] * 20)
    exchange = Exchange(partnership)
    assert size_of(large) > MAX_BYTES
    with pytest.raises(HandrailError, match=r"seal\.too-large"):
        await send(exchange, large)
    assert exchange.published == []
    check_size(sealed(partnership))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 17])
def test_the_size_is_known_without_the_key(partnership: Partnership, count: int) -> None:
    """What is worked out beforehand is exactly what goes over the wire."""
    statements = [
        {"question": "concern.what_happened", "value": "é" * n, "said_by": "officer"}
        for n in range(1, count + 1)
    ]
    made = sealed(partnership, statements=statements)
    intake = IntakeKey(
        service="demo.exchange",
        month="2026-11",
        x=raw_public(X25519PrivateKey.generate()),
        expires_at=datetime.now(UTC),
    )
    assert size_of(made) == len(write(made, intake))


async def test_what_is_no_seal_is_not_sent(partnership: Partnership) -> None:
    """A text that is no sealed message is refused by its own code."""
    exchange = Exchange(partnership)
    with pytest.raises(HandrailError, match=r"seal\.unreadable"):
        await send(exchange, Sealed("{}"))
    assert exchange.published == []
