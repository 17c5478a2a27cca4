"""What limits a basis: whose information, what the family refused, who may not see, the address.

A limit takes away from what a basis grants and never adds to it. What cannot be worked out takes
everything away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from consent.request import ShareRequest
from consent.rules import Check, ask
from contracts.consents import Consent, ConsentHeld, Covers, overcomes, stands, takes_back
from contracts.protecting import ProtectedAddress
from contracts.questions import Category
from contracts.roles import Role
from contracts.whose import EVERYBODY, Whose, locating, whose_information

Scope = Mapping[Category, frozenset[Whose]]
"""What is carried: of each category, whose information."""


class Item(NamedTuple):
    """What a decision looks at in a statement; `locating`: it tells where the child lives."""

    category: Category
    whose: frozenset[Whose]
    locating: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a basis reaches: `granted` before any limit, None when it carries nothing.

    `spared` is what refusals leave of it, `excluded` the categories that are kept from the
    recipient, and `sheltered` says that the recipient may not learn the address. `lapsed` are the
    checks by which named consents did not carry; they spoil nothing as long as another does.
    """

    granted: Scope | None
    spared: Scope
    excluded: frozenset[Category] = frozenset()
    sheltered: bool = False
    lapsed: tuple[Check[Any], ...] = ()

    def whole(self) -> frozenset[Category]:
        """Return the categories that are carried whosever information a statement is."""
        full = frozenset(c for c, whose in self.spared.items() if whose == EVERYBODY)
        return full - self.excluded

    def carries(self, item: Item) -> bool:
        """Tell whether a statement is within reach."""
        if item.category in self.excluded or (item.locating and self.sheltered):
            return False
        whose = self.spared.get(item.category)
        return whose is not None and item.whose <= whose


_ALL: Final[Scope] = dict.fromkeys(Category, EVERYBODY)
_EVERY: Final = frozenset(Category)
_EVERYTHING: Final = Reach(_ALL, _ALL)
_BUT_THE_ADDRESS: Final = Reach(_ALL, _ALL, sheltered=True)


def everything(_: ShareRequest) -> Reach:
    """Return the reach of a basis that nothing limits: child protection, and a bare notice."""
    return _EVERYTHING


def everything_but_the_address(request: ShareRequest) -> Reach:
    """Return the reach of a basis that every category has, but for a protected address.

    Raises RuleFailedError.
    """
    sheltered = ask("address.protected", sheltered_from, request)
    return _BUT_THE_ADDRESS if sheltered else _EVERYTHING


def divide(request: ShareRequest, reach: Reach) -> tuple[tuple[bool, ...], frozenset[Item]]:
    """Return which statements `reach` carries, in order, and those that it does not."""
    categories = request.categories
    if not reach.sheltered and reach.whole().issuperset(categories):
        return (True,) * len(categories), frozenset()
    known = request.questions or (0,) * len(categories)
    items = [item(c, q) for c, q in zip(categories, known, strict=True)]
    shown = tuple([reach.carries(one) for one in items])
    return shown, frozenset([i for i, seen in zip(items, shown, strict=True) if not seen])


@lru_cache(maxsize=4096)
def item(category: Category, question: int) -> Item:
    """Return what is decided of a statement; an unknown question may be anything."""
    whose = whose_information().get(question)
    if whose is None:
        return Item(category, EVERYBODY, locating=True)
    return Item(category, whose, question in locating())


def spared(granted: Scope, copies: Sequence[ConsentHeld], request: ShareRequest) -> Scope:
    """Return what refusals and withdrawals leave of what a consent grants.

    A refusal stands against the consent unless every copy of the consent overcomes it.
    """
    against = (*_refusals(copies, request), *_withdrawals(copies, request))
    return _left(granted, against) if against else granted


class _No(NamedTuple):
    """What somebody said no to: of these categories, the information of these people."""

    categories: frozenset[Category]
    whose: frozenset[Whose]


def _left(granted: Scope, against: Sequence[_No]) -> Scope:
    left = granted
    for no in against:
        left = {c: whose - no.whose if c in no.categories else whose for c, whose in left.items()}
    return {c: whose for c, whose in left.items() if whose}


def _refusals(copies: Sequence[ConsentHeld], request: ShareRequest) -> tuple[_No, ...]:
    return tuple(
        [
            _No(
                frozenset(held.consent.categories) or _EVERY,
                frozenset(held.consent.about) or EVERYBODY,
            )
            for held in request.consents
            if stands(held, request.now)
            and held.consent.covers == Covers.SHARING
            and _reaches(held.consent, request)
            and not all(overcomes(copy.consent, held.consent) for copy in copies)
        ]
    )


def _withdrawals(copies: Sequence[ConsentHeld], request: ShareRequest) -> tuple[_No, ...]:
    """Return what was taken back of other consents: what each had granted the recipient."""
    return tuple(
        [
            _No(frozenset(held.consent.categories), frozenset(held.consent.about) or EVERYBODY)
            for held in request.consents
            if held.consent.covers == Covers.SHARING
            and any(takes_back(held, copy.consent) for copy in copies)
            and _names(held.consent.recipients, held.consent.roles, request)
            and _has_purpose(held.consent, request)
        ]
    )


def _reaches(refusal: Consent, request: ShareRequest) -> bool:
    """Tell whether a refusal is about this recipient and purpose; naming none means every one."""
    anyone = not (refusal.recipients or refusal.roles)
    to = anyone or _names(refusal.recipients, refusal.roles, request)
    return to and _has_purpose(refusal, request)


def _has_purpose(no: Consent, request: ShareRequest) -> bool:
    return not no.purposes or request.purpose is None or request.purpose in no.purposes


def _names(agencies: Sequence[str], roles: Sequence[Role], request: ShareRequest) -> bool:
    return request.recipient in agencies or request.recipient_role in roles


def scope_of(held: ConsentHeld) -> Scope:
    """Return what one consent names; one that says not whose grants everybody's."""
    about = held.consent.about
    return dict.fromkeys(held.consent.categories, frozenset(about) if about else EVERYBODY)


def taken_back(held: ConsentHeld, request: ShareRequest) -> bool:
    """Tell whether withdrawals of other consents leave nothing of a consent."""
    return _nothing_left(held, _withdrawals((held,), request))


def refused_whole(held: ConsentHeld, request: ShareRequest) -> bool:
    """Tell whether refusals leave nothing of a consent, or refuse the recipient altogether.

    So they do where it takes a withdrawal besides; what withdrawals do alone is told as that.
    """
    against = _refusals((held,), request)
    if _No(_EVERY, EVERYBODY) in against or _nothing_left(held, against):
        return True
    gone = _withdrawals((held,), request)
    return not _nothing_left(held, gone) and _nothing_left(held, (*against, *gone))


def _nothing_left(held: ConsentHeld, against: Sequence[_No]) -> bool:
    granted = scope_of(held)
    return bool(granted) and not _left(granted, against)


def kept_from(request: ShareRequest) -> frozenset[Category]:
    """Return the categories that the recipient may not see, by any consent that is held.

    The end of a consent does not end what it keeps from somebody; only lifting it does.
    """
    found: frozenset[Category] = frozenset()
    for held in request.consents:
        if held.consent.may_not_see and not held.lifted:
            for kept in held.consent.may_not_see:
                anyone = not (kept.agencies or kept.roles)
                if anyone or _names(kept.agencies, kept.roles, request):
                    found |= frozenset(kept.categories) or _EVERY
    return found


def sheltered_from(request: ShareRequest) -> bool:
    """Tell whether the child's address is protected and the recipient may not learn it."""
    protected: ProtectedAddress | None = request.protected
    return protected is not None and not _names(protected.agencies, protected.roles, request)


def _may_not_see(request: ShareRequest) -> bool:
    return kept_from(request) == _EVERY


def _other_categories(reach: Reach, hidden: frozenset[Item]) -> bool:
    granted = reach.granted or {}
    return any(i.category not in granted and i.category != Category.SAFETY for i in hidden)


def _safety_not_named(reach: Reach, hidden: frozenset[Item]) -> bool:
    granted = reach.granted or {}
    return any(i.category not in granted and i.category == Category.SAFETY for i in hidden)


def _other_person(reach: Reach, hidden: frozenset[Item]) -> bool:
    granted = reach.granted or {}
    return any(i.category in granted and not i.whose <= granted[i.category] for i in hidden)


def _refused_in_part(reach: Reach, hidden: frozenset[Item]) -> bool:
    granted, nobody = reach.granted or {}, frozenset[Whose]()
    return any(
        i.whose <= granted.get(i.category, nobody)
        and not i.whose <= reach.spared.get(i.category, nobody)
        for i in hidden
    )


def _may_not_see_some(reach: Reach, hidden: frozenset[Item]) -> bool:
    return any(i.category in reach.excluded for i in hidden)


def _address_protected(reach: Reach, hidden: frozenset[Item]) -> bool:
    return reach.sheltered and any(i.locating for i in hidden)


def _unknown_category(reach: Reach, hidden: frozenset[Item]) -> bool:
    return any(i.category not in (reach.granted or {}) for i in hidden)


Hides = tuple[Check[[Reach, frozenset[Item]]], ...]

# That somebody is excluded is not told: the reason is the one for what no consent covers.
MAY_NOT_SEE = Check(
    "consent.may-not-see", "consent.out-of-scope", _may_not_see, names_recipient=True
)
ADDRESS_PROTECTED = Check("address.protected", "address.protected", _address_protected)
OUTSIDE_SCOPE: Hides = (
    Check(
        "consent.other-categories", "consent.out-of-scope", _other_categories, names_recipient=True
    ),
    Check("safety.not-named", "consent.out-of-scope", _safety_not_named, names_recipient=True),
    Check("consent.other-person", "consent.out-of-scope", _other_person, names_recipient=True),
    Check("consent.refused-in-part", "consent.refused", _refused_in_part),
    Check(
        "consent.may-not-see-some", "consent.out-of-scope", _may_not_see_some, names_recipient=True
    ),
    ADDRESS_PROTECTED,
)
UNLIMITED: Hides = (Check("statement.unknown-category", "basis.not-entitled", _unknown_category),)
BUT_THE_ADDRESS: Hides = (*UNLIMITED, ADDRESS_PROTECTED)
