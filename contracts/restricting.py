"""What is kept back from somebody, where one child has several references (ADR 0021).

What a family or a court keeps back under one reference holds under every other that is the same
child's; what it agreed to under one is never carried over to another. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from contracts.consents import Consent, ConsentHeld, GivenBy, MayNotSee, stands, takes_back
from contracts.journey import Journey
from contracts.keeping_back import NotShared, keeps_back
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category


def lost(retired: Journey, survivor: Journey, now: datetime) -> Iterator[str]:
    """Yield what `retired` keeps back at `now` and `survivor` does not keep back as strictly.

    One word each: address, people, refusal, may-not-see, withdrawal, sharing. What the survivor has
    must reach at least as far, last as long, and be as hard to end.
    """
    if retired.protected and not _shelters(survivor.protected, retired.protected):
        yield "address"
    if not set(retired.must_not_know) <= set(survivor.must_not_know):
        yield "people"
    refusals = tuple(c.consent for c in survivor.consents if stands(c, now))
    if any(stands(c, now) and not _refuses(refusals, c.consent) for c in retired.consents):
        yield "refusal"
    kept = tuple(_kept(survivor))
    if any(not any(_hides(one, wanted) for one in kept) for wanted in _kept(retired)):
        yield "may-not-see"
    if _revived(retired, survivor):
        yield "withdrawal"
    if not all(_decided_against(survivor, one) for one in retired.not_shared):
        yield "sharing"


def guarded(journey: Journey, others: Sequence[Journey]) -> Journey:
    """Return `journey` with everything that the child's `others` keep back, and no more consent.

    Its own consents come first, in their order; one withdrawn under any reference is withdrawn.
    Of a protected address only those may learn it whom every reference names.
    """
    if not others:
        return journey
    gone: dict[str, datetime] = {}
    for one in (journey, *others):
        gone = {**_withdrawals(one), **gone}
    own = tuple(_ended(held, gone) for held in journey.consents)
    same = [held.consent for held in own]
    brought = [_ended(c, gone).kept_back() for one in others for c in one.consents]
    people = (name for one in (journey, *others) for name in one.must_not_know)
    return replace(
        journey,
        consents=(*own, *(c for c in brought if c is not None and not _is_own(c, same))),
        must_not_know=tuple(dict.fromkeys(people)),
        protected=_strictest(one.protected for one in (journey, *others)),
        not_shared=tuple(
            dict.fromkeys(kept for one in (journey, *others) for kept in one.not_shared)
        ),
    )


def _shelters(mine: ProtectedAddress | None, wanted: ProtectedAddress) -> bool:
    """Tell whether `mine` lets nobody learn the address whom `wanted` does not."""
    if mine is None or (wanted.by is ProtectedBy.COURT and mine.by is not ProtectedBy.COURT):
        return False
    return set(mine.agencies) <= set(wanted.agencies) and set(mine.roles) <= set(wanted.roles)


def _refuses(refusals: Iterable[Consent], wanted: Consent) -> bool:
    return any(_as_strict(one, wanted) for one in refusals)


def _as_strict(mine: Consent, wanted: Consent) -> bool:
    """Tell whether the refusal `mine` reaches as far as `wanted` and is not overcome sooner."""
    young = GivenBy.YOUNG_PERSON
    lasts = mine.expires_at is None or (
        wanted.expires_at is not None and mine.expires_at >= wanted.expires_at
    )
    return (
        mine.covers == wanted.covers
        and mine.given_at >= wanted.given_at
        and (mine.given_by == young or wanted.given_by != young)
        and lasts
        and _names_all((*mine.recipients, *mine.roles), (*wanted.recipients, *wanted.roles))
        and _names_all(mine.categories, wanted.categories)
        and _names_all(mine.about, wanted.about)
        and _names_all(mine.purposes, wanted.purposes)
    )


def _names_all(mine: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether `mine` names all that `wanted` does; naming nothing means everything."""
    return not mine or (bool(wanted) and set(wanted) <= set(mine))


def _kept(journey: Journey) -> Iterator[MayNotSee]:
    for held in journey.consents:
        if not held.lifted:
            yield from held.consent.may_not_see


def _hides(mine: MayNotSee, wanted: MayNotSee) -> bool:
    people = ((*mine.agencies, *mine.roles), (*wanted.agencies, *wanted.roles))
    return _names_all(*people) and _names_all(mine.categories, wanted.categories)


def _withdrawals(journey: Journey) -> Mapping[str, datetime]:
    ahead = {name: datetime.fromisoformat(at) for name, (at, _) in journey.ahead.items()}
    held = {c.consent.id: c.withdrawn_at for c in journey.consents if c.withdrawn_at is not None}
    return {**ahead, **held}


def _revived(retired: Journey, survivor: Journey) -> bool:
    """Tell whether a consent withdrawn under `retired` permits, or may come to permit, here."""
    gone, ended = _withdrawals(retired), _withdrawals(survivor)
    live = [c.consent for c in survivor.consents if c.consent.id not in ended]
    return (
        any(one.id in gone for one in live)
        or not retired.ahead.keys() <= ended.keys()
        or any(takes_back(held, one) for held in retired.consents for one in live)
    )


def _decided_against(journey: Journey, wanted: NotShared) -> bool:
    categories = wanted.of or tuple(Category)
    return all(keeps_back(journey.not_shared, wanted.by, wanted.to, c) for c in categories)


def _is_own(held: ConsentHeld, own: Sequence[Consent]) -> bool:
    """Tell whether a consent is held here too and keeps as much back; else it holds beside it."""
    consent = held.consent
    return any(one.id == consent.id and one.may_not_see == consent.may_not_see for one in own)


def _ended(held: ConsentHeld, gone: Mapping[str, datetime]) -> ConsentHeld:
    at = gone.get(held.consent.id)
    if at is None or held.withdrawn_at is not None:
        return held
    return ConsentHeld(consent=held.consent, withdrawn_at=at, lifted=held.lifted)


def _strictest(several: Iterable[ProtectedAddress | None]) -> ProtectedAddress | None:
    found: ProtectedAddress | None = None
    for one in several:
        if found is None or one is None:
            found = found or one
            continue
        agencies = tuple(a for a in found.agencies if a in one.agencies)
        found = replace(
            found, agencies=agencies, roles=tuple(r for r in found.roles if r in one.roles)
        )
    return found
