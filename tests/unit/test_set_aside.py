"""What the exchange tells of quarantine, from its records in the order of the ledger."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from contracts.quarantine import Released, ReleaseOutcome, ReleaseReason
from contracts.records import Ground, Quarantined
from contracts.subjects import inbox_consumer
from services.cli.quarantine_places import _local
from services.exchange import quarantine_desk
from services.exchange.quarantine_desk import QuarantineDesk
from services.exchange.releasing import owner_of
from services.exchange.set_aside import Found, fold

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LANE = "SUBMIT_demo_gp"
SUBJECT = f"quarantine.demo.gp.{'a' * 64}"


def aside(sequence: int, minutes: int = 0) -> tuple[str, bytes]:
    """A record that something was set aside."""
    record = Quarantined(
        lane=LANE,
        sequence=sequence,
        digest="a" * 64,
        reasons=(Ground(code="seal.unreadable"),),
        at=NOW + timedelta(minutes=minutes),
    )
    return SUBJECT, record.model_dump_json().encode()


def released(sequence: int, outcome: str, lane: str = LANE) -> tuple[str, bytes]:
    """A record that something was released."""
    record = Released(
        lane=lane,
        sequence=sequence,
        digest="a" * 64,
        because=ReleaseReason.FAULT_MENDED,
        by="operator",
        outcome=ReleaseOutcome(outcome),
        at=NOW,
    )
    return SUBJECT, record.model_dump_json().encode()


def states(*records: tuple[str, bytes], first: int = 1) -> dict[int, str]:
    """The state of each item by its sequence."""
    told = fold(records).told({LANE: first})
    return {one["sequence"]: one["state"] for one in told["items"]}


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ((), "in quarantine"),
        (("quarantined",), "in quarantine again"),
        (("quarantined", "accepted"), "released"),
        (("accepted",), "released"),
        (("refused",), "released"),
        (("repeated",), "released"),
        (("gone",), "gone"),
    ],
)
def test_an_item_stands_as_its_last_release_left_it(outcomes: tuple[str, ...], state: str) -> None:
    """Only what a release left in quarantine is still there."""
    assert states(aside(7), *(released(7, one) for one in outcomes)) == {7: state}


def test_set_aside_once_more_it_keeps_its_releases() -> None:
    """The record that a release wrote does not hide who released it before."""
    told = fold([aside(7), aside(7, 5), released(7, "quarantined")]).told({})
    (item,) = told["items"]
    assert (item["seen"], len(item["releases"]), told["open"]) == (1, 1, 1)


def test_what_its_lane_no_longer_holds_is_gone_unless_it_was_released() -> None:
    """A trimmed item cannot be released, and one that was is still told as that."""
    assert states(aside(7), aside(8), released(8, "accepted"), first=20) == {
        7: "gone",
        8: "released",
    }


def test_the_same_bytes_at_two_places_are_two_items_seen_twice() -> None:
    """Each place is released for itself, and both tell how often the bytes came."""
    told = fold([aside(7), aside(9, 1), released(9, "refused")]).told({})
    assert [(i["sequence"], i["seen"]) for i in told["items"]] == [(9, 2), (7, 2)]
    assert told["open"] == 1


def test_releases_of_local_quarantines_are_told_apart() -> None:
    """A delivery released to its inbox is no item of the exchange's own."""
    told = fold([released(40, "delivered_again", "inbox_demo_gp")]).told({})
    assert told["items"] == []
    (one,) = told["released_elsewhere"]
    assert (one["item"], one["outcome"]) == ("inbox_demo_gp:40", "delivered_again")
    assert owner_of("inbox_demo_gp") == owner_of(LANE) == "demo.gp"


def test_what_is_no_record_is_passed_over() -> None:
    """A record of another release hides nothing."""
    assert states((SUBJECT, b"{}"), (SUBJECT, b"nonsense"), aside(7)) == {7: "in quarantine"}


async def test_an_answer_stays_below_what_the_server_carries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest are told, and how many are left out."""

    async def found(_: object) -> Found:
        return fold([aside(n, n) for n in range(1, 400)])

    async def begins(_: object) -> dict[str, int]:
        return {}

    monkeypatch.setattr(QuarantineDesk, "_found", found)
    monkeypatch.setattr(QuarantineDesk, "_begins", begins)
    monkeypatch.setattr(quarantine_desk, "_ANSWER_BYTES", 20_000)
    desk = QuarantineDesk.__new__(QuarantineDesk)
    data = await desk.listing(b"")
    told: dict[str, Any] = orjson.loads(data)
    assert len(data) <= 20_000
    assert told["items"][0]["sequence"] == 399
    assert len(told["items"]) + told["more"] == told["open"] == 399


def test_what_stays_refused_has_lain_there_since_it_was_first_set_aside() -> None:
    """A release in vain, and another one, do not hide for how long something has lain."""
    records = (aside(7), released(7, "quarantined"), aside(7, minutes=90), aside(8, minutes=60))
    told = {one["sequence"]: one for one in fold(records).told({LANE: 1})["items"]}
    assert datetime.fromisoformat(told[7]["at"]) == NOW
    assert datetime.fromisoformat(told[8]["at"]) == NOW + timedelta(minutes=60)
    assert told[7]["state"] == "in quarantine again"


def test_a_delivery_that_stays_refused_has_lain_there_since_the_first() -> None:
    """It comes at another place of the ledger each time, and is the same delivery all the same."""
    rows = [
        {"sequence": n, "digest": "a" * 64, "reason": "delivery.unreadable", "at": at}
        for n, at in ((5, "first"), (9, "second"), (12, "third"))
    ]
    elsewhere: dict[str, dict[str, Any]] = {
        f"{inbox_consumer('demo.gp')}:{n}": {"at": "then"} for n in (5, 9)
    }
    told = {one["sequence"]: one for one in _local("demo.gp", rows, elsewhere)}
    assert {n: one["at"] for n, one in told.items()} == {5: "first", 9: "first", 12: "first"}
    assert told[12]["state"] == "in quarantine again"
    assert _local("demo.gp", rows[2:], {})[0]["at"] == "third"
