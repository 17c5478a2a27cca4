"""Fail closed: a rule that breaks, an answer that is none, and what the contract does not have."""

from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from consent import RULES, ShareRequest, Withhold, bases, decide, decision, family
from consent.decision import GATES, Gate, Share
from consent.rules import Check
from contracts.consents import BasisKind, ConsentHeld
from contracts.reasons import Refusal, reasons
from tests.unit.consent_cases import (
    BY_BOTH,
    BY_CONSENT,
    COURT_ORDER,
    NOTICE,
    OVERRIDE,
    PROTECTION,
    SECOND,
    STATUTORY,
    held,
    request,
)

BASES = {b.kind: b for b in (NOTICE, BY_CONSENT, OVERRIDE, STATUTORY, COURT_ORDER, PROTECTION)}
NOT_ENTITLED = (Refusal("basis.not-entitled"),)


class Broken:
    """A value of which every use goes wrong."""

    def _broken(self, *_: object) -> NoReturn:
        raise RuntimeError

    __bool__ = __iter__ = __len__ = __lt__ = __le__ = __gt__ = __ge__ = __getattr__ = _broken
    __eq__ = __hash__ = __contains__ = _broken


def allowed(kind: str) -> ShareRequest:
    """Return a request on that basis which is shared as long as every rule works."""
    categories = () if kind == "notice" else request().categories
    return request(basis=BASES[cast("Any", kind)], categories=categories)


def every_check() -> list[tuple[str, Check[Any]]]:
    """Return each check that a basis asks, with the basis."""
    asked: list[tuple[str, Check[Any]]] = []
    for kind, gate in GATES.items():
        asked += [(kind, check) for check in gate.checks]
        asked += [(kind, check) for check in gate.hides]
    named: tuple[Check[Any], ...] = (family.NONE_NAMED, family.UNKNOWN, *family.PER_CONSENT)
    return asked + [("consent", check) for check in named]


def put(
    monkeypatch: pytest.MonkeyPatch, kind: str, old: Check[Any], fires: Callable[..., object]
) -> None:
    """Let the check `old` answer with `fires` wherever the basis asks it."""
    new = replace(old, fires=cast("Callable[..., bool]", fires))

    def swapped(checks: tuple[Check[Any], ...]) -> tuple[Check[Any], ...]:
        return tuple(new if c is old else c for c in checks)

    gate = GATES[kind]
    changed = replace(gate, checks=swapped(gate.checks), hides=swapped(gate.hides))
    monkeypatch.setitem(cast("dict[str, Gate]", decision.GATES), kind, changed)
    monkeypatch.setattr(family, "PER_CONSENT", swapped(family.PER_CONSENT))
    for name in ("NONE_NAMED", "UNKNOWN"):
        monkeypatch.setattr(family, name, swapped((getattr(family, name),))[0])


def raises(*_: object) -> NoReturn:
    """Be a rule that breaks."""
    raise LookupError


def answers_nothing(*_: object) -> None:
    """Be a rule that forgets to answer."""


@pytest.mark.parametrize("kind", BASES)
def test_what_the_tests_below_break_is_shared_while_it_is_whole(kind: str) -> None:
    """The requests of this module are refused for their broken rule and for nothing else."""
    assert isinstance(decide(allowed(kind)), Share)


@pytest.mark.parametrize(
    ("kind", "check"), every_check(), ids=lambda v: v.rule if isinstance(v, Check) else str(v)
)
def test_a_rule_that_raises_withholds(
    monkeypatch: pytest.MonkeyPatch, kind: str, check: Check[Any]
) -> None:
    """A rule that breaks is named and withholds; it is never passed over."""
    put(monkeypatch, kind, check, raises)

    assert decide(allowed(kind)) == Withhold((f"{check.rule}.failed",), NOT_ENTITLED)


@pytest.mark.parametrize("check", family.PER_CONSENT, ids=lambda check: check.rule)
def test_a_rule_that_raises_for_one_consent_is_not_saved_by_another(
    monkeypatch: pytest.MonkeyPatch, check: Check[Any]
) -> None:
    """Another consent in force does not make up for a rule that could not be worked out."""

    def breaks_for_the_second(one: ConsentHeld, asked: ShareRequest) -> bool:
        return raises() if one.consent.id == SECOND else check.fires(one, asked)

    put(monkeypatch, "consent", check, breaks_for_the_second)
    answer = decide(request(basis=BY_BOTH, consents=(held(), held(SECOND))))

    assert answer == Withhold((f"{check.rule}.failed",), NOT_ENTITLED)


@pytest.mark.parametrize(
    ("kind", "check"),
    [(kind, check) for kind, gate in GATES.items() for check in gate.checks],
    ids=lambda v: v.rule if isinstance(v, Check) else str(v),
)
def test_a_rule_that_gives_no_answer_withholds(
    monkeypatch: pytest.MonkeyPatch, kind: str, check: Check[Any]
) -> None:
    """Only a plain no keeps a rule from withholding."""
    put(monkeypatch, kind, check, answers_nothing)

    assert decide(allowed(kind)) == Withhold(
        (check.rule,), (Refusal(check.code, "demo.front-door" if check.names_recipient else ""),)
    )


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("name", [f.name for f in fields(ShareRequest)])
def test_a_broken_value_never_raises_and_is_shared_only_where_it_is_not_looked_at(
    kind: str, name: str
) -> None:
    """Whatever part of a request breaks, the answer is a decision; more is never shown for it."""
    whole = allowed(kind)
    answer = decide(replace(whole, **cast("dict[str, Any]", {name: Broken()})))

    if isinstance(answer, Share):
        assert answer == decide(whole)
        assert name in NOT_LOOKED_AT[kind]
    else:
        assert answer.reasons == NOT_ENTITLED


_SIGNING = {"sender", "author", "countersigners", "line_managers"}
_CONSENT = {"consents", "now"}
_ADDRESS = {"protected", "questions", "purpose"}
NOT_LOOKED_AT = {
    "notice": _SIGNING | _CONSENT | _ADDRESS | {"protection"},
    "consent": _SIGNING | {"protection", "questions", "purpose"},
    "consent_override": _CONSENT | {"protection", "questions", "purpose"},
    "statutory_duty": _SIGNING | _CONSENT | {"protection", "questions", "purpose"},
    "court_order": _SIGNING | _CONSENT | {"protection", "questions", "purpose"},
    "child_protection": _SIGNING | _CONSENT | _ADDRESS,
}


def test_a_clock_without_zone_withholds_what_depends_on_it() -> None:
    """A naive instant compares with no consent's time, so consent carries nothing."""
    naive = request().now.replace(tzinfo=None)

    assert decide(request(now=naive)) == Withhold(("consent.not-in-force.failed",), NOT_ENTITLED)


@pytest.mark.parametrize("basis", [SimpleNamespace(kind="goodwill"), SimpleNamespace(kind="")])
def test_an_unknown_basis_withholds(basis: object) -> None:
    """A basis that the contract does not have carries nothing."""
    assert decide(request(basis=basis)) == Withhold(("basis.unknown",), NOT_ENTITLED)


def test_an_unknown_basis_towards_an_unknown_agency_is_told_as_both() -> None:
    """Every reason is given at once, here as well."""
    basis = SimpleNamespace(kind="goodwill")
    answer = decide(request(basis=basis, recipient_role=None))

    assert isinstance(answer, Withhold)
    assert answer.rules == ("recipient.unknown", "basis.unknown")
    assert answer.reasons == (Refusal("agency.unknown", "demo.front-door"), *NOT_ENTITLED)


@pytest.mark.parametrize("basis", [None, "consent", SimpleNamespace()])
def test_what_is_no_basis_at_all_withholds(basis: object) -> None:
    """A missing or malformed basis carries nothing."""
    assert decide(request(basis=basis)) == Withhold(("basis.unknown.failed",), NOT_ENTITLED)


@pytest.mark.parametrize("kind", [k for k in BASES if k != "notice"])
def test_the_name_of_a_basis_without_its_form_carries_nothing(kind: str) -> None:
    """A value that only calls itself by a basis's name does not have what the basis asks for."""
    assert isinstance(decide(request(basis=SimpleNamespace(kind=kind))), Withhold)


def test_a_statement_of_an_unknown_category_is_held_back() -> None:
    """On a basis that carries everything, a category that the contract does not have stays back."""
    mixed = request(basis=STATUTORY, categories=("health", "rumour"))
    alone = request(basis=STATUTORY, categories=("rumour",))

    assert decide(mixed) == Share(("statutory.duty", "statement.unknown-category"), (True, False))
    assert decide(alone) == Withhold(("statement.unknown-category",), NOT_ENTITLED)


def test_every_rule_is_in_the_table_with_a_citation_and_every_reason_in_the_closed_list() -> None:
    """No rule fires that cannot be explained, and the table explains none that cannot fire."""
    checks = {check for _, check in every_check()} | {bases.BASIS_UNKNOWN}
    reading = {rule for rule in RULES if rule.startswith("read.")}

    assert {c.rule for c in checks} | {g.carries for g in GATES.values()} | reading == set(RULES)
    assert {c.code for c in checks} <= reasons().keys()
    assert all(rule.cites and rule.says for rule in RULES.values())


def test_every_basis_of_the_contract_has_a_gate() -> None:
    """No basis is forgotten when the contract gains one."""
    assert set(GATES) == set(BasisKind) == set(BASES)


def test_every_check_has_one_function_of_its_own() -> None:
    """One small function per rule, so that a rule can be read and replaced by itself."""
    functions: dict[str, set[Callable[..., bool]]] = {}
    for _, check in every_check():
        functions.setdefault(check.rule, set()).add(check.fires)

    assert all(len(found) == 1 for found in functions.values())
    assert len(set.union(*functions.values())) == len(functions)
