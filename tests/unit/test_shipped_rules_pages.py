"""The pages of rules and traps say what is so: clocks, tests and choices are as they tell."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from pydantic import ValidationError

from contracts.consents import Consent, Covers, GivenBy
from contracts.identifiers import new_reference
from contracts.roles import Capacity
from contracts.rules import SHIPPED, USUAL, Against, ClockRule, combine, shipped
from contracts.statements import Answer, Statement
from contracts.worktime import Unit
from tests.unit.test_shipped_rules import OTHERWISE, UNSEEN

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
TRAPS: Final = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")
MOST: Final = 21
NOW: Final = datetime(2026, 11, 16, 10, tzinfo=UTC)
NUMBER: Final = "identity.nhs_number"
MAILERS: Final = frozenset({"smtplib", "email", "aiosmtplib", "imaplib"})
OWED_BY: Final = {
    Against.RECEIVER: "who is asked",
    Against.SENDER: "who sends it",
    Against.LEAD: "who leads",
}


def traps() -> dict[int, str]:
    """Return the text of every trap by its number."""
    parts = re.split(r"^## (\d+)\. ", TRAPS, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def shown_by() -> list[str]:
    """Return every test that the page names, as `path::name`."""
    return re.findall(r"`(tests/[a-z_/]+\.py::test_[a-z0-9_]+)`", TRAPS)


def statement(answer: Answer, value: str | None = None) -> Statement:
    """Return what is said of a child's NHS number."""
    return Statement(
        question=NUMBER,
        answer=answer,
        value=value,
        said_by="school",
        recorded_by="demo.hilltop-school.priya-natt",
        recorded_at=NOW,
    )


def length_of(rule: ClockRule) -> str:
    """Return the length of a clock as the page writes it."""
    if rule.length is None or rule.unit is None:
        return "as set"
    if rule.unit is Unit.DAY_ENDS:
        return "same day"
    unit = rule.unit.value.replace("_", " ")
    return f"{rule.length} {unit if rule.length > 1 else unit.removesuffix('s')}"


def started_or_stopped(kinds: tuple[str, ...], when: dict[str, tuple[str, ...]]) -> str:
    """Return kinds as the page writes them, with what narrows them."""
    narrowed = [f"{field} {' or '.join(codes)}".replace("_", " ") for field, codes in when.items()]
    return ", ".join(f"`{kind}`" for kind in kinds) + (f" ({'; '.join(narrowed)})" if when else "")


def row_of(rule: ClockRule) -> str:
    """Return the row of the page that describes a clock."""
    cells = (
        f"`{rule.id}`",
        length_of(rule) + (" (read)" if rule.unit_is_read else ""),
        started_or_stopped(rule.starts_on, rule.when),
        started_or_stopped(rule.stops_on, rule.stop_when),
        OWED_BY[rule.against],
        "yes" if rule.interpretation else "no",
        rule.citation.partition(": ")[0].partition(". No number")[0],
    )
    return "| " + " | ".join(cells) + " |"


def section(name: str) -> str:
    """Return the section of the page about the clocks of a pack."""
    return PAGE.partition(f"\n### `{name}`\n")[2].partition("\n#")[0]


@pytest.mark.parametrize("name", UNSEEN)
def test_the_page_says_what_software_cannot_see_and_why(name: str) -> None:
    """A standard without any rule is on the page with its reason."""
    (line,) = re.findall(rf"^- \*\*{name}\*\*.*$", PAGE, re.MULTILINE)

    assert UNSEEN[name] in line


@pytest.mark.parametrize(("name", "said"), OTHERWISE.items())
def test_the_page_says_what_keeps_a_standard_without_a_clock(name: str, said: str) -> None:
    """A standard that no clock times is on the page with what keeps it."""
    (line,) = re.findall(rf"^- \*\*{name}\*\*.*$", PAGE, re.MULTILINE)

    assert said in line


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_describes_the_clocks_of_a_pack_as_they_are(name: str) -> None:
    """Length, start, stop, who owes and source of every clock stand on the page, and no other."""
    listed = re.findall(r"^\| `.*$", section(name), re.MULTILINE)

    assert listed == [row_of(rule) for rule in shipped(name).clocks]


def test_every_trap_is_settled_and_shown() -> None:
    """Each of the 21 says how it is settled and names at least one test."""
    assert sorted(traps()) == list(range(1, MOST + 1))
    for text in traps().values():
        assert "**Settled:**" in text
        assert re.search(r"\*\*Shown by:\*\* `tests/", text)


@pytest.mark.parametrize("named", sorted(set(shown_by())))
def test_a_test_that_the_page_names_exists(named: str) -> None:
    """Nobody is sent to a test that has been renamed or removed."""
    file, _, name = named.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]

    assert name in {function.name for function in functions}


def test_no_minimum_is_invented() -> None:
    """One guard has a length, the three months after a protection plan; courts are left open."""
    timed = {g.id: g.check for n in SHIPPED for g in shipped(n).guards if g.length is not None}

    assert timed == {"three-months-at-child-in-need": "time_at_child_in_need"}


@pytest.mark.parametrize("given_by", list(GivenBy))
def test_a_consent_says_in_what_capacity_it_was_given(given_by: GivenBy) -> None:
    """Parent, young person and carer are told apart, and no consent leaves it open."""
    said = {
        "id": new_reference(),
        "covers": Covers.SHARING,
        "taken_by": "demo.social-care.amira-holt",
        "given_at": NOW,
    }

    assert Consent.model_validate({**said, "given_by": given_by}).given_by is given_by
    with pytest.raises(ValidationError):
        Consent.model_validate(said)


def test_an_identifier_is_given_or_says_why_not() -> None:
    """A number has a value, or a reason in its place and then no value beside it."""
    assert statement(Answer.GIVEN, "9434765919").value == "9434765919"
    for answer in (Answer.NOT_KNOWN, Answer.WITHHELD, Answer.DECLINED):
        assert statement(answer).value is None
        with pytest.raises(ValidationError):
            statement(answer, "9434765919")
    with pytest.raises(ValidationError):
        statement(Answer.GIVEN)


def test_no_rule_requires_an_identifier() -> None:
    """No pack asks for a name, a day of birth or a number before a message may go."""
    required = {q for n in SHIPPED for parts in shipped(n).parts for q in parts.questions}

    assert required
    assert not [question for question in required if question.startswith("identity.")]


def test_a_role_is_called_what_the_packs_in_force_call_it() -> None:
    """A key is called differently by other packs, and by its plain name where none names it."""
    usual = combine(shipped(name) for name in USUAL)
    devon = combine([shipped("devon"), shipped("devon-plan")])

    assert usual.role_label(Capacity.LEAD_PROFESSIONAL) == "Lead Professional"
    assert devon.role_label(Capacity.LEAD_PROFESSIONAL) == "Lead Key Worker"
    assert devon.role_label(Capacity.SOCIAL_WORKER) == "social worker"


def test_nothing_is_ever_sent_by_email() -> None:
    """No module of ours imports what sends or reads mail."""
    modules = [
        p for top in ("contracts", "consent", "services") for p in (ROOT / top).rglob("*.py")
    ]

    assert modules
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            assert MAILERS.isdisjoint(name.partition(".")[0] for name in names), path
