"""Guarantees of the faults of a CIN return and of the events that followed a referral."""

from datetime import date

import pytest

from contracts.cin import (
    Effect,
    Event,
    EventKind,
    Fault,
    event_faults,
    events,
    read_census,
    referral_faults,
    warnings,
)
from contracts.codes import ClosureReason
from tests.unit.cin_returns import (
    ACTION,
    ALONE,
    BORN,
    DATED,
    ID,
    MALE,
    NEED,
    NO_ACTION,
    SOUND,
    all_faults,
    child,
    closed,
    conference,
    died,
    document,
    last,
)


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_is_found_where_it_is_and_alone(fault: Fault) -> None:
    """Every entry of the closed list can happen, and one wrong thing is called one thing."""
    assert all_faults(ALONE[fault]) == {fault}


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_is_reported_by_its_effect_alone(fault: Fault) -> None:
    """A warning never refuses a referral, and a fault of a later event does not either."""
    pair = last(ALONE[fault])

    assert bool(referral_faults(*pair)) == (fault.effect is Effect.REFUSES)
    assert bool(event_faults(*pair)) == (fault.effect is Effect.KEEPS_BACK)
    assert bool(warnings(*pair)) == (fault.effect is Effect.WARNS)


@pytest.mark.parametrize("fault", [f for f in Fault if f.effect is Effect.KEEPS_BACK])
def test_an_event_with_a_fault_is_not_sent(fault: Fault) -> None:
    """What a fault keeps back is missing from the events, whatever else followed."""
    kept_back = EventKind(fault.value.partition(".")[0])

    assert kept_back not in {event.kind for event in events(*last(ALONE[fault]))}


@pytest.mark.parametrize(
    "identifiers",
    [
        # 280 days after the referral of 2025-06-02 it is 2026-03-09.
        f"{ID}<PersonBirthDate>2026-03-09</PersonBirthDate>{MALE}",
        f"{ID}<ExpectedPersonBirthDate>2026-03-09</ExpectedPersonBirthDate><Sex>U</Sex>",
    ],
)
def test_an_unborn_child_can_be_referred_within_forty_weeks(identifiers: str) -> None:
    """A referral up to 280 days before birth, real or expected, is no fault."""
    assert all_faults(document(child(SOUND, identifiers=identifiers))) == set()


def test_dates_at_the_edge_of_the_calendar_are_judged_and_not_failed_on() -> None:
    """The first and last dates that can be written are compared like any other."""
    edge = f"{ID}<PersonBirthDate>0001-01-01</PersonBirthDate>{MALE}"
    far = f"{ID}<PersonBirthDate>9999-12-31</PersonBirthDate>{MALE}"

    assert all_faults(document(child(SOUND, identifiers=edge))) == set()
    assert Fault.REFERRAL_BEFORE_PREGNANCY in all_faults(document(child(SOUND, identifiers=far)))


def test_every_fault_of_a_referral_is_given_at_once() -> None:
    """A referral with several faults names them all, each once."""
    data = document(child(closed("2025-01-01") + ACTION, identifiers=MALE))

    assert referral_faults(*last(data)) == (
        Fault.CHILD_ID_MISSING,
        Fault.REFERRAL_DATE_MISSING,
        Fault.SOURCE_MISSING,
    )


def test_children_without_an_identifier_do_not_count_as_one_child() -> None:
    """Two records that lack an identifier are each faulted for that, not for sharing it."""
    nobody = child(SOUND, identifiers=BORN + MALE)

    assert all_faults(document(nobody, nobody)) == {Fault.CHILD_ID_MISSING}


def test_a_repeat_of_an_unusable_record_is_not_refused_as_a_repeat() -> None:
    """The first usable record of a day is sent although a broken one of that day stands before."""
    data = document(child(DATED + NEED + NO_ACTION, SOUND, SOUND))
    found = read_census(data).children[0]

    assert [referral_faults(found, referral) for referral in found.referrals] == [
        (Fault.SOURCE_MISSING,),
        (),
        (Fault.REFERRAL_REPEATED,),
    ]


def test_events_follow_in_time_order() -> None:
    """Conference, death and closure come by date, and on one day in that order."""
    day = "2025-07-01"
    enquiry = f"<Section47>{conference('2025-06-20')}</Section47>"
    data = document(
        child(SOUND + closed(day, "RC2") + conference(day) + enquiry, identifiers=died(day))
    )

    assert events(*last(data)) == (
        Event(EventKind.CONFERENCE, date(2025, 6, 20)),
        Event(EventKind.CONFERENCE, date(2025, 7, 1)),
        Event(EventKind.DEATH, date(2025, 7, 1)),
        Event(EventKind.CLOSURE, date(2025, 7, 1), ClosureReason.DIED),
    )


def test_one_faulty_conference_does_not_keep_back_another() -> None:
    """Each conference is judged by its own date."""
    enquiry = f"<Section47>{conference('2025-06-01')}</Section47>"
    pair = last(document(child(SOUND + conference("2025-06-20") + enquiry)))

    assert event_faults(*pair) == (Fault.CONFERENCE_BEFORE_REFERRAL,)
    assert events(*pair) == (Event(EventKind.CONFERENCE, date(2025, 6, 20)),)


def test_a_death_is_told_once_with_the_latest_referral_that_is_sent() -> None:
    """Of several referrals the latest usable one carries the death, wherever it stands."""
    earlier = SOUND.replace("2025-06-02", "2024-06-03")
    after_death = SOUND.replace("2025-06-02", "2025-08-01")
    data = document(child(after_death, SOUND, earlier, identifiers=died("2025-07-01")))
    found = read_census(data).children[0]

    assert [events(found, referral) for referral in found.referrals] == [
        (),
        (Event(EventKind.DEATH, date(2025, 7, 1)),),
        (),
    ]


def test_a_refused_referral_has_no_events() -> None:
    """Nothing follows what was never sent."""
    data = document(child(DATED + NEED + ACTION + closed("2025-07-01")))

    assert referral_faults(*last(data)) == (Fault.SOURCE_MISSING,)
    assert events(*last(data)) == ()
