"""Sharing by consent of the family: which named consents carry, and how far (003 §§2.3, 4.1)."""

from dataclasses import dataclass
from typing import Any

from consent.request import ShareRequest
from consent.rules import Check, ask, firing
from contracts.consents import ConsentBasis, ConsentHeld, Covers
from contracts.questions import Category


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a basis reaches: the categories it carries, or None when it carries nothing.

    `lapsed` are the checks by which named consents did not carry; they spoil nothing as long as
    another consent does.
    """

    scope: frozenset[Category] | None
    lapsed: tuple[Check[Any], ...] = ()


EVERYTHING = Reach(frozenset(Category))


def everything(_: ShareRequest) -> Reach:
    """Return the reach of a basis that is not limited to categories."""
    return EVERYTHING


def reach_of_consents(request: ShareRequest) -> Reach:
    """Return what the consents named by the basis carry to the recipient at `request.now`.

    Where one id is held more than once, every copy must allow: a message cannot bring a withdrawn
    consent back, or widen one, by carrying it again. Raises RuleFailedError.
    """
    named = ask("consent.none-named", _named, request)
    scope: frozenset[Category] | None = None
    lapsed: list[Check[Any]] = list(firing((NONE_NAMED,), named))
    for consent in named:
        copies = ask("consent.unknown", _copies, request, consent)
        found = _lapses(copies, request)
        if found:
            lapsed += found
        else:
            scope = ask("consent.other-categories", _widened, scope, copies)
    return Reach(scope, tuple(lapsed))


def _named(request: ShareRequest) -> tuple[str, ...]:
    return tuple(request.basis.consents) if isinstance(request.basis, ConsentBasis) else ()


def _copies(request: ShareRequest, consent: str) -> tuple[ConsentHeld, ...]:
    return tuple([held for held in request.consents if held.consent.id == consent])


def _lapses(copies: tuple[ConsentHeld, ...], request: ShareRequest) -> list[Check[Any]]:
    found: list[Check[Any]] = list(firing((UNKNOWN,), copies))
    for held in copies:
        found += firing(PER_CONSENT, held, request)
    return found


def _widened(
    scope: frozenset[Category] | None, copies: tuple[ConsentHeld, ...]
) -> frozenset[Category]:
    shared = frozenset(copies[0].consent.categories)
    for held in copies[1:]:
        shared &= frozenset(held.consent.categories)
    return shared if scope is None else scope | shared


def _none_named(named: tuple[str, ...]) -> bool:
    return not named


def _unknown(copies: tuple[ConsentHeld, ...]) -> bool:
    return not copies


def _service_only(held: ConsentHeld, _: ShareRequest) -> bool:
    return held.consent.covers != Covers.SHARING


def _withdrawn(held: ConsentHeld, _: ShareRequest) -> bool:
    """Fire once a withdrawal is recorded, whatever its instant: clocks of machines differ."""
    return held.withdrawn_at is not None


def _not_in_force(held: ConsentHeld, request: ShareRequest) -> bool:
    consent, now = held.consent, request.now
    return now < consent.given_at or (consent.expires_at is not None and consent.expires_at <= now)


def _other_recipient(held: ConsentHeld, request: ShareRequest) -> bool:
    consent = held.consent
    return (
        request.recipient not in consent.recipients and request.recipient_role not in consent.roles
    )


def _other_categories(hidden: frozenset[Category]) -> bool:
    return not hidden <= _SAFETY


def _safety_not_named(hidden: frozenset[Category]) -> bool:
    return Category.SAFETY in hidden


_SAFETY = frozenset({Category.SAFETY})

NONE_NAMED = Check("consent.none-named", "consent.missing", _none_named)
UNKNOWN = Check("consent.unknown", "consent.unknown", _unknown)
PER_CONSENT: tuple[Check[[ConsentHeld, ShareRequest]], ...] = (
    Check("consent.service-only", "consent.missing", _service_only),
    Check("consent.withdrawn", "consent.withdrawn", _withdrawn),
    Check("consent.not-in-force", "consent.expired", _not_in_force),
    Check(
        "consent.other-recipient", "consent.out-of-scope", _other_recipient, names_recipient=True
    ),
)
OUTSIDE_SCOPE = (
    Check(
        "consent.other-categories", "consent.out-of-scope", _other_categories, names_recipient=True
    ),
    Check("safety.not-named", "consent.out-of-scope", _safety_not_named, names_recipient=True),
)
