"""The pages of `docs/` say of kinds, refusals and decisions what the contract itself says."""

import re
from pathlib import Path
from typing import Final

import pytest

from contracts.kinds import EVERY_ROLE, Kind
from contracts.messages import KINDS
from contracts.reasons import Reason, reasons
from contracts.roles import Role
from services.exchange import decision

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
RECORDS: Final = sorted((DOCS / "decisions").glob("[0-9]*.md"))
TEMPLATE: Final = RECORDS[0]

_ROLES: Final = {
    Role.UNIVERSAL: "universal service",
    Role.CAF_TEAM: "CAF team",
    Role.FIRST_RESPONSE: "First Response",
    Role.SOCIAL_CARE: "social care",
}


def _sections(page: str) -> dict[str, str]:
    """The text under each heading that is one code, by that code."""
    text = (DOCS / page).read_text(encoding="utf-8")
    parts = re.split(r"^(#{2,3}) (.+)\n", text, flags=re.MULTILINE)
    return {
        heading.strip("`"): body
        for heading, body in zip(parts[2::3], parts[3::3], strict=True)
        if re.fullmatch(r"`[^`]+`", heading)
    }


def _senders(kind: Kind) -> str:
    if kind.by_service:
        return "a service"
    if kind.senders == EVERY_ROLE:
        return "any agency"
    return ", ".join(_ROLES[role] for role in Role if role in kind.senders)


def test_the_page_of_messages_has_every_kind_and_no_other() -> None:
    """A kind that the contract gains or loses is gained or lost by the page."""
    assert set(_sections("messages.md")) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_is_explained_with_paragraph_title_and_fields(kind: Kind) -> None:
    """Whoever reads about a kind finds its title, its paragraph and every field it has."""
    section = _sections("messages.md")[kind.name]

    assert kind.title in section
    assert kind.cites in section
    for field in kind.content.model_fields:
        assert f"`{field}`" in section


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_table_says_who_sends_a_kind_on_which_basis(kind: Kind) -> None:
    """The table's row of a kind names its senders, its paragraph, and a basis that it allows."""
    page = (DOCS / "messages.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| \[`{re.escape(kind.name)}`\][^|]*\|(.*)\|$", page, re.MULTILINE)

    assert row is not None
    senders, bases, cites = (cell.strip() for cell in row[1].split("|"))
    assert senders == _senders(kind)
    assert cites == kind.cites
    allowed = {basis.value.replace("_", " ") for basis in kind.bases}
    general = {6: "any", 5: "any but notice"}
    assert bases == general.get(len(allowed), ", ".join(sorted(allowed)))


def test_the_page_of_refusals_has_every_code_in_order() -> None:
    """The page and the closed list hold the same codes in the same order."""
    assert list(_sections("refusals.md")) == list(reasons())


@pytest.mark.parametrize("reason", reasons().values(), ids=lambda reason: reason.code)
def test_a_refusal_is_explained_as_the_receipt_explains_it(reason: Reason) -> None:
    """Message, remedy and citation of a code are on the page word for word."""
    section = _sections("refusals.md")[reason.code]

    assert reason.message[1:] in section
    assert f"- What to do: {reason.remedy}." in section
    assert f"- See: {reason.citation}." in section


@pytest.mark.parametrize("record", RECORDS[1:], ids=lambda record: record.stem)
def test_a_decision_follows_the_template_and_stands_in_the_index(record: Path) -> None:
    """A record has the template's headings, a status, a date, and a line in the index."""
    text = record.read_text(encoding="utf-8")
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    number, title = record.stem[:4], text.splitlines()[0].partition(": ")[2]

    assert text.startswith(f"# {number}: ")
    assert re.findall(r"^## .*", text, re.MULTILINE) == re.findall(
        r"^## .*", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert re.search(r"^- Status: (proposed|accepted|replaced by \[)", text, re.MULTILINE)
    assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert f"| [{number}]({record.name}) | {title} |" in index


def test_decisions_are_numbered_without_a_gap() -> None:
    """Records are numbered from 0001 on, each number once."""
    numbers = [int(record.stem[:4]) for record in RECORDS[1:]]

    assert numbers == list(range(1, len(numbers) + 1))


def test_the_child_protection_floor_is_told_as_the_exchange_holds_it() -> None:
    """The record of the floor names exactly the reasons that the exchange lets through."""
    (record,) = (DOCS / "decisions").glob("*-child-protection-floor.md")
    text = record.read_text(encoding="utf-8")
    listed = re.search(r"only these reasons refuse it .*?: (.*)\.$", text, re.MULTILINE)

    assert listed is not None
    assert set(re.findall(r"`([^`]+)`", listed[1])) == decision._FLOOR
