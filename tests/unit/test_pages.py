"""The pages of `docs/` that are generated are up to date, and the guidance has kept its tests."""

import pytest

from contracts.messages import KINDS
from tests.pages import guidance
from tests.pages.__main__ import DOCS, PAGES
from tests.pages.citations import paragraphs_of
from tests.pages.guidance import Paragraph, paragraphs, shown

NUMBERED = {"1": 2, "2": 9, "3": 4, "4": 3, "5": 7}
PRINCIPLES = 10


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    """What a page says of contract, rules and tests is what they say now (`make pages`)."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_numbered_paragraph_and_principle_is_listed() -> None:
    """All paragraphs of the guidance and its ten principles have a place on the page."""
    wanted = {f"{part}.{n}" for part, most in NUMBERED.items() for n in range(1, most + 1)}
    wanted |= {f"P{n}" for n in range(1, PRINCIPLES + 1)}

    assert [p.id for p in paragraphs()] == sorted(wanted, key=lambda i: (i[0] == "P", len(i), i))


@pytest.mark.parametrize("paragraph", paragraphs(), ids=lambda p: p.id)
def test_a_paragraph_has_kinds_and_tests_of_both_sides(paragraph: Paragraph) -> None:
    """Each paragraph names kinds there are, and tests of what it allows and what it forbids."""
    tests = [one for one in shown() if one.paragraph == paragraph.id]

    assert set(paragraph.kinds) <= set(KINDS)
    assert any(not one.forbids for one in tests)
    assert any(one.forbids for one in tests) != bool(paragraph.forbids_nothing)


def test_marks_name_paragraphs_that_there_are() -> None:
    """A test marked with a paragraph that does not exist would count for nothing."""
    assert {one.paragraph for one in shown()} <= {p.id for p in paragraphs()}


@pytest.mark.parametrize(
    ("citation", "found"),
    [
        ("003 §1.1, §2.2, §2.5", {"1.1", "2.2", "2.5"}),
        ("003 §§2.1-2.3; 000 l.75", {"2.1", "2.2", "2.3"}),
        ("000 l.3.1; RFC 7515 §2.1", set()),
        (
            "Rochdale guidance, paragraphs 3.4, 4.3 and 5.3. No number is given",
            {"3.4", "4.3", "5.3"},
        ),
    ],
)
def test_a_citation_names_its_paragraphs(citation: str, found: set[str]) -> None:
    """Ranges count whole, and other sources' numbers are not the guidance's."""
    assert paragraphs_of(citation, [p.id for p in guidance.paragraphs()]) == found
