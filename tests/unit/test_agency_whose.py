"""For whom an inbox shows a line, and that it shows all of them."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from contracts.desks import Handover, Seen, Why
from contracts.directory import Cover, Directory
from contracts.errors import HandrailError
from contracts.event import Recipient
from contracts.identifiers import new_reference
from contracts.seal import peek
from services.agency.handlers import Handlers
from services.agency.inbox import Inbox
from services.agency.items import Item, State, item_of
from services.agency.store import AgencyStore
from services.agency.whose import handover_of, lines, theirs_first
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Record, Request
from services.social_care.views import desk as social_care
from tests.area import CAF, CAF_WORKER, CARE, FRONT, MANAGER, SCHOOL, TEACHER, WORKER, Area
from tests.deliveries import delivery

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[AgencyStore]:
    """Give an empty store."""
    made = AgencyStore(f"sqlite:///{tmp_path}/agency.sqlite")
    yield made
    await made.close()


class Place:
    """Social care's inbox: its service without a server."""

    def __init__(self, store: AgencyStore, folder: Path) -> None:
        self.area, self.store, self.sequence = Area(NOW), store, 0
        self.now = NOW
        self.holder = DirectoryHolder(self._read, self.area.root.x, folder / "seen")
        self.inbox = Inbox(CARE, "demo.exchange", self.holder, store)
        self.handlers = Handlers(
            CARE,
            "demo.exchange",
            social_care,
            directory=self.holder,
            store=store,
            opener=None,  # type: ignore[arg-type]
            clock=lambda: self.now,
        )

    async def _read(self) -> bytes:
        return self.area.signed

    async def take(
        self,
        *to: Recipient,
        kind: str = "story.added",
        not_to_know: Sequence[str] | None = None,
        **data: Any,
    ) -> str:
        """Have the inbox take a message addressed to `to`, and return its id."""
        child, author = data.pop("child", new_reference()), data.pop("author", TEACHER)
        sealed = self.area.sealed(kind, child, author, **{"recipients": to, **data})
        self.sequence += 1
        await self.holder.refresh()
        made = delivery(self.area, sealed, CARE, not_to_know=not_to_know)
        await self.inbox.take(Record("LEDGER", "", self.sequence, self.now, 1, made, {}))
        event = peek(sealed)
        return event.id  # type: ignore[union-attr]

    async def covered(self, person: str, by: str) -> None:
        """Have the directory say that `by` covers for a person from yesterday until tomorrow."""
        cover = (Cover(by=by, since=NOW - DAY, until=NOW + DAY),)
        people = tuple(
            p.model_copy(update={"cover": cover}) if p.id == person else p
            for p in self.area.document.practitioners
        )
        version = self.area.document.version + 1
        update = {"practitioners": people, "version": version}
        self.area.document = self.area.document.model_copy(update=update)
        await self.holder.refresh()

    async def ask(self, verb: str, body: object = None) -> dict[str, Any]:
        """Ask the service as the desk does."""
        request = Request("", orjson.dumps(body or {}), {})
        answer: dict[str, Any] = orjson.loads(await getattr(self.handlers, verb)(request))
        return answer

    async def seen(self, message: str) -> list[tuple[str, str, str | None]]:
        """Who sees a message, why, and in whose place."""
        listed = (await self.ask("inbox"))["messages"]
        (line,) = (one for one in listed if one["message"] == message)
        return [(one["practitioner"], one["why"], one["of"]) for one in line["seen_by"]]


@pytest.fixture
def place(store: AgencyStore, tmp_path: Path) -> Place:
    """Give social care's inbox."""
    return Place(store, tmp_path)


def to(person: str | None = None, capacity: str | None = None) -> Recipient:
    """A recipient at social care."""
    return Recipient(agency=CARE, practitioner=person, capacity=capacity)  # type: ignore[arg-type]


async def test_each_line_says_for_whom_it_is_and_why(place: Place) -> None:
    """A person, a role, and the duty desk for the agency alone; several at once, each once."""
    named = await place.take(to(MANAGER))
    role = await place.take(to(capacity="team_manager"))
    desk = await place.take(to())
    both = await place.take(to(capacity="team_manager"), to(WORKER), to(MANAGER))

    assert await place.seen(named) == [(MANAGER, "named", None)]
    assert await place.seen(role) == [(MANAGER, "role", None)]
    assert await place.seen(desk) == [(WORKER, "duty_desk", None)]
    assert await place.seen(both) == [(MANAGER, "role", None), (WORKER, "named", None)]
    about = await place.ask("delivery", {"message": role})
    assert [one["practitioner"] for one in about["seen_by"]] == [MANAGER]


async def test_cover_shows_at_once_and_ends_by_itself(place: Place) -> None:
    """What came before the cover shows for who covers too, and no longer when it is over."""
    message = await place.take(to(WORKER))
    await place.covered(WORKER, MANAGER)

    assert await place.seen(message) == [(MANAGER, "covering", WORKER)]
    place.now = NOW + DAY
    assert await place.seen(message) == [(WORKER, "named", None)]


async def test_what_is_handed_on_shows_for_the_colleague_from_then_on(place: Place) -> None:
    """For that child alone, what came before and what comes later; other children stay."""
    child = new_reference()
    before = await place.take(to(WORKER), child=child)
    elsewhere = await place.take(to(WORKER))
    await place.take(
        to(),
        kind="work.handed-on",
        child=child,
        author=MANAGER,
        content={"from_practitioner": WORKER, "to_practitioner": MANAGER},
    )
    after = await place.take(to(WORKER), child=child)

    for message in (before, after):
        assert await place.seen(message) == [(MANAGER, "handed_on", WORKER)]
    assert await place.seen(elsewhere) == [(WORKER, "named", None)]


async def test_ones_own_lines_come_first_and_the_others_follow(place: Place) -> None:
    """Nothing is hidden from the agency's desk, whoever asks."""
    mine, others = await place.take(to(WORKER)), await place.take(to(MANAGER))
    for whose, order in ((WORKER, [mine, others]), (MANAGER, [others, mine])):
        told = await place.ask("inbox", {"practitioner": whose})
        assert [one["message"] for one in told["messages"]] == order
        assert told["more"] == 0
    unnamed = (await place.ask("inbox"))["messages"]
    assert [one["message"] for one in unnamed] == [others, mine]


async def listed(place: Place, verb: str, whose: str | None = None) -> list[str]:
    """The messages that a list shows, to somebody or to the agency's desk."""
    told = await place.ask(verb, {"practitioner": whose} if whose else {})
    assert told["more"] == 0
    return [one["message"] for one in told["messages"]]


async def test_who_must_not_know_is_shown_no_line_about_the_child_and_the_desk_is(
    place: Place,
) -> None:
    """Nor is it for them any more: somebody sees it in their place, as if they had left."""
    child = new_reference()
    asked: dict[str, Any] = {"kind": "lead.proposed", "content": {"practitioner": MANAGER}}
    before = await place.take(to(WORKER), child=child, **asked)
    other = await place.take(to(WORKER), **asked)
    after = await place.take(to(), child=child, not_to_know=[WORKER], **asked)

    for verb in ("inbox", "desk"):
        assert set(await listed(place, verb, WORKER)) == {other}
        assert set(await listed(place, verb, MANAGER)) == {before, other, after}
        assert set(await listed(place, verb)) == {before, other, after}
    for message in (before, after):
        assert await place.seen(message) == [(MANAGER, "stands_in", WORKER)]
    assert await place.seen(other) == [(WORKER, "named", None)]


async def test_cover_does_not_show_it_to_who_must_not_know(place: Place) -> None:
    """Who covers for a colleague, and to whom work is handed on, sees nothing of it either."""
    child = new_reference()
    await place.covered(MANAGER, WORKER)
    message = await place.take(to(MANAGER), child=child, not_to_know=[WORKER])
    role = await place.take(to(capacity="social_worker"), child=child, not_to_know=[WORKER])

    assert await listed(place, "inbox", WORKER) == []
    for one in (message, role):
        assert WORKER not in {who for who, _, _ in await place.seen(one)}
        assert await place.seen(one)


async def test_the_newest_delivery_about_the_child_says_who_must_not_know(place: Place) -> None:
    """When it is over the lines are back; what is silent, or comes late, changes nothing."""
    child = new_reference()
    message = await place.take(to(WORKER), child=child, not_to_know=[WORKER])
    await place.take(to(), child=child)
    assert await listed(place, "inbox", WORKER) == []
    over = await place.take(to(), child=child, not_to_know=[])
    assert message in await listed(place, "inbox", WORKER)

    place.sequence -= 2
    late = await place.take(to(), child=child, not_to_know=[WORKER])
    assert {message, over, late} <= set(await listed(place, "inbox", WORKER))


async def test_nobody_of_another_agency_is_asked_for(place: Place) -> None:
    """An inbox has lines for its own people only, and says so."""
    with pytest.raises(HandrailError, match=r"inbox\.not-here"):
        await place.ask("inbox", {"practitioner": TEACHER})
    for wrong in ({"practitioner": "x"}, {"more": 1}, ["x"]):
        with pytest.raises(HandrailError, match=r"request\.invalid"):
            await place.ask("desk", wrong)


async def test_a_proposal_taken_back_asks_nothing_more(place: Place) -> None:
    """When its proposer withdraws it, the inbox shows it as decided."""
    child = new_reference()
    proposal = await place.take(
        to(WORKER),
        kind="lead.proposed",
        child=child,
        author=CAF_WORKER,
        content={"practitioner": WORKER},
    )
    await place.take(to(), kind="lead.withdrawn", child=child, author=CAF_WORKER, answers=proposal)
    assert (await place.store.held(CARE, proposal)).item.state is State.DECIDED


async def test_addresses_survive_in_the_store_in_their_order(store: AgencyStore) -> None:
    """What was addressed to people and roles is read back as it was, for each agency its own."""
    addressed = (to(capacity="team_manager"), to(WORKER))
    for agency, own in ((CARE, addressed), (FRONT, ())):
        await store.take(agency, 1, _item(to=own), _RECORD, "a" * 64)
    assert (await store.items(CARE, history=True))[0].to == addressed
    assert (await store.items(FRONT, history=True))[0].to == ()


def test_a_line_of_an_older_store_shows_for_whom_it_was_named() -> None:
    """Without addresses in the store the person named then counts, and nobody for history."""
    directory = Area(NOW).directory
    old, past = _item(person=WORKER), _item(person=WORKER, history=True)
    shown = lines((old, past), CARE, directory, {}, NOW)
    assert [line.seen for line in shown] == [(Seen(WORKER, Why.NAMED),), ()]


def test_theirs_first_keeps_each_order() -> None:
    """Only the two groups are parted; within them the order is what it was."""
    directory = Area(NOW).directory
    items = [_item(person=person) for person in (MANAGER, WORKER, MANAGER, WORKER)]
    shown = theirs_first(lines(items, CARE, directory, {}, NOW), WORKER)
    assert [line.item for line in shown] == [items[1], items[3], items[0], items[2]]


@pytest.mark.parametrize(
    ("author", "giver", "taker", "counts"),
    [
        (MANAGER, WORKER, MANAGER, True),
        (CAF_WORKER, WORKER, MANAGER, False),
        (MANAGER, WORKER, CAF_WORKER, False),
        (MANAGER, CAF_WORKER, WORKER, False),
    ],
)
def test_only_an_agency_hands_on_among_its_own(
    author: str, giver: str, taker: str, counts: bool
) -> None:
    """Another agency's word moves nothing in this inbox, and nothing moves to another agency."""
    content = {"from_practitioner": giver, "to_practitioner": taker}
    event, _ = Area(NOW).event("work.handed-on", new_reference(), author, [CARE], content=content)
    assert handover_of(event, CARE) == (Handover(giver, taker) if counts else None)
    assert handover_of(event, CAF) is None or author == CAF_WORKER


def test_what_is_addressed_to_others_is_not_listed_here() -> None:
    """An item keeps the addresses of its own agency, and a missed standard its manager."""
    area = Area(NOW)
    recipients = (Recipient(agency=SCHOOL, practitioner=TEACHER), to(WORKER), to(WORKER))
    event, _ = area.event("story.added", new_reference(), TEACHER, recipients=recipients)
    assert item_of(event, CARE, _directory(), NOW, protection=False).to == (to(WORKER),)


_RECORD = delivery(Area(NOW), Area(NOW).sealed("story.added", "C" * 20, TEACHER), CARE).decode()


def _directory() -> Directory:
    return Area(NOW).directory


def _item(**changes: Any) -> Item:
    made: dict[str, Any] = {
        "message": new_reference(),
        "kind": "story.added",
        "child": new_reference(),
        "sender": SCHOOL,
        "received": "2026-03-10T12:00:00.000Z",
        "protection": False,
        "alert": False,
        "history": False,
        **changes,
    }
    return Item(**made)
