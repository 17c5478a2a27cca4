"""What a journey keeps and lets go of, whatever is sent about a child, and by whom."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property

import orjson
import pytest

from contracts.consents import ConsentHeld, MayNotSee
from contracts.directory import Directory
from contracts.identifiers import new_reference
from contracts.journey import MOST_RECENT, MOST_TAKEN, Journey, Request, Standard
from contracts.journey_bounds import (
    MOST_OPEN_PROTECTION,
    MOST_REQUESTS,
    MOST_STANDARDS_EACH,
    kept_requests,
)
from contracts.journey_json import dump, load
from contracts.roles import Capacity
from tests import messages as m
from tests import messages_real_life as r
from tests.area import (
    CAF,
    CARE,
    DOCTOR,
    DUTY,
    FRONT,
    GP,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)
from tests.unit.kinds_playing import decided, state
from tests.unit.test_decision import Play

DUTY_OF_CARE = {"kind": "statutory_duty", "provision": "CA1989-s17"}


class SettledArea(Area):
    """An area whose directory stays as it is, so that it is signed and opened once."""

    @cached_property
    def directory(self) -> Directory:
        """The directory as it was first."""
        return super().directory


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(SettledArea())


def urgent(play: Play, by: str = TEACHER, **changes: object) -> None:
    """A child-protection concern is raised by somebody."""
    said = [play.area.statement("concern.what_happened", by=by)]
    play.accept(m.protection(play.area, play.child, author=by, statements=said, **changes))


def told(play: Play, by: str, to: str) -> None:
    """Something is added to the story by `by`."""
    said = [play.area.statement("views.child", by=by)]
    added = play.area.sealed("story.added", play.child, by, [to], said, basis=DUTY_OF_CARE)
    play.accept(added)


def test_nobody_pushes_out_anothers_child_protection(play: Play) -> None:
    """003 §2.2: however many concerns another agency raises, the first can still be decided."""
    urgent(play)
    first = play.last
    for _ in range(600):
        urgent(play, DOCTOR)
    open_ones = [q for q in state(play).requests if q.agency == GP]
    assert len(open_ones) == MOST_OPEN_PROTECTION
    assert open_ones[-1].id == play.last
    play.accept(decided(play.area, play.child, first, "section_47"))


def test_many_agencies_together_push_out_their_own_only() -> None:
    """The agency with the most open concerns gives way, and a record stays small."""
    quiet = Request("Q" * 26, "referral.submitted", SCHOOL, TEACHER, (FRONT,), "", protection=True)
    loud = [replace(quiet, id=f"{n:026}", agency=f"demo.agency-{n % 12:02d}") for n in range(1000)]
    kept: tuple[Request, ...] = (quiet,)
    for one in loud:
        kept = kept_requests((*kept, one), "", "")
    assert quiet in kept
    assert len(kept) == MOST_REQUESTS


def test_a_journey_of_two_thousand_messages_stays_bounded(play: Play) -> None:
    """Whatever is sent, the record stays far below what one can hold."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    for number in range(500):
        urgent(play, (TEACHER, DOCTOR)[number % 2], to=[FRONT, CARE, CAF])
        told(play, WORKER, GP)
        play.accept(r.missed(area, child, f"STARTED{number:012}"))
        play.accept(r.check_requested(area, child))
        play.accept(r.check_answered(area, child, play.last))
    assert state(play).entries == 2501
    assert len(dump(state(play))) < 96 * 1024
    assert load(orjson.loads(dump(state(play)))) == state(play)


def test_first_response_is_asked_however_many_stand_before_it(play: Play) -> None:
    """003 §2.4: of many recipients those who may decide are asked first, and each once."""
    urgent(play, to=[CAF] * 16 + [GP, FRONT])
    request = state(play).requests[0]
    assert request.to == (FRONT, CAF, GP)
    play.accept(m.acknowledged(play.area, play.child, request.id))
    play.accept(decided(play.area, play.child, request.id, "section_47"))


def test_agencies_that_do_not_exist_have_no_part(play: Play) -> None:
    """Only whom a message reached is asked or takes part."""
    urgent(play, to=["demo.nowhere", FRONT])
    assert state(play).involved == (SCHOOL, FRONT)
    assert state(play).requests[0].to == (FRONT,)


def test_nobodys_part_is_dropped_for_want_of_room() -> None:
    """However many take part, the next agency does as well."""
    many = tuple(f"demo.agency-{number:02d}" for number in range(80))
    journey = Journey(child="C" * 26).with_involved(*many).with_involved(CARE)
    assert journey.involved == (*many, CARE)


def test_the_referrer_behind_an_assessment_is_never_forgotten(play: Play) -> None:
    """003 §§1.1, 2.7: after any number of checks the outcome still goes to who referred."""
    area, child = play.area, play.child
    said = [area.statement("concern.what_happened", by=DOCTOR)]
    play.accept(m.referral(area, child, author=DOCTOR, statements=said))
    request = play.last
    decision = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [GP, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        content={"outcome": "section_47", "social_worker": WORKER},
    )
    play.accept(decision)
    for _ in range(30):
        play.accept(r.check_requested(area, child))
        play.accept(r.check_answered(area, child, play.last))
    assert state(play).request(request) is not None
    assert "recipient.missing" in play.refused(m.assessment(area, child))


def test_an_accepted_step_down_outlasts_other_work(play: Play) -> None:
    """003 §4.1: tasks done meanwhile do not make the step down be asked again."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.step_down(area, child))
    asked = play.last
    play.accept(m.step_down_decided(area, child, asked))
    for _ in range(30):
        play.accept(r.task_set(area, child))
        play.accept(area.sealed("task.done", child, TEACHER, [CARE], answers=play.last))
    found = state(play).request(asked)
    assert found is not None
    assert found.outcome == "accepted"


def test_withdrawn_requests_push_out_no_decided_one(play: Play) -> None:
    """What was sent in error is counted apart from what was decided."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    first = play.last
    play.accept(decided(area, child, first))
    for _ in range(30):
        play.accept(m.referral(area, child, author=DOCTOR))
        play.accept(r.withdrawn(area, child, play.last, by=DOCTOR))
    assert state(play).request(first) is not None


@pytest.mark.parametrize("own", [True, False])
def test_the_id_of_an_open_meeting_is_taken(play: Play, *, own: bool) -> None:
    """Nobody cancels another's conference by sending something under its id."""
    area, child, ref = play.area, play.child, new_reference()
    play.accept(m.care_opened_before(area, child))
    told(play, WORKER, GP)
    play.accept(m.convened(area, child, "child_protection_conference", ref, to=(GP,)))
    called = play.last
    for _ in range(MOST_RECENT):
        told(play, WORKER, GP)
    assert state(play).sent(called) is None
    by, to = (WORKER, GP) if own else (DOCTOR, CARE)
    said = [area.statement("views.child", by=by)]
    again = area.sealed("story.added", child, by, [to], said, basis=DUTY_OF_CARE, id=called)
    assert play.refused(again) == {"message.id-reused"}
    for name in (called, "0123456789ABCDEFGH"):
        assert play.refused(r.withdrawn(area, child, name, by=DOCTOR, to=[CARE])) == {
            "withdrawal.unknown"
        }


def test_consents_that_permit_nothing_more_are_not_counted(play: Play) -> None:
    """A family may be asked again however often it withdrew or a time was over."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    over = area.now - timedelta(days=1)
    for number in range(MOST_TAKEN):
        agreed = m.consent(area, expires_at=None if number % 2 else over)
        play.accept(area.sealed("consent.recorded", child, TEACHER, consents=(agreed,)))
        if number % 2:
            content = {"consent": agreed.id}
            play.accept(area.sealed("consent.withdrawn", child, TEACHER, content=content))
    area.now += timedelta(minutes=1)
    since = m.consent(area, given_at=area.now)
    play.accept(m.step_up(area, child, **m.on_consent(since)))


def test_consents_whose_time_is_over_make_room() -> None:
    """A journey that holds as many consents as it can takes a new one all the same."""
    area = Area()
    over = m.consent(area, expires_at=area.now - timedelta(hours=1))
    held = tuple(
        ConsentHeld(consent=over.model_copy(update={"id": new_reference()})) for _ in range(100)
    )
    new = m.consent(area)
    after = Journey(child="C" * 26, consents=held).with_consents((new,), area.now)
    assert [c.consent.id for c in after.consents] == [new.id]


def test_what_keeps_something_back_makes_no_room_by_running_out() -> None:
    """What somebody may not see stays kept from them although the consent's time is over."""
    area = Area()
    over = m.consent(area, expires_at=area.now - timedelta(hours=1))
    keeps = over.model_copy(update={"may_not_see": (MayNotSee(agencies=(SCHOOL,)),)})
    held = [ConsentHeld(consent=keeps)] + [
        ConsentHeld(consent=over.model_copy(update={"id": new_reference()})) for _ in range(99)
    ]
    journey = Journey(child="C" * 26, consents=tuple(held))
    new = m.consent(area)
    after = journey.with_consents((new,), area.now)
    assert [c.consent.id for c in after.consents] == [keeps.id, new.id]
    lifted = replace(journey, consents=(held[0].model_copy(update={"lifted": True}), *held[1:]))
    assert len(lifted.with_consents((new,), area.now).consents) == 1


def test_a_paused_clock_is_never_let_go() -> None:
    """However many clocks run out, what is paused can be resumed; what is settled goes first."""
    paused = Standard("decide-request", "A" * 26, "paused", FRONT)
    settled = Standard("decide-request", "B" * 26, "explained", FRONT)
    journey = Journey(child="C" * 26).with_standard(paused).with_standard(settled)
    for number in range(100):
        journey = journey.with_standard(Standard("decide-request", f"{number:026}", "missed"))
    assert paused in journey.standards
    assert settled not in journey.standards
    assert len(journey.standards) == 32


def test_an_agency_that_explains_much_pushes_out_its_own_only() -> None:
    """A flood of words of one agency leaves what is known of others' clocks."""
    theirs = Standard("decide-request", "A" * 26, "missed")
    journey = Journey(child="C" * 26).with_standard(theirs)
    for number in range(100):
        one = Standard("decide-request", f"{number:026}", "explained", SCHOOL)
        journey = journey.with_standard(one)
    assert theirs in journey.standards
    assert sum(s.by == SCHOOL for s in journey.standards) == MOST_STANDARDS_EACH
