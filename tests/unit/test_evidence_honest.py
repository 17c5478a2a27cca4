"""Honest evidence holds: while bytes wait in a lane, before a notice is decided, about one id."""

from itertools import permutations
from typing import Any

import orjson
import pytest

from contracts.errors import HandrailError
from contracts.evidence import Code, against, dump, read
from contracts.evidence.logged import Absent, Step, out_of_order, step_of
from contracts.evidence.words import words_of
from contracts.identifiers import new_reference
from contracts.records import Decision, LaneLeaf
from services.cli import evidence_gathering as gathering
from services.exchange.attesting import Attestation, LaneStep, Leaves, attest
from tests import messages as m
from tests.area import DOCTOR, GP
from tests.deliveries import receipt
from tests.evidence.base import EXCHANGE, Base
from tests.evidence.changing import said_of, with_clock

LANE = "URGENT_demo_hilltop-school"
FIRST, SECOND, THIRD = "c" * 64, "b" * 64, "a" * 64


class Waiting(Base):
    """The same story, while the first submission of every lane waits, because it is no message."""

    def decided(self, *texts: str) -> Attestation:
        """Attest decisions as one group, whose lanes all begin where something waits."""
        leaves = Leaves()
        for text in texts:
            leaves.add(text)
        decisions = [Decision.model_validate_json(text) for text in texts]
        reached = {one.lane: one.sequence for one in decisions}
        steps = [LaneStep(lane, 1, last, "", 1) for lane, last in sorted(reached.items())]
        key = self.area.services["exchange"]
        made = attest(leaves, steps, EXCHANGE, key, decisions[-1].now)
        self.log.texts.append(made.token)
        self.attestations.append(made)
        return made


@pytest.fixture(scope="module")
def base() -> Base:
    """Give an honest file and all that it was made from."""
    return Base()


def lane(first: int, last: int, waits: int = 0) -> LaneLeaf:
    """The leaf of a lane."""
    return LaneLeaf(lane=LANE, first=first, last=last, before="", waits=waits)


def wrong(*steps: Step) -> list[str]:
    """What the log holds in another order, where it holds the groups in the order of the steps."""
    places = {one.group: place for place, one in enumerate(steps)}
    found = {tuple(out_of_order(order, places, Absent())) for order in permutations(steps)}
    (same,) = found
    return [one.where for one in same]


def test_a_file_holds_while_bytes_wait_in_a_lane() -> None:
    """Every group of the lane begins where they wait, and each comes after the one before."""
    made = Waiting()
    report = read(dump(made.evidence), made.area.root.x)

    lanes = [one.lane for one in report.answered if one.lane]
    assert report.findings == ()
    assert {one.first for one in lanes} == {1}


def test_groups_of_a_lane_begin_at_one_number_only_while_something_waits_there() -> None:
    """Whoever decides anew later cannot begin where an earlier group says that all is decided."""
    still = [step_of(lane(1, n, 1), group) for n, group in ((5, FIRST), (6, SECOND), (7, THIRD))]
    assert wrong(*still) == []
    over = [step_of(lane(1, 5, 1), FIRST), step_of(lane(1, 7, 3), SECOND)]
    assert wrong(*over, step_of(lane(3, 9), THIRD)) == []
    assert wrong(*over, step_of(lane(2, 9), THIRD)) == [f"{LANE}, number 2"]
    done = step_of(lane(1, 7), FIRST)
    assert wrong(done, step_of(lane(8, 9), SECOND)) == []
    assert wrong(done, step_of(lane(1, 7), SECOND)) == [f"{LANE}, number 1"]
    assert wrong(done, step_of(lane(1, 9, 1), SECOND)) == [f"{LANE}, number 1"]


def test_a_group_that_says_that_less_waits_than_it_decided_gains_nothing() -> None:
    """What waits lies within the group, so that a later one begins where it began at the least."""
    made = step_of(lane(4, 7, -3), FIRST)
    assert wrong(made, step_of(lane(3, 9), SECOND)) == [f"{LANE}, number 3"]


def test_a_notice_that_is_not_in_the_file_is_not_claimed_and_said_to_be_absent(base: Base) -> None:
    """Handed in and not decided yet, or refused, it contradicts nothing and proves nothing."""
    notice = new_reference()
    report = read(dump(with_clock(base, "decide-request", missed_notice=notice)))
    told = next(one for one in report.clocks if one.notice_absent)
    said = [line for line in words_of(report, str).claimed if notice in line]

    assert report.holds
    assert (told.missed_by, told.notice_absent) == ("", notice)
    assert len(said) == 1
    assert f"the notice {notice} of its miss is not in this file" in said[0]


def test_a_notice_taken_out_of_the_file_leaves_a_gap(base: Base) -> None:
    """Nobody can hide a notice by leaving it out: the numbers of the decisions tell."""
    notice = next(c.missed_notice for c in said_of(base).clocks if c.missed_notice)
    journey = base.evidence.journeys[0]
    kept = tuple(one for one in journey.entries if orjson.loads(one.decision)["message"] != notice)
    answers = tuple(
        one for one in base.evidence.answers if orjson.loads(one.decision)["message"] != notice
    )
    less = journey.model_copy(update={"entries": kept})
    changed = base.evidence.model_copy(
        update={"journeys": (less, *base.evidence.journeys[1:]), "answers": answers}
    )

    assert len(kept) == len(journey.entries) - 1
    assert read(dump(changed)).codes == {Code.ENTRY_MISSING}


def test_a_kept_receipt_of_another_agencys_message_of_the_same_id_is_about_something_else(
    base: Base,
) -> None:
    """It is told as such: the file leaves out nothing of the message that it is about."""
    journey, answer = base.evidence.journeys[0], base.evidence.answers[0]
    made = Decision.model_validate_json(answer.decision)
    about = {
        "child": None,
        "message": made.message,
        "journeys": (journey.model_copy(update={"entries": journey.entries[:1]}),),
        "answers": (answer,),
        "clocks": (),
        "log": None,
    }
    report = read(dump(base.evidence.model_copy(update=about)), base.area.root.x)
    sealed = m.referral(base.area, new_reference(), author=DOCTOR, id=made.message)
    kept = orjson.dumps(receipt(base.area, sealed))

    assert report.holds
    assert made.agency != GP
    assert against(report, [kept]).codes == {Code.KEPT_ELSEWHERE}


class Services:
    """Answers as the tracker does, and remembers in which order it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, subject: str, **body: Any) -> dict[str, Any]:
        """Answer one question."""
        name = subject.rpartition(".")[2]
        self.asked.append((name, body))
        if name == "track" and name not in self.answers:
            raise HandrailError("track.unknown-child", "no child", "compare")
        told: dict[str, Any] = self.answers[name]
        return told


async def test_clocks_are_asked_for_before_the_messages_that_explain_them() -> None:
    """A message that comes meanwhile is in the file, and what it did to clocks is not yet."""
    services = Services(
        track={"journey": {"linked": [], "linked_into": None}},
        entries={"entries": [], "answers": [], "next": None},
        refusals={"answers": [], "next": None},
        clocks={"signed": "signed"},
    )
    gathered = await gathering._gathered(services, new_reference())

    names = [name for name, _ in services.asked]
    assert names.index("clocks") < names.index("entries")
    assert gathered.clocks == ["signed"]


async def test_a_message_can_be_named_with_its_agency() -> None:
    """Where several agencies have used one id, the agency before it says whose is meant."""
    message = new_reference()
    services = Services(message={"answers": [{"decision": "{}"}], "entry": None})
    gathered = await gathering._gathered(services, f"demo.hilltop-school/{message}")

    assert services.asked == [("message", {"message": message, "agency": "demo.hilltop-school"})]
    assert gathered.message == message
