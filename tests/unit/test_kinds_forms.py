"""Callers who have no inbox, and dates that cannot be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.seal import Sealed
from tests import messages as m
from tests import messages_real_life as r
from tests.area import DUTY, FRONT, HEAD, TEACHER, WORKER, Area
from tests.unit.kinds_playing import state
from tests.unit.test_decision import Play

DUTY_OF_CARE = {"kind": "statutory_duty", "provision": "CA1989-s17"}


@pytest.fixture
def play() -> Play:
    """A play with a child in need, led by a social worker."""
    made = Play(Area())
    made.accept(m.care_opened_before(made.area, made.child))
    return made


def test_a_callers_referral_is_decided_without_a_recipient() -> None:
    """003 §1.1: who telephoned has no inbox; First Response answers what it wrote down itself."""
    play = Play(Area())
    area, child = play.area, play.child
    content = {"concern": "child_in_need", "source": "1A", "recorded_for": "1A"}
    play.accept(m.referral(area, child, author=DUTY, to=[FRONT], content=content))
    reason = [area.statement("decision.reason", by=DUTY)]
    decision = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [],
        reason,
        capacity="duty_worker",
        answers=play.last,
        basis=DUTY_OF_CARE,
        content={"outcome": "not_met"},
    )
    play.accept(decision)
    assert state(play).requests[0].outcome == "not_met"


def _discussed_later(area: Area, child: str) -> Sealed:
    discussed = {"line_manager": HEAD, "at": (area.now + timedelta(days=90)).isoformat()}
    content = {"concern": "child_in_need", "source": "2A", "discussed": discussed}
    return m.referral(area, child, content=content)


def _review_later(area: Area, child: str) -> Sealed:
    content = {
        "reason": "support_still_needed",
        "unmet_need_manageable": True,
        "child_in_need_review": (area.now + timedelta(days=900)).isoformat(),
    }
    return m.step_down(area, child, content=content)


def _agreed(area: Area, child: str, **changes: timedelta) -> Sealed:
    dates: dict[str, Any] = {name: area.now + length for name, length in changes.items()}
    agreed = m.consent(area, taken_by=WORKER, **dates)
    return area.sealed("consent.recorded", child, WORKER, consents=(agreed,))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_discussed_later, "message.in-future"),
        (_review_later, "message.in-future"),
        (lambda a, c: _agreed(a, c, given_at=timedelta(days=400)), "message.in-future"),
        (lambda a, c: _agreed(a, c, expires_at=timedelta(days=-400)), "message.wrong-content"),
        (
            lambda a, c: r.task_set(
                a, c, content={"due_at": a.now + timedelta(days=9000), "practitioner": TEACHER}
            ),
            "message.wrong-content",
        ),
    ],
)
def test_dates_that_cannot_be_are_refused(
    play: Play, make: Callable[[Area, str], Sealed], code: str
) -> None:
    """A word with a manager, a review and a consent lie behind, a task in sight."""
    assert code in play.refused(make(play.area, play.child))
