"""Forms filled in by the story on a real server: what may be used, by whom, and its provenance."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from contracts import document
from contracts.consents import Consent, ConsentHeld
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.keeping_back import NotShared
from contracts.questions import Category
from contracts.seal import Sealed, seal
from contracts.statements import Statement
from services.agency.filling import What, sign_form_request
from tests.area import CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER
from tests.live.conftest import ServerFactory
from tests.live.story_world import READERS, World, positions, world_on
from tests.unit.story_cases import LANE, ON_DUTY

pytestmark = pytest.mark.live
HOUSEHOLD, GP = "family.household", "health.gp"


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which no service runs yet."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


async def asked(
    world: World, what: What, agency: str, child: str, form: str = "step-up"
) -> dict[str, Any]:
    """Ask the story about a form as a practitioner of `agency`."""
    key = world.exchange.area.keys[READERS[agency]]
    now = datetime.now(UTC)
    request = sign_form_request(key, what, form, child, "to fill in a form", now)
    return await world.forward(agency, request, what)


async def refusal(world: World, agency: str, child: str, form: str = "step-up") -> str:
    """Fail to have a form filled in, and give the code."""
    with pytest.raises(HandrailError) as caught:
        await asked(world, "prefill", agency, child, form)
    return caught.value.code


def said(found: dict[str, Any], question: str) -> list[dict[str, Any]]:
    """Give the statements of a prefilled document that answer a question."""
    return [s for s in found["document"]["statements"] if s["question"] == question]


def missing(found: dict[str, Any]) -> set[str]:
    """Give the questions that are still to ask."""
    return {one["question"] for one in found["missing"]}


def statement(world: World, question: str, value: str, by: str = TEACHER, **more: Any) -> Statement:
    """Give a statement recorded a moment ago."""
    return Statement(
        question=question,
        value=value,
        said_by=more.pop("said_by", "mother"),
        recorded_by=by,
        recorded_at=more.pop("recorded_at", world.exchange.area.now),
        **more,
    )


def added(
    world: World, child: str, by: str, to: tuple[str, ...], *said: Statement, **data: Any
) -> Sealed:
    """Seal an addition to the story."""
    data.setdefault("basis", ON_DUTY)
    return world.exchange.area.sealed("story.added", child, by, to, said, **data)


async def test_a_form_comes_filled_in_with_who_said_it_and_the_rest_to_ask(world: World) -> None:
    """A recipient gets fresh answers with their provenance; the rest are places still to ask."""
    child = new_reference()
    old = world.exchange.area.now - timedelta(days=400)
    written = await world.tell(
        added(
            world,
            child,
            TEACHER,
            (FRONT,),
            statement(world, HOUSEHOLD, "mother and two brothers"),
            statement(world, GP, "Mill Lane", recorded_at=old),
            statement(world, "views.child", "I like school"),
        )
    )

    async with world.service():
        await positions(world, {LANE: 1})
        filled = await asked(world, "prefill", FRONT, child)
        left = await asked(world, "missing", FRONT, child)
        assert (await world.admin("status"))["reads"] == 2

    (household,) = said(filled, HOUSEHOLD)
    assert household["value"] == "mother and two brothers"
    assert (household["said_by"], household["recorded_by"]) == ("mother", TEACHER)
    assert datetime.fromisoformat(household["recorded_at"]) == world.exchange.area.now
    assert household["carried_from"] == written.id
    assert said(filled, GP) == [{"question": GP, "value": None, "said_by": None}]
    assert filled["filled"] == 1
    assert filled["places"] == left["places"] == len(left["missing"]) + 1
    assert missing(left) >= {GP, "views.child", "pack.caf"}
    assert HOUSEHOLD not in missing(left)
    assert {q["question"] for q in left["missing"] if q["required"]} == {
        "pack.referral_form",
        "pack.caf",
        "pack.tac_delivery_plan",
        "pack.last_tac_meeting",
    }


async def test_consent_opens_what_was_sent_to_others_and_its_withdrawal_shuts_it(
    world: World,
) -> None:
    """An agency that the family's consent reaches fills its form; without it the place is empty."""
    child, exchange = new_reference(), world.exchange
    shared = exchange.consent(FRONT, Category.FAMILY)
    basis = {"kind": "consent", "consents": [shared.id]}
    more: Consent = exchange.consent(CARE, Category.FAMILY)
    both = [ConsentHeld(consent=shared), ConsentHeld(consent=more)]
    on_duty = added(world, child, DUTY, (CARE,), statement(world, GP, "Mill Lane", DUTY))
    secret = statement(world, "family.siblings", "two", DUTY)
    household = statement(world, HOUSEHOLD, "mother")
    await world.tell(on_duty, both)
    await world.tell(added(world, child, DUTY, (SCHOOL,), secret), both)
    await world.tell(added(world, child, TEACHER, (FRONT,), household, basis=basis), both)

    async with world.service():
        await positions(world, {LANE: 1, f"SUBMIT_{FRONT.replace('.', '_')}": 2})
        agreed = await asked(world, "prefill", CARE, child)
        gone = ConsentHeld(consent=more, withdrawn_at=datetime.now(UTC))
        await world.tell(exchange.referral(child, to=(FRONT,), words=()), [both[0], gone])
        withdrawn = await asked(world, "prefill", CARE, child)

    assert [s["value"] for s in said(agreed, HOUSEHOLD)] == ["mother"]
    assert [s["value"] for s in said(agreed, GP)] == ["Mill Lane"]
    # What went on duty to the school alone is not social care's by any consent of the family.
    assert [s["value"] for s in said(agreed, "family.siblings")] == [None]
    assert [s["value"] for s in said(withdrawn, HOUSEHOLD)] == [None]
    assert [s["value"] for s in said(withdrawn, GP)] == ["Mill Lane"]


async def test_a_form_is_not_filled_with_what_an_agency_decided_not_to_share(
    world: World,
) -> None:
    """Consent would reach it; the decision of the agency that said it shuts it, and that alone."""
    child, exchange = new_reference(), world.exchange
    shared = exchange.consent(FRONT, Category.FAMILY, Category.HEALTH)
    more: Consent = exchange.consent(CARE, Category.FAMILY, Category.HEALTH)
    both = [ConsentHeld(consent=shared), ConsentHeld(consent=more)]
    basis = {"kind": "consent", "consents": [shared.id]}
    told = (statement(world, HOUSEHOLD, "mother"), statement(world, GP, "Mill Lane"))
    await world.tell(added(world, child, TEACHER, (FRONT,), *told, basis=basis), both)
    against = (NotShared(SCHOOL, CARE, (Category.FAMILY,)), NotShared(FRONT, CARE))
    exchange.journeys[child] = replace(exchange.journeys[child], not_shared=against)
    await world.tell(exchange.referral(child, to=(FRONT,), words=()), both)

    async with world.service():
        await positions(world, {LANE: 2})
        filled = await asked(world, "prefill", CARE, child)

    assert [s["value"] for s in said(filled, HOUSEHOLD)] == [None]
    assert [s["value"] for s in said(filled, GP)] == ["Mill Lane"]


async def test_contradictions_stand_side_by_side_and_a_correction_takes_its_own_place(
    world: World,
) -> None:
    """Two who say different things are both in the form, marked; a corrected answer is not."""
    child = new_reference()
    wrong = statement(world, HOUSEHOLD, "mother alone")
    first = await world.tell(added(world, child, TEACHER, (FRONT,), wrong))
    opened = world.exchange.area.open(first.sealed)
    right = statement(
        world, HOUSEHOLD, "mother and Ned", again="correction", corrects=opened.statements[0].digest
    )
    other = statement(world, HOUSEHOLD, "mother and grandmother", DUTY, said_by="father")
    await world.tell(added(world, child, TEACHER, (FRONT,), right))
    await world.tell(added(world, child, DUTY, (SCHOOL,), other))

    async with world.service():
        await positions(world, {LANE: 2, f"SUBMIT_{FRONT.replace('.', '_')}": 1})
        found = await asked(world, "prefill", FRONT, child)

    values = {(s["value"], s["said_by"]) for s in said(found, HOUSEHOLD)}
    assert values == {("mother and Ned", "mother"), ("mother and grandmother", "father")}
    (marked,) = found["contradictions"]
    assert marked["question"] == HOUSEHOLD
    stands = [found["document"]["statements"][place] for place in marked["statements"]]
    assert stands == said(found, HOUSEHOLD)


async def test_provenance_survives_three_hops(world: World) -> None:
    """Carried over three agencies, an answer still names who said it, who recorded it, whose seal.

    Every hop is a prefilled form completed, sealed by the next agency and stored again.
    """
    child = new_reference()
    first = await world.tell(
        added(world, child, TEACHER, (FRONT,), statement(world, HOUSEHOLD, "mother and Ned"))
    )

    async with world.service():
        await positions(world, {LANE: 1})
        hops = [(FRONT, DUTY, CARE), (CARE, WORKER, SCHOOL), (SCHOOL, TEACHER, FRONT)]
        for agency, author, to in hops:
            form = await asked(world, "prefill", agency, child)
            carried = carried_on(world, form, author, to)
            last = await world.tell(carried)
            found = await world.read(to, child, last.id)  # waits until it is stored

    (one,) = found["statements"]
    kept = one["statement"]
    assert (kept["value"], kept["said_by"], kept["recorded_by"]) == (
        "mother and Ned",
        "mother",
        TEACHER,
    )
    assert datetime.fromisoformat(kept["recorded_at"]) == world.exchange.area.now
    assert kept["carried_from"] == first.id
    assert (one["message"], one["sender"]) == (last.id, SCHOOL)


def carried_on(world: World, form: dict[str, Any], author: str, to: str) -> Sealed:
    """Complete a prefilled form with nothing but what it holds, and seal it as `author`."""
    written = {
        **form["document"],
        "kind": "story.added",
        "recipients": [to],
        "basis": ON_DUTY,
        "data": {},
        "statements": [s for s in form["document"]["statements"] if s["value"] is not None],
    }
    area = world.exchange.area
    person = area.directory.practitioner(author, area.now)
    assert person is not None
    event, disclosures = document.to_event(document.parse(written), person, area.now)
    return seal(event, area.keys[author], disclosures)


async def test_a_prefilled_form_cannot_be_sent_before_it_is_completed(world: World) -> None:
    """An empty place is no answer, so the document names it instead of going out."""
    child = new_reference()
    household = statement(world, HOUSEHOLD, "mother")
    await world.tell(added(world, child, TEACHER, (FRONT,), household))

    async with world.service():
        await positions(world, {LANE: 1})
        form = await asked(world, "prefill", FRONT, child)

    with pytest.raises(HandrailError) as caught:
        document.parse(form["document"])
    assert caught.value.code == "document.invalid"
    assert "$.statements[" in caught.value.message


async def test_an_agency_without_a_part_learns_nothing_from_a_form(world: World) -> None:
    """A stranger, an invented child, an unknown form and a request for another verb are refused."""
    child = new_reference()
    await world.tell(added(world, child, TEACHER, (FRONT,), statement(world, HOUSEHOLD, "x")))

    async with world.service():
        await positions(world, {LANE: 1})
        codes = [
            await refusal(world, CARE, child),
            await refusal(world, CARE, new_reference()),
            await refusal(world, FRONT, child, "tea-party"),
        ]
        key = world.exchange.area.keys[DUTY]
        request = sign_form_request(key, "missing", "step-up", child, "why", datetime.now(UTC))
        with pytest.raises(HandrailError) as other:
            await world.forward(FRONT, request, "prefill")
        with pytest.raises(HandrailError) as whole:
            await world.forward(FRONT, request, "read")
        assert (await world.admin("status"))["reads"] == 0

    assert codes == ["story.not-found", "story.not-found", "form.unknown"]
    assert (other.value.code, whole.value.code) == ("read.unreadable", "read.unreadable")
