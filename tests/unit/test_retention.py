"""How long something is kept follows from rules that are data, and never from a guess."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from contracts.journey import Journey, Lead
from contracts.questions import Category
from contracts.roles import Level
from contracts.rules import shipped_packs
from contracts.rules.packs import RetentionRule
from contracts.rules.retention import Dates, expiry
from contracts.worktime import WorkingCalendar
from services.story.retention import ended

CALENDAR = WorkingCalendar()
RECORDED = datetime(2020, 5, 4, 9, tzinfo=UTC)
CLOSED = datetime(2021, 1, 31, 12, tzinfo=UTC)
BORN = datetime(2012, 2, 29, tzinfo=UTC)


def rule(name: str, kept_from: str, length: int = 1, **more: object) -> RetentionRule:
    """A rule of so many months."""
    return RetentionRule.model_validate(
        {
            "id": name,
            "title": name,
            "citation": "Our own",
            "length": length,
            "unit": "months",
            "kept_from": kept_from,
            **more,
        }
    )


def until(*rules: RetentionRule, dates: Dates, category: Category = Category.HEALTH) -> object:
    """Until when a statement of a referral is kept, and by which rule."""
    named = {one.id: one for one in rules}
    found = expiry(named, category, "referral.submitted", RECORDED, dates, CALENDAR)
    return found and (found.rule, found.at.date().isoformat())


def test_of_several_rules_the_longest_holds() -> None:
    """Each runs from its own date; the last end counts."""
    rules = (
        rule("a-closing", "closing", 72),
        rule("b-birth", "birth", 300),
        rule("c-told", "recorded"),
    )

    assert until(*rules, dates=Dates(CLOSED, BORN)) == ("b-birth", "2037-02-28")
    assert until(rules[0], rules[2], dates=Dates(CLOSED)) == ("a-closing", "2027-01-31")


@pytest.mark.parametrize("dates", [Dates(), Dates(closing=CLOSED), Dates(birth=BORN)])
def test_nothing_is_due_while_a_date_is_not_known(dates: Dates) -> None:
    """A family still helped, or a birth nobody told of, keeps everything that depends on it."""
    rules = (rule("a-closing", "closing"), rule("b-birth", "birth"))

    assert until(*rules, dates=dates) is None


def test_a_rule_reaches_the_categories_and_kinds_that_it_names() -> None:
    """What no rule names is kept."""
    dates = Dates(CLOSED, BORN)

    assert until(rule("aa", "closing", categories=["family"]), dates=dates) is None
    assert until(rule("aa", "closing", kinds=["lead.proposed"]), dates=dates) is None
    named = rule("aa", "closing", categories=["health"], kinds=["referral.submitted"])
    assert until(named, dates=dates) == ("aa", "2021-02-28")


def test_a_time_in_working_days_is_a_mistake_of_the_pack() -> None:
    """What is kept is kept by the calendar."""
    with pytest.raises(ValidationError):
        rule("aa", "closing", unit="working_days")


def test_the_shipped_rules_keep_until_twenty_five_and_six_years_after_closing() -> None:
    """Both rules that ship cite what they are read from and say that the number is a default."""
    shipped = shipped_packs().retentions

    assert {(r.kept_from.value, r.length, r.unit.value) for r in shipped.values()} == {
        ("closing", 72, "months"),
        ("birth", 300, "months"),
    }
    assert all(
        r.citation and "Handrail's default" in (r.interpretation or "") for r in shipped.values()
    )


def test_work_goes_on_while_anybody_leads_or_helps() -> None:
    """The time from the closing runs only where no help, case or lead is left."""
    child = "CHILD000000000000001"

    assert ended(Journey(child=child))
    assert not ended(Journey(child=child, level=Level.EARLY_HELP))
    assert not ended(Journey(child=child, case_open=True))
    assert not ended(Journey(child=child, lead=Lead("a.b.c", "a.b", "", "")))
