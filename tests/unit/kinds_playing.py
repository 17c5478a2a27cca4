"""Children at each level of help, everybody involved, as the tests of kinds begin with them."""

from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.roles import Capacity, Level
from contracts.seal import Sealed
from tests import messages as m
from tests.area import (
    CAF,
    CARE,
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)
from tests.unit.test_decision import Play

ALL = (SCHOOL, CAF, FRONT, CARE)


def others(agency: str) -> tuple[str, ...]:
    """Everybody involved but the agency itself."""
    return tuple(a for a in ALL if a != agency)


def state(play: Play) -> Journey:
    """The journey, which must exist."""
    assert play.journey is not None
    return play.journey


def at(level: Level) -> Play:
    """A child at `level`, with school, CAF team, front door and social care all involved.

    The referral or step up before it is decided.
    """
    play = Play(Area())
    area, child = play.area, play.child
    if level is Level.UNIVERSAL:
        play.accept(m.referral(area, child, to=[FRONT]))
        play.accept(not_met(area, child, play.last))
    elif level is Level.EARLY_HELP:
        play.accept(m.opened_before(area, child))
        play.accept(m.step_up(area, child))
        play.accept(m.step_up_decided(area, child, play.last, "not_accepted"))
    else:
        play.accept(m.care_opened_before(area, child, level=level.value))
    gathered(play)
    return play


def gathered(play: Play) -> None:
    """Everybody takes part in a strategy discussion, and so has a part in the journey."""
    by = WORKER if CARE in state(play).involved else DUTY
    sender = CARE if by == WORKER else FRONT
    ref = new_reference()
    meeting = "strategy_discussion"
    to = others(sender)
    play.accept(m.convened(play.area, play.child, meeting, ref, by=by, to=to))
    play.accept(m.held(play.area, play.child, meeting, ref, "none", by=by, to=to))


def not_met(area: Area, child: str, request: str) -> Sealed:
    """First Response finds the threshold not met and encourages a CAF."""
    return area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL],
        [area.statement("decision.reason", by=DUTY)],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"outcome": "not_met", "caf_encouraged": True},
    )


def decided(area: Area, child: str, request: str, outcome: str = "assess") -> Sealed:
    """First Response takes a referral on for an assessment."""
    return area.sealed(
        "referral.decided",
        child,
        DUTY,
        [SCHOOL, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        content={"outcome": outcome},
    )


def informed(play: Play, because: str = "referrer_unsure") -> str:
    """The CAF team has the information sheet; returns the id of the message."""
    answers = state(play).requests[0].id if because == "referrer_unsure" else None
    sent = m.information_sent(play.area, play.child, because, to=others(FRONT), answers=answers)
    play.accept(sent)
    return play.last


def family_says(play: Play, choice: str) -> None:
    """The family's choice is recorded by social care."""
    play.accept(m.family_choice(play.area, play.child, choice, to=others(CARE)))


def led(play: Play, who: str = TEACHER, by: str = WORKER) -> None:
    """`by` proposes `who`, who accepts."""
    area, child = play.area, play.child
    play.accept(m.lead_proposed(area, child, who, by, ALL))
    play.accept(m.lead_answered(area, child, play.last, who, ALL))


def started(play: Play, kind: str = "initial") -> Sealed:
    """Social care says that an assessment of a kind has started."""
    return play.area.sealed(
        "assessment.started",
        play.child,
        WORKER,
        others(CARE),
        capacity=Capacity.SOCIAL_WORKER,
        content={"assessment": kind},
    )


def assessing(play: Play) -> None:
    """An assessment of a child whom a TAC supports is under way."""
    area, child = play.area, play.child
    play.accept(m.step_up(area, child))
    play.accept(m.step_up_decided(area, child, play.last))
    play.accept(m.assessment(area, child))
