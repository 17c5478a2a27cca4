"""What an agency's store keeps, and in which order each role's desk sees it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.messages import KINDS
from services.agency.handlers import View
from services.agency.items import ALERTS, Item, State
from services.agency.serving import destroy_daily
from services.agency.store import AgencyStore, Opening
from services.caf_team.views import desk as caf_team
from services.first_response.views import desk as first_response
from services.runtime.keystore import KeyStore
from services.runtime.settlement import PermanentFault
from services.social_care.views import desk as social_care
from services.universal.views import desk as universal
from tests.area import FRONT, GP, SCHOOL, Area
from tests.deliveries import delivery
from tests.messages import referral

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AREA = Area(NOW)
VIEWS = (universal, caf_team, first_response, social_care)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[AgencyStore]:
    """Give an empty store."""
    made = AgencyStore(f"sqlite:///{tmp_path}/agency.sqlite")
    yield made
    await made.close()


def item(kind: str = "referral.submitted", at: int = 0, **changes: object) -> Item:
    """Return a line received `at` seconds after the first."""
    made = Item(
        message=new_reference(),
        kind=kind,
        child=new_reference(),
        sender=SCHOOL,
        received=f"2026-03-10T12:00:{at:02}.000Z",
        protection=False,
        alert=kind in ALERTS,
        history=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def take(store: AgencyStore, made: Item, sequence: int, agency: str = FRONT) -> bool:
    """Store a line with the record of some delivery."""
    record = delivery(AREA, referral(AREA, made.child), agency).decode()
    return await store.take(agency, sequence, made, record, "a" * 64)


async def test_a_delivery_seen_again_changes_nothing(store: AgencyStore) -> None:
    """Redelivery keeps the first row, its state and the position."""
    made = item()

    assert await take(store, made, 7)
    await store.move(FRONT, made.message, State.ACKNOWLEDGED)
    assert not await take(store, made, 7)
    assert (await store.items(FRONT, history=True))[0].state is State.ACKNOWLEDGED
    assert await store.position(FRONT) == 7


async def test_the_position_is_the_highest_taken_in(store: AgencyStore) -> None:
    """A late redelivery is stored and does not move the position back."""
    await take(store, item(), 9)

    assert await take(store, item(), 4)
    assert await store.position(FRONT) == 9
    assert await store.position(GP) == 0


async def test_an_id_with_another_seal_is_set_aside(store: AgencyStore) -> None:
    """Nobody can take the place of a message that is there, nor vanish behind it unseen."""
    made = item()
    await take(store, made, 1)

    with pytest.raises(PermanentFault, match=r"message\.id-reused"):
        await store.take(FRONT, 2, made, "{}", "b" * 64)
    assert await store.position(FRONT) == 1


async def test_tries_without_an_end_are_counted(store: AgencyStore) -> None:
    """Each try counts those before it that had no end, for its own agency and delivery alone."""
    assert [await store.begin_try(FRONT, 7) for _ in range(3)] == [0, 1, 2]
    assert await store.begin_try(FRONT, 8) == 0
    assert await store.begin_try(GP, 7) == 0

    await store.end_try(FRONT, 7)

    assert await store.begin_try(FRONT, 7) == 0
    assert await store.begin_try(FRONT, 8) == 1


async def test_a_state_only_moves_on(store: AgencyStore) -> None:
    """Opening what has been decided leaves it decided."""
    made = item()
    await take(store, made, 1)

    for state, after in (
        (State.OPENED, State.OPENED),
        (State.DECIDED, State.DECIDED),
        (State.ACKNOWLEDGED, State.DECIDED),
    ):
        await store.move(FRONT, made.message, state)
        assert (await store.held(FRONT, made.message)).item.state is after


async def test_a_request_to_read_is_answered_once(store: AgencyStore) -> None:
    """The same nonce is refused the second time, and the opening stands once."""
    made = item()
    await take(store, made, 1)
    opening = Opening("n" * 20, made.message, f"{FRONT}.duty", "assessing", NOW, "story")

    await store.opened(FRONT, opening)
    with pytest.raises(HandrailError, match=r"read\.replayed"):
        await store.opened(FRONT, opening)
    held = await store.held(FRONT, made.message)
    assert held.item.state is State.OPENED
    assert [one["practitioner"] for one in held.openings] == [f"{FRONT}.duty"]


async def test_agencies_of_one_gateway_are_apart(store: AgencyStore) -> None:
    """The same message to two agencies is two deliveries, each with its own state."""
    made = item()
    for agency in (SCHOOL, GP):
        await take(store, made, 1, agency)
    await store.move(GP, made.message, State.OPENED)

    assert (await store.held(SCHOOL, made.message)).item.state is State.DELIVERED
    with pytest.raises(HandrailError, match=r"delivery\.unknown"):
        await store.held(FRONT, made.message)


async def test_the_inbox_lists_alerts_first_and_history_last(store: AgencyStore) -> None:
    """Alerts, then the rest newest first, then history; the desk's list has no history."""
    old, new, alert = item(), item(), item("standard.missed")
    past = item(history=True)
    for sequence, one in enumerate((alert, old, new, past), 1):
        await take(store, one, sequence)

    everything = [one.message for one in await store.items(FRONT, history=True)]
    assert everything == [one.message for one in (alert, new, old, past)]
    assert past not in await store.items(FRONT, history=False)
    assert len(await store.items(FRONT, history=True, limit=2)) == 2
    assert await store.count(FRONT) == 4


async def test_child_protection_stands_before_alerts_about_unreadable_bytes(
    store: AgencyStore,
) -> None:
    """Alerts that tell of bytes nobody could open do not bury a referral that nobody has taken.

    An alert about a message that was refused, and every other alert, still stands before it.
    """
    refused = item("protection.failed", protection=True)
    referral_, taken = item(protection=True), item(protection=True, state=State.ACKNOWLEDGED)
    noise = [item("protection.failed") for _ in range(3)]
    for sequence, one in enumerate((refused, referral_, taken, *noise), 1):
        await take(store, one, sequence)

    told = [one.message for one in await store.items(FRONT, history=False)]
    assert told[:2] == [refused.message, referral_.message]
    assert told[-1] == taken.message
    desk = first_response((*noise, referral_))
    assert desk[0] == referral_
    assert set(desk) == {*noise, referral_}


def test_the_duty_desk_sees_untaken_child_protection_first() -> None:
    """Protection before all, within it the longest waiting that nobody has taken."""
    routine = item(at=0)
    taken = item(at=1, protection=True, state=State.ACKNOWLEDGED)
    waiting = item(at=3, protection=True)
    longest = item(at=2, protection=True, state=State.OPENED)
    late = item("standard.missed", at=4)
    decided = item(at=5, state=State.DECIDED)
    news = item("case.closed", at=6)

    shown = first_response((routine, taken, waiting, longest, late, decided, news))

    assert shown == (longest, waiting, taken, late, routine)


def test_the_caf_team_sees_step_downs_that_wait_first() -> None:
    """Alerts, step downs nobody has taken, then those taken, then the lead professionals."""
    taken = item("stepdown.requested", at=0, state=State.ACKNOWLEDGED)
    waiting = item("stepdown.requested", at=1)
    decided = item("stepdown.requested", at=2, state=State.DECIDED)
    lead, alert = item("lead.accepted", at=3), item("standard.missed", at=4)

    shown = caf_team((lead, taken, waiting, decided, alert, item()))

    assert shown == (alert, waiting, taken, lead)


def test_social_care_sees_proposals_then_assessments_then_leads() -> None:
    """A lead proposal that waits comes before assessments, newest first, and lead answers."""
    proposal, answered = item("lead.proposed"), item("lead.proposed", state=State.DECIDED)
    earlier, later = item("stepup.decided", at=1), item("assessment.started", at=2)
    lead = item("stepdown.decided", at=3)

    shown = social_care((lead, earlier, later, answered, proposal))

    assert shown == (proposal, later, earlier, lead)


def test_a_universal_agency_sees_the_outcomes_of_its_own_referrals() -> None:
    """Outcomes come newest first, after what asks somebody here to lead."""
    earlier, later = item("message.acknowledged", at=1), item("stepup.decided", at=2)
    proposal = item("lead.proposed")

    assert universal((earlier, later, proposal, item())) == (proposal, later, earlier)


@given(
    st.lists(
        st.builds(
            item,
            st.sampled_from(sorted(KINDS)),
            st.integers(0, 59),
            protection=st.booleans(),
            state=st.sampled_from(State),
        ),
        max_size=12,
    ),
    st.sampled_from(VIEWS),
)
def test_every_view_chooses_and_orders_and_nothing_else(items: list[Item], view: View) -> None:
    """No view invents, repeats or hides an alert, and the order of arrival does not matter."""
    shown = view(items)

    assert len(set(shown)) == len(shown)
    assert set(shown) <= set(items)
    assert {one for one in items if one.alert} <= set(shown)
    assert sorted(view(items[::-1]), key=repr) == sorted(shown, key=repr)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, but not for ever."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_old_delivery_keys_are_destroyed(tmp_path: Path) -> None:
    """A month's key is gone 35 days after the month, this month's stays; a fault stops nothing."""
    broken, keys = KeyStore(tmp_path / "a"), KeyStore(tmp_path / "b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "2020-01.key").mkdir()
    keys.create_encryption("2020-01")
    keys.create_encryption(this_month := f"{datetime.now(UTC):%Y-%m}")

    task = asyncio.create_task(destroy_daily([broken, keys]))
    await until(lambda: keys.names() == (this_month,))
    task.cancel()
