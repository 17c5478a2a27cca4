"""The shipped clocks in the tracker's tables, started and stopped by messages as they are sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from contracts.consents import Answered, Consent
from contracts.identifiers import new_reference
from contracts.rules import shipped
from services.runtime.sql import engine
from services.tracker.store import LIVE, prepare
from tests import messages as m
from tests.area import CAF, FRONT, SCHOOL, TEACHER, Area
from tests.tracking import LedgerWriter

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
FAMILY = ("tell-assessment-outcome", "tell-family-of-decision")
(PACK,) = (c.questions for c in shipped("handrail-defaults").clocks if c.questions)
PROTECTION = {"kind": "child_protection"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database with the tracker's tables."""
    opened = engine(f"sqlite:///{tmp_path}/t.sqlite")
    prepare(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger() -> LedgerWriter:
    """Give a ledger that begins on a Monday morning."""
    return LedgerWriter(Area(MONDAY))


def states(database: Engine, ledger: LedgerWriter, child: str) -> dict[str, list[str]]:
    """Follow the ledger; return the states of the child's clocks by rule, in order of start."""
    ledger.follow(database)
    table = LIVE.clocks
    chosen = select(table.c.rule, table.c.state).where(table.c.child == child)
    found: dict[str, list[str]] = {}
    with database.begin() as connection:
        for rule, state in connection.execute(chosen.order_by(table.c.entry)).all():
            found.setdefault(rule, []).append(state)
    return found


def urgent(ledger: LedgerWriter, child: str, *parts: str) -> str:
    """The school steps up a child protection concern with these of the four parts."""
    area = ledger.area
    said = [area.statement(key) for key in ("concern.what_happened", *parts)]
    content = {"concern": "child_protection"}
    sealed = area.sealed(
        "stepup.requested",
        child,
        TEACHER,
        [FRONT],
        said,
        content=content,
        basis=PROTECTION,
    )
    return ledger.accept(sealed)


def test_evidence_that_the_family_was_told_keeps_the_clock_of_its_message(
    database: Engine, ledger: LedgerWriter
) -> None:
    """`people.told` names the message it is about, and keeps that message's clock and no other."""
    child, area = new_reference(), ledger.area
    ledger.accept(m.opened_before(area, child))
    request = ledger.accept(m.step_up(area, child))
    decided = ledger.accept(m.step_up_decided(area, child, request))
    ledger.accept(m.assessment(area, child))
    found = ledger.accept(m.assessment(area, child, concluded="child_in_need"))
    ledger.later(hours=1)

    ledger.accept(m.told(area, child, found))
    seen = states(database, ledger, child)
    assert [seen[rule] for rule in FAMILY] == [["met"], ["running"]]

    ledger.accept(m.not_told(area, child, decided))
    seen = states(database, ledger, child)
    assert [seen[rule] for rule in FAMILY] == [["met"], ["met"]]


def test_consent_is_talked_about_again_by_the_day_that_it_names(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The earliest day of what is new starts the clock; carried again it does not; a word stops it.

    A consent without such a day, or with one that has passed, starts none.
    """
    child, area = new_reference(), ledger.area
    ledger.accept(m.opened_before(area, child))
    soon, late = MONDAY + timedelta(days=30), MONDAY + timedelta(days=60)
    first, second = m.consent(area, review_at=late), m.consent(area, review_at=soon)
    plain = m.consent(area, review_at=MONDAY - timedelta(days=1))
    refused = m.consent(area, review_at=soon, decision=Answered.REFUSED)

    def recorded(*consents: Consent) -> None:
        ledger.accept(area.sealed("consent.recorded", child, TEACHER, consents=consents))

    recorded(plain, m.consent(area))
    assert "review-consent" not in states(database, ledger, child)
    recorded(first, second)
    assert states(database, ledger, child)["review-consent"] == ["running"]
    clocks = LIVE.clocks
    chosen = select(clocks.c.due_at).where(
        clocks.c.child == child, clocks.c.rule == "review-consent"
    )
    with database.begin() as connection:
        assert connection.scalars(chosen).all() == [soon]
    ledger.accept(m.step_up(area, child, **m.on_consent(first)))
    assert states(database, ledger, child)["review-consent"] == ["running"]

    ledger.later(days=2)
    ledger.accept(area.sealed("consent.refused", child, TEACHER, consents=(refused,)))
    assert states(database, ledger, child)["review-consent"] == ["met"]


def test_what_a_child_protection_step_up_left_out_is_waited_for_until_all_has_come(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The clock of the parts stops with the last one, and a whole step up starts none."""
    child, area = new_reference(), ledger.area
    ledger.accept(m.opened_before(area, child))
    urgent(ledger, child, PACK[0])
    for part in PACK[1:]:
        ledger.later(minutes=10)
        assert states(database, ledger, child)["send-parts-to-follow"] == ["running"]
        added = [area.statement(part)]
        basis = {"kind": "statutory_duty", "provision": "CA1989-s47"}
        ledger.accept(area.sealed("story.added", child, TEACHER, [], added, basis=basis))
    assert states(database, ledger, child)["send-parts-to-follow"] == ["met"]

    whole = new_reference()
    ledger.accept(m.opened_before(area, whole))
    urgent(ledger, whole, *PACK)
    assert "send-parts-to-follow" not in states(database, ledger, whole)


def test_a_referrer_who_is_answered_need_not_follow_up(
    database: Engine, ledger: LedgerWriter
) -> None:
    """First Response's acknowledgement ends the school's wait as well as its own clock."""
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    before = states(database, ledger, child)
    ledger.later(hours=1)
    ledger.accept(m.acknowledged(ledger.area, child, request))
    after = states(database, ledger, child)

    for rule in ("acknowledge-request", "follow-up-referral"):
        assert (before[rule], after[rule]) == (["running"], ["met"])


def test_reviews_follow_one_another_until_the_case_closes(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A review keeps its four weeks and starts the next; a closed case waits for none."""
    child, area = ledger.stepped_up(), ledger.area
    for meeting in ("child_in_need", "child_in_need_review"):
        ref = new_reference()
        ledger.later(hours=1)
        ledger.accept(m.convened(area, child, meeting, ref, to=(SCHOOL, CAF, FRONT)))
        area.now += timedelta(days=6)
        ledger.accept(m.held(area, child, meeting, ref))
    seen = states(database, ledger, child)
    assert seen["child-in-need-meeting"] == ["met"]
    assert seen["child-in-need-review"] == ["met", "running"]

    ledger.stepped_down(child)
    assert states(database, ledger, child)["child-in-need-review"] == ["met", "ended"]
