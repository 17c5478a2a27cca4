"""Whose words a statement is: said again by whom they were told, they are still another's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest_asyncio
from sqlalchemy import text

from contracts.consents import Consent, ConsentHeld
from contracts.identifiers import new_reference
from contracts.statements import Statement
from services.story.store import Store
from services.story.tables import PACKS
from tests.area import DOCTOR, DUTY, FRONT, SCHOOL, TEACHER
from tests.unit.story_cases import Exchange, Written
from tests.unit.story_reading import inquiry, kept, reads, told

DUTY_TO_SHARE = {"kind": "statutory_duty", "provision": "CA1989-s17"}


@dataclass
class Told:
    """A referral that the family let go to First Response, and the story that holds it."""

    store: Store
    exchange: Exchange
    first: Written
    consent: Consent
    ledger: int = 5

    async def say(self, author: str, *said: Statement) -> None:
        """Add `said` to the story, by `author` and to nobody."""
        sealed = self.exchange.area.sealed(
            "story.added", self.first.child, author, statements=said, basis=DUTY_TO_SHARE
        )
        self.ledger += 1
        written = self.exchange.accept(sealed, self.ledger)
        await kept(self.store, told(self.exchange, written, self.ledger))

    async def read(self, agency: str) -> list[str]:
        """Read the whole story once the consent is withdrawn; gives what the values say."""
        gone = ConsentHeld(consent=self.consent, withdrawn_at=datetime.now(UTC))
        answer = await reads(self.store, inquiry(agency, self.first.child), (gone,))
        return [one["statement"]["value"] for one in orjson.loads(answer.body)["statements"]]

    def statement(self, by: str, value: str, source: str | None = None) -> Statement:
        """A statement recorded by `by`, carried on from the message `source` where one is named."""
        made = self.exchange.area.statement("concern.what_happened", value, by)
        return made.model_copy(update={"carried_from": source})


@pytest_asyncio.fixture
async def family(tmp_path: Path) -> AsyncIterator[Told]:
    """Give a school's referral by consent."""
    store = Store(f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/keys.sqlite")
    exchange = Exchange()
    agreed = exchange.consent()
    basis = {"kind": "consent", "consents": [agreed.id]}
    first = exchange.accept(
        exchange.referral(basis=basis, consents=(agreed,), words=[("views.child", "first")])
    )
    await kept(store, told(exchange, first, 5))
    yield Told(store, exchange, first, agreed)
    await store.close()


async def test_a_recipient_does_not_keep_words_by_carrying_them_on(family: Told) -> None:
    """After the withdrawal it reads what it said itself, and nothing that it was told."""
    await family.say(
        DUTY,
        family.statement(TEACHER, "carried", family.first.id),
        family.statement(TEACHER, "another's, without its source"),
        family.statement(DUTY, "claimed to be recorded here", family.first.id),
        family.statement(DUTY, "of an unknown source", new_reference()),
        family.statement(DUTY, "own"),
    )

    assert await family.read(FRONT) == ["own"]


async def test_an_agency_carries_its_own_words_on_and_reads_them(family: Told) -> None:
    """What it said first in a message of its own stays its own."""
    await family.say(
        TEACHER,
        family.statement(TEACHER, "again", family.first.id),
        family.statement(DOCTOR, "the doctor's"),
    )

    assert await family.read(SCHOOL) == ["first", "again"]


async def test_of_statements_kept_before_it_was_noted_a_recipient_keeps_its_own_only(
    family: Told, tmp_path: Path
) -> None:
    """A database without the column gets it with what the statements themselves say."""
    await family.say(DUTY, family.statement(TEACHER, "told"), family.statement(DUTY, "own"))
    await family.store.run(lambda c: c.execute(text("ALTER TABLE statements DROP COLUMN own")))
    await family.store.run(PACKS.drop)
    await family.store.close()

    family.store = Store(f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/keys.sqlite")

    assert await family.read(FRONT) == ["own"]
    assert await family.read(SCHOOL) == ["first"]


async def test_what_does_not_open_is_nobodys_own(family: Told, tmp_path: Path) -> None:
    """Without the child's key it stays unknown whose words they are, and none of them is shown."""
    await family.say(DUTY, family.statement(DUTY, "own"))
    await family.store.run(lambda c: c.execute(text("UPDATE statements SET own = NULL")))
    await family.store.run(lambda c: c.execute(PACKS.delete()))
    await family.store.destroy_key(family.first.child)
    await family.store.close()

    family.store = Store(f"sqlite:///{tmp_path}/story.sqlite", f"sqlite:///{tmp_path}/keys.sqlite")

    left = await family.store.run(lambda c: c.execute(text("SELECT own FROM statements")).all())
    assert [own for (own,) in left] == [None, None]
    assert await family.read(FRONT) == []
