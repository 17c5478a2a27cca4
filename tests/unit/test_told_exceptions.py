"""Everyone told: managers, a family's no, history, and messages sent in error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.event import Recipient
from contracts.identifiers import new_reference
from contracts.rules import Person
from services.runtime.sql import engine
from services.tracker.store import prepare
from tests import messages as m
from tests.area import CAF, CARE, FRONT, MANAGER, SCHOOL, TEACHER, Area
from tests.messages_real_life import withdrawn
from tests.telling import MONDAY, assessed, evidence, rows_of, tell, with_rules
from tests.tracking import LedgerWriter


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


def test_a_manager_is_told_by_name_or_as_recorded(database: Engine, ledger: LedgerWriter) -> None:
    """A manager has no inbox: it counts that one is addressed, or that it was recorded."""
    with_rules(ledger, tell("manager", "assessment.started", Person.MANAGER, days=1))
    child, area = new_reference(), ledger.area
    ledger.accept(m.opened_before(area, child))
    request = ledger.accept(m.step_up(area, child))
    ledger.accept(m.step_up_decided(area, child, request))
    started = ledger.accept(m.assessment(area, child))
    waiting = rows_of(database, ledger, child, started)["manager"]
    ledger.accept(evidence(area, child, started, "manager"))
    told = rows_of(database, ledger, child, started)["manager"]

    assert (waiting["state"], told["state"], told["how"]) == ("not_yet", "told", "recorded")


def test_a_manager_addressed_by_name_is_told_at_once(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A message to a team manager in person tells a manager."""
    with_rules(ledger, tell("manager", "referral.submitted", Person.MANAGER, days=1))
    child, area = new_reference(), ledger.area
    named = Recipient(agency=CARE, practitioner=MANAGER)
    request = ledger.accept(m.referral(area, child, recipients=(Recipient(agency=FRONT), named)))

    manager = rows_of(database, ledger, child, request)["manager"]

    assert (manager["state"], manager["how"], manager["agency"]) == ("told", "message", CARE)


def test_a_familys_no_has_no_chaser(database: Engine, ledger: LedgerWriter) -> None:
    """Nobody runs after a family to tell it that it declined (003 §3.3)."""
    with_rules(
        ledger, tell("choice", "family.choice-recorded", Person.FAMILY, Person.CAF_TEAM, days=1)
    )
    child, _ = assessed(ledger)
    declined = ledger.accept(m.family_choice(ledger.area, child, to=(SCHOOL,)))
    wishes = ledger.accept(m.family_choice(ledger.area, child, "wishes_support", to=(SCHOOL, CAF)))

    after_no = rows_of(database, ledger, child, declined)
    assert "caf_team" in after_no
    assert "family" not in after_no
    assert rows_of(database, ledger, child, wishes)["family"]["state"] == "not_yet"


def test_history_notifies_nobody(database: Engine, ledger: LedgerWriter) -> None:
    """What is told afterwards owes nobody anything."""
    with_rules(ledger, tell("family", "referral.submitted", Person.FAMILY, days=1))
    child = new_reference()
    past = {"occurred_on": "2025-06-01", "source": "old-system"}
    request = ledger.accept(m.referral(ledger.area, child, history=past))

    assert rows_of(database, ledger, child, request) == {}


def test_of_a_message_sent_in_error_nobody_has_to_be_told(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A withdrawal ends what is still owed, and what nobody can read has told nobody."""
    with_rules(
        ledger,
        tell("family", "referral.submitted", Person.FAMILY, Person.FIRST_RESPONSE, days=1),
    )
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    taken_back = ledger.accept(withdrawn(ledger.area, child, request))
    ledger.later(days=9)

    rows = rows_of(database, ledger, child, request)

    assert (rows["family"]["state"], rows["family"]["late"]) == ("withdrawn", False)
    assert rows["family"]["by"] == taken_back
    assert rows["first_response"]["state"] == "withdrawn"


def test_a_family_told_without_any_rule_is_shown_all_the_same(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Evidence that no rule asked for is evidence."""
    child = new_reference()
    ledger.accept(m.care_opened_before(ledger.area, child))
    request = ledger.accept(m.step_down(ledger.area, child))
    record = ledger.accept(evidence(ledger.area, child, request, "family"))

    rows = rows_of(database, ledger, child, request)

    assert (rows["family"]["state"], rows["family"]["by"]) == ("told", record)
    assert (rows["family"]["rules"], rows["family"]["due_at"]) == ([], None)
    assert TEACHER not in repr(rows)
