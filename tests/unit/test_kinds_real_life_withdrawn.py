"""Messages sent in error: who withdraws what, whom it reaches, and what stands all the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.consents import Covers
from contracts.journey import MOST_RECENT, MOST_WITHDRAWN
from contracts.messages import KINDS
from contracts.messages.corrections import WITHDRAWABLE
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
from tests.unit.kinds_playing import state
from tests.unit.test_decision import Play

WHAT_HAPPENED = "27"


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


@pytest.fixture
def referred(play: Play) -> Play:
    """A play in which the school has referred the child to First Response."""
    play.accept(m.referral(play.area, play.child))
    return play


def test_a_withdrawn_request_is_open_no_more_and_nothing_of_it_is_answered(referred: Play) -> None:
    """What was sent in error asks nothing, answers nothing and is remembered as withdrawn."""
    area, child, sent = referred.area, referred.child, referred.last
    assert WHAT_HAPPENED in state(referred).answered
    referred.accept(r.withdrawn(area, child, sent))
    after = state(referred)
    request = after.request(sent)
    assert request is not None
    assert (request.outcome, after.withdrawn) == ("withdrawn", (sent,))
    assert WHAT_HAPPENED not in after.answered
    late = m.acknowledged(area, child, sent)
    assert referred.refused(late) == {"request.withdrawn"}


def test_what_a_later_message_answered_stays_answered(referred: Play) -> None:
    """A withdrawal takes back its own message's answers only."""
    area, child, sent = referred.area, referred.child, referred.last
    referred.accept(m.referral(area, child, author=DOCTOR))
    referred.accept(r.withdrawn(area, child, sent))
    assert state(referred).answered[WHAT_HAPPENED][1] == GP


def test_a_message_is_withdrawn_once(referred: Play) -> None:
    """A second withdrawal is refused."""
    area, child, sent = referred.area, referred.child, referred.last
    referred.accept(r.withdrawn(area, child, sent))
    assert referred.refused(r.withdrawn(area, child, sent)) == {"withdrawal.already"}


def test_only_its_sender_withdraws_a_message(referred: Play) -> None:
    """Neither its reader nor anybody else takes a message back."""
    area, child, sent = referred.area, referred.child, referred.last
    by_reader = r.withdrawn(area, child, sent, by=DUTY, to=[SCHOOL])
    assert referred.refused(by_reader) == {"withdrawal.unknown"}
    invented = r.withdrawn(area, child, "0123456789ABCDEFGH")
    assert referred.refused(invented) == {"withdrawal.unknown"}


def test_a_withdrawal_reaches_everybody_the_message_went_to(play: Play) -> None:
    """Nobody goes on acting on a message that was taken back."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, to=[FRONT, GP]))
    assert play.refused(r.withdrawn(area, child, play.last)) == {"recipient.missing"}
    play.accept(r.withdrawn(area, child, play.last, to=[FRONT, GP]))


def test_a_request_is_withdrawn_long_after_other_messages(referred: Play) -> None:
    """An open request is known for as long as it is open, whatever came since."""
    area, child, sent = referred.area, referred.child, referred.last
    for _ in range(MOST_RECENT):
        referred.accept(r.enquiry(area, child))
        answer = area.sealed("enquiry.answered", child, DUTY, [SCHOOL], answers=referred.last)
        referred.accept(answer)
    assert state(referred).sent(sent) is None
    referred.accept(r.withdrawn(area, child, sent))
    assert state(referred).withdrawn == (sent,)


def test_a_consent_of_another_family_goes_with_the_message(play: Play) -> None:
    """What was recorded about the wrong child permits nothing about this one."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    held = state(play).consents
    play.accept(r.withdrawn(area, child, play.last, "wrong_child"))
    assert (len(held), state(play).consents) == (1, ())


def test_the_consent_of_this_family_stays_after_a_wrong_recipient(play: Play) -> None:
    """The family agreed, whoever got the message by mistake."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    play.accept(r.withdrawn(area, child, play.last, "wrong_recipient"))
    assert len(state(play).consents) == 1


@pytest.mark.parametrize("error", ["wrong_child", "wrong_recipient"])
def test_child_protection_is_withdrawn_with_a_manager_only(play: Play, error: str) -> None:
    """003 §2.2: one person alone never takes a child-protection concern back."""
    area, child = play.area, play.child
    play.accept(m.protection(area, child))
    alone = r.withdrawn(area, child, play.last, error)
    assert play.refused(alone) == {"withdrawal.protection"}
    play.accept(r.withdrawn(area, child, play.last, error, countersigners=r.HEAD_SIGNS))


def test_child_protection_is_never_simply_sent_in_error(play: Play) -> None:
    """003 §2.2: a concern about the right child, sent to the right place, stands."""
    area, child = play.area, play.child
    play.accept(m.protection(area, child))
    back = r.withdrawn(area, child, play.last, countersigners=r.HEAD_SIGNS)
    assert play.refused(back) == {"withdrawal.protection"}


def test_a_decision_stands(referred: Play) -> None:
    """What others have acted on is put right by a further message."""
    area, child = referred.area, referred.child
    decision = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL],
        capacity=Capacity.DUTY_WORKER,
        answers=referred.last,
        content={"outcome": "assess"},
    )
    referred.accept(decision)
    back = r.withdrawn(area, child, referred.last, by=DUTY, to=[SCHOOL])
    assert referred.refused(back) == {"withdrawal.of-record"}


def test_words_of_a_decision_are_taken_from_a_wrong_recipient(referred: Play) -> None:
    """A breach is stopped whatever the kind, and the decision stands all the same."""
    area, child, request = referred.area, referred.child, referred.last
    decision = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, GP],
        [area.statement("decision.reason", by=DUTY)],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        basis=r.DUTY_OF_CARE,
        content={"outcome": "not_met"},
    )
    referred.accept(decision)
    back = r.withdrawn(area, child, referred.last, "wrong_recipient", by=DUTY, to=[SCHOOL, GP])
    referred.accept(back)
    decided = state(referred).request(request)
    assert decided is not None
    assert decided.outcome == "not_met"


def test_a_lead_never_vanishes_by_a_withdrawal(play: Play) -> None:
    """003 principles: who accepted leads until another accepts."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    play.accept(m.lead_answered(area, child, play.last, TEACHER, (CARE,)))
    for error in ("wrong_child", "wrong_recipient", "sent_in_error"):
        back = r.withdrawn(area, child, play.last, error, to=[CARE])
        assert play.refused(back) == {"withdrawal.of-record"}
    assert play.leads == TEACHER


def test_a_withdrawn_proposal_can_be_accepted_no_more(play: Play) -> None:
    """An open proposal goes, and the lead stays where it was."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    proposal = play.last
    play.accept(r.withdrawn(area, child, proposal, by=WORKER, to=[SCHOOL]))
    late = m.lead_answered(area, child, proposal, TEACHER, (CARE,))
    assert play.refused(late) == {"lead.no-proposal"}
    assert play.leads == WORKER


def test_a_withdrawn_meeting_is_not_waited_for(play: Play) -> None:
    """Nobody is expected at a meeting that was convened in error."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    called = area.sealed(
        "meeting.convened",
        child,
        WORKER,
        [CARE],
        capacity=Capacity.SOCIAL_WORKER,
        content={
            "meeting": "child_in_need",
            "ref": "MEETING0123456789",
            "takes_place_at": area.now + timedelta(days=3),
        },
    )
    play.accept(called)
    assert len(state(play).meetings) == 1
    play.accept(r.withdrawn(area, child, play.last, by=WORKER, to=[CARE]))
    assert state(play).meetings == ()


def test_what_is_withdrawn_stays_bounded(referred: Play) -> None:
    """A journey stays small however often something is withdrawn."""
    journey = state(referred)
    many = tuple(f"{n:020}" for n in range(MOST_WITHDRAWN))
    referred.journey = replace(journey, withdrawn=many)
    referred.accept(r.withdrawn(referred.area, referred.child, referred.last))
    assert len(state(referred).withdrawn) == MOST_WITHDRAWN
    assert state(referred).withdrawn[0] == many[1]


def test_every_kind_that_may_be_withdrawn_is_a_kind() -> None:
    """The closed list of what may be withdrawn names kinds that there are."""
    assert set(KINDS) >= WITHDRAWABLE
    assert "lead.accepted" not in WITHDRAWABLE


def test_an_id_that_is_known_is_not_taken_by_another_message(referred: Play) -> None:
    """Nobody can hide a message by withdrawing another of the same id."""
    area, child = referred.area, referred.child
    again = m.referral(area, child, author=DOCTOR, id=referred.last)
    assert referred.refused(again) == {"message.id-reused"}


def test_consent_to_a_service_is_unaffected_by_another_message(play: Play) -> None:
    """Withdrawing a message leaves consents that came by others."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    agreed = m.consent(area, Covers.SERVICE, taken_by=WORKER)
    play.accept(area.sealed("consent.recorded", child, WORKER, consents=(agreed,)))
    play.accept(m.step_down(area, child))
    play.accept(r.withdrawn(area, child, play.last, "wrong_child", by=WORKER, to=[CAF]))
    assert [c.consent.id for c in state(play).consents] == [agreed.id]
