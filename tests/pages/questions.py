"""The page that lists every question of the catalogue, and every code set that one asks for."""

from pathlib import Path
from typing import Final

from contracts.questions import CODE_SETS, Category, Question, Who, questions, version

HEAD: Final = Path(__file__).with_name("questions.in.md")
_WHO: Final = {Who.FAMILY: "the family", Who.PROFESSIONAL: "a professional", Who.EITHER: "either"}
_COLUMNS: Final = (
    "number",
    "key",
    "question",
    "asked of families",
    "fresh for",
    "who answers",
    "codes",
    "reason when",
)
_YEAR: Final = 365
_CHILDHOOD: Final = 18 * _YEAR


def page() -> str:
    """Return the text of `docs/questions.md`: a table for each category, then the code sets."""
    head = HEAD.read_text(encoding="utf-8")
    head = head.replace("@@VERSION@@", str(version())).replace("@@COUNT@@", str(len(questions())))
    tables = (_category(category) for category in Category)
    return "\n".join([head, *tables, "## Codes\n", *map(_code_set, CODE_SETS)])


def _category(category: Category) -> str:
    rows = [
        f"## {category.value.capitalize()}\n",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
        *(_row(q) for q in questions().values() if q.category is category),
    ]
    return "\n".join(rows) + "\n"


def _row(question: Question) -> str:
    codes = f"[{question.codes}](#{question.codes.lower()})" if question.codes else ""
    cells = (
        str(question.number),
        f"`{question.key}`",
        question.text,
        "yes" if question.asked_of_family else "no",
        fresh_for(question.fresh_days),
        _WHO[question.who],
        f"{codes}, several" if question.many else codes,
        ", ".join(f"`{answer}`" for answer in sorted(question.reason_when)),
    )
    return f"| {' | '.join(cells)} |"


def fresh_for(days: int) -> str:
    """Return a number of days as the page writes it."""
    if days == 0:
        return "asked anew"
    if days == _CHILDHOOD:
        return "childhood"
    years, rest = divmod(days, _YEAR)
    if rest:
        return f"{days} days"
    return "1 year" if years == 1 else f"{years} years"


def _code_set(name: str) -> str:
    members = list(CODE_SETS[name])
    lines = [f"### {name}\n", "| code | meaning |", "|---|---|"]
    lines += [f"| `{member.value}` | {member.label} |" for member in members]
    return "\n".join(lines) + "\n"
