"""The catalogue of questions: it only grows, is read strictly, and says what answers may be."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import questions as catalogue
from contracts.codes import Disability, Ethnicity
from contracts.questions import CODE_SETS, Answer, Category, Who, by_number, questions, version

GOLDEN = Path(__file__).parents[1] / "contract" / "questions.golden.txt"
ENTRY: dict[str, Any] = {
    "number": 1,
    "key": "identity.name",
    "category": "identity",
    "text": "The child's name",
    "asked_of_family": True,
    "fresh_days": 365,
    "who": "either",
}
DEVON = {
    "identity.ethnicity": "l.57",
    "identity.first_language": "l.57",
    "identity.religion": "l.57",
    "identity.disability": "l.57",
    "family.carers": "l.59",
    "views.child": "l.63 and l.159",
    "views.parents": "l.63 and l.159",
    "views.child_on_plan": "l.159",
    "views.parents_on_plan": "l.159",
}


def written(*entries: dict[str, Any], newest: int = 1) -> str:
    """A catalogue's text with these entries."""
    lines = [f"version = {newest}"]
    for entry in entries:
        lines.append("[[question]]")
        lines.extend(f"{name} = {_toml(value)}" for name, value in entry.items())
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}" if isinstance(value, int | list) else f'"{value}"'


def golden() -> list[tuple[int, int, str, str]]:
    """Version, number, key and category of every question that was ever published."""
    rows = (line.split() for line in GOLDEN.read_text(encoding="utf-8").splitlines())
    return [(int(since), int(number), key, category) for since, number, key, category in rows]


def test_a_question_once_published_never_changes() -> None:
    """Number, key, category and version of every question are those of the list kept beside."""
    now = [(q.since, q.number, q.key, q.category.value) for q in questions().values()]

    assert now == golden()


def test_a_version_only_adds_questions_with_higher_numbers() -> None:
    """No number is used again: what a later version brings is numbered above all before it."""
    rows = golden()
    for newest in range(2, version() + 1):
        before = [number for since, number, *_ in rows if since < newest]
        added = [number for since, number, *_ in rows if since == newest]
        assert added
        assert min(added) > max(before)
    assert max(since for since, *_ in rows) == version()


def test_every_question_is_found_by_its_number() -> None:
    """Numbers, which journeys hold, lead back to exactly one question each."""
    assert [by_number()[q.number] for q in questions().values()] == list(questions().values())


@pytest.mark.parametrize("key", DEVON)
def test_what_devon_wants_recorded_needs_a_reason_where_it_was_not_asked(key: str) -> None:
    """Ethnicity, language, religion, disability, carers and views, or why there are none."""
    assert questions()[key].asked_of_family
    assert Answer.NOT_ASKED in questions()[key].reason_when


def test_an_identifier_that_is_not_known_needs_a_reason() -> None:
    """Children Act 2004 s.16LC: left out only where finding it would delay, or do more harm."""
    assert Answer.NOT_KNOWN in questions()["identity.nhs_number"].reason_when


def test_the_domains_of_the_common_assessment_are_all_there() -> None:
    """Development, parenting and environment have a question for each of their elements."""
    said = [q.text.partition(":")[0] for q in questions().values() if q.category is Category.NEEDS]

    assert said.count("Development") == 8
    assert said.count("Parenting") == 3
    assert said.count("Environment") == 3


def test_only_what_a_family_is_asked_can_be_a_family_s_to_answer() -> None:
    """No question that nobody asks a family is one that only the family may answer."""
    assert all(q.asked_of_family for q in questions().values() if q.who is Who.FAMILY)
    assert not any(
        q.asked_of_family for q in questions().values() if q.category is Category.DECISION
    )


def test_a_code_question_takes_its_codes_and_nothing_else() -> None:
    """Spelled out, in another case, as a list where one is wanted, or as a number: all refused."""
    ethnicity = questions()["identity.ethnicity"]

    assert all(ethnicity.takes(code.value) for code in Ethnicity)
    for value in ("White British", "wbri", "", ("WBRI",), True, 1, None):
        assert not ethnicity.takes(value)


def test_a_question_of_several_codes_takes_one_or_more_of_them() -> None:
    """One wrong code spoils the list, and an empty list answers nothing."""
    disability = questions()["identity.disability"]

    assert disability.takes(tuple(code.value for code in Disability))
    assert disability.takes("MOB")
    assert not disability.takes(("MOB", "WBRI"))
    assert not disability.takes(())


@given(st.text() | st.booleans() | st.integers() | st.lists(st.text()).map(tuple))
def test_a_question_without_codes_takes_any_value(value: object) -> None:
    """Whatever a statement may hold is an answer to a question in words."""
    assert questions()["identity.name"].takes(value)


def test_every_code_set_that_a_question_names_is_used_and_published() -> None:
    """No set is listed that no question asks for, and coded questions say so in their words."""
    coded = [q for q in questions().values() if q.codes]

    assert {q.codes for q in coded} == set(CODE_SETS)
    assert all(re.search(r"\((DfE|NHS) codes?\)$", q.text) for q in coded)


def test_the_file_reads_as_it_is_written() -> None:
    """A good entry gives a question with all that it says."""
    text = written({**ENTRY, "codes": "Sex", "reason_when": ["declined"]})
    (made,) = catalogue._read(text)

    assert (made.number, made.key, made.who, made.fresh_days) == (1, "identity.name", "either", 365)
    assert made.allowed == {"M", "F", "U"}
    assert made.reason_when == {Answer.DECLINED}


@pytest.mark.parametrize(
    "entries",
    [
        [{**ENTRY, "unknown": 1}],
        [{k: v for k, v in ENTRY.items() if k != "fresh_days"}],
        [{**ENTRY, "category": "other"}],
        [{**ENTRY, "key": "Name"}],
        [{**ENTRY, "number": 0}],
        [{**ENTRY, "fresh_days": -1}],
        [{**ENTRY, "who": "anybody"}],
        [{**ENTRY, "codes": "Postcode"}],
        [{**ENTRY, "many": True}],
        [{**ENTRY, "reason_when": ["given"]}],
        [{**ENTRY, "reason_when": ["forgotten"]}],
        [{**ENTRY, "since": 2}],
        [ENTRY, {**ENTRY, "number": 2}],
        [ENTRY, {**ENTRY, "key": "identity.born_on"}],
    ],
    ids=str,
)
def test_a_fault_in_the_file_is_never_read_over(entries: list[dict[str, Any]]) -> None:
    """Unknown, missing, doubled or contradictory members stop the program that would use them."""
    with pytest.raises(ValueError, match=r"catalogue|cannot be so|code set|validation error"):
        catalogue._read(written(*entries))
