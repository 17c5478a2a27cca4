"""Taking from lanes: builders of lanes without a server, and turns between them."""

from datetime import UTC, datetime
from typing import cast

from nats.aio.client import Client

from services.exchange.lanes import Arrived, Lane
from services.exchange.ledger import Ledger
from services.exchange.taking import Taker

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def arrived(name: str, sequence: int, data: bytes = b"x") -> Arrived:
    """A submission as it lies in the lane `name`."""
    return Arrived(name, sequence, "submit.demo.x.CHILD00000000000000000000", NOW, data)


def lane(name: str, count: int, size: int = 1) -> Lane:
    """A lane that has pulled `count` submissions ahead."""
    made = Lane(name, cast("Client", None), cast("Ledger", None), lambda: None)
    made.broken = False
    made.waiting.extend(arrived(name, n, b"x" * size) for n in range(1, count + 1))
    return made


def test_lanes_are_taken_from_in_turn() -> None:
    """A short lane gives all it has in the same group in which a long one gives the rest."""
    taken = Taker(20).take([lane("A", 100), lane("B", 5), lane("C", 1)])
    counts = {name: sum(one.lane == name for one in taken) for name in "ABC"}
    assert counts == {"A": 14, "B": 5, "C": 1}


def test_large_submissions_do_not_crowd_out_those_of_another_lane() -> None:
    """In a group bounded by bytes every lane still has its turn."""
    taken = Taker(200).take([lane("A", 100, 640 * 1024), lane("B", 5)])
    assert sum(one.lane == "B" for one in taken) >= 3
    assert sum(one.lane == "A" for one in taken) <= 4


def test_what_is_pulled_ahead_of_one_lane_is_bounded_in_bytes() -> None:
    """Of large submissions fewer are asked for at a time than of small ones."""
    made = lane("A", 0)
    first = made._ahead()
    made._largest = 700 * 1024
    large = made._ahead()
    made._largest = 4096
    assert large < first < made._ahead() == 256
    assert large * 700 * 1024 <= 16 * 1024**2
