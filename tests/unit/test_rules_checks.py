"""Single checks of rule packs at their edges: who, when, and how many of several."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.journey import Assessment, Journey, Lead, Request
from contracts.kinds import Situation, iso
from contracts.messages.checks import CHECKS, judge
from contracts.roles import Capacity, Level
from contracts.rules import GuardRule, Person, RulePack, TellRule, combine
from tests import messages as m
from tests.area import CAF, GP, HEAD, MANAGER, TEACHER, WORKER, Area

AREA = Area()
STEP_DOWN = {"reason": "support_still_needed", "unmet_need_manageable": True}
INSTANT = timedelta(milliseconds=1)


def rule(check: str, **said: Any) -> GuardRule:
    """Return a guard that asks for `check`."""
    made = {"id": "rule", "title": "Rule", "citation": "Board", "refuses": "stepdown.unmet-need"}
    return GuardRule.model_validate(
        {**made, "applies_to": ("stepdown.requested",), "check": check, **said}
    )


def situation(journey: Journey | None, to: tuple[str, ...] = (CAF,), **content: Any) -> Situation:
    """Return a step down that social care asks for."""
    child = new_reference()
    sealed = AREA.sealed("stepdown.requested", child, WORKER, to, content={**STEP_DOWN, **content})
    return Situation(AREA.open(sealed), journey, AREA.directory, AREA.now)


def fails(check: str, s: Situation, **said: Any) -> bool:
    """Tell whether the check finds something against the message."""
    return bool(list(CHECKS[check](s, rule(check, **said))))


THREE_MONTHS = {"length": 3, "unit": "months"}
ENDED = datetime(2026, 3, 10, 9, tzinfo=UTC)
OVER = datetime(2026, 6, 10, 9, tzinfo=UTC)


def months(now: datetime, said: dict[str, Any] | None = None, **changes: Any) -> bool:
    """Tell whether a child in need since `ENDED` has not been so for long enough at `now`."""
    journey = Journey(
        "C" * 20,
        level=Level.CHILD_IN_NEED,
        child_in_need_since=iso(ENDED),
        protection_plan_ended=iso(ENDED),
    )
    asked = replace(situation(replace(journey, **changes)), now=now)
    return fails("time_at_child_in_need", asked, **(THREE_MONTHS if said is None else said))


def test_the_months_at_child_in_need_end_with_their_last_instant() -> None:
    """003 §5.1: not a moment before, and at that moment."""
    over = next(
        at
        for at in (OVER.replace(hour=0) + timedelta(minutes=n) for n in range(4 * 24 * 60))
        if not months(at)
    )
    assert over.date() >= OVER.date()
    assert months(over - INSTANT)
    assert not months(over)


@pytest.mark.parametrize("changes", [{"level": Level.EARLY_HELP}, {"protection_plan_ended": ""}])
def test_the_months_are_asked_only_of_a_child_in_need_after_a_plan(changes: dict[str, Any]) -> None:
    """Another level, or no plan: nothing to count."""
    assert months(ENDED + INSTANT)
    assert not months(ENDED + INSTANT, **changes)


def test_the_family_is_asked_after_a_plan_and_of_a_known_child() -> None:
    """003 §5.2: its word is missed only where a plan has ended and nobody has recorded one."""
    ended = Journey("C" * 20, child_in_need_since=iso(ENDED), protection_plan_ended=iso(ENDED))
    before = situation(replace(ended, level=Level.CHILD_IN_NEED))
    told = {"level": "child_in_need", "protection_plan_ended": iso(ENDED)}
    opened = AREA.open(m.care_opened_before(AREA, new_reference(), **told))

    assert fails("family_consulted", before)
    assert not fails("family_consulted", situation(replace(ended, support="chosen")))
    assert not fails("family_consulted", situation(Journey("C" * 20)))
    assert not fails("family_consulted", Situation(opened, None, AREA.directory, AREA.now))


def test_the_months_are_counted_from_the_later_of_plan_and_need() -> None:
    """Domain §8, trap 8."""
    later: dict[str, Any] = {"child_in_need_since": iso(ENDED + timedelta(days=30))}
    assert months(OVER + timedelta(days=10), **later)
    assert not months(OVER + timedelta(days=10))


def test_the_months_are_not_asked_of_a_child_without_a_journey_nor_without_a_length() -> None:
    """A check that has nothing to look at refuses nothing."""
    assert not fails("time_at_child_in_need", situation(None), **THREE_MONTHS)
    assert not months(ENDED + INSTANT, said={})


def test_the_months_are_not_asked_of_who_declines() -> None:
    """A no needs no more than its reason."""
    journey = Journey(
        "C" * 20, level=Level.CHILD_IN_NEED, protection_plan_ended=iso(AREA.now - INSTANT)
    )
    asked = situation(journey)
    assert fails("time_at_child_in_need", asked, **THREE_MONTHS)
    data = asked.event.data.model_copy(update={"content": {"outcome": "not_accepted"}})
    declining = replace(asked.message, event=asked.event.model_copy(update={"data": data}))
    assert not fails("time_at_child_in_need", replace(asked, message=declining), **THREE_MONTHS)


@pytest.mark.parametrize(
    ("unmet", "review", "failing"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_everything_that_has_to_be_stated_is(unmet: bool, review: bool, failing: bool) -> None:
    """One of two is not enough."""
    content = {"unmet_need_manageable": unmet, "child_in_need_review": review}
    s = situation(None)
    stated = replace(s.message, content=s.message.content.model_copy(update=content))
    codes = ("unmet_need_manageable", "child_in_need_review")
    assert fails("states", replace(s, message=stated), codes=codes) is failing


def test_a_guard_of_a_kind_that_does_not_exist_is_not_asked_what_it_states() -> None:
    """That the kind is unknown is said elsewhere; here it is passed over."""
    other = rule("states", codes=("unmet_need_manageable",))
    known = other.model_copy(update={"applies_to": ("no.such-kind", "stepdown.requested")})

    assert list(CHECKS["states"].mistakes(known)) == []


def test_the_agencies_checks_are_those_since_the_assessment_began() -> None:
    """004 §4.6: at least one, every one answered, none of an earlier assessment."""
    asked = Request("R" * 20, "referral.submitted", GP, TEACHER, (), "2026-05-01T09:00:00.000Z")
    at = "2026-05-02T09:00:00.000Z"
    answered = Request("A" * 20, "agency-check.requested", GP, TEACHER, (), at, outcome="known")
    opened = replace(answered, id="B" * 20, outcome="")
    older = replace(answered, at="2026-04-30T09:00:00.000Z")
    under_way = Assessment("R" * 20, "assess")

    def missing(*requests: Request, assessment: Assessment | None = under_way) -> bool:
        journey = Journey("C" * 20, requests=requests, assessment=assessment)
        return fails("agency_checks_answered", situation(journey))

    assert not missing(asked, answered)
    assert missing(asked, answered, opened)
    assert missing(asked, older)
    assert missing(asked)
    assert not missing(older, assessment=None)
    assert not missing(asked, replace(answered, at=asked.at))
    assert missing(asked, replace(answered, kind="enquiry.made"))
    assert fails("agency_checks_answered", situation(None))


@pytest.mark.parametrize(
    ("signer", "capacity", "failing"),
    [
        (MANAGER, Capacity.TEAM_MANAGER, False),
        (MANAGER, Capacity.LINE_MANAGER, True),
        (HEAD, Capacity.TEAM_MANAGER, True),
    ],
)
def test_who_countersigns_has_the_capacity_and_is_of_the_authors_agency(
    signer: str, capacity: Capacity, failing: bool
) -> None:
    """Neither another's manager nor a colleague in another capacity will do."""
    s = situation(None)
    signed = {"countersigners": (Signer(id=signer, capacity=capacity),)}
    data = s.event.data.model_copy(update=signed)
    message = replace(s.message, event=s.event.model_copy(update={"data": data}))
    codes = (Capacity.TEAM_MANAGER.value,)

    assert fails("countersigned", replace(s, message=message), codes=codes) is failing
    assert fails("countersigned", s, codes=codes)


def test_everybody_who_must_be_told_is_looked_for() -> None:
    """A role that is reached does not end the list."""
    lead = Lead(TEACHER, "demo.hilltop-school", "", "")
    tell = TellRule.model_validate(
        {
            "id": "tell",
            "title": "Tell",
            "citation": "Board",
            "applies_to": ("stepdown.requested",),
            "people": (Person.CAF_TEAM, Person.LEAD_PROFESSIONAL),
            "on_message": True,
        }
    )
    made = {"format": 2, "id": "board", "version": "1", "title": "Board", "source": "Board"}
    packs = combine([RulePack.model_validate({**made, "tells": (tell,)})])
    journey = Journey("C" * 20, lead=lead)

    def missing(*to: str) -> list[str]:
        return [r.detail for r in judge(situation(journey, to), packs)]

    assert missing(CAF) == ["demo.hilltop-school"]
    assert missing(CAF, "demo.hilltop-school") == []
    assert missing(GP) == ["caf_team", "demo.hilltop-school"]
