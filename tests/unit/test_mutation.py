"""Mutation testing itself: it finds what decides, and no excuse outlives its line."""

import ast

from tests.mutate.sites import mutants
from tests.mutate.targets import ROOT, TARGETS, equivalent

SOURCE = """
def may(held, now, names):
    if not names and held.withdrawn_at is None:
        return False
    return any(n in held for n in names if n) or now < held.ends
"""


def test_every_sort_of_change_is_made_once_and_changes_the_code() -> None:
    """Comparisons, connectives, conditions, answers and constants; no mutant is the original."""
    made = list(mutants(SOURCE))
    original = ast.dump(ast.parse(SOURCE))

    assert {"Is to IsNot", "In to NotIn", "Lt to LtE", "to Or", "to And", "any to all"} <= {
        m.change for m in made
    }
    assert {"condition negated", "answer negated", "without its condition", "False to True"} <= {
        m.change for m in made
    }
    texts = [ast.dump(m.tree) for m in made]
    assert original not in texts
    assert len(set(texts)) == len(texts)


def test_everything_that_decides_is_mutated_and_what_is_listed_is_there() -> None:
    """No module of consent is left out, and no excuse outlives the line that it is about."""
    found = {t.module: {m.name for m in mutants(t.path.read_text())} for t in TARGETS["consent"]}

    decisive = {p.stem for p in (ROOT / "consent").glob("*.py")} - {
        "__init__",
        "request",
        "telling_lists",
    }
    assert {module.partition(".")[2] for module in found} == decisive
    assert all(found.values())
    for module, listed in equivalent().items():
        (target,) = [t for several in TARGETS.values() for t in several if t.module == module]
        names = {m.name for m in mutants(target.path.read_text())}
        assert set(listed) <= names
        assert all(len(reason) > 20 for reason in listed.values())
