"""Legal and illegal moves between the levels of help: what each level lets happen (003 §§1-5)."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import pytest

from contracts.identifiers import new_reference
from contracts.roles import Capacity, Level
from contracts.seal import Sealed
from tests import messages as m
from tests.area import CARE, FRONT, SCHOOL, WORKER
from tests.unit.kinds_playing import (
    ALL,
    at,
    others,
    started,
    state,
)
from tests.unit.test_decision import Play

U, E, N, P = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED, Level.CHILD_PROTECTION
LEVELS = (U, E, N, P)
OK: AbstractSet[str] = frozenset()


def _call(meeting: str) -> Callable[[Play], Sealed]:
    return lambda p: m.convened(
        p.area, p.child, meeting, new_reference(), by=WORKER, to=others(CARE)
    )


def _close(support: str) -> Callable[[Play], Sealed]:
    return lambda p: m.closed(p.area, p.child, support, others(CARE))


def _inform(because: str) -> Callable[[Play], Sealed]:
    def made(p: Play) -> Sealed:
        first = state(p).requests[0].id if state(p).requests else None
        return m.information_sent(p.area, p.child, because, to=others(FRONT), answers=first)

    return made


def _started(kind: str) -> Callable[[Play], Sealed]:
    return lambda p: started(p, kind)


def _step_up(p: Play) -> Sealed:
    return m.step_up(p.area, p.child, capacity=Capacity.PRACTITIONER)


def _lead_in_care(p: Play) -> Sealed:
    return m.lead_proposed(p.area, p.child, "demo.social-care.manager", WORKER, ALL)


_CLOSED = {"case.not-open"}
_LEVEL = {"meeting.level"}
_AGREED = {"family.not-asked", "stepdown.consent-service", "stepdown.consent-sharing"}

MOVES: dict[str, tuple[Callable[[Play], Sealed], dict[Level, AbstractSet[str]]]] = {
    "step up": (_step_up, {U: {"stepup.not-supported"}, E: OK, N: OK, P: OK}),
    "child protection": (
        lambda p: m.protection(p.area, p.child),
        {U: OK, E: OK, N: OK, P: OK},
    ),
    "core assessment": (
        _started("core"),
        {U: {"assessment.none-open"}, E: {"assessment.none-open"}, N: OK, P: OK},
    ),
    "section 47 enquiry": (
        _started("section_47"),
        {U: {"assessment.none-open"}, E: {"assessment.none-open"}, N: OK, P: OK},
    ),
    "initial assessment": (
        _started("initial"),
        dict.fromkeys(LEVELS, frozenset({"assessment.none-open"})),
    ),
    "lead in social care": (
        _lead_in_care,
        {U: {"lead.not-in-need"}, E: {"lead.not-in-need"}, N: OK, P: OK},
    ),
    "team around the child": (
        _call("team_around_the_child"),
        {U: _LEVEL, E: OK, N: OK, P: OK},
    ),
    "child in need meeting": (_call("child_in_need"), {U: _LEVEL, E: _LEVEL, N: OK, P: _LEVEL}),
    "child in need review": (
        _call("child_in_need_review"),
        {U: _LEVEL, E: _LEVEL, N: OK, P: _LEVEL},
    ),
    "conference": (
        _call("child_protection_conference"),
        {U: _CLOSED, E: _CLOSED, N: OK, P: OK},
    ),
    "core group": (_call("core_group"), {U: _LEVEL, E: _LEVEL, N: _LEVEL, P: OK}),
    "protection review": (
        _call("protection_review"),
        {U: _LEVEL, E: _LEVEL, N: _LEVEL, P: OK},
    ),
    "strategy discussion": (_call("strategy_discussion"), dict.fromkeys(LEVELS, OK)),
    "end of the plan": (
        lambda p: m.plan_ended(p.area, p.child, others(CARE)),
        {U: {"plan.none"}, E: {"plan.none"}, N: {"plan.none"}, P: OK},
    ),
    "end of the CAF": (
        lambda p: m.caf_ended(p.area, p.child, by="demo.caf-team.worker", to=ALL),
        {U: {"caf.none"}, E: OK, N: {"caf.none"}, P: {"caf.none"}},
    ),
    "step down": (
        lambda p: m.step_down(p.area, p.child),
        {
            U: {"stepdown.not-child-in-need"},
            E: {"stepdown.not-child-in-need"},
            N: OK,
            P: {"stepdown.not-child-in-need"},
        },
    ),
    "information because the referrer is unsure": (
        _inform("referrer_unsure"),
        {
            U: OK,
            E: OK,
            N: {"request.unknown"},
            P: {"request.unknown", "stepdown.not-child-in-need"},
        },
    ),
    "information because the family wishes": (
        _inform("family_wishes"),
        {
            U: {"family.not-asked"},
            E: {"family.not-asked"},
            N: {"family.not-asked"},
            P: {"family.not-asked", "stepdown.not-child-in-need"},
        },
    ),
    "information for a step down": (
        _inform("stepping_down"),
        {
            U: {"stepdown.not-child-in-need"},
            E: {"stepdown.not-child-in-need"},
            N: OK,
            P: {"stepdown.not-child-in-need"},
        },
    ),
    "closing with support": (
        _close("continues"),
        {
            U: {"case.not-open", "case.needs-lead", *_AGREED},
            E: {"case.not-open"},
            N: {"case.needs-lead", "case.needs-step-down", *_AGREED},
            P: {"case.needs-lead", "stepdown.not-child-in-need", *_AGREED},
        },
    ),
    "closing, the family declined": (
        _close("declined"),
        {U: _CLOSED, E: _CLOSED, N: OK, P: {"case.protection-plan"}},
    ),
    "closing, nothing needed": (
        _close("not_needed"),
        {U: _CLOSED, E: _CLOSED, N: OK, P: {"case.protection-plan"}},
    ),
    "closing without a move": (
        _close("transferred"),
        {
            U: {"case.not-open", "case.not-moved"},
            E: {"case.not-open", "case.not-moved"},
            N: {"case.not-moved"},
            P: {"case.not-moved"},
        },
    ),
    "birth": (
        lambda p: m.born(p.area, p.child, "2026-01-01", to=others(SCHOOL)),
        dict.fromkeys(LEVELS, frozenset({"child.already-born"})),
    ),
    "move": (
        lambda p: m.moved(p.area, p.child, others(CARE)),
        dict.fromkeys(LEVELS, OK),
    ),
    "the family's no": (
        lambda p: m.family_choice(p.area, p.child, "declines", to=others(CARE)),
        dict.fromkeys(LEVELS, OK),
    ),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("move", MOVES)
def test_each_level_lets_exactly_its_own_moves_happen(move: str, level: Level) -> None:
    """At every level each kind is accepted, or refused for exactly the reasons that hold there."""
    make, expected = MOVES[move]
    play = at(level)
    if expected[level]:
        assert play.refused(make(play)) == expected[level]
    else:
        play.accept(make(play))
