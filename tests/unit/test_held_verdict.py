"""Which messages are held, until when, and what the records of it say; without any I/O."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.holding import HeldDone, HeldRecord, read_held, read_wake_up
from contracts.identifiers import new_reference
from contracts.journey import Journey, Meeting, Sent
from contracts.kinds import Opened, Situation
from contracts.reasons import Refusal, reasons
from contracts.seal import Sealed, peek
from services.exchange.awaiting import _MAY_COME, may_pass
from services.exchange.deciding import NEVER, Holding
from services.exchange.decision import Accepted, Held, Refused, Verdict, decide
from services.exchange.lanes import Arrived
from services.exchange.opening import Unopenable
from services.exchange.taking import fitting
from services.exchange.trimming import trim_below
from services.runtime.batch import MAX_RECORDS
from tests import messages as m
from tests.area import CAF, CARE, DUTY, FRONT, SCHOOL, WORKER, Area, codes

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def area() -> Area:
    """A partnership."""
    return Area()


def verdict(
    area: Area, sealed: Sealed, journey: Journey | None = None, *, until: datetime | None
) -> Verdict:
    """The verdict on a message that may be held until `until`."""
    return decide(area.open(sealed), area.directory, journey, area.now, hold_until=until)


def held_for(area: Area, sealed: Sealed, journey: Journey | None = None) -> set[str]:
    """What a message is held for; fails the test when it is not."""
    made = verdict(area, sealed, journey, until=area.now + HOUR)
    assert isinstance(made, Held), made
    assert made.until == area.now + HOUR
    return codes(made.waits_for)


def refused_for(area: Area, sealed: Sealed, journey: Journey | None = None) -> set[str]:
    """What a message is refused for at once although it might be held; fails when it is not."""
    made = verdict(area, sealed, journey, until=area.now + HOUR)
    assert isinstance(made, Refused), made
    return codes(made.reasons)


def after(area: Area, sealed: Sealed, journey: Journey | None = None) -> Journey:
    """The journey after an accepted message."""
    made = verdict(area, sealed, journey, until=None)
    assert isinstance(made, Accepted), made
    return made.journey


def identity(sealed: Sealed) -> str:
    """The id of a sealed message."""
    return peek(sealed).id  # type: ignore[union-attr]


def test_an_answer_to_an_unseen_request_is_held(area: Area) -> None:
    """Of an unknown child, and of a known one whose request is not there yet."""
    child = new_reference()
    answer = m.acknowledged(area, child, new_reference())
    assert held_for(area, answer) == {"message.unknown-child", "request.unknown"}
    journey = after(area, m.referral(area, child))
    assert held_for(area, answer, journey) == {"request.unknown"}


def test_a_consent_that_nobody_holds_yet_is_waited_for(area: Area) -> None:
    """A message on a consent carried by another message is held until that one has come."""
    basis = {"kind": "consent", "consents": (new_reference(),)}
    sealed = m.referral(area, new_reference(), basis=basis)
    assert held_for(area, sealed) == {"consent.unknown"}


def test_an_assessment_is_waited_for_only_while_one_may_be_decided(area: Area) -> None:
    """With an undecided request, or no journey at all, it may come; otherwise it contradicts."""
    child = new_reference()
    started = m.assessment(area, child)
    assert held_for(area, started) == {"message.unknown-child", "assessment.none-open"}
    assert held_for(area, started, after(area, m.referral(area, child))) == {"assessment.none-open"}
    assert refused_for(area, started, after(area, m.opened_before(area, child))) == {
        "assessment.none-open"
    }


def test_what_the_journey_has_seen_is_not_waited_for(area: Area) -> None:
    """An answer to something that came, and is no such request, is refused at once."""
    child = new_reference()
    referral = m.referral(area, child)
    journey = after(area, referral)
    wrong_kind = m.step_up_decided(area, child, identity(referral))
    assert refused_for(area, wrong_kind, journey) == {"request.unknown"}
    told = new_reference()
    seen = replace(journey, recent=(Sent(told, SCHOOL, (FRONT,)),))
    assert refused_for(area, m.acknowledged(area, child, told), seen) == {"request.unknown"}
    nothing = area.sealed("message.acknowledged", child, DUTY, [SCHOOL])
    assert refused_for(area, nothing, journey) == {"request.unknown"}


def test_a_meeting_that_was_not_called_yet_is_waited_for(area: Area) -> None:
    """One called under that reference for another purpose stays what it is."""
    child, ref = new_reference(), new_reference()
    journey = after(area, m.referral(area, child))
    called = (Meeting(id=new_reference(), kind="core_group", ref=ref, by=CARE),)
    content = {"meeting": "core_group", "ref": ref, "takes_place_at": area.now + HOUR}
    message = area.open(area.sealed("meeting.convened", child, WORKER, [FRONT], content=content))
    known = Situation(message, replace(journey, meetings=called), area.directory, area.now)
    for nothing in (None, journey):
        unknown = Situation(message, nothing, area.directory, area.now)
        assert may_pass(unknown, [Refusal("meeting.unknown")])
    assert not may_pass(known, [Refusal("meeting.unknown")])


def test_a_clock_is_waited_for_where_what_started_it_may_come(area: Area) -> None:
    """A clock that no rule has does not arrive with a message."""
    child = new_reference()
    message = area.open(m.acknowledged(area, child, new_reference()))
    situation = Situation(message, None, area.directory, area.now)
    assert may_pass(situation, [Refusal("standard.unknown", "content.started_by")])
    assert not may_pass(situation, [Refusal("standard.unknown", "content.clock")])


def test_one_reason_that_cannot_pass_refuses_at_once(area: Area) -> None:
    """A step up without a part of its pack is not kept waiting for a child that may appear."""
    assert "message.unknown-child" in refused_for(area, m.step_up(area, new_reference()))


def test_child_protection_is_never_held(area: Area) -> None:
    """It is accepted on its floor, whatever else has not arrived."""
    basis = {"kind": "consent", "consents": (new_reference(),)}
    sealed = m.protection(area, new_reference(), basis=basis)
    assert isinstance(verdict(area, sealed, until=area.now + HOUR), Accepted)


@pytest.mark.parametrize("left", [None, timedelta(0), timedelta(seconds=-1)])
def test_without_time_left_it_is_refused_with_the_same_reasons(
    area: Area, left: timedelta | None
) -> None:
    """Where nothing is held, and when the time is up, the reasons are those it waited for."""
    answer = m.acknowledged(area, new_reference(), new_reference())
    until = None if left is None else area.now + left
    made = verdict(area, answer, until=until)
    assert isinstance(made, Refused)
    assert codes(made.reasons) == held_for(area, answer)


def test_how_long_is_a_setting_and_zero_is_not_at_all(area: Area) -> None:
    """The instant is counted from the decision; a full agency's further messages are not held."""
    assert Holding(HOUR).until(SCHOOL, area.now) == area.now + HOUR
    assert Holding(NEVER).until(SCHOOL, area.now) is None
    assert Holding(HOUR, full=lambda agency: agency == SCHOOL).until(SCHOOL, area.now) is None


def test_every_reason_that_may_pass_is_in_the_closed_list() -> None:
    """A code that is waited for is one that messages are refused for."""
    assert set(_MAY_COME) <= set(reasons())


def test_what_is_written_about_a_hold_is_read_again(area: Area) -> None:
    """Open, settled and foreign records are told apart, and nothing else is taken for one."""
    made: dict[str, Any] = {"lane": "SUBMIT_demo_x", "sequence": 7}
    open_ = HeldRecord(
        **made,
        agency=SCHOOL,
        submission="0" * 64,
        sealed="1" * 64,
        arrived_at=area.now,
        until=area.now + HOUR,
        waits_for=(),
    )
    done = HeldDone(**made, woken=3, at=area.now)
    assert read_held(open_.model_dump_json().encode()) == open_
    assert read_held(done.model_dump_json().encode()) == done
    for foreign in (b"", b"{}", b'{"state":"else"}', b"\xff"):
        assert read_held(foreign) is None
        assert read_wake_up(foreign) is None


@pytest.mark.parametrize(
    ("set_aside", "below"),
    [((), 8), ((None, None), 8), ((5, None), 5), ((None, 3), 3), ((9, 4), 4)],
)
def test_a_lane_is_trimmed_below_whatever_is_still_needed(
    set_aside: tuple[int | None, ...], below: int
) -> None:
    """The lowest of cursor, story, quarantined and held decides."""
    assert trim_below(9, 7, *set_aside) == below


def opened(area: Area, to: list[str], count: int) -> list[tuple[Arrived, Opened | Unopenable]]:
    """As many copies of one opened message to `to`."""
    message = area.open(m.referral(area, new_reference(), to=to))
    return [(Arrived("LANE", n + 1, "", area.now, b""), message) for n in range(count)]


@pytest.mark.parametrize("to", [[FRONT], [FRONT, CARE, CAF]])
@pytest.mark.parametrize("lanes", [1, 400])
def test_a_batch_takes_as_many_as_it_holds_with_all_they_may_write(
    area: Area, to: list[str], lanes: int
) -> None:
    """What each may write, every lane's cursor and the log's leaf stay within one atomic batch."""
    many = list(opened(area, to, 400))
    fits = fitting(many, lanes)
    each, beside = len(to) + 4, lanes + 1
    assert beside + fits * each <= MAX_RECORDS < beside + (fits + 1) * each
    assert fitting(many[:fits], lanes) == fits


def test_the_first_message_is_taken_however_much_it_writes(area: Area) -> None:
    """Otherwise a lane would stand still for ever; the server has the last word on it."""
    assert fitting(list(opened(area, [FRONT], 2)), MAX_RECORDS) == 1
