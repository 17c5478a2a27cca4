"""What is decided long after it arrived is opened as of its arrival, by everybody who opens it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import pytest_asyncio

from contracts.directory import Directory, open_directory
from contracts.evidence import dump, read
from contracts.evidence.words import words_of
from contracts.identifiers import new_reference
from contracts.records import Decision, Outcome, Receipt
from contracts.seal import Sealed, peek
from contracts.subjects import LEDGER, inbox, journey, receipt, submit_stream
from services.agency.verifying import Genuine, verify
from services.cli.evidence_assembling import Answer, Gathered, assemble
from services.exchange.quarantine_desk import QuarantineDesk
from services.runtime.subscribing import Record
from services.tracker.evidence import entry_of
from tests import messages as m
from tests.area import DUTY, FRONT, SCHOOL, TEACHER
from tests.live.exchanging import Exchange, exchange_at, working
from tests.live.test_releasing import World, without

pytestmark = pytest.mark.live

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange of which no worker runs yet."""
    async with exchange_at(nats_url) as made:
        yield made


def revoke(exchange: Exchange, person: str) -> Directory:
    """Find a person's key to be compromised now, and give the directory that says so."""
    area, whole, now = exchange.area, exchange.area.document, datetime.now(UTC)
    people = tuple(
        one.model_copy(update={"keys": (one.keys[0].model_copy(update={"compromised_at": now}),)})
        if one.id == person
        else one
        for one in whole.practitioners
    )
    area.document = whole.model_copy(update={"practitioners": people, "version": 2})
    return area.directory


def identity(sealed: Sealed) -> str:
    """The id of a sealed message."""
    return peek(sealed).id  # type: ignore[union-attr]


async def evidence_of(exchange: Exchange, child: str) -> bytes:
    """An evidence file about a child from what the ledger holds."""
    gathered = Gathered(child=child, journeys={child: []})
    for number, (subject, data) in enumerate(await exchange.all(journey(child)), start=1):
        record = Record(LEDGER, subject, number, datetime.now(UTC), 1, data, {})
        gathered.journeys[child].append(entry_of(record, attested=True))
        made = Decision.model_validate_json(gathered.journeys[child][-1]["decision"])
        answer = await exchange.last(receipt(made.agency, made.message or ""))
        gathered.answers.append(_parts(answer or b""))
    area = exchange.area
    directory = open_directory(area.signed, area.root.x)
    now = datetime.now(UTC)
    return dump(assemble(gathered, None, directory, area.signed.decode(), now))


def _parts(answer: bytes) -> Answer:
    return Receipt.model_validate_json(answer).model_dump(mode="json", exclude={"v"})


async def believed(exchange: Exchange, sealed: Sealed, to: str, made: Decision) -> None:
    """See that the recipient and evidence take an accepted message, by today's directory."""
    assert made.outcome is Outcome.ACCEPTED, made.reasons
    assert made.arrived is not None
    assert made.arrived < made.now
    data = await exchange.last(inbox(to, identity(sealed)))
    found = verify(data or b"", to, exchange.area.directory, "demo.exchange")
    assert isinstance(found, Genuine), found
    report = read(await evidence_of(exchange, made.child or ""), exchange.area.root.x)
    assert [(str(one.code), one.detail) for one in report.findings] == []
    said = words_of(report, lambda at: at.isoformat()).proved
    assert any(f"having stored it at {made.arrived.isoformat()} by its word" in s for s in said)


async def test_a_held_message_reaches_its_recipient_though_its_author_was_revoked_meanwhile(
    exchange: Exchange,
) -> None:
    """Accepted, it is genuine to the recipient and holds in evidence: it arrived in time."""
    area, child = exchange.area, new_reference()
    request = m.referral(area, child)
    answer = m.acknowledged(area, child, identity(request))
    now = {"directory": area.directory}
    async with working(exchange.worker(hold=HOUR, directory=lambda: now["directory"])):
        await exchange.send(answer)
        notice = await exchange.held(answer)
        now["directory"] = revoke(exchange, DUTY)
        assert (await exchange.decided(request)).arrived is None
        final = await exchange.final(answer)
    assert notice.arrived is None
    assert final.arrived == notice.now
    await believed(exchange, answer, SCHOOL, final)


async def test_what_was_released_reaches_its_recipient_though_its_author_was_revoked_meanwhile(
    exchange: Exchange,
) -> None:
    """A release judges what lay in quarantine as of its arrival, and so does the recipient."""
    desk = QuarantineDesk(exchange.client, exchange.js, "demo.exchange")
    world = World(exchange, without(exchange, TEACHER), desk)
    async with working(exchange.worker(directory=lambda: world.directory)):
        sealed = m.referral(exchange.area, new_reference())
        first = await exchange.decided(sealed)
        assert [r.code for r in first.reasons] == ["seal.unknown-key"]
        item = await world.item(f"{submit_stream(SCHOOL)}:1")
        world.directory = revoke(exchange, TEACHER)
        (result,) = await world.release(item)
        assert result["outcome"] == "accepted", orjson.dumps(result)
        final = await exchange.final(sealed)
    await believed(exchange, sealed, FRONT, final)
