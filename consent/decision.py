"""Decide whether a message may go to a recipient, and which statements of it (003 §§2.2, 2.3, 4.1).

Sharing needs a basis that carries it and no rule that withholds. What is empty, unknown or cannot
be worked out withholds; no rule is ever skipped because it failed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consent import bases, family, limits
from consent.request import Share, ShareRequest, Withhold
from consent.rules import FAILED, ORDER, Check, RuleFailedError, ask, firing
from contracts.consents import BasisKind
from contracts.reasons import Refusal

__all__ = ["GATES", "Gate", "Share", "ShareRequest", "Withhold", "decide", "judge"]


@dataclass(frozen=True, slots=True)
class Gate:
    """How one basis is judged.

    `carries` is the rule by which sharing is allowed when none of `checks` fires; `reach` gives
    what the basis carries, `hides` the rules that hold the rest back.
    """

    carries: str
    checks: tuple[Check[[ShareRequest]], ...]
    reach: Callable[[ShareRequest], limits.Reach] = limits.everything_but_the_address
    hides: limits.Hides = limits.BUT_THE_ADDRESS


_NO_GATE = Gate("basis.unknown", (bases.RECIPIENT_UNKNOWN, bases.BASIS_UNKNOWN))

GATES: Final[Mapping[str, Gate]] = {
    BasisKind.NOTICE: Gate(
        "notice.process",
        (bases.RECIPIENT_UNKNOWN, bases.NOTICE_STATEMENTS),
        limits.everything,
        limits.UNLIMITED,
    ),
    BasisKind.CONSENT: Gate(
        "consent.in-force",
        (bases.RECIPIENT_UNKNOWN, limits.MAY_NOT_SEE),
        family.reach_of_consents,
        limits.OUTSIDE_SCOPE,
    ),
    BasisKind.OVERRIDE: Gate(
        "override.approved",
        (bases.RECIPIENT_UNKNOWN, bases.OVERRIDE_GROUND, bases.OVERRIDE_LINE_MANAGER),
    ),
    BasisKind.STATUTORY: Gate(
        "statutory.duty", (bases.RECIPIENT_UNKNOWN, bases.STATUTORY_NO_PROVISION)
    ),
    BasisKind.COURT_ORDER: Gate("court.order", (bases.RECIPIENT_UNKNOWN, bases.COURT_NO_REFERENCE)),
    BasisKind.PROTECTION: Gate(
        "protection.concern",
        (bases.RECIPIENT_UNKNOWN, bases.PROTECTION_NOT_RAISED),
        limits.everything,
        limits.UNLIMITED,
    ),
}


def decide(request: ShareRequest) -> Share | Withhold:
    """Return whether `request` may be shared, and which of its statements.

    Pure: the same request always has the same answer. Never raises for what a request holds.
    Every reason for withholding is given at once.
    """
    return judge(request, GATES)


def judge(request: ShareRequest, gates: Mapping[str, Gate]) -> Share | Withhold:
    """Return what `gates` answer to `request`, as `decide` does."""
    try:
        return _judge(request, gates)
    except RuleFailedError as failed:
        return Withhold((failed.rule + FAILED,), (Refusal("basis.not-entitled"),))


def _judge(request: ShareRequest, gates: Mapping[str, Gate]) -> Share | Withhold:
    gate = ask("basis.unknown", _gate_of, request, gates)
    fired: tuple[Check[Any], ...] = firing(gate.checks, request)
    reach = gate.reach(request)
    if reach.granted is None:
        return _withhold(request, fired + reach.lapsed)
    shown, hidden = ask(gate.hides[0].rule, limits.divide, request, reach)
    held_back = firing(gate.hides, reach, hidden)
    if shown and True not in shown:
        fired += reach.lapsed + held_back
    if fired:
        return _withhold(request, fired)
    return Share((gate.carries, *[check.rule for check in held_back]), shown)


def _gate_of(request: ShareRequest, gates: Mapping[str, Gate]) -> Gate:
    return gates.get(request.basis.kind, _NO_GATE)


def _withhold(request: ShareRequest, fired: Iterable[Check[Any]]) -> Withhold:
    rules: dict[str, None] = {}
    reasons: list[Refusal] = []
    for check in sorted(fired, key=lambda c: ORDER[c.rule]):
        rules[check.rule] = None
        reason = Refusal(check.code, request.recipient if check.names_recipient else "")
        if reason not in reasons:
            reasons.append(reason)
    return Withhold(tuple(rules), tuple(reasons))
