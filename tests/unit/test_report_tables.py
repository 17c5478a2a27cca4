"""What a report counts of requests, worked out from messages written down by hand."""

from datetime import UTC, datetime, timedelta

from contracts.identifiers import new_reference
from services.tracker.report.material import Material, TurnedAway
from tests.reporting import (
    ANNA,
    BEN,
    CAF,
    CARL,
    GP,
    JULY,
    NOW,
    SCHOOL,
    fact,
    made,
    numbers,
    of_facts,
    table,
)


def test_requests_are_counted_by_direction_agency_and_level() -> None:
    """Only requests of the period that are not history count, with totals."""
    found = made(
        of_facts(
            fact("referral.submitted"),
            fact("referral.submitted", BEN, GP),
            fact("stepup.requested", CARL, level="early_help"),
            fact("stepdown.requested", ANNA, "demo.social-care", level="child_in_need"),
            fact("referral.submitted", at=JULY - timedelta(days=6)),
            fact("referral.submitted", CARL, replayed=True),
            fact("message.acknowledged"),
        )
    )

    assert numbers(found, "volumes") == {
        ("all", "all", "all"): 4,
        ("referral", "all", "all"): 2,
        ("referral", SCHOOL, "universal"): 1,
        ("referral", GP, "universal"): 1,
        ("step_up", "all", "all"): 1,
        ("step_up", SCHOOL, "early_help"): 1,
        ("step_down", "all", "all"): 1,
        ("step_down", "demo.social-care", "child_in_need"): 1,
    }


def test_the_period_is_of_london() -> None:
    """Half past eleven at night in UTC on 30 June is July already, and on 30 September October."""
    found = made(
        of_facts(
            fact("referral.submitted", at=datetime(2026, 6, 30, 22, 59, tzinfo=UTC)),
            fact("referral.submitted", BEN, at=datetime(2026, 6, 30, 23, 30, tzinfo=UTC)),
            fact("referral.submitted", CARL, at=datetime(2026, 9, 30, 23, 30, tzinfo=UTC)),
        )
    )

    assert numbers(found, "volumes")[("all", "all", "all")] == 1


def test_times_run_to_the_first_answer_of_the_same_child() -> None:
    """A decision acknowledges too; another child's message of the same id answers nothing."""
    first, second, third = (new_reference() for _ in range(3))
    found = made(
        of_facts(
            fact("referral.submitted", message=first),
            fact("referral.submitted", BEN, message=second),
            fact("referral.submitted", CARL, message=third),
            fact("message.acknowledged", answers=first, at=JULY + timedelta(hours=2)),
            fact("message.acknowledged", answers=first, at=JULY + timedelta(hours=3)),
            fact("referral.decided", answers=first, at=JULY + timedelta(hours=10)),
            fact("referral.decided", BEN, answers=second, at=JULY + timedelta(hours=5)),
            fact("message.acknowledged", BEN, answers=third),
        )
    )
    rows = {row.labels: row.values for row in table(found, "answer_times").rows}

    assert rows[("referral", "acknowledged")] == {
        "requests": 3,
        "answered": 2,
        "unanswered": 1,
        "median_hours": 3.5,
        "p90_hours": 5.0,
    }
    assert rows[("referral", "decided")]["median_hours"] == 7.5


def test_a_child_referred_again_within_twelve_months_is_counted() -> None:
    """A step up after a referral counts, history counts as earlier, a year and a day does not."""
    year = timedelta(days=365)
    found = made(
        of_facts(
            fact("referral.submitted", at=JULY - timedelta(days=100)),
            fact("stepup.requested"),
            fact("referral.submitted", BEN, at=JULY - year, replayed=True),
            fact("referral.submitted", BEN),
            fact("referral.submitted", CARL, at=JULY - year - timedelta(days=1)),
            fact("referral.submitted", CARL),
            fact("stepdown.requested", CARL, at=JULY - timedelta(days=3)),
        )
    )

    assert numbers(found, "re_referrals", "again") == {("referral",): 1, ("step_up",): 1}
    assert numbers(found, "re_referrals", "share_again") == {("referral",): 50.0, ("step_up",): 100}


def test_step_downs_refused_by_rules_and_by_agencies_stand_apart() -> None:
    """The codes of one refusal stand together; who was asked is told from who asked."""
    care, asked = "demo.social-care", new_reference()
    turned_away = (
        TurnedAway(care, "stepdown.requested", ("consent.missing", "stepdown.too-soon"), JULY),
        TurnedAway(care, "stepdown.requested", ("stepdown.too-soon",), JULY),
        TurnedAway(care, "stepdown.requested", ("stepdown.too-soon",), NOW),
        TurnedAway(SCHOOL, "stepup.requested", ("consent.missing",), JULY),
    )
    facts = (
        fact("stepdown.requested", agency=care, message=asked),
        fact("stepdown.decided", agency=CAF, answers=asked, codes={"outcome": "not_accepted"}),
        fact("stepdown.decided", BEN, agency=CAF, codes={"outcome": "accepted"}),
    )

    assert numbers(made(Material(facts, turned_away=turned_away)), "step_downs_refused") == {
        ("all", "all", "all"): 3,
        (CAF, "all", "all"): 1,
        (CAF, care, "not_accepted"): 1,
        ("rules", "all", "all"): 2,
        ("rules", care, "consent.missing + stepdown.too-soon"): 1,
        ("rules", care, "stepdown.too-soon"): 1,
    }


def test_leads_proposed_are_shown_by_their_answer() -> None:
    """Refused, accepted, withdrawn, or nobody has answered."""
    ids = [new_reference() for _ in range(4)]
    answers = ("lead.accepted", "lead.refused", "lead.withdrawn")
    found = made(
        of_facts(
            *(fact("lead.proposed", message=one, agency=CAF) for one in ids),
            *(fact(kind, answers=one) for kind, one in zip(answers, ids, strict=False)),
            fact("lead.refused", BEN, answers=ids[3]),
        )
    )

    assert numbers(found, "leads") == {
        ("all", "all"): 4,
        **{
            (answer, who): 1
            for answer in ("accepted", "refused", "withdrawn", "unanswered")
            for who in ("all", CAF)
        },
    }


def test_questions_asked_again_are_counted_by_who_asked_again() -> None:
    """The target is nought; the share is of all answers."""
    found = made(
        of_facts(
            fact("referral.submitted", asked=8),
            fact("stepup.requested", asked=4, asked_again=3),
            fact("story.added", BEN, GP, asked=5),
            fact("story.added", BEN, GP, asked=5, asked_again=5, replayed=True),
        )
    )
    rows = {row.labels: row.values for row in table(found, "questions_asked_again").rows}

    assert rows == {
        (SCHOOL,): {"answers": 12, "again": 3, "first": 9, "share_again": 25.0},
        (GP,): {"answers": 5, "again": 0, "first": 5, "share_again": 0.0},
    }


def test_forms_filled_without_asking_are_counted_by_form_and_sender() -> None:
    """Of the statements of a form, those carried on; history and what is no form do not count."""
    found = made(
        of_facts(
            fact("referral.submitted", statements=10),
            fact("stepup.requested", statements=20, carried=15),
            fact("stepup.requested", statements=20, carried=20, replayed=True),
            fact("story.added", BEN, GP, statements=5, carried=5),
        )
    )
    rows = {row.labels: row.values for row in table(found, "filled_without_asking").rows}

    assert rows == {
        ("Multi-agency referral", SCHOOL): {
            "statements": 10,
            "carried": 0,
            "new": 10,
            "share_carried": 0.0,
        },
        ("Step-up pack", SCHOOL): {
            "statements": 20,
            "carried": 15,
            "new": 5,
            "share_carried": 75.0,
        },
    }


def test_the_audit_sample_is_of_journeys_of_the_period() -> None:
    """Children whose journey moved in the period, each once, and nobody else."""
    found = made(
        of_facts(
            fact("referral.submitted"),
            fact("message.acknowledged"),
            fact("referral.submitted", BEN),
            fact("referral.submitted", CARL, at=NOW),
            fact("referral.submitted", CARL, replayed=True),
        ),
        sample=5,
    )

    assert found.sample is not None
    assert (found.sample.of, found.sample.seed) == (2, "s1")
    assert set(found.sample.children) == {ANNA, BEN}


def test_a_request_withdrawn_before_it_was_decided_is_none() -> None:
    """It is neither unanswered, nor does it make the next one a second referral."""
    found = made(
        of_facts(
            fact("referral.submitted", ANNA, outcome="withdrawn"),
            fact("referral.submitted", ANNA, at=JULY + timedelta(days=3)),
        )
    )

    assert numbers(found, "volumes")[("all", "all", "all")] == 1
    assert numbers(found, "answer_times", "unanswered")[("referral", "decided")] == 1
    assert numbers(found, "re_referrals", "again") == {("referral",): 0}


def test_a_proposal_that_is_over_is_not_unanswered() -> None:
    """Somebody else was proposed since, the case ended, or it was taken back."""
    found = made(
        of_facts(
            fact("lead.proposed", outcome="superseded"),
            fact("lead.proposed", outcome="ended"),
            fact("lead.proposed", outcome="withdrawn"),
            fact("lead.proposed"),
        )
    )

    assert {
        label: count for (label, who), count in numbers(found, "leads").items() if who == "all"
    } == {
        "all": 4,
        "ended": 1,
        "superseded": 1,
        "unanswered": 1,
        "withdrawn": 1,
    }


def test_an_extension_without_effect_changes_no_time() -> None:
    """What a clock did not take, because it came too late or unauthorised, is not counted."""
    codes = {"clock": "decide", "because": "other"}
    heeded = fact("standard.extended", message="HEEDED0123456789", codes=codes)
    not_heeded = fact("standard.extended", message="NOTHEEDED0123456", codes=codes)
    found = made(
        Material(
            facts=(heeded, not_heeded),
            without_effect=frozenset({(ANNA, not_heeded.message)}),
        )
    )

    assert numbers(found, "changes")[("extended", "decide", "other")] == 1
