"""Whatever is sent in whatever order, a journey takes only the legal moves (003 §§1-5)."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from contracts.consents import Covers
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_bounds import MOST_MEETINGS
from contracts.journey_json import dump
from contracts.kinds import Opened
from contracts.messages.stepdown import REQUESTED
from contracts.roles import Capacity, Level, Role
from contracts.seal import Sealed, open_seal
from services.exchange.decision import Accepted, decide
from tests import messages as m
from tests.area import CAF_WORKER, CARE, DUTY, SCHOOL, TEACHER, WORKER
from tests.unit.kinds_playing import ALL, at, decided, gathered, others, state
from tests.unit.test_decision import Play

U, E, N, P = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED, Level.CHILD_PROTECTION
STEPS = 200
Choose = random.Random
Making = Callable[[Play, Choose], Sealed]

LEGAL: dict[tuple[Level, Level], set[str]] = {
    (U, E): {"caf.contact-made", "lead.accepted", "case.closed"},
    (E, U): {"caf.ended", "case.closed"},
    (U, N): {"assessment.concluded"},
    (E, N): {"assessment.concluded"},
    (N, E): {"case.closed"},
    (N, U): {"case.closed"},
    (U, P): {"assessment.concluded", "meeting.held"},
    (E, P): {"assessment.concluded", "meeting.held"},
    (N, P): {"assessment.concluded", "meeting.held"},
    (P, N): {"protection-plan.ended", "meeting.held"},
    (P, U): {"case.closed"},
}
"""Every move between levels that there is, and the kinds of message that make it."""

PEOPLE = (TEACHER, CAF_WORKER, WORKER, DUTY)
MEETINGS = (
    "team_around_the_child",
    "child_in_need",
    "child_protection_conference",
    "core_group",
    "strategy_discussion",
    "child_in_need_review",
    "protection_review",
)


def _open(play: Play, *kinds: str) -> str:
    """The latest undecided request of these kinds, or one that was never made."""
    found = [r.id for r in state(play).requests if r.kind in kinds and not r.outcome]
    return found[-1] if found else new_reference()


def _proposal(play: Play) -> tuple[str, str]:
    proposals = state(play).proposals
    return (proposals[-1].id, proposals[-1].practitioner) if proposals else (new_reference(), "")


def _meeting(play: Play, choose: Choose) -> tuple[str, str]:
    meetings = state(play).meetings
    if not meetings:
        return new_reference(), choose.choice(MEETINGS)
    found = choose.choice(meetings)
    return found.ref, found.kind


def _by(choose: Choose) -> tuple[str, tuple[str, ...]]:
    by = choose.choice(PEOPLE)
    return by, others(by.rsplit(".", 1)[0])


def _propose(play: Play, choose: Choose) -> Sealed:
    by, _ = _by(choose)
    return m.lead_proposed(play.area, play.child, choose.choice(PEOPLE), by, ALL)


def _answer(play: Play, choose: Choose) -> Sealed:
    proposal, who = _proposal(play)
    yes = choose.random() < 0.8
    return m.lead_answered(play.area, play.child, proposal, who or TEACHER, ALL, yes=yes)


def _convene(play: Play, choose: Choose) -> Sealed:
    by, to = _by(choose)
    kind = choose.choice(MEETINGS)
    return m.convened(play.area, play.child, kind, new_reference(), by=by, to=to)


def _hold(play: Play, choose: Choose) -> Sealed:
    ref, kind = _meeting(play, choose)
    by, to = (TEACHER, others(SCHOOL)) if choose.random() < 0.2 else (WORKER, others(CARE))
    outcome = choose.choice(("continue", "protection_plan", "no_plan", "step_down", "none"))
    return m.held(play.area, play.child, kind, ref, outcome, by=by, to=to)


def _choice(play: Play, choose: Choose) -> Sealed:
    by, to = _by(choose)
    choice = "declines" if choose.random() < 0.15 else "wishes_support"
    return m.family_choice(play.area, play.child, choice, by=by, to=to)


def _conclude(play: Play, choose: Choose) -> Sealed:
    finding = choose.choice(("child_in_need", "child_protection", "not_in_need"))
    return play.area.sealed(
        "assessment.concluded",
        play.child,
        WORKER,
        others(CARE),
        capacity=Capacity.SOCIAL_WORKER,
        content={"finding": finding},
    )


def _start(play: Play, choose: Choose) -> Sealed:
    kind = choose.choice(("initial", "core", "section_47"))
    return play.area.sealed(
        "assessment.started",
        play.child,
        WORKER,
        others(CARE),
        capacity=Capacity.SOCIAL_WORKER,
        content={"assessment": kind},
    )


def _inform(play: Play, choose: Choose) -> Sealed:
    because = choose.choice(("referrer_unsure", "family_wishes", "stepping_down"))
    answers = None
    if because == "referrer_unsure":
        referrals = [r.id for r in state(play).requests if r.kind == "referral.submitted"]
        answers = referrals[-1] if referrals else None
    return m.information_sent(play.area, play.child, because, answers=answers)


def _contact(play: Play, choose: Choose) -> Sealed:
    outcome = choose.choice(("support_offered", "caf_started", "family_declined"))
    agreed = m.consent(play.area, Covers.SERVICE, taken_by=CAF_WORKER)
    lead = state(play).lead
    to = tuple(dict.fromkeys((SCHOOL, "demo.first-response", *((lead.agency,) if lead else ()))))
    request = _open(play, "caf.information-sent")
    return m.contact_made(play.area, play.child, request, outcome, to, consents=(agreed,))


def _end_caf(play: Play, choose: Choose) -> Sealed:
    reason = choose.choice(("family_decision", "met_by_universal_services"))
    return m.caf_ended(play.area, play.child, reason, by=CAF_WORKER, to=ALL)


def _close(play: Play, choose: Choose) -> Sealed:
    rare = choose.random() < 0.3
    support = choose.choice(("declined", "not_needed", "transferred")) if rare else "continues"
    return m.closed(play.area, play.child, support, others(CARE))


MAKING: tuple[Making, ...] = (
    lambda p, _c: m.referral(p.area, p.child),
    lambda p, _c: m.step_up(p.area, p.child, capacity=Capacity.PRACTITIONER),
    lambda p, _c: decided(p.area, p.child, _open(p, "referral.submitted")),
    lambda p, _c: m.step_up_decided(p.area, p.child, _open(p, "stepup.requested")),
    _start,
    _start,
    _conclude,
    _conclude,
    _conclude,
    _propose,
    _propose,
    _answer,
    _answer,
    _convene,
    _convene,
    _hold,
    _hold,
    _choice,
    _inform,
    _contact,
    _close,
    _close,
    _close,
    lambda p, _c: m.step_down(p.area, p.child),
    lambda p, _c: m.step_down(p.area, p.child),
    lambda p, _c: m.step_down_decided(p.area, p.child, _open(p, REQUESTED.name)),
    lambda p, _c: m.step_down_decided(p.area, p.child, _open(p, REQUESTED.name)),
    lambda p, _c: m.plan_ended(p.area, p.child, others(CARE)),
    _end_caf,
    lambda p, _c: m.moved(p.area, p.child, others(CARE)),
    lambda p, _c: m.lead_withdrawn(p.area, p.child, _proposal(p)[0], to=ALL),
)


def _holds(play: Play, before: Journey, kind: str) -> None:
    """Check what must be true after every accepted message."""
    after = state(play)
    if before.level is not after.level:
        assert kind in LEGAL.get((before.level, after.level), set()), (before.level, after.level)
    if (before.level, after.level) == (P, U):
        assert before.moved_to
    if (before.level, after.level) == (N, E) and before.protection_plan_ended:
        ended = datetime.fromisoformat(before.protection_plan_ended)
        assert play.area.now - ended >= timedelta(days=89)
    if after.lead != before.lead and after.lead is not None:
        assert kind == "lead.accepted"
    if (after.level, kind) == (E, "case.closed") and before.level is not E:
        assert after.lead is not None
        role = play.area.directory.agencies[after.lead.agency].role
        assert role in (Role.UNIVERSAL, Role.CAF_TEAM)
    assert len(after.proposals) <= 1
    assert len(after.meetings) <= MOST_MEETINGS
    assert len(dump(after)) < 128 * 1024
    if after.support == "declined":
        kinds = {r.kind for r in after.requests if not r.outcome}
        assert kinds.isdisjoint({"caf.information-sent", "stepdown.requested"})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("level", list(Level))
def test_a_journey_takes_only_the_legal_moves(level: Level, seed: int) -> None:
    """Level, lead and the family's no hold through messages at random, months apart or at once."""
    choose, play = random.Random(seed), at(level)
    directory = play.area.directory
    accepted: set[str] = set()
    for _ in range(STEPS):
        play.area.now += timedelta(days=choose.choice((0, 0, 1, 30)))
        before = state(play)
        if before.level is U and CARE not in before.involved:
            gathered(play)
        sealed = choose.choice(MAKING)(play, choose)
        opened = open_seal(sealed, directory, play.area.now)
        assert isinstance(opened, Opened)
        verdict = decide(opened, directory, before, play.area.now)
        if isinstance(verdict, Accepted):
            play.journey = verdict.journey
            accepted.add(opened.event.kind)
            _holds(play, before, opened.event.kind)
    assert len(accepted) >= 10
