"""What the tracker hands out of the ledger, and what it says is open for somebody."""

import orjson
import pytest

from contracts.custody import Piece, prove_custody
from contracts.errors import HandrailError
from contracts.event import Recipient
from contracts.identifiers import new_reference
from contracts.records import Decision, Entry, entry_hash
from contracts.roles import Capacity
from contracts.seal import Sealed
from services.runtime.subscribing import ask
from services.tracker import evidence
from tests import messages as m
from tests.area import CAF, CAF_WORKER, DUTY, FRONT, SCHOOL, TEACHER, WORKER
from tests.live import tracking_world
from tests.live.tracking_world import World, running

pytestmark = pytest.mark.live

# Fixtures, which pytest looks for in the module itself.
bare_world = tracking_world.bare_world
world = tracking_world.world
database_url = tracking_world.database_url
each_world = tracking_world.each_world


async def test_entries_come_in_pages_and_all_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long journey needs several answers; put together they are every record, in order."""
    monkeypatch.setattr(evidence, "MOST_BYTES", 3_000)
    child = world.ledger.stepped_up()
    world.ledger.accept(m.referral(world.ledger.area, new_reference()))
    await world.publish()
    found: list[dict[str, str]] = []
    pages, first = 0, 1
    async with running(world):
        while first:
            question = orjson.dumps({"child": child, "first": first})
            told = orjson.loads(await ask(world.operator, "tracker.entries", question))
            found.extend(told["entries"])
            pages, first = pages + 1, told["next"]

    records = [r.data for r in world.ledger.records if child in r.subject]
    assert pages > 2
    assert [one["digest"] for one in found] == [entry_hash(data) for data in records]
    assert [one["seal"] for one in found] == [Entry.model_validate_json(d).seal for d in records]
    decided = [Decision.model_validate_json(one["decision"]) for one in found]
    pieces = [Piece(Sealed(o["seal"]), d.now) for o, d in zip(found, decided, strict=True)]
    chain = prove_custody(child, pieces, world.ledger.area.directory)
    assert [one.practitioner for one in chain.led] == [TEACHER, WORKER]


async def test_what_is_open_for_somebody_is_what_they_lead_answer_or_decide(
    each_world: World,
) -> None:
    """A child led, a proposal unanswered and a request addressed by name; nothing that is over."""
    world, child = each_world, new_reference()
    ledger, area = world.ledger, world.ledger.area
    ledger.accept(m.opened_before(area, child))
    proposal = ledger.accept(m.lead_proposed(area, child, CAF_WORKER, CAF_WORKER, (SCHOOL, CAF)))
    to = (Recipient(agency=FRONT, practitioner=DUTY),)
    request = ledger.accept(m.referral(area, new_reference(), recipients=to))
    over = new_reference()
    done = ledger.accept(m.referral(area, over, recipients=to))
    ledger.accept(m.acknowledged(area, over, done))
    decided = area.sealed(
        "referral.decided",
        over,
        DUTY,
        [SCHOOL],
        [area.statement("decision.reason", by=DUTY)],
        capacity=Capacity.DUTY_WORKER,
        answers=done,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"outcome": "not_met"},
    )
    ledger.accept(decided)
    await world.publish()
    async with running(world):
        await world.caught_up()
        told = {
            who: await world.ask("open-for", practitioner=who)
            for who in (TEACHER, CAF_WORKER, DUTY, WORKER)
        }

    assert [one["child"] for one in told[TEACHER]["leads"]] == [child]
    assert [one["message"] for one in told[CAF_WORKER]["proposals"]] == [proposal]
    assert [one["message"] for one in told[DUTY]["requests"]] == [request]
    assert told[WORKER] == {"practitioner": WORKER, "leads": [], "proposals": [], "requests": []}


@pytest.mark.parametrize("verb", ["entries", "open-for"])
@pytest.mark.parametrize("body", [b"", b"[[", b'{"child":"x"}', b'{"practitioner":"%"}', b"{}"])
async def test_a_question_of_another_form_is_told_so(world: World, verb: str, body: bytes) -> None:
    """Whatever is asked, the answer is a code of ours with a remedy."""
    async with running(world):
        with pytest.raises(HandrailError) as refused:
            await ask(world.operator, f"tracker.{verb}", body)

    assert refused.value.code == "track.invalid"
    assert refused.value.remedy
