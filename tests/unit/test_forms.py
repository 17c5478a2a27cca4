"""The forms are data that catalogue and rules know, and filling them keeps who said what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.document import DOCUMENT_KINDS
from contracts.forms import Form, Place, form_of, forms, places
from contracts.questions import questions
from contracts.rules.loader import shipped_packs
from contracts.statements import Answer, Statement
from contracts.told_once import day_of, fresh
from services.story.filling import Heard, contradictions, fill
from tests.area import DUTY, TEACHER

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUSEHOLD = questions()["family.household"]
PLACE = Place(HOUSEHOLD, required=False)


def heard(value: str | None, by: str = TEACHER, days_ago: int = 0, **more: Any) -> Heard:
    """A statement about the household that a reader may see."""
    digest, message = more.pop("digest", str(value)), more.pop("message", "M" * 20)
    made = {
        "question": HOUSEHOLD.key,
        "value": value,
        "said_by": "mother",
        "recorded_by": by,
        "recorded_at": NOW - timedelta(days=days_ago),
        **more,
    }
    return Heard(Statement.model_validate(made), digest, message)


def values(*said: Heard) -> list[Any]:
    """The values that fill the place."""
    (filled,) = fill([PLACE], said, day_of(NOW))
    return [one.statement.value for one in filled.answers]


@pytest.mark.parametrize("form", forms().values(), ids=lambda form: form.name)
def test_every_form_asks_what_the_catalogue_has_and_is_sent_by_a_person(form: Form) -> None:
    """A key that the catalogue lacks, or a kind nobody may write, makes a form nobody can send."""
    assert set(form.asks) <= set(questions())
    assert len(set(form.asks)) == len(form.asks)
    assert form.kind in DOCUMENT_KINDS
    assert form_of(form.name) == form_of(form.kind) == form


def test_what_the_rules_require_stands_first_and_is_marked() -> None:
    """The four parts of a step up come from the rule pack, not from the form."""
    form = form_of("step-up")
    assert form is not None
    found = places(form, shipped_packs())

    required = [p.question.key for p in found if p.required]
    assert required == [
        "pack.referral_form",
        "pack.caf",
        "pack.tac_delivery_plan",
        "pack.last_tac_meeting",
    ]
    assert [p.question.key for p in found[:4]] == required


def test_a_newer_answer_of_the_same_person_replaces_the_older() -> None:
    """What the mother told the school last counts; what she told it before does not."""
    assert values(heard("three", days_ago=9), heard("four")) == ["four"]


def test_different_answers_of_different_people_stand_side_by_side() -> None:
    """Neither is overwritten, and both are marked; the same answer twice stands once."""
    said = (heard("three"), heard("four", DUTY), heard("three", DUTY, said_by="father"))
    filled = fill([PLACE, PLACE], said, day_of(NOW))

    assert sorted(str(one.statement.value) for one in filled[0].answers) == ["four", "three"]
    assert contradictions(filled) == [
        {"question": HOUSEHOLD.key, "statements": [0, 1]},
        {"question": HOUSEHOLD.key, "statements": [2, 3]},
    ]


def test_a_copy_carried_on_gives_way_to_what_carried_it_first() -> None:
    """Of equal statements the original names the message; a copy alone names it too."""
    first = heard("three", message="F" * 20)
    copy = heard("three", message="C" * 20, carried_from="F" * 20, digest="copy")

    for said in ((first, copy), (copy, first), (copy,)):
        (filled,) = fill([PLACE], said, day_of(NOW))
        assert [one.first for one in filled.answers] == ["F" * 20]


@pytest.mark.parametrize("answer", [Answer.NOT_KNOWN, Answer.NOT_ASKED, Answer.WITHHELD])
def test_no_answer_fills_no_place(answer: Answer) -> None:
    """What is not known, not asked or kept back leaves the place to be asked."""
    assert values(heard(None, answer=answer, because="why", digest="d")) == []


@given(st.integers(min_value=0, max_value=2000))
def test_a_place_is_filled_exactly_while_the_answer_is_fresh(days: int) -> None:
    """The form and the exchange agree by one rule on when an answer is fresh."""
    said = heard("three", days_ago=days)
    is_fresh = fresh(HOUSEHOLD, day_of(said.statement.recorded_at), day_of(NOW))

    assert bool(values(said)) == is_fresh == (days <= HOUSEHOLD.fresh_days)
