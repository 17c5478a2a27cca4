"""Everyone told: who must be told of each message, by when, and what counts as telling."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.identifiers import new_reference
from contracts.roles import Capacity, Role
from contracts.rules import Person
from services.runtime.sql import engine
from services.tracker import asking
from services.tracker.store import prepare
from tests import messages as m
from tests.area import CAF, CARE, DUTY, FRONT, GP, SCHOOL, Area
from tests.telling import MONDAY, assessed, evidence, reasoned, rows_of, tell, with_rules
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


def test_a_family_is_told_when_that_is_recorded_and_not_before(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Three working days after an assessment the family's telling is overdue (000 l.75, l.113)."""
    child, outcome = assessed(ledger)

    waiting = rows_of(database, ledger, child, outcome)["family"]
    ledger.later(days=3, hours=7)
    at_the_end = rows_of(database, ledger, child, outcome)["family"]
    ledger.later(seconds=1)
    overdue = rows_of(database, ledger, child, outcome)["family"]

    assert (waiting["state"], waiting["late"], waiting["agency"]) == ("not_yet", False, None)
    assert waiting["due_at"] == "2026-03-05T17:00:00.000Z"
    assert (at_the_end["late"], overdue["late"]) == (False, True)
    assert overdue["told_at"] is None


def test_both_when_a_family_was_told_and_when_that_was_known_are_kept(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Told in time stays in time, however late the record of it arrives."""
    child, outcome = assessed(ledger)
    told_at = ledger.area.now + timedelta(days=1)
    ledger.later(days=10)
    record = ledger.accept(
        evidence(ledger.area, child, outcome, "family", occurred_at=told_at, form="contact")
    )

    family = rows_of(database, ledger, child, outcome)["family"]

    assert (family["state"], family["late"], family["how"]) == ("told", False, "recorded")
    assert family["told_at"] == "2026-03-03T10:00:00.000Z"
    assert family["recorded_at"] == "2026-03-12T10:00:00.000Z"
    assert (family["by"], family["form"]) == (record, "contact")


def test_a_referrer_is_told_by_the_message_that_went_there(
    database: Engine, ledger: LedgerWriter
) -> None:
    """A delivery of the message itself tells an agency; when somebody takes it is known too."""
    child, outcome = assessed(ledger)

    referrer = rows_of(database, ledger, child, outcome)["referrer"]

    assert (referrer["state"], referrer["how"], referrer["agency"]) == ("told", "message", SCHOOL)
    assert referrer["by"] == outcome
    assert referrer["told_at"] == "2026-03-02T10:00:01.000Z"
    assert referrer["acknowledged_at"] is None


def test_what_told_an_agency_is_shown_as_taken_once_it_is(
    database: Engine, ledger: LedgerWriter
) -> None:
    """The acknowledgement by a person stands beside the telling."""
    with_rules(ledger, tell("front-door", "referral.submitted", Person.FIRST_RESPONSE))
    child = new_reference()
    request = ledger.accept(m.referral(ledger.area, child))
    ledger.later(hours=1)
    ledger.accept(m.acknowledged(ledger.area, child, request))

    row = rows_of(database, ledger, child, request)["first_response"]

    assert row["acknowledged_by"] == DUTY
    assert row["acknowledged_at"] == "2026-03-02T11:00:00.000Z"


def test_a_reason_stands_in_the_place_of_telling(database: Engine, ledger: LedgerWriter) -> None:
    """Where it is unsafe, the code and the message that holds the reason are shown, never late."""
    child, outcome = assessed(ledger)
    reason = ledger.accept(reasoned(ledger.area, child, outcome, "family"))
    ledger.later(days=30)

    family = rows_of(database, ledger, child, outcome)["family"]

    assert (family["state"], family["because"]) == ("not_appropriate", "unsafe_for_child")
    assert (family["by"], family["late"]) == (reason, False)


def test_telling_after_all_outranks_the_reason_and_not_the_other_way(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Who was told cannot become untold."""
    child, outcome = assessed(ledger)
    ledger.accept(reasoned(ledger.area, child, outcome, "family"))
    record = ledger.accept(evidence(ledger.area, child, outcome, "family"))
    ledger.accept(reasoned(ledger.area, child, outcome, "family"))

    family = rows_of(database, ledger, child, outcome)["family"]

    assert (family["state"], family["by"], family["because"]) == ("told", record, None)


def test_an_agency_is_told_by_evidence_that_went_there_and_names_it(
    database: Engine, ledger: LedgerWriter
) -> None:
    """Evidence that went elsewhere, or is about others, tells an agency nothing."""
    with_rules(ledger, tell("front-door", "assessment.concluded", Person.FIRST_RESPONSE, days=1))
    child, outcome = assessed(ledger)
    waiting = rows_of(database, ledger, child, outcome)["first_response"]
    ledger.accept(evidence(ledger.area, child, outcome, "first_response", to=(CAF,)))
    ledger.accept(evidence(ledger.area, child, outcome, "family", to=(FRONT,)))
    still = rows_of(database, ledger, child, outcome)["first_response"]
    ledger.later(hours=3)
    record = ledger.accept(evidence(ledger.area, child, outcome, "first_response", to=(FRONT,)))
    told = rows_of(database, ledger, child, outcome)["first_response"]

    assert waiting["state"] == still["state"] == "not_yet"
    assert waiting["due_at"] == "2026-03-03T17:00:00.000Z"
    assert (told["state"], told["how"], told["agency"]) == ("told", "later", FRONT)
    assert (told["by"], told["told_at"]) == (record, "2026-03-02T13:00:01.000Z")


def test_of_a_role_any_one_agency_will_do(database: Engine, ledger: LedgerWriter) -> None:
    """Two front doors are one line; whichever is told, the first response has been told."""
    with_rules(ledger, tell("front-door", "assessment.concluded", Person.FIRST_RESPONSE))
    area = ledger.area
    second = area.document.agencies[0].model_copy(
        update={"id": "demo.night-duty", "role": Role.FIRST_RESPONSE}
    )
    agencies = (*area.document.agencies, second)
    area.document = area.document.model_copy(update={"agencies": agencies})
    child = new_reference()
    ledger.accept(m.care_opened_before(area, child))
    request = ledger.accept(m.referral(area, child, to=[FRONT, "demo.night-duty"]))
    area_wide = rows_of(database, ledger, child, request)

    assert "first_response" not in area_wide  # the rule is about another kind
    concluded = assess_directly(ledger, child, request)
    row = rows_of(database, ledger, child, concluded)["first_response"]
    ledger.accept(evidence(area, child, concluded, "first_response", to=("demo.night-duty",)))
    told = rows_of(database, ledger, child, concluded)["first_response"]

    assert (row["agency"], row["agencies"]) == (None, [FRONT, "demo.night-duty"])
    assert (told["state"], told["agency"]) == ("told", "demo.night-duty")


def assess_directly(ledger: LedgerWriter, child: str, request: str) -> str:
    """First Response has a referred child assessed, and social care concludes; return that."""
    area = ledger.area
    ledger.accept(
        area.sealed(
            "referral.decided",
            child,
            DUTY,
            [SCHOOL, CARE],
            capacity=Capacity.DUTY_WORKER,
            answers=request,
            content={"outcome": "assess"},
        )
    )
    ledger.accept(m.assessment(area, child))
    return ledger.accept(m.assessment(area, child, concluded="child_in_need"))


def test_every_partner_agency_is_a_line_of_its_own(database: Engine, ledger: LedgerWriter) -> None:
    """Each agency with a part is told or not for itself, and never the sender."""
    with_rules(ledger, tell("partners", "assessment.concluded", Person.PARTNER_AGENCIES))
    child, outcome = assessed(ledger)
    ledger.follow(database)
    with database.begin() as connection:
        answer = asking.track(connection, child, ledger.book.packs, ledger.area.now)

    partners = {
        one["agency"]: one["state"]
        for one in answer["telling"]
        if one["person"] == "partner_agencies" and one["message"] == outcome
    }

    assert partners[SCHOOL] == "told"
    assert partners[FRONT] == "not_yet"
    assert CARE not in partners
    assert GP not in partners


def test_of_two_rules_the_earlier_time_holds(database: Engine, ledger: LedgerWriter) -> None:
    """One line names every rule that asks for it, and is due when the first of them says."""
    with_rules(ledger, tell("sooner", "assessment.concluded", Person.FAMILY, days=1))
    child, outcome = assessed(ledger)

    family = rows_of(database, ledger, child, outcome)["family"]

    assert family["due_at"] == "2026-03-03T17:00:00.000Z"
    assert "sooner" in family["rules"]
    assert len(family["rules"]) > 1
