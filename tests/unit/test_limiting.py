"""Bounds on what one agency may ask for, and how fast its lane is decided."""

import asyncio
from dataclasses import dataclass

import pytest

from contracts.errors import HandrailError
from contracts.reasons import Refusal
from services.exchange.opening import Unopenable
from services.exchange.rates import BEYOND, BURST_S, UNOPENABLE, LaneRates
from services.exchange.taking import Taker
from services.runtime.known import UNCHANGED, Handout, digest, newest
from services.runtime.limiting import Buckets, Rate, Requests, asking
from tests.unit.test_taking import arrived, lane

X, Y = "SUBMIT_demo_x", "SUBMIT_demo_y"


@dataclass(frozen=True)
class Asked:
    """A request as far as its bounds look at it."""

    subject: str


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    """After a burst there is as much as time has brought, and never more than the burst."""
    buckets = Buckets(Rate(per_s=10, burst=5))
    assert [buckets.take("a", 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert buckets.take("b", 0.0)
    assert [buckets.take("a", 0.2) for _ in range(3)] == [True, True, False]
    assert buckets.left("a", 1000.0) == 5


def test_a_bucket_in_debt_gives_nothing_until_it_is_paid() -> None:
    """What was charged beyond what was there is waited for."""
    buckets = Buckets(Rate(per_s=10, burst=5))
    buckets.charge("a", 0.0, 25)
    assert not buckets.take("a", 1.9)
    assert buckets.take("a", 2.2)


def test_buckets_of_any_number_of_names_stay_few() -> None:
    """Names that have been quiet are forgotten, so that their number has a bound."""
    buckets = Buckets(Rate(per_s=10, burst=5))
    for number in range(30_000):
        buckets.take(str(number), float(number))
    assert len(buckets._held) <= 10_000


def test_a_clock_that_stands_or_goes_back_gives_nothing_away() -> None:
    """Only time that has passed brings tokens."""
    buckets = Buckets(Rate(per_s=10, burst=1))
    assert buckets.take("a", 100.0)
    assert not buckets.take("a", 100.0)
    assert not buckets.take("a", 50.0)


@pytest.mark.parametrize(
    ("subject", "agency"),
    [
        ("story.demo.school.read", "demo.school"),
        ("agency.demo.school.inbox", "demo.school"),
        ("log.demo.school.head", "demo.school"),
        ("story.admin.positions", None),
        ("story.admin.log.status", None),
        ("exchange.admin.status.exchange", None),
        ("tracker.track", None),
        ("directory", None),
        ("", None),
    ],
)
def test_who_asks_is_told_by_the_subject(subject: str, agency: str | None) -> None:
    """Agencies have bounds; what operators and services ask of one another has none."""
    assert asking(subject) == agency


async def _refused(requests: Requests, subject: str) -> str:
    async def handler(_request: Asked) -> bytes:
        return b"done"

    try:
        await requests.bounded(handler)(Asked(subject))
    except HandrailError as error:
        return error.code if error.remedy else "no remedy"
    return ""


async def test_an_agency_that_asks_beyond_its_rate_is_told_to_try_again() -> None:
    """One agency's requests run out, another's do not, and an operator has no bound."""
    requests = Requests(Rate(per_s=1, burst=3), clock=lambda: 7.0)
    answers = [await _refused(requests, "story.demo.x.read") for _ in range(4)]
    assert answers == ["", "", "", "busy.try-again"]
    assert await _refused(requests, "story.demo.y.read") == ""
    assert [await _refused(requests, "story.admin.status") for _ in range(9)] == [""] * 9


async def test_an_agency_holds_only_its_share_of_what_is_answered_at_once() -> None:
    """Requests that take long fill one agency's share and leave the rest to others."""
    requests = Requests(most_at_once=2)
    done = asyncio.Event()

    async def slow(_request: Asked) -> bytes:
        await done.wait()
        return b"done"

    bounded = requests.bounded(slow)
    held = [asyncio.ensure_future(bounded(Asked("story.demo.x.read"))) for _ in range(2)]
    await asyncio.sleep(0)
    assert await _refused(requests, "story.demo.x.read") == "busy.try-again"
    assert await _refused(requests, "story.demo.y.read") == ""
    done.set()
    assert await asyncio.gather(*held) == [b"done", b"done"]
    assert await _refused(requests, "story.demo.x.read") == ""


def test_a_lane_beyond_its_rate_waits_and_others_go_on() -> None:
    """What one agency sends beyond its rate stays in its lane; nothing of it is lost or refused."""
    taker = Taker(200, LaneRates(1))
    flood, quiet = lane(X, 300), lane(Y, 3)
    first = taker.take([flood, quiet], 0.0)
    assert sum(one.lane == X for one in first) == BURST_S
    assert sum(one.lane == Y for one in first) == 3
    assert taker.take([flood, quiet], 0.5) == []
    assert len(flood.waiting) == 300 - BURST_S
    assert [one.sequence for one in taker.take([flood, quiet], 2.5)] == [21, 22]


def test_child_protection_never_waits_for_its_rate() -> None:
    """Beyond its rate a lane of child protection is still decided, only after the others."""
    taker = Taker(200, LaneRates(1, waits=False))
    flood, quiet = lane(X, 300), lane(Y, 1)
    taker.take([flood], 0.0)
    assert [one.lane for one in taker.take([flood, quiet], 0.0)] == [Y]
    taken = taker.take([flood, quiet], 0.0)
    assert len(taken) == BEYOND
    assert {one.lane for one in taken} == {X}


def test_garbage_counts_for_more_than_messages() -> None:
    """What cannot be opened uses up its lane's rate many times as fast, as it names nobody."""
    taker = Taker(200, LaneRates(10))
    taken = taker.take([lane(X, 100)], 0.0)
    assert len(taken) == 100
    garbage = Unopenable((Refusal("seal.unreadable"),))
    taker.judge([(one, garbage) for one in taken], 0.0)
    owed = 100 * UNOPENABLE - 10 * BURST_S
    assert taker.take([lane(X, 1)], owed / 10) == []
    assert len(taker.take([lane(X, 1)], owed / 10 + 0.2)) == 1


def test_a_rate_of_nothing_and_the_lanes_of_services_have_no_bound() -> None:
    """An operator may take the bound away, and what services send one another has none."""
    assert len(Taker(200, LaneRates(0)).take([lane(X, 300)], 0.0)) == 200
    free = LaneRates(1, free=lambda: {Y})
    assert len(Taker(200, free).take([lane(Y, 300)], 0.0)) == 200
    assert arrived(X, 1).lane == X


def test_what_everyone_asks_is_counted_for_each_who_asks() -> None:
    """A gateway's questions for the directory are its own, by the subject that the server makes."""
    assert asking("directory.gateway.schools") == "directory.gateway.schools"
    assert asking("intake-key.service.tracker") == "intake-key.service.tracker"
    assert asking("directory") is None


async def test_one_gateways_questions_leave_the_directory_to_others() -> None:
    """Whoever asks beyond the rate is told to try again; its service, and others, are answered."""
    bounded = Requests(clock=lambda: 0.0, questions=Rate(1, 2)).bounded(_directory)

    for _ in range(2):
        assert await bounded(Asked("directory.gateway.schools")) == b"directory"
    with pytest.raises(HandrailError, match=r"busy\.try-again"):
        await bounded(Asked("directory.gateway.schools"))

    assert await bounded(Asked("directory.gateway.council")) == b"directory"
    assert await bounded(Asked("directory.gateway.schools.service")) == b"directory"


async def _directory(_request: Asked) -> bytes:
    """Answer."""
    return b"directory"


def test_who_has_the_newest_directory_is_not_sent_it_again() -> None:
    """The answer to its digest is short and stands for what the asker has; others get all of it."""
    handout = Handout()

    short = handout.answer(b"newest", digest(b"newest"))

    assert (short, newest(b"newest", short)) == (UNCHANGED, b"newest")
    assert newest(b"older", handout.answer(b"newest", digest(b"older"))) == b"newest"
    assert newest(b"", handout.answer(b"newest", digest(b""))) == b"newest"
