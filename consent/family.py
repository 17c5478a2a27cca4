"""Sharing by consent of the family: which named consents carry, and how far (003 §§2.3, 4.1)."""

from typing import Any

from consent.limits import (
    Reach,
    Scope,
    kept_from,
    refused_whole,
    scope_of,
    sheltered_from,
    spared,
    taken_back,
)
from consent.request import ShareRequest
from consent.rules import Check, ask, firing
from contracts.consents import Answered, ConsentBasis, ConsentHeld, Covers, GivenBy
from contracts.whose import Whose


def reach_of_consents(request: ShareRequest) -> Reach:
    """Return what the consents named by the basis carry to the recipient at `request.now`.

    Where one id is held more than once, every copy must allow: a message cannot bring a withdrawn
    consent back, or widen one, by carrying it again. What is refused, and what the recipient may
    not see, is taken away whichever consent grants it. Raises RuleFailedError.
    """
    named = ask("consent.none-named", _named, request)
    granted: Scope | None = None
    left: Scope = {}
    lapsed: list[Check[Any]] = list(firing((NONE_NAMED,), named))
    for consent in named:
        copies = ask("consent.unknown", _copies, request, consent)
        found = _lapses(copies, request)
        if found:
            lapsed += found
            continue
        one = ask("consent.other-categories", _granted, copies)
        granted = ask("consent.other-categories", _widened, granted or {}, one)
        kept = ask("consent.refused-in-part", spared, one, copies, request)
        left = ask("consent.refused-in-part", _widened, left, kept)
    if granted is None:
        return Reach(None, {}, lapsed=tuple(lapsed))
    excluded = ask("consent.may-not-see-some", kept_from, request)
    sheltered = ask("address.protected", sheltered_from, request)
    return Reach(granted, left, excluded, sheltered, tuple(lapsed))


def _named(request: ShareRequest) -> tuple[str, ...]:
    return tuple(request.basis.consents) if isinstance(request.basis, ConsentBasis) else ()


def _copies(request: ShareRequest, consent: str) -> tuple[ConsentHeld, ...]:
    return tuple([held for held in request.consents if held.consent.id == consent])


def _lapses(copies: tuple[ConsentHeld, ...], request: ShareRequest) -> list[Check[Any]]:
    found: list[Check[Any]] = list(firing((UNKNOWN,), copies))
    for held in copies:
        found += firing(PER_CONSENT, held, request)
    return found


def _granted(copies: tuple[ConsentHeld, ...]) -> Scope:
    """Return what every copy of a consent grants; one that says not whose grants everybody's."""
    scope = scope_of(copies[0])
    for held in copies[1:]:
        other = scope_of(held)
        scope = {c: whose & other[c] for c, whose in scope.items() if c in other}
    return scope


def _widened(scope: Scope, other: Scope) -> Scope:
    if not scope:
        return other
    nobody = frozenset[Whose]()
    return {c: scope.get(c, nobody) | other.get(c, nobody) for c in scope.keys() | other.keys()}


def _none_named(named: tuple[str, ...]) -> bool:
    return not named


def _unknown(copies: tuple[ConsentHeld, ...]) -> bool:
    return not copies


def _service_only(held: ConsentHeld, _: ShareRequest) -> bool:
    return held.consent.covers != Covers.SHARING


def _is_refusal(held: ConsentHeld, _: ShareRequest) -> bool:
    return held.consent.decision != Answered.GIVEN


def _not_entitled(held: ConsentHeld, _: ShareRequest) -> bool:
    return held.consent.given_by == GivenBy.OTHER


def _withdrawn(held: ConsentHeld, request: ShareRequest) -> bool:
    """Fire once a withdrawal is recorded, whatever its instant: clocks of machines differ.

    It fires too where the same person has taken back all of it under other references since.
    """
    return held.withdrawn_at is not None or taken_back(held, request)


def _not_in_force(held: ConsentHeld, request: ShareRequest) -> bool:
    consent, now = held.consent, request.now
    return now < consent.given_at or (consent.expires_at is not None and consent.expires_at <= now)


def _other_recipient(held: ConsentHeld, request: ShareRequest) -> bool:
    consent = held.consent
    return (
        request.recipient not in consent.recipients and request.recipient_role not in consent.roles
    )


def _other_purpose(held: ConsentHeld, request: ShareRequest) -> bool:
    purposes = held.consent.purposes
    return bool(purposes) and request.purpose not in purposes


def _refused(held: ConsentHeld, request: ShareRequest) -> bool:
    return refused_whole(held, request)


NONE_NAMED = Check("consent.none-named", "consent.missing", _none_named)
UNKNOWN = Check("consent.unknown", "consent.unknown", _unknown)
PER_CONSENT: tuple[Check[[ConsentHeld, ShareRequest]], ...] = (
    Check("consent.service-only", "consent.missing", _service_only),
    Check("consent.is-refusal", "consent.refused", _is_refusal),
    Check("consent.not-entitled", "consent.given-by", _not_entitled),
    Check("consent.withdrawn", "consent.withdrawn", _withdrawn),
    Check("consent.not-in-force", "consent.expired", _not_in_force),
    Check(
        "consent.other-recipient", "consent.out-of-scope", _other_recipient, names_recipient=True
    ),
    Check("consent.other-purpose", "consent.out-of-scope", _other_purpose, names_recipient=True),
    Check("consent.refused", "consent.refused", _refused),
)
