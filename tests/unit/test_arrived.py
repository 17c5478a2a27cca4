"""A decision says when the message arrived, where that is not when it was decided."""

from datetime import UTC, datetime, timedelta

from contracts.custody import Piece, prove_custody
from contracts.identifiers import new_reference
from contracts.kinds import iso
from contracts.records import Decision
from services.agency.faults import Unproven
from services.agency.verifying import Genuine, verify
from tests import messages as m
from tests.area import FRONT, Area
from tests.deliveries import decision, delivery

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AREA = Area(NOW)
ARRIVED = NOW - timedelta(days=29)
SEALED = m.referral(AREA, new_reference(), time=ARRIVED - timedelta(days=2))
EXCHANGE = "demo.exchange"


def test_a_message_released_after_weeks_is_as_old_as_when_it_arrived() -> None:
    """Its age is judged as of the arrival that the exchange attested, which no release changes."""
    said = {"arrived": iso(ARRIVED)}
    released = delivery(AREA, SEALED, FRONT, changes=said)

    assert isinstance(verify(released, FRONT, AREA.directory, EXCHANGE), Genuine)
    at_once = verify(delivery(AREA, SEALED, FRONT), FRONT, AREA.directory, EXCHANGE)
    assert isinstance(at_once, Unproven)
    assert at_once.code == "seal.too-old"


def test_custody_opens_a_message_as_of_its_arrival() -> None:
    """Who led when follows the decisions; whether a seal holds, the arrival."""
    area, child = Area(ARRIVED - timedelta(days=2)), new_reference()
    sealed = m.opened_before(area, child)
    piece = Piece(sealed, NOW, 1, "1", arrived=ARRIVED)

    chain = prove_custody(child, [piece], area.directory)
    late = prove_custody(child, [Piece(sealed, NOW, 1, "1")], area.directory)

    assert chain.holds
    assert [led.since for led in chain.led] == [NOW]
    assert [one.code for one in late.findings] == ["seal.too-old"]


def test_a_decision_without_an_arrival_was_made_as_it_arrived() -> None:
    """Records of earlier releases say nothing of it, and are read as they were."""
    text = decision(AREA, SEALED, {})
    later = decision(AREA, SEALED, {}, arrived=iso(ARRIVED))

    assert Decision.model_validate_json(text).opened_at == NOW
    assert Decision.model_validate_json(later).opened_at == ARRIVED
