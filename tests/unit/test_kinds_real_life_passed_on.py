"""Requests passed on, returned for gaps or written down for others, and work handed on."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.consents import Consent
from contracts.document import parse, to_event
from contracts.roles import Capacity, Role
from contracts.seal import seal
from tests import messages as m
from tests import messages_real_life as r
from tests.area import (
    CAF,
    CAF_WORKER,
    CARE,
    DOCTOR,
    DUTY,
    FRONT,
    GP,
    HEAD,
    MANAGER,
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


def test_a_redirected_request_is_answered_where_it_belongs(referred: Play) -> None:
    """The new agency may acknowledge and decide; the old one need not and cannot."""
    area, child, request = referred.area, referred.child, referred.last
    referred.accept(m.acknowledged(area, child, request))
    referred.accept(r.redirected(area, child, request, CARE, of_kind="referral.submitted"))
    open_one = state(referred).request(request)
    assert open_one is not None
    assert (open_one.to, open_one.acknowledged_by, open_one.outcome) == ((CARE,), (), "")
    assert CARE in state(referred).involved
    late = m.acknowledged(area, child, request)
    assert referred.refused(late) == {"request.not-recipient"}
    referred.accept(m.acknowledged(area, child, request, by=WORKER))
    decision = area.sealed(
        "referral.decided",
        child,
        WORKER,
        [SCHOOL],
        capacity=Capacity.SOCIAL_WORKER,
        answers=request,
        content={"outcome": "assess"},
    )
    referred.accept(decision)


def test_redirecting_child_protection_is_no_refusal_to_act(play: Play) -> None:
    """003 §2.2: who was asked about child protection stays asked, beside the new agency."""
    area, child = play.area, play.child
    play.accept(m.protection(area, child))
    request = play.last
    play.accept(m.acknowledged(area, child, request))
    play.accept(r.redirected(area, child, request, CARE))
    open_one = state(play).request(request)
    assert open_one is not None
    assert (open_one.to, open_one.acknowledged_by) == ((CARE, FRONT), (FRONT,))


def test_child_protection_is_passed_on_as_child_protection(play: Play) -> None:
    """003 §2.2: it travels as urgent as it came, and nobody else's request moves by it."""
    area, child = play.area, play.child
    play.accept(m.protection(area, child))
    request = play.last
    verdict = play.accept(r.redirected(area, child, request, CARE, concern="child_protection"))
    assert verdict.protection
    stranger = r.redirected(area, child, request, GP, by=CAF_WORKER, concern="child_protection")
    assert play.refused(stranger) == {"request.not-recipient"}
    open_one = state(play).request(request)
    assert open_one is not None
    assert open_one.to == (CARE, FRONT)


def test_a_redirection_to_a_wrong_recipient_comes_back(referred: Play) -> None:
    """Whoever passed it on has it again, and can pass it on to the right agency."""
    area, child, request = referred.area, referred.child, referred.last
    referred.accept(r.redirected(area, child, request, CARE))
    wrong = referred.last
    back = r.withdrawn(area, child, wrong, "wrong_recipient", by=DUTY, to=[CARE, SCHOOL])
    referred.accept(back)
    open_one = state(referred).request(request)
    assert open_one is not None
    assert (open_one.to, open_one.outcome) == ((FRONT,), "")
    referred.accept(m.acknowledged(area, child, request))


def test_no_other_request_is_given_away_in_the_name_of_child_protection(referred: Play) -> None:
    """A request becomes no child protection by being passed on; a concern is raised anew."""
    area, child, request = referred.area, referred.child, referred.last
    urgent = r.redirected(area, child, request, CARE, concern="child_protection")
    assert referred.refused(urgent) == {"message.wrong-content"}
    open_one = state(referred).request(request)
    assert open_one is not None
    assert open_one.to == (FRONT,)


def test_only_who_was_asked_redirects(referred: Play) -> None:
    """An agency that the request was not made to passes nothing on."""
    sent = r.redirected(referred.area, referred.child, referred.last, CARE, by=DOCTOR)
    assert referred.refused(sent) == {"request.not-recipient"}


@pytest.mark.parametrize(
    ("to", "code"),
    [(CAF, "redirect.role"), (GP, "redirect.role"), (FRONT, "redirect.same")],
)
def test_a_request_goes_only_where_it_can_be_answered(referred: Play, to: str, code: str) -> None:
    """003 §2.4: a referral is decided by First Response or social care, and by nobody else."""
    sent = r.redirected(referred.area, referred.child, referred.last, to)
    assert code in referred.refused(sent)


def test_a_redirection_says_truly_what_it_redirects(referred: Play) -> None:
    """Whoever receives it is not told another kind of request than was made."""
    area, child, request = referred.area, referred.child, referred.last
    sent = r.redirected(area, child, request, CARE, of_kind="stepdown.requested")
    assert referred.refused(sent) == {"message.wrong-content"}


def test_the_referrer_and_the_new_agency_learn_of_a_redirection(referred: Play) -> None:
    """003 §1.1: who asked is never left to guess where the request went."""
    area, child, request = referred.area, referred.child, referred.last
    sent = r.redirected(area, child, request, CARE, told=())
    assert referred.refused(sent) == {"recipient.missing"}
    elsewhere = area.sealed(
        "request.redirected",
        child,
        DUTY,
        [SCHOOL],
        answers=request,
        content={"to": CARE, "because": "other_service"},
    )
    assert referred.refused(elsewhere) == {"recipient.missing"}


def test_a_redirected_request_is_withdrawn_from_everybody_who_had_it(referred: Play) -> None:
    """Old and new recipients are both told of the withdrawal."""
    area, child, request = referred.area, referred.child, referred.last
    referred.accept(r.redirected(area, child, request, CARE))
    assert referred.refused(r.withdrawn(area, child, request, to=[CARE])) == {"recipient.missing"}
    referred.accept(r.withdrawn(area, child, request, to=[FRONT, CARE]))
    assert WHAT_HAPPENED not in state(referred).answered


def test_consent_is_asked_again_when_a_request_goes_elsewhere(play: Play) -> None:
    """A family's consent to one agency does not carry its words to another."""
    area, child = play.area, play.child
    only_front = m.consent(area, roles=(), recipients=(FRONT,))
    sent = m.referral(area, child, **m.on_consent(only_front))
    play.accept(sent)
    redirected = area.sealed(
        "request.redirected",
        child,
        DUTY,
        [CARE, SCHOOL],
        [area.statement("concern.what_happened")],
        answers=play.last,
        basis={"kind": "consent", "consents": (only_front.id,)},
        content={"to": CARE, "because": "not_ours"},
    )
    assert "consent.out-of-scope" in play.refused(redirected)


def test_a_request_returned_for_gaps_stays_open(referred: Play) -> None:
    """York: gaps are named to the referrer, and what is added answers the return."""
    area, child, request = referred.area, referred.child, referred.last
    referred.accept(r.returned(area, child, request, "views.child", "education.attendance"))
    added = area.sealed(
        "story.added",
        child,
        TEACHER,
        [FRONT],
        [area.statement("views.child")],
        answers=referred.last,
        basis=r.DUTY_OF_CARE,
    )
    referred.accept(added)
    referred.accept(m.acknowledged(area, child, request))


def test_child_protection_is_never_returned(play: Play) -> None:
    """003 §2.2: it is acted on without delay, whatever it lacks."""
    area, child = play.area, play.child
    play.accept(m.protection(area, child))
    assert play.refused(r.returned(area, child, play.last)) == {"return.child-protection"}


def test_gaps_are_questions_of_the_catalogue(referred: Play) -> None:
    """Only what can be answered is asked for, and only by who was asked."""
    area, child = referred.area, referred.child
    unknown = r.returned(area, child, referred.last, "views.cat")
    assert area.codes(unknown) == {"message.wrong-content"}
    by_surgery = r.returned(area, child, referred.last, by=DOCTOR)
    assert referred.refused(by_surgery) == {"request.not-recipient"}


@pytest.mark.parametrize("by", [TEACHER, HEAD])
def test_work_is_handed_on_within_an_agency(referred: Play, by: str) -> None:
    """A practitioner or the line manager hands on what is open; no lead moves by it."""
    area, child = referred.area, referred.child
    referred.accept(r.handed_on(area, child, TEACHER, HEAD, by=by, to=[SCHOOL]))
    assert play_leads_nobody(referred)


def test_handing_on_work_moves_no_lead(play: Play) -> None:
    """003 principles: the lead moves by proposal and acceptance alone."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(r.handed_on(area, child, WORKER, MANAGER, by=WORKER, to=[CARE]))
    assert play.leads == WORKER


def test_a_manager_hands_on_the_work_of_somebody_who_has_left(referred: Play) -> None:
    """What is open with somebody who has gone is not lost."""
    area, child = referred.area, referred.child
    people = tuple(
        p.model_copy(update={"left_at": area.now - timedelta(days=1)}) if p.id == TEACHER else p
        for p in area.document.practitioners
    )
    area.document = area.document.model_copy(update={"practitioners": people})
    referred.accept(r.handed_on(area, child, TEACHER, HEAD, by=HEAD, to=[SCHOOL]))


@pytest.mark.parametrize(
    ("leaves", "takes", "by", "code"),
    [
        (TEACHER, HEAD, DOCTOR, "work.other-agency"),
        (HEAD, TEACHER, TEACHER, "work.not-yours"),
        (TEACHER, DOCTOR, TEACHER, "work.other-agency"),
        (TEACHER, TEACHER, TEACHER, "work.other-agency"),
        (TEACHER, f"{SCHOOL}.nobody", TEACHER, "practitioner.unknown"),
    ],
)
def test_work_is_handed_on_by_whom_and_to_whom_it_may(
    referred: Play, leaves: str, takes: str, by: str, code: str
) -> None:
    """Nobody gives another's work away, or work to somebody who is not there."""
    area, child = referred.area, referred.child
    referred.accept(m.referral(area, child, author=DOCTOR))
    sent = r.handed_on(area, child, leaves, takes, by=by, to=[by.rsplit(".", 1)[0]])
    assert code in referred.refused(sent)


def test_the_own_desk_learns_that_work_was_handed_on(referred: Play) -> None:
    """Handing on shows in the agency's own inbox, so it is addressed there."""
    area, child = referred.area, referred.child
    sent = r.handed_on(area, child, TEACHER, HEAD, by=TEACHER, to=[FRONT])
    assert referred.refused(sent) == {"recipient.missing"}


@pytest.mark.parametrize("by", [DUTY, CAF_WORKER])
def test_a_referral_is_written_down_for_an_agency_that_has_not_joined(play: Play, by: str) -> None:
    """000 l.51: a document written for a health visitor who telephoned is accepted as it is."""
    area = play.area
    author = area.directory.practitioners[by]
    written = parse(
        {
            "kind": "referral.submitted",
            "child": play.child,
            "recipients": [FRONT],
            "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
            "data": {"concern": "child_in_need", "source": "3B", "recorded_for": "3B"},
            "statements": [
                {
                    "question": "concern.what_happened",
                    "value": "as told by telephone",
                    "said_by": "health visitor",
                    "standing": "report",
                }
            ],
        }
    )
    event, disclosures = to_event(written, author, area.now)
    verdict = play.accept(seal(event, area.keys[by], disclosures))
    assert [to.agency for to in verdict.deliveries] == [FRONT]
    assert len(verdict.deliveries[0].shown) == 1


def test_nobody_else_refers_in_anothers_name(play: Play) -> None:
    """A school refers in its own name."""
    content = {"concern": "child_in_need", "source": "3B", "recorded_for": "3B"}
    sent = m.referral(play.area, play.child, content=content)
    assert play.refused(sent) == {"referral.on-behalf"}


def play_leads_nobody(play: Play) -> bool:
    """Tell whether nobody holds the lead."""
    return play.leads == "" and state(play).proposals == ()


def on_consent_to_care(area: Area, **changes: Any) -> tuple[Consent, dict[str, Any]]:
    """A parent agreed to sharing with First Response and social care, and not with the school."""
    agreed = m.consent(area, roles=(Role.FIRST_RESPONSE, Role.SOCIAL_CARE), **changes)
    return agreed, {"kind": "consent", "consents": (agreed.id,)}


def test_a_request_on_consent_is_redirected_and_its_referrer_told_without_words(
    play: Play,
) -> None:
    """Whose own words they are hears that they went on, and needs no consent for that."""
    area, child = play.area, play.child
    agreed, basis = on_consent_to_care(area)
    play.accept(m.referral(area, child, basis=basis, consents=(agreed,)))
    said = area.statement("concern.what_happened")
    verdict = play.accept(
        area.sealed(
            "request.redirected",
            child,
            DUTY,
            (CARE, SCHOOL),
            [said],
            answers=play.last,
            basis=basis,
            content={"to": CARE, "because": "not_ours"},
        )
    )
    assert {to.agency: len(to.shown) for to in verdict.deliveries} == {CARE: 1, SCHOOL: 0}


def test_a_consent_that_does_not_name_the_new_agency_stops_a_redirection(play: Play) -> None:
    """Only the referrer is told without words; the new agency needs the family's word."""
    area, child = play.area, play.child
    agreed = m.consent(area, roles=(Role.FIRST_RESPONSE,))
    basis = {"kind": "consent", "consents": (agreed.id,)}
    play.accept(m.referral(area, child, basis=basis, consents=(agreed,)))
    said = area.statement("concern.what_happened")
    sent = area.sealed(
        "request.redirected",
        child,
        DUTY,
        (CARE, SCHOOL),
        [said],
        answers=play.last,
        basis=basis,
        content={"to": CARE, "because": "not_ours"},
    )
    assert play.refused(sent) == {"consent.out-of-scope"}
