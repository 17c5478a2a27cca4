"""Who has a part in a journey, what gives one, and what an outsider learns from a refusal."""

import pytest

from contracts.identifiers import new_reference
from contracts.roles import Level
from contracts.seal import Sealed
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
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)
from tests.unit.kinds_playing import at, not_met, others, state
from tests.unit.test_decision import Play

TEAM, CONFERENCE = "team_around_the_child", "child_protection_conference"
DUTY_OF_CARE = {"kind": "statutory_duty", "provision": "CA1989-s17"}


@pytest.fixture
def play() -> Play:
    """A play with a child in need, led by a social worker."""
    made = Play(Area())
    made.accept(m.care_opened_before(made.area, made.child))
    return made


def told(play: Play, by: str, to: tuple[str, ...] = ()) -> Sealed:
    """Something is added to the story on a basis of its own."""
    said = [play.area.statement("views.child", by=by)]
    return play.area.sealed("story.added", play.child, by, to, said, basis=DUTY_OF_CARE)


def enquired(play: Play, to: str) -> Sealed:
    """The surgery asks something."""
    content = {"by": "email"}
    return play.area.sealed("enquiry.made", play.child, DOCTOR, [to], content=content)


def test_what_an_outsider_adds_or_asks_gives_no_part(play: Play) -> None:
    """003 principles: accountability; a part in a journey is given and not taken."""
    play.accept(told(play, DOCTOR, (CARE,)))
    play.accept(enquired(play, CARE))
    reply = play.area.sealed("enquiry.answered", play.child, WORKER, [GP], answers=play.last)
    play.accept(reply)
    assert state(play).involved == (CARE,)
    for sent in (
        m.family_choice(play.area, play.child, by=DOCTOR, to=(CARE,)),
        m.convened(play.area, play.child, TEAM, new_reference(), by=DOCTOR, to=(CARE,)),
        m.moved(play.area, play.child, (CARE,), by=DOCTOR),
        m.told(play.area, play.child, play.last, by=DOCTOR),
    ):
        assert play.refused(sent) == {"message.no-part"}


def test_an_enquiry_among_outsiders_gives_neither_a_part(play: Play) -> None:
    """Two outsiders cannot make each other partners by asking, returning and passing on."""
    play.accept(enquired(play, SCHOOL))
    asked = play.last
    content = {"missing": ("views.child",)}
    back = play.area.sealed(
        "message.returned", play.child, TEACHER, [GP], answers=asked, content=content
    )
    play.accept(back)
    play.accept(r.redirected(play.area, play.child, asked, CAF, told=(GP,), by=TEACHER))
    assert state(play).involved == (CARE,)
    request = state(play).request(asked)
    assert request is not None
    assert request.to == (CAF,)


def test_whom_a_partner_tells_has_a_part(play: Play) -> None:
    """Being addressed by somebody who has a part gives one, and asking for a service does."""
    play.accept(told(play, WORKER, (GP,)))
    assert state(play).involved == (CARE, GP)
    play.accept(m.referral(play.area, play.child))
    assert set(state(play).involved) == {CARE, GP, SCHOOL, FRONT}


def test_only_who_works_with_the_family_speaks_for_it(play: Play) -> None:
    """003 §§3.1, 3.3: a referrer with a part neither declines for a family nor moves it."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, author=DOCTOR))
    mine = play.last
    no = m.family_choice(area, child, by=DOCTOR, to=(CARE, FRONT))
    away = m.moved(area, child, (CARE, FRONT), by=DOCTOR)
    assert play.refused(no) == {"family.not-yours"}
    assert play.refused(away) == {"family.not-yours"}
    play.accept(told(play, WORKER, (FRONT,)))
    assert play.refused(m.told(area, child, play.last, by=DOCTOR)) == {"family.not-yours"}
    play.accept(m.told(area, child, mine, by=DOCTOR))
    play.accept(m.family_choice(area, child, by=WORKER))


def test_a_referrer_sent_away_may_bring_the_familys_wish() -> None:
    """003 §1.1: where nobody else works with the family, whoever referred goes on with it."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    wish = m.family_choice(area, child, "wishes_support", by=TEACHER)
    assert play.refused(wish) == {"family.not-yours"}
    play.accept(not_met(area, child, state(play).requests[0].id))
    play.accept(m.family_choice(area, child, "wishes_support", by=TEACHER))


def test_no_number_of_meetings_keeps_social_care_from_its_own() -> None:
    """003 §2.8: a conference is never refused because others have called too many meetings."""
    play = at(Level.EARLY_HELP)
    area, child = play.area, play.child

    def team(by: str) -> Sealed:
        agency = by.rsplit(".", 1)[0]
        return m.convened(area, child, TEAM, new_reference(), by=by, to=others(agency))

    for _ in range(4):
        play.accept(team(TEACHER))
    assert play.refused(team(TEACHER)) == {"journey.full"}
    play.accept(team(CAF_WORKER))
    for _ in range(20):
        strategy = m.convened(area, child, "strategy_discussion", new_reference(), to=others(CARE))
        play.accept(strategy)
    assert sum(meeting.by == CARE for meeting in state(play).meetings) == 16
    assert sum(meeting.by == SCHOOL for meeting in state(play).meetings) == 4


def test_a_meeting_is_reported_by_who_called_it_leads_or_is_social_care() -> None:
    """Nobody reports another's meeting as held."""
    play = at(Level.EARLY_HELP)
    area, child, ref = play.area, play.child, new_reference()
    play.accept(told(play, TEACHER, (GP,)))
    everybody = (CAF, FRONT, CARE, GP)
    play.accept(m.convened(area, child, TEAM, ref, by=TEACHER, to=everybody))
    by_guest = m.held(area, child, TEAM, ref, "close", by=DOCTOR, to=(SCHOOL,))
    assert play.refused(by_guest) == {"meeting.not-yours"}
    play.accept(m.held(area, child, TEAM, ref, "continue", by=TEACHER, to=everybody))


def test_an_invented_redirection_opens_nothing_and_involves_nobody() -> None:
    """003 §2.2: the floor is for who asks for protection, never for who passes something on."""
    play = Play(Area())
    area, child = play.area, play.child

    def forged(answers: str, to: str) -> Sealed:
        said = [area.statement("concern.what_happened", by=DOCTOR)]
        return area.sealed(
            "request.redirected",
            child,
            DOCTOR,
            [CAF, to],
            said,
            answers=answers,
            basis={"kind": "child_protection"},
            content={"to": to, "because": "not_ours", "concern": "child_protection"},
        )

    assert "message.unknown-child" in play.refused(forged(new_reference(), "demo.fake-00"))
    play.accept(m.protection(area, child))
    request = play.last
    for answers in (request, new_reference()):
        for to in ("demo.fake-00", SCHOOL, CARE):
            play.refused(forged(answers, to))
    assert state(play).involved == (SCHOOL, FRONT)


def test_child_protection_is_passed_on_without_consent_to_who_may_act(play: Play) -> None:
    """003 §2.2: nobody waits for consent, and nobody who cannot act receives words by it."""
    area, child = play.area, play.child
    play.accept(m.protection(area, child))
    request = play.last

    def passed(to: str, told: tuple[str, ...] = (SCHOOL,)) -> Sealed:
        return area.sealed(
            "request.redirected",
            child,
            DUTY,
            [to, *told],
            [area.statement("concern.what_happened", by=DUTY)],
            answers=request,
            basis={"kind": "consent", "consents": (new_reference(),)},
            content={"to": to, "because": "not_ours", "concern": "child_protection"},
        )

    assert "redirect.role" in play.refused(passed(GP))
    assert "consent.unknown" in play.refused(passed(CARE, (SCHOOL, CAF)))
    verdict = play.accept(passed(CARE))
    assert verdict.protection
    assert all(len(d.shown) == 1 for d in verdict.deliveries)


def test_a_co_recipient_gives_no_request_away() -> None:
    """003 §2.4: only who may decide on a request passes it on; child protection loses nobody."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(m.referral(area, child, to=[FRONT, CAF]))
    away = r.redirected(area, child, play.last, CARE, by=CAF_WORKER)
    assert play.refused(away) == {"redirect.role"}
    play.accept(m.protection(area, child, to=[FRONT, CAF]))
    urgent = play.last
    play.accept(r.redirected(area, child, urgent, CARE, by=CAF_WORKER))
    request = state(play).request(urgent)
    assert request is not None
    assert request.to == (CARE, FRONT, CAF)


def test_an_agency_leaves_when_nothing_is_open_with_it(play: Play) -> None:
    """Who has left is invited no more, and speaks of the child no more."""
    area, child = play.area, play.child
    play.accept(told(play, WORKER, (GP, SCHOOL)))
    play.accept(r.check_requested(area, child))
    check = play.last
    leaves = area.sealed("part.ended", child, DOCTOR, [CARE])
    assert play.refused(leaves) == {"part.still-open"}
    play.accept(r.check_answered(area, child, check))
    untold = area.sealed("part.ended", child, DOCTOR)
    assert play.refused(untold) == {"recipient.missing"}
    play.accept(leaves)
    assert state(play).involved == (CARE, SCHOOL)
    play.accept(m.convened(area, child, "child_in_need", new_reference(), to=(SCHOOL,)))
    assert play.refused(leaves) == {"message.no-part"}


def test_who_leads_or_has_the_case_does_not_leave(play: Play) -> None:
    """003 principles: a lead is handed on before the agency goes, and so is a case."""
    area, child = play.area, play.child
    leaves = area.sealed("part.ended", child, WORKER)
    assert play.refused(leaves) == {"part.leads", "part.still-open"}


def test_a_partner_is_told_every_reason(play: Play) -> None:
    """Who has a part learns all that is wrong at once."""
    sent = m.step_down(play.area, play.child, consents=(), countersigners=())
    found = play.refused(sent)
    assert {"countersign.missing", "consent.unknown"} <= found
