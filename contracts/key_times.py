"""The times of keys: what a key may sign now, what still counts of it, and what is about to end."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from contracts.directory import Directory
from contracts.directory_entries import DeliveryKey, SigningKey
from contracts.guests import open_theirs

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class KeyState(StrEnum):
    """How a key stands at an instant."""

    NOT_YET = "not yet valid"
    VALID = "valid"
    RETIRING = "valid, to be retired"
    RETIRED = "retired"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Ending(StrEnum):
    """What is about to end."""

    DIRECTORY = "directory"
    PRACTITIONER = "practitioner"
    SERVICE = "service"
    WITNESS = "witness"
    DELIVERY = "delivery"
    TRUSTED = "trusted"


@dataclass(frozen=True, slots=True)
class Expiring:
    """What ends at the instant `at` with nothing to follow it, and whose it is.

    `holder` is the id of a partnership, a practitioner, a service, a gateway or an agency.
    """

    what: Ending
    holder: str
    at: datetime


def ends_at(key: SigningKey) -> datetime | None:
    """Return from when on the key signs nothing more by its dates, or None; revocation apart."""
    return min((at for at in (key.valid_to, key.retired_at) if at is not None), default=None)


def state(key: SigningKey, now: datetime) -> KeyState:
    """Return how `key` stands at the instant `now`."""
    if key.compromised_at is not None and key.compromised_at <= now:
        return KeyState.REVOKED
    if key.retired_at is not None and key.retired_at <= now:
        return KeyState.RETIRED
    if key.valid_to is not None and key.valid_to <= now:
        return KeyState.EXPIRED
    if key.valid_from > now:
        return KeyState.NOT_YET
    return KeyState.VALID if key.retired_at is None else KeyState.RETIRING


def signs(key: SigningKey, now: datetime) -> bool:
    """Tell whether `key` may sign at the instant `now`."""
    return state(key, now) in (KeyState.VALID, KeyState.RETIRING)


def expiring(directory: Directory, now: datetime, within: timedelta) -> tuple[Expiring, ...]:
    """Return what ends within `within` of `now`, or has ended, and has nothing to follow it.

    The directory itself; a practitioner's, a service's or a witness's last key; an agency's last
    delivery key; a trusted partnership's directory. The soonest comes first. People, agencies and
    partnerships that have left are not told, nor whoever never had a key.
    """
    found = (one for one in _all(directory, now) if one.at <= now + within)
    return tuple(sorted(found, key=lambda one: (one.at, one.holder)))


def _all(directory: Directory, now: datetime) -> Iterator[Expiring]:
    document = directory.document
    yield Expiring(Ending.DIRECTORY, document.partnership, document.expires_at)
    for person in document.practitioners:
        if directory.practitioner(person.id, now) is not None:
            yield from _last(Ending.PRACTITIONER, person.id, person.keys)
    for service in document.services:
        yield from _last(Ending.SERVICE, service.id, service.keys)
    for gateway in document.gateways:
        yield from _last(Ending.WITNESS, gateway.id, gateway.witness)
    for agency in document.agencies:
        if agency.delivery_keys and directory.agency(agency.id, now) is not None:
            yield Expiring(Ending.DELIVERY, agency.id, _months_end(agency.delivery_keys))
    for trusted in document.trusted:
        theirs = open_theirs(trusted.directory, trusted.root_x)
        if theirs is not None and trusted.ended_at is None:
            yield Expiring(Ending.TRUSTED, trusted.partnership, theirs.document.expires_at)


def _last(what: Ending, holder: str, keys: Iterable[SigningKey]) -> Iterator[Expiring]:
    ends = [key.compromised_at or ends_at(key) or _NEVER for key in keys]
    if ends and max(ends) < _NEVER:
        yield Expiring(what, holder, max(ends))


def _months_end(keys: Iterable[DeliveryKey]) -> datetime:
    year, month = map(int, max(key.month for key in keys).split("-"))
    years, month = divmod(month, 12)
    return datetime(year + years, month + 1, 1, tzinfo=UTC)
