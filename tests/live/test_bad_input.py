"""Bad messages on a real nats-server: each is refused for its own fault, and nothing else happens.

Every case goes through `Gate.refused`, which also proves that there is an attested receipt under
the message's id or its bytes, a quarantine record for what could not be opened, no journey entry
and no delivery, and that a good message sent afterwards is accepted.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from nats.js.errors import NoStreamResponseError

from contracts.consents import Covers
from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from contracts.seal import Sealed
from contracts.submission import encrypt
from tests import crafting as c
from tests import messages as m
from tests.area import (
    CAF,
    CARE,
    FRONT,
    GP,
    MANAGER,
    PACK,
    SCHOOL,
    TEACHER,
)
from tests.live.exchanging import working
from tests.live.refusing import Bad, Gate, gate_at, wire

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

Story = Callable[[Gate, str], Awaitable[Sealed]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    """One exchange for all cases: a case that stopped it would fail those that follow."""
    async with gate_at(tmp_path_factory.mktemp("gate")) as made:
        yield made


async def _without(gate: Gate, child: str, part: str) -> Sealed:
    await gate.accepted(m.opened_before(gate.exchange.area, child))
    return m.step_up(gate.exchange.area, child, without=part)


def _part(part: str) -> Story:
    return lambda gate, child: _without(gate, child, part)


def _step_down(**changes: Any) -> Story:
    async def story(gate: Gate, child: str) -> Sealed:
        await gate.accepted(m.care_opened_before(gate.exchange.area, child))
        return m.step_down(gate.exchange.area, child, **changes)

    return story


async def _no_consent(gate: Gate, child: str) -> Sealed:
    area = gate.exchange.area
    await gate.accepted(m.opened_before(area, child))
    named = {"kind": "consent", "consents": (new_reference(),)}
    return m.step_up(area, child, basis=named, consents=())


async def _withdrawn(gate: Gate, child: str) -> Sealed:
    area, agreed = gate.exchange.area, m.consent(gate.exchange.area)
    await gate.accepted(m.opened_before(area, child))
    await gate.accepted(area.sealed("consent.recorded", child, TEACHER, consents=(agreed,)))
    content = {"consent": agreed.id}
    await gate.accepted(area.sealed("consent.withdrawn", child, TEACHER, content=content))
    basis = {"kind": "consent", "consents": (agreed.id,)}
    return m.step_up(area, child, basis=basis, consents=())


async def _withdrawn_carried_again(gate: Gate, child: str) -> Sealed:
    """The sender carries along, as if new, the consent that the family withdrew."""
    area, agreed = gate.exchange.area, m.consent(gate.exchange.area)
    await gate.accepted(m.opened_before(area, child))
    await gate.accepted(area.sealed("consent.recorded", child, TEACHER, consents=(agreed,)))
    content = {"consent": agreed.id}
    await gate.accepted(area.sealed("consent.withdrawn", child, TEACHER, content=content))
    return m.step_up(area, child, **m.on_consent(agreed))


async def _expired(gate: Gate, child: str) -> Sealed:
    area = gate.exchange.area
    await gate.accepted(m.opened_before(area, child))
    over = m.consent(area, expires_at=area.now - timedelta(days=1))
    return m.step_up(area, child, **m.on_consent(over))


async def _service_only(gate: Gate, child: str) -> Sealed:
    """Consent to the support is not consent to sharing."""
    area = gate.exchange.area
    await gate.accepted(m.opened_before(area, child))
    return m.step_up(area, child, **m.on_consent(m.consent(area, Covers.SERVICE)))


def _referred(**changes: Any) -> Story:
    async def story(gate: Gate, child: str) -> Sealed:
        return m.referral(gate.exchange.area, child, **changes)

    return story


async def _no_journey(gate: Gate, child: str) -> Sealed:
    return m.step_up(gate.exchange.area, child)


async def _service_pretends(gate: Gate, child: str) -> Sealed:
    """A practitioner calls itself a service to escape the questions put to people."""
    area = gate.exchange.area
    return m.protection(area, child, author=c.LEAVER, capacity=Capacity.SERVICE)


async def _borrowed_id(gate: Gate, child: str) -> Sealed:
    """First Response makes a request under the id of the school's own request."""
    area = gate.exchange.area
    first = m.referral(area, child)
    await gate.accepted(first)
    return m.referral(area, child, author=f"{FRONT}.duty", id=c.payload_of(first)["id"])


OPENED: dict[str, tuple[Story, set[str]]] = {
    **{f"no {part}": (_part(part), {"pack.part-missing"}) for part in PACK},
    "step down for monitoring": (
        _step_down(content={"reason": "monitoring", "unmet_need_manageable": True}),
        {"stepdown.for-monitoring"},
    ),
    "step down without countersignature": (
        _step_down(countersigners=()),
        {"countersign.missing"},
    ),
    "step down countersigned in no capacity": (
        _step_down(countersigners=(Signer(id=MANAGER, capacity=Capacity.PRACTITIONER),)),
        {"countersign.missing"},
    ),
    "step down without consents": (
        _step_down(consents=()),
        {"stepdown.consent-service", "stepdown.consent-sharing", "consent.unknown"},
    ),
    "no consent": (_no_consent, {"consent.unknown"}),
    "consent withdrawn": (_withdrawn, {"consent.withdrawn"}),
    "consent withdrawn and carried again": (_withdrawn_carried_again, {"consent.withdrawn"}),
    "consent expired": (_expired, {"consent.expired"}),
    "consent to the support only": (_service_only, {"consent.missing"}),
    "a child without a journey": (
        _no_journey,
        {"message.unknown-child", "stepup.not-supported", "practitioner.capacity"},
    ),
    "recipient unknown": (_referred(to=[FRONT, "demo.nowhere"]), {"agency.unknown"}),
    "recipient has left": (_referred(to=[FRONT, c.CLOSED]), {"agency.unknown"}),
    "author's agency has left": (_referred(author=c.CLOSED_NURSE), {"agency.unknown"}),
    "author has left": (_referred(author=c.LEAVER), {"practitioner.unknown"}),
    "author has left and calls itself a service": (_service_pretends, {"practitioner.unknown"}),
    "an id that another agency's request has": (_borrowed_id, {"message.id-reused"}),
    "statement missing": (
        _referred(content={"concern": "child_in_need"}, statements=(), to=[CARE]),
        {"message.wrong-content", "recipient.role"},
    ),
}


@pytest.mark.parametrize("name", OPENED)
async def test_what_the_contract_forbids_is_refused_under_its_id_with_every_reason(
    gate: Gate, name: str
) -> None:
    """An opened message that may not pass is answered under its own id, and no journey moves."""
    story, expected = OPENED[name]
    sealed = await story(gate, new_reference())
    source = c.payload_of(sealed)["source"].split(":")
    assert await gate.refused(gate.bad(sealed, agency=".".join(source[2:]))) == expected


async def test_the_child_of_the_subject_is_the_child_of_the_seal(gate: Gate) -> None:
    """A message sent under another child's reference is refused for that alone."""
    sealed = m.referral(gate.exchange.area, new_reference())
    found = await gate.refused(gate.bad(sealed, child=new_reference()))
    assert found == {"message.child-mismatch"}


@pytest.mark.parametrize("child", ["short", "a.b.c", "no_underscores_allowed_here"])
async def test_a_subject_without_a_child_reference_is_answered_all_the_same(
    gate: Gate, child: str
) -> None:
    """A subject of another form is a mismatch of agency and child, and not a stop."""
    sealed = m.referral(gate.exchange.area, new_reference())
    found = await gate.refused(gate.bad(sealed, child=child))
    assert found == {"message.child-mismatch", "message.agency-mismatch"}


@pytest.mark.parametrize("lane", [GP, CAF, "demo.tracker"])
async def test_an_agency_cannot_publish_as_another(gate: Gate, lane: str) -> None:
    """A message in the lane of another agency or of a service is refused, and its id stays free."""
    sealed = m.referral(gate.exchange.area, new_reference())
    found = await gate.refused(gate.bad(sealed, agency=lane))
    assert found == {"message.agency-mismatch"}
    await gate.accepted(sealed)


async def test_a_message_to_the_lane_of_nobody_is_told_to_its_sender(gate: Gate) -> None:
    """There is no lane for an agency that the directory does not hold: the server says so."""
    sealed = m.referral(gate.exchange.area, new_reference())
    with pytest.raises(NoStreamResponseError):
        await gate.exchange.send(sealed, agency="demo.nowhere")
    await gate.goes_on()


async def test_the_same_id_with_other_bytes_never_takes_the_place_of_the_first(gate: Gate) -> None:
    """A reused id is refused, also for an agency's own other signature over the same message."""
    area, child = gate.exchange.area, new_reference()
    first = m.referral(area, child)
    decision = await gate.accepted(first)
    other = m.referral(area, child, id=c.payload_of(first)["id"])
    spaced = Sealed(first.text.replace('","', '", "', 1), first.disclosures)
    for again in (other, spaced):
        bad = Bad(gate.exchange.bytes_of(again), child)
        assert await gate.refused(bad) == {"message.id-reused"}
    assert await gate.exchange.decided(first) == decision


async def test_a_message_sent_twice_and_again_to_a_new_worker_has_one_receipt(gate: Gate) -> None:
    """However often and to whichever worker it is sent, a message is decided and delivered once."""
    sealed, exchange = m.referral(gate.exchange.area, new_reference()), gate.exchange
    event = c.payload_of(sealed)
    first = await gate.accepted(sealed)
    assert await exchange.decided(sealed) == first
    async with working(exchange.worker()):
        for _ in range(3):
            assert await exchange.decided(sealed) == first
            await gate.goes_on()
    assert len(await exchange.all(f"journey.{event['subject']}")) == 1
    assert len(await exchange.all(f"inbox.{FRONT}.{event['id']}")) == 1
    assert len(await exchange.all(f"receipt.{SCHOOL}.{event['id']}")) == 1


async def test_disclosures_open_only_beside_their_own_seal(gate: Gate) -> None:
    """An encrypted box cut from one submission and put beside another seal is refused."""
    exchange = gate.exchange
    one, other = (m.referral(exchange.area, new_reference()) for _ in range(2))
    taken = orjson.loads(exchange.bytes_of(other))["disclosures"]
    bad = Bad(wire(one.text, disclosures=taken), c.payload_of(one)["subject"])
    assert await gate.refused(bad) == {"seal.disclosures-unreadable"}


async def test_a_box_for_another_month_or_key_is_refused(gate: Gate) -> None:
    """Statements encrypted to a key that the exchange does not hold are refused, not lost."""
    sealed, key = m.referral(gate.exchange.area, new_reference()), gate.exchange.intake_key
    assert sealed.disclosures is not None
    right = encrypt(sealed.disclosures, sealed.digest, key.month, key.x)
    foreign = gate.exchange.area.document.agencies[0].delivery_keys[0].x
    boxes = (
        {"month": "2020-01", "box": right.box},
        {"month": "2020-13", "box": right.box},
        encrypt(sealed.disclosures, sealed.digest, key.month, foreign).model_dump(),
        {"month": key.month, "box": "AAAA"},
        {"month": key.month, "box": "A" * 43},
        {"month": key.month, "box": "A" * 200},
    )
    for box in boxes:
        bad = Bad(wire(sealed.text, disclosures=box), c.payload_of(sealed)["subject"])
        assert await gate.refused(bad) in (
            {"seal.disclosures-unreadable"},
            {"seal.unreadable"},
        )


async def test_a_service_signs_notices_and_nothing_else(gate: Gate) -> None:
    """A key of a service under a referral, child protection too, is refused."""
    area = gate.exchange.area
    for make in (m.referral, m.protection):
        sealed = make(area, new_reference(), author="demo.tracker", capacity=Capacity.SERVICE)
        assert await gate.refused(gate.bad(sealed, agency="demo.tracker")) >= {"notice.service"}


async def test_a_countersigner_of_another_agency_does_not_count(gate: Gate) -> None:
    """Only the sender's own team manager makes a step down."""
    area, child = gate.exchange.area, new_reference()
    await gate.accepted(m.care_opened_before(area, child))
    signer = Signer(id=f"{CAF}.manager", capacity=Capacity.TEAM_MANAGER)
    sealed = m.step_down(area, child, countersigners=(signer,))
    assert await gate.refused(gate.bad(sealed, agency=CARE)) == {"countersign.missing"}


async def test_a_useless_delivery_key_never_holds_up_child_protection(gate: Gate) -> None:
    """An agency whose key nothing can be encrypted to gets its delivery, to open by the story."""
    sealed = m.protection(gate.exchange.area, new_reference(), to=[FRONT, GP])
    await gate.accepted(sealed)
    message = c.payload_of(sealed)["id"]
    for agency, boxed in ((FRONT, True), (GP, False)):
        delivery = await gate.exchange.delivery(agency, message)
        assert len(delivery["shown"]) == 1
        assert ("disclosures" in delivery) == boxed
