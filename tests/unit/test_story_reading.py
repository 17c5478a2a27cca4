"""What a person may see is decided at each read, recorded, and never leaks."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Connection

from consent import RULES
from contracts.consents import ConsentHeld
from contracts.journey import Journey
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category
from contracts.statements import digest_of
from services.story.reading import read
from services.story.store import Store
from services.story.tables import PACKS, STATEMENTS
from tests.area import CARE, DUTY, FRONT, GP, SCHOOL, TEACHER
from tests.unit.story_cases import Exchange
from tests.unit.story_reading import inquiry, kept, reads, recorded, refusal, told


@pytest.fixture(params=["sqlite", "postgres"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Name a database of statements, once of each kind, and a key store apart."""
    keys = f"sqlite:///{tmp_path}/db/story-keys.sqlite"
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url").replace("+psycopg", ""), keys
    return f"sqlite:///{tmp_path}/db/story.sqlite", keys


@pytest_asyncio.fixture
async def store(urls: tuple[str, str]) -> AsyncIterator[Store]:
    """Give an empty story."""
    opened = Store(*urls)
    yield opened
    await opened.close()


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


async def test_a_reader_gets_the_words_in_order_and_the_read_is_recorded(
    store: Store, exchange: Exchange
) -> None:
    """A recipient reads every statement as sealed, with who said it; who read what is written."""
    words = [("views.child", "first"), ("concern.harm", "second")]
    written = exchange.accept(exchange.referral(words=words))
    await kept(store, told(exchange, written, 5))

    answer = await reads(store, inquiry(FRONT, written.child, written.id))

    found = orjson.loads(answer.body)
    shown = found["statements"]
    assert [(s["statement"]["value"], s["message"], s["sender"]) for s in shown] == [
        ("first", written.id, SCHOOL),
        ("second", written.id, SCHOOL),
    ]
    assert {(s["statement"]["said_by"], s["statement"]["recorded_by"]) for s in shown} == {
        ("parent", TEACHER)
    }
    assert [digest_of(s["disclosure"]) for s in shown] == [s["digest"] for s in shown]
    assert found["withheld"] == 0
    columns = ("practitioner", "agency", "purpose", "child", "message", "basis", "shown_count")
    who = (DUTY, FRONT, "to decide on the referral", written.child, written.id)
    assert await store.run(recorded(*columns)) == [(*who, '["statutory_duty"]', 2)]
    (row,) = await store.run(recorded("shown", "rules"))
    assert orjson.loads(str(row[0])) == [s["digest"] for s in shown]
    assert orjson.loads(str(row[1])) == ["statutory.duty"]


async def test_a_withdrawn_consent_withholds_from_the_next_read_on(
    store: Store, exchange: Exchange
) -> None:
    """The consents of the moment decide: statement by statement, and the sender keeps its own."""
    consent = exchange.consent(FRONT, Category.CONCERN, Category.VIEWS)
    basis = {"kind": "consent", "consents": [consent.id]}
    words = [("concern.harm", "shared"), ("health.general", "never shared"), ("views.child", "too")]
    sealed = exchange.referral(words=words, basis=basis, consents=(consent,))
    written = exchange.accept(sealed)
    await kept(store, told(exchange, written, 5))
    held = ConsentHeld(consent=consent)
    withdrawn = ConsentHeld(consent=consent, withdrawn_at=datetime.now(UTC))

    before = await reads(store, inquiry(FRONT, written.child, written.id), (held,))
    after = await reads(store, inquiry(FRONT, written.child, written.id), (withdrawn,))
    own = await reads(store, inquiry(SCHOOL, written.child), (withdrawn,))

    assert [(a.shown, a.withheld) for a in (before, after, own)] == [(2, 1), (0, 3), (3, 0)]
    assert b"never shared" not in before.body
    assert await store.run(recorded("shown_count", "withheld")) == [(2, 1), (0, 3), (3, 0)]
    rules = [set(orjson.loads(str(row[0]))) for row in await store.run(recorded("rules"))]
    assert "consent.withdrawn" in rules[1]
    assert set.union(*rules) <= set(RULES)


async def test_that_an_address_is_kept_from_a_reader_is_not_even_counted(
    store: Store, exchange: Exchange
) -> None:
    """The answer is the same as where nothing was kept back; the record has it."""
    words = [("concern.harm", "shared"), ("identity.address", "4 Elm Row")]
    written = exchange.accept(exchange.referral(words=words))
    await kept(store, told(exchange, written, 5))
    key, now = await store.child_key(written.child), datetime.now(UTC)
    guarded = Journey(written.child, protected=ProtectedAddress(ProtectedBy.FAMILY, SCHOOL))
    asked = partial(read, inquiry=inquiry(FRONT, written.child), child_key=key, now=now)

    answer = await store.run(partial(asked, journey=guarded))

    assert (answer.shown, answer.withheld) == (1, 0)
    assert orjson.loads(answer.body)["withheld"] == 0
    assert await store.run(recorded("shown_count", "withheld")) == [(1, 1)]


async def test_what_an_agency_does_not_know_looks_like_what_does_not_exist(
    store: Store, exchange: Exchange
) -> None:
    """Another's message, another's child and invented references get one answer, unrecorded."""
    written = exchange.accept(exchange.referral())
    elsewhere = exchange.accept(exchange.referral(written.child, to=(GP,)))
    await kept(store, told(exchange, written, 5), told(exchange, elsewhere, 6))
    nobody, nothing = "NOSUCHCHILD000000001", "NOSUCHMESSAGE0000001"

    answers = {
        await refusal(store, inquiry(CARE, written.child, written.id)),
        await refusal(store, inquiry(CARE, written.child)),
        await refusal(store, inquiry(FRONT, written.child, elsewhere.id)),
        await refusal(store, inquiry(FRONT, nobody, written.id)),
        await refusal(store, inquiry(FRONT, nobody)),
        await refusal(store, inquiry(FRONT, written.child, nothing)),
    }

    assert {code for code, _, _ in answers} == {"story.not-found"}
    assert len(answers) == 1
    assert await store.run(recorded("id")) == []
    whole = await reads(store, inquiry(FRONT, written.child))
    assert (whole.shown, whole.withheld) == (1, 0)


async def test_a_request_is_answered_once(store: Store, exchange: Exchange) -> None:
    """The same nonce of the same person is refused, and another person may use it."""
    written = exchange.accept(exchange.referral())
    await kept(store, told(exchange, written, 5))
    asked = inquiry(FRONT, written.child, nonce="n" * 24)

    await reads(store, asked)

    assert (await refusal(store, asked))[0] == "read.replayed"
    await reads(store, inquiry(SCHOOL, written.child, nonce="n" * 24))
    assert len(await store.run(recorded("id"))) == 2


async def test_an_agency_that_has_left_sees_nothing(store: Store, exchange: Exchange) -> None:
    """A reader whose agency the directory no longer holds is shown not even its own words."""
    written = exchange.accept(exchange.referral())
    await kept(store, told(exchange, written, 5))

    gone = replace(inquiry(FRONT, written.child), role=None)

    assert (await reads(store, gone)).shown == 0


async def test_a_damaged_row_is_no_answer_and_no_read(store: Store, exchange: Exchange) -> None:
    """A statement that no longer opens is said to be damaged, and nothing counts as read."""
    written = exchange.accept(exchange.referral())
    await kept(store, told(exchange, written, 5))
    for table in (STATEMENTS, PACKS):
        damage = table.update().values(ciphertext=secrets.token_bytes(200))
        await store.run(partial(Connection.execute, statement=damage))

    assert (await refusal(store, inquiry(FRONT, written.child)))[0] == "story.statement-damaged"
    assert await store.run(recorded("id")) == []


async def test_a_story_too_large_for_one_answer_is_read_by_message(
    store: Store, exchange: Exchange
) -> None:
    """What no answer can carry is refused with what to do, and then read in parts."""
    child = "CHILD000000000000001"
    long = [(q, "x" * 18_000) for q in ("views.child", "concern.harm", "pack.caf")] * 4
    messages = [exchange.accept(exchange.referral(child, words=long), n) for n in (1, 2, 3, 4)]
    await kept(store, *(told(exchange, m, n) for n, m in enumerate(messages, 1)))

    assert (await refusal(store, inquiry(FRONT, child)))[0] == "story.too-large"
    parts = [await reads(store, inquiry(FRONT, child, m.id)) for m in messages]

    assert [p.shown for p in parts] == [12] * 4
    assert len(await store.run(recorded("id"))) == 4
