"""An ordered erasure takes what it names, once and for good, wherever it is cut short."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from services.story import orders
from services.story.entries import Told
from services.story.erasing import Erasure, carry_out, recover
from services.story.keeping import unkept
from services.story.orders import Order, between_orders, order_of, outstanding
from services.story.store import Store
from services.story.tables import MESSAGES, STATEMENTS
from tests.area import CAF, CAF_MANAGER, DUTY, FRONT, SCHOOL
from tests.unit.story_cases import WORDS, Exchange
from tests.unit.story_reading import count, inquiry, kept, reads, refusal, told

CHILD = "CHILD000000000000001"
TWO = [("concern.what_happened", WORDS), ("views.child", "I like school")]


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty story in files below `tmp_path / "db"`."""
    folder = f"sqlite:///{tmp_path}/db"
    opened = Store(f"{folder}/story.sqlite", f"{folder}/story-keys.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


def ordered(
    exchange: Exchange,
    ledger: int,
    *,
    author: str = CAF_MANAGER,
    capacity: Capacity = Capacity.DATA_PROTECTION,
    **content: Any,
) -> Told:
    """Give an accepted `story.erased` at a place of the ledger."""
    sealed = exchange.area.sealed(
        "story.erased",
        CHILD,
        author,
        capacity=capacity,
        content={"because": "request", **content},
    )
    return told(exchange, exchange.accept(sealed), ledger)


def order(exchange: Exchange, ledger: int, **content: Any) -> Order:
    """Give the order of an officer's `story.erased`."""
    found = order_of(ordered(exchange, ledger, **content))
    assert found is not None
    return found


def referral(exchange: Exchange, ledger: int) -> Told:
    """Give an accepted referral with two statements."""
    return told(exchange, exchange.accept(exchange.referral(CHILD, words=TWO)), ledger)


async def test_what_is_not_named_is_left_under_another_key(
    store: Store, exchange: Exchange
) -> None:
    """One message goes; the other is read as before, and no old key opens it."""
    first, second = referral(exchange, 1), referral(exchange, 2)
    await kept(store, first, second)
    before = await store.child_key(CHILD)

    done = await carry_out(store, order(exchange, 3, of=first.entry.message))

    assert done == Erasure(0, 2, key=True)
    assert await store.child_key(CHILD) not in (None, before)
    assert (await reads(store, inquiry(FRONT, CHILD, second.entry.message))).shown == 2
    code, *_ = await refusal(store, inquiry(FRONT, CHILD, first.entry.message))
    assert code == "story.erased"


async def test_single_statements_go_and_their_neighbours_stay(
    store: Store, exchange: Exchange
) -> None:
    """A statement is named by its digest, in whatever message it stands."""
    first = referral(exchange, 1)
    await kept(store, first)
    gone = first.statements[0].digest

    await carry_out(store, order(exchange, 2, statements=[gone]))
    left = await store.run(lambda c: c.execute(select(STATEMENTS.c.digest)).scalars().all())

    assert left == [first.statements[1].digest]


async def test_a_manager_reaches_the_words_of_the_own_agency_only(
    store: Store, exchange: Exchange
) -> None:
    """Without an officer's signature nothing goes that another agency said."""
    first = referral(exchange, 1)
    await kept(store, first)
    by_manager = order_of(
        ordered(exchange, 2, capacity=Capacity.TEAM_MANAGER, of=first.entry.message)
    )

    assert by_manager is not None
    assert by_manager.sender == CAF
    assert await carry_out(store, by_manager) == Erasure(0, 0, key=True)
    assert (await reads(store, inquiry(FRONT, CHILD))).shown == 2


async def test_what_comes_late_from_the_ledger_is_not_stored(
    store: Store, exchange: Exchange
) -> None:
    """A message that could not be stored before the order is held against it when it can."""
    first, second = referral(exchange, 1), referral(exchange, 2)
    await carry_out(store, order(exchange, 3, of=first.entry.message))
    await carry_out(store, order(exchange, 4, statements=[second.statements[0].digest]))

    await kept(store, first, second)

    assert await store.run(count) == (2, 1)


async def test_what_is_named_stays_erased_whenever_it_is_accepted(
    store: Store, exchange: Exchange
) -> None:
    """A message or a statement that waited while its erasure was accepted is not stored after."""
    first, second = referral(exchange, 3), referral(exchange, 4)
    await carry_out(store, order(exchange, 1, of=first.entry.message))
    await carry_out(store, order(exchange, 2, statements=[second.statements[0].digest]))

    await kept(store, first, second)

    assert await store.run(count) == (2, 1)
    code, *_ = await refusal(store, inquiry(FRONT, CHILD, first.entry.message))
    assert code == "story.erased"


async def test_what_is_named_goes_though_it_was_stored_before_its_order_was_read(
    store: Store, exchange: Exchange
) -> None:
    """Where an order comes again later than what follows it, that goes as well."""
    first = referral(exchange, 3)
    await kept(store, first)

    done = await carry_out(store, order(exchange, 1, of=first.entry.message))

    assert done.statements == 2


async def test_an_answer_to_what_was_erased_is_kept(store: Store, exchange: Exchange) -> None:
    """Only what repeats a message goes with it, not what answers it."""
    first = referral(exchange, 1)
    area = exchange.area
    reason = [area.statement("decision.reason", WORDS, by=DUTY)]
    sealed = area.sealed(
        "referral.decided", CHILD, DUTY, (SCHOOL,), reason, answers=first.entry.message
    )
    answer = told(exchange, exchange.accept(sealed), 3)
    await carry_out(store, order(exchange, 2, of=first.entry.message))

    await kept(store, first, answer)

    assert await store.run(count) == (2, 1)


async def test_what_was_accepted_after_an_order_for_everything_is_kept(
    store: Store, exchange: Exchange
) -> None:
    """The order counts for what stands before it in the ledger, even if stored after."""
    before, after = referral(exchange, 1), referral(exchange, 3)
    await kept(store, before, after)

    done = await carry_out(store, order(exchange, 2))

    assert done == Erasure(1, 2, key=True)
    assert await store.run(partial(unkept, entries=[before.entry])) == ()
    assert (await reads(store, inquiry(FRONT, CHILD))).shown == 2


async def test_an_order_cut_short_is_found_again_and_finished(
    store: Store, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the files are rewritten an order is not done; carried out again, it is."""
    first, ordering = referral(exchange, 1), ordered(exchange, 2)
    await kept(store, first)
    found = order_of(ordering)
    assert found is not None

    async def failing() -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(store, "scrub", failing)
        with pytest.raises(OSError, match="disk full"):
            await carry_out(store, found)
    still = await store.run(partial(outstanding, entries=[first.entry, ordering.entry]))
    await carry_out(store, found)
    done = await store.run(partial(outstanding, entries=[ordering.entry]))

    assert still == (ordering.entry,)
    assert done == ()
    assert await store.run(count) == (0, 0)
    assert await store.child_key(CHILD) is None


@pytest.mark.parametrize("wrapped", [True, False])
async def test_a_process_killed_between_two_keys_leaves_a_story_that_opens(
    store: Store, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, *, wrapped: bool
) -> None:
    """At the next start the change of key is finished or taken back, as the rows are wrapped."""
    first, second = referral(exchange, 1), referral(exchange, 2)
    await kept(store, first, second)
    found = order(exchange, 3, of=first.entry.message)

    async def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        if wrapped:
            broken.setattr(store, "change_key", killed)
            with pytest.raises(KeyboardInterrupt):
                await carry_out(store, found)
        else:
            await store.next_key(CHILD, found.at)
    await recover(store)

    assert (await reads(store, inquiry(FRONT, CHILD, second.entry.message))).shown == 2
    await carry_out(store, found)
    assert (await reads(store, inquiry(FRONT, CHILD))).shown == 2
    assert await store.changing_keys() == {}


async def test_orders_are_carried_out_in_the_ledgers_order(exchange: Exchange) -> None:
    """What was told before an order is stored before it, and what came after is not touched."""
    messages = [referral(exchange, 1), ordered(exchange, 2), referral(exchange, 3)]
    runs = list(between_orders(messages))

    assert [[t.entry.ledger for t in run] for run, _ in runs] == [[1], [2, 3]]
    assert [one.ledger if one else None for _, one in runs] == [2, None]


async def test_an_order_holds_no_word(store: Store, exchange: Exchange, tmp_path: Path) -> None:
    """What is written down of an erasure is references and digests; the words are in no file."""
    first = referral(exchange, 1)
    await kept(store, first)
    await carry_out(store, order(exchange, 2, of=first.entry.message))

    assert not any(WORDS.encode() in p.read_bytes() for p in (tmp_path / "db").iterdir())
    assert await store.run(partial(orders.is_ordered, child=CHILD, message=first.entry.message))
    assert not await store.run(partial(orders.is_ordered, child=CHILD, message=new_reference()))
    stored = await store.run(lambda c: c.execute(select(MESSAGES.c.sender)).scalars().all())
    assert stored == [SCHOOL]


async def test_a_countersigning_officer_is_enough(exchange: Exchange) -> None:
    """A manager whose erasure an officer countersigns reaches other agencies' words."""
    signer = Signer(id=CAF_MANAGER, capacity=Capacity.DATA_PROTECTION)
    sealed = exchange.area.sealed(
        "story.erased",
        CHILD,
        CAF_MANAGER,
        capacity=Capacity.TEAM_MANAGER,
        countersigners=(signer,),
        content={"because": "court"},
    )
    found = order_of(told(exchange, exchange.accept(sealed), 1))

    assert found is not None
    assert (found.sender, found.because, found.whole) == (None, "court", True)
