"""Guests: agencies of another partnership that ours has named, as their own root describes them.

Ours alone says which partnership, by which root key, which of its agencies, in which role and
behind which gateway. Theirs says who works there and with which keys. Nothing that their root signs
reaches anybody or anything of ours: an id that does not begin with their partnership's and a key
that somebody else holds do not count, a role other than ours has named changes nothing, and none
of its people is our data protection officer (ADR 0025). Closures count as far as one of ours might
have them: they hold up clocks of children here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from contracts import directory_token
from contracts.closures import honoured, too_long
from contracts.directory_entries import (
    Agency,
    Break,
    DirectoryDocument,
    Guest,
    Practitioner,
    SigningKey,
    Trusted,
)
from contracts.directory_token import Signed
from contracts.identifiers import agency_of, partnership_of
from contracts.roles import Capacity

GRACE: Final = timedelta(days=7)
_CAPACITIES: Final = frozenset(
    {
        Capacity.PRACTITIONER,
        Capacity.LEAD_PROFESSIONAL,
        Capacity.LINE_MANAGER,
        Capacity.TEAM_MANAGER,
        Capacity.SOCIAL_WORKER,
        Capacity.DUTY_WORKER,
        Capacity.CAF_WORKER,
    }
)
"""What a guest's people may be here: what acts for their own agency, by its role here.

A data protection officer reads and erases what every agency said; so only ours names one.
"""
_TYPES: Final = (directory_token.OFFER_TYP, directory_token.TYP)


@dataclass(frozen=True, slots=True)
class Guests:
    """The agencies and people of another partnership that count here, in its directory's order.

    `breaks` are the times in which an agency took no part, by its id. `overlong` are the agencies,
    by id, of whose closures some are too long to count.
    """

    agencies: tuple[Agency, ...] = ()
    practitioners: tuple[Practitioner, ...] = ()
    breaks: Mapping[str, tuple[Break, ...]] = field(default_factory=dict)
    overlong: frozenset[str] = frozenset()


def open_theirs(data: str, root_x: str) -> Signed | None:
    """Return another partnership's directory, or its offer, as its newest root signed it, or None.

    None too for one that itself trusts others: who that is, is no business of ours, and directories
    inside directories would grow without end.
    """
    for typ in _TYPES:
        found = directory_token.read(data, root_x, typ)
        if found is not None:
            return None if found.document.trusted else found
    return None


@lru_cache(maxsize=64)
def guests_of(trusted: Trusted) -> Guests:
    """Return who counts of a trusted partnership; nobody where its directory does not verify.

    Nobody counts after it was ended, nor after the other directory's expiry and its grace of days.
    """
    signed = open_theirs(trusted.directory, trusted.root_x)
    if signed is None or signed.document.partnership != trusted.partnership:
        return Guests()
    expired = signed.document.expires_at + GRACE
    stays = {
        one.agency: _Stay(trusted, one, _first(one.left_at, trusted.ended_at), expired)
        for one in trusted.guests
        if partnership_of(one.agency) == trusted.partnership
    }
    agencies = tuple(a for a in signed.document.agencies if a.id in stays)
    people = (p for p in signed.document.practitioners if agency_of(p.id) in stays)
    return Guests(
        tuple(_agency(agency, stays[agency.id]) for agency in agencies),
        tuple(_person(person, stays[agency_of(person.id)]) for person in people),
        {agency: stay.guest.breaks for agency, stay in stays.items()},
        frozenset(agency.id for agency in agencies if too_long(agency.closures)),
    )


def without_clashes(guests: Iterable[Guests], ours: DirectoryDocument) -> Iterator[Guests]:
    """Yield guests without any key or agency that ours, or a guest before them, holds.

    Whoever was trusted first keeps what both name; that two name it is refused at signing
    (`contracts.directory_checks`).
    """
    agencies = {a.id for a in ours.agencies} | {s.id for s in ours.services}
    kids = set(ours.kids())
    for found in guests:
        welcome = tuple(a for a in found.agencies if a.id not in agencies)
        agencies |= {a.id for a in welcome}
        people: list[Practitioner] = []
        for person in found.practitioners:
            if agency_of(person.id) in {a.id for a in welcome}:
                keys = tuple(key for key in person.keys if key.kid not in kids)
                kids |= {key.kid for key in keys}
                people.append(person.model_copy(update={"keys": keys}))
        yield Guests(welcome, tuple(people), found.breaks, found.overlong)


@dataclass(frozen=True, slots=True)
class _Stay:
    """How a guest takes part: by which trust, until when, and when what is known of it is over."""

    trusted: Trusted
    guest: Guest
    ended_at: datetime | None
    expired: datetime

    def left(self, left_at: datetime | None) -> datetime | None:
        """Return when somebody counts as having left, who left at home at `left_at`."""
        return _first(left_at, self.ended_at, self.expired)

    def of_theirs(self, person: str | None) -> str | None:
        """Return a person whom an entry names, where it is one of the same partnership."""
        theirs = person is not None and partnership_of(person) == self.trusted.partnership
        return person if theirs else None


def _agency(agency: Agency, stay: _Stay) -> Agency:
    """Return the agency as it counts here: in the role and behind the gateway that ours named."""
    update = {
        "role": stay.guest.role,
        "gateway": stay.trusted.gateway,
        "duty_desk": stay.of_theirs(agency.duty_desk),
        "safeguarding_lead": stay.of_theirs(agency.safeguarding_lead),
        "closures": honoured(agency.closures),
        "left_at": stay.left(agency.left_at),
    }
    return agency.model_copy(update=update)


def _person(person: Practitioner, stay: _Stay) -> Practitioner:
    update = {
        "capacities": tuple(c for c in person.capacities if c in _CAPACITIES),
        "line_manager": stay.of_theirs(person.line_manager),
        "deputy": stay.of_theirs(person.deputy),
        "cover": tuple(c for c in person.cover if stay.of_theirs(c.by)),
        "keys": tuple(_key(key, stay) for key in person.keys),
        "left_at": stay.left(person.left_at),
    }
    return person.model_copy(update=update)


def _key(key: SigningKey, stay: _Stay) -> SigningKey:
    """Return the key as it counts here: what arrives after the end counts as after a revocation.

    A signature says itself when it was made; the end is at once, so it is judged by arrival.
    """
    update = {
        "valid_from": max(key.valid_from, stay.trusted.since),
        "valid_to": _first(key.valid_to, stay.expired),
        "compromised_at": _first(key.compromised_at, stay.ended_at),
    }
    return key.model_copy(update=update)


def _first(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)
