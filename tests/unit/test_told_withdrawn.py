"""What nobody can read any more has told nobody; nor has word of telling from before or outside."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from contracts.rules import Person
from services.runtime.sql import engine
from services.tracker import asking
from services.tracker.store import prepare
from tests import messages as m
from tests import messages_real_life as r
from tests.area import CAF_WORKER, CARE, DUTY, FRONT, SCHOOL, TEACHER, WORKER, Area
from tests.telling import MONDAY, assessed, evidence, rows_of, tell, with_rules
from tests.tracking import LedgerWriter

TELL = "tell-assessment-outcome"


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


def tracked(database: Engine, ledger: LedgerWriter, child: str) -> dict[str, Any]:
    """Follow the ledger and return what the tracker answers about `child` now."""
    ledger.follow(database)
    with database.begin() as connection:
        return asking.track(connection, child, ledger.book.packs, ledger.area.now)


def clock_state(track: dict[str, Any], rule: str) -> str:
    """How the one clock of a rule stands."""
    (found,) = (one["state"] for one in track["clocks"] if one["rule"] == rule)
    return str(found)


def test_a_decision_whose_words_were_taken_back_has_told_nobody(
    database: Engine, ledger: LedgerWriter
) -> None:
    """What it decided stands, so whoever must hear of it is waited for and its time runs on."""
    child, outcome = assessed(ledger)
    before = rows_of(database, ledger, child, outcome)["referrer"]
    ledger.accept(
        r.withdrawn(ledger.area, child, outcome, "wrong_recipient", by=WORKER, to=(SCHOOL,))
    )
    after = rows_of(database, ledger, child, outcome)["referrer"]
    ledger.later(days=9)
    late = rows_of(database, ledger, child, outcome)["referrer"]

    assert (before["state"], after["state"]) == ("told", "not_yet")
    assert (after["told_at"], after["by"], after["due_at"]) == (None, None, before["due_at"])
    assert (after["late"], late["late"]) == (False, True)


def test_a_withdrawn_record_of_telling_leaves_the_family_untold_and_its_clock_running(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Evidence that was taken back is none, and another record may stand in its place."""
    child, outcome = assessed(ledger)
    record = ledger.accept(evidence(ledger.area, child, outcome, "family", to=(SCHOOL,)))
    told = tracked(database, ledger, child)
    ledger.accept(
        r.withdrawn(ledger.area, child, record, "wrong_recipient", by=WORKER, to=(SCHOOL,))
    )
    untold = tracked(database, ledger, child)
    family = rows_of(database, ledger, child, outcome)["family"]
    ledger.later(hours=1)
    ledger.accept(evidence(ledger.area, child, outcome, "family"))
    again = tracked(database, ledger, child)

    assert family["state"] == "not_yet"
    states = [clock_state(track, TELL) for track in (told, untold, again)]
    assert states == ["met", "running", "met"]
    assert rows_of(database, ledger, child, outcome)["family"]["state"] == "told"


def test_what_was_recorded_without_a_rule_goes_with_the_record(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A record that no rule asked for leaves nobody to be told when it is taken back."""
    child = ledger.stepped_up()
    request = next(r.id for r in ledger.journeys[child].requests)
    record = ledger.accept(evidence(ledger.area, child, request, "family", to=(SCHOOL,)))
    ledger.accept(
        r.withdrawn(ledger.area, child, record, "wrong_recipient", by=WORKER, to=(SCHOOL,))
    )

    assert rows_of(database, ledger, child, request)["family"]["state"] == "withdrawn"


def test_who_was_told_of_a_request_sent_in_error_has_not_been_told_of_one(
    database: Engine, ledger: LedgerWriter
) -> None:
    """It is counted as withdrawn and neither as told nor as owed."""
    with_rules(ledger, tell("front-door", "referral.submitted", Person.FIRST_RESPONSE))
    child = "0123456789ABCDEFGHJK"
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.accept(r.withdrawn(ledger.area, child, request))

    assert rows_of(database, ledger, child, request)["first_response"]["state"] == "withdrawn"


def test_only_who_owes_the_telling_or_leads_stops_its_clock(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Another agency's word that the family knows does not end what the social worker owes."""
    child, outcome = assessed(ledger)
    content = {"people": ["family"], "of": outcome, "form": "outcome"}
    area = ledger.area
    ledger.take(area.sealed("people.told", child, DUTY, (), content=content))
    by_others = clock_state(tracked(database, ledger, child), TELL)
    ledger.take(area.sealed("people.told", child, TEACHER, (), content=content))
    by_the_lead = clock_state(tracked(database, ledger, child), TELL)

    assert (by_others, by_the_lead) == ("running", "met")


def test_nobody_was_told_before_there_was_anything_to_tell(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Word of it is refused, and stops no clock where it was taken all the same."""
    child, outcome = assessed(ledger)
    area, said_at = ledger.area, ledger.area.now
    ledger.later(hours=1)
    early = evidence(area, child, outcome, "family", occurred_at=said_at - timedelta(minutes=2))
    with pytest.raises(AssertionError, match=r"telling\.before"):
        ledger.accept(early)
    ledger.take(early)
    assert clock_state(tracked(database, ledger, child), TELL) == "running"
    ledger.accept(evidence(area, child, outcome, "family", occurred_at=said_at))
    assert clock_state(tracked(database, ledger, child), TELL) == "met"


def test_who_passes_a_request_on_has_not_taken_it(database: Engine, ledger: LedgerWriter) -> None:
    """It is shown as redirected, and as taken once somebody at the new agency has."""
    child, area = "0123456789ABCDEFGHJK", ledger.area
    request = ledger.accept(m.referral(area, child))
    copy = ledger.accept(r.redirected(area, child, request, CARE))
    passed = tracked(database, ledger, child)
    ledger.later(hours=1)
    ledger.accept(m.acknowledged(area, child, request, by=WORKER))
    taken = tracked(database, ledger, child)

    assert passed["messages"][0]["outcome"] == "redirected"
    assert all(one["acknowledged_at"] is None for one in passed["told"])
    by = {(one["message"], one["agency"]): one["acknowledged_by"] for one in taken["told"]}
    assert by[(request, FRONT)] is None
    assert by[(copy, CARE)] == WORKER


def test_a_withdrawn_request_and_a_superseded_proposal_are_shown_so(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Neither looks like something that still waits for an answer."""
    child, area = ledger.stepped_up(), ledger.area
    first = ledger.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL, CARE)))
    ledger.accept(m.lead_proposed(area, child, CAF_WORKER, WORKER, (SCHOOL, CARE, "demo.caf-team")))
    gone = ledger.accept(m.step_down(area, child))
    ledger.accept(r.withdrawn(area, child, gone, by=WORKER, to=("demo.caf-team",)))
    outcomes = {one["id"]: one["outcome"] for one in tracked(database, ledger, child)["messages"]}

    assert (outcomes[first], outcomes[gone]) == ("superseded", "withdrawn")
