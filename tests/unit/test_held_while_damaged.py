"""What is held is not lost to a damaged journey: it stays held until that can be read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.holding import HeldDone, HeldRecord, read_held
from contracts.reasons import Refusal
from contracts.subjects import held, journey, receipt
from contracts.submission import digest_of_bytes
from services.exchange.damage import about_readable
from services.exchange.deciding import Decided, decide_all
from services.exchange.decision import Refused
from services.exchange.drafts import identity_of, quarantined, settled_of
from services.exchange.lanes import Arrived, Woken
from services.exchange.ledger import Ledger
from services.exchange.opening import Unopenable
from tests import messages as m
from tests.area import SCHOOL, Area

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
AREA = Area(NOW)
CHILD, MESSAGE = "C" * 26, "M" * 26
OPENED = AREA.open(m.protection(AREA, CHILD, id=MESSAGE))
DATA = b"as it lies in its lane"


class Damaged(Ledger):
    """A ledger in which the newest record of the child cannot be read."""

    def __init__(self) -> None:
        nothing: Any = None
        super().__init__(nothing, nothing)

    def damaged(self, child: str) -> bool:
        """Tell of the one child."""
        return child == CHILD


def _record() -> HeldRecord:
    return HeldRecord(
        agency=SCHOOL,
        lane="SUBMIT_demo_hilltop-school",
        sequence=7,
        submission=digest_of_bytes(DATA),
        sealed=OPENED.digest,
        arrived_at=NOW,
        until=NOW + HOUR,
        waits_for=(),
    )


def _woken(at: datetime, data: bytes = DATA) -> Arrived:
    record, subject = _record(), f"submit.{SCHOOL}.{CHILD}"
    by = Arrived("SUBMIT_demo_exchange", 3, f"submit.demo.exchange.{CHILD}", at, b"")
    woken = Woken(by, CHILD, MESSAGE, record)
    return Arrived(record.lane, record.sequence, subject, NOW, data, woken)


def _decided(at: datetime) -> Decided:
    ledger = Damaged()
    opened = about_readable([(_woken(at), OPENED)], ledger)
    (made,) = decide_all(opened, AREA.directory, ledger)
    assert ledger.decided(receipt(SCHOOL, MESSAGE)) is None
    return made


@pytest.mark.parametrize("at", [NOW, NOW + HOUR])
def test_a_held_message_that_cannot_be_decided_has_no_final_receipt(at: datetime) -> None:
    """It is quarantined under the digest of its bytes, guarded by the journey at fault."""
    made = _decided(at)
    assert isinstance(made.verdict, Unopenable)
    assert made.verdict.reasons == (Refusal("exchange.failed"),)
    assert made.verdict.protection
    assert identity_of(made) == (SCHOOL, "")
    assert quarantined(made).guard == journey(CHILD)


def test_it_stays_held_as_it_is_before_its_time() -> None:
    """Nothing is written about the holding, so that what moves the journey wakes it again."""
    assert settled_of(_decided(NOW + HOUR - timedelta(seconds=1)), set()) == []


def test_it_is_held_for_an_hour_more_once_its_time_is_up() -> None:
    """So it is looked at by the hour, however often wake-ups would come."""
    at = NOW + HOUR
    (draft,) = settled_of(_decided(at), set())
    assert draft.subject == held(CHILD, MESSAGE)
    assert read_held(draft.data) == _record().model_copy(update={"until": at + HOUR})


def test_a_held_message_that_is_gone_from_its_lane_is_refused_for_good() -> None:
    """There is nothing left that could be decided once a journey is mended."""
    arrived = _woken(NOW + HOUR, b"")
    gone = Unopenable((Refusal("exchange.failed"),), OPENED.digest)
    (made,) = decide_all([(arrived, gone)], AREA.directory, Damaged())
    assert made.verdict == Refused(gone.reasons)
    (draft,) = settled_of(made, set())
    assert isinstance(read_held(draft.data), HeldDone)
