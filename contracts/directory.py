"""The directory: who takes part in a partnership, signed by its root key (design §1, §4).

A directory names agencies, practitioners, services, gateways and their keys with their times of
validity (`contracts.directory_entries`); guests of other partnerships count beside them
(`contracts.guests`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts import directory_token, jws
from contracts.directory_entries import (
    Agency,
    Break,
    Closure,
    Cover,
    DeliveryKey,
    DirectoryDocument,
    Gateway,
    Guest,
    Month,
    Practitioner,
    RuleOverride,
    RulesInForce,
    Service,
    SigningKey,
    Trusted,
)
from contracts.directory_token import TYP
from contracts.errors import HandrailError
from contracts.guests import GRACE, guests_of, without_clashes
from contracts.identifiers import HolderId, agency_of
from contracts.managers import line_managers
from contracts.roles import Role

__all__ = [
    "GRACE",
    "TYP",
    "Agency",
    "Break",
    "Closure",
    "Cover",
    "DeliveryKey",
    "Directory",
    "DirectoryDocument",
    "Gateway",
    "Guest",
    "KeyHolder",
    "Month",
    "Practitioner",
    "RuleOverride",
    "RulesInForce",
    "Service",
    "SigningKey",
    "Trusted",
    "WitnessKey",
    "open_directory",
    "sign_directory",
]


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is: a practitioner's or a service's id, and the key.

    `breaks` are the times in which a guest took no part: nothing of then counts.
    """

    holder: HolderId
    key: SigningKey
    is_service: bool
    breaks: tuple[Break, ...] = ()

    def away(self, at: datetime) -> bool:
        """Tell whether the instant `at` lies in a time in which the holder took no part."""
        return any(one.since <= at < one.until for one in self.breaks)


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A gateway's key that signs tree heads; nobody is its holder, so it seals nothing."""

    gateway: str
    key: SigningKey


class Directory:
    """Look-ups over a verified directory document: those of the partnership, then its guests."""

    def __init__(self, document: DirectoryDocument, root_x: str = "") -> None:
        """Index `document`; give a document that `open_directory` verified.

        `root_x` is the root that signed it: the newest one that is known.
        """
        self.document, self.root_x = document, root_x
        guests = tuple(without_clashes(map(guests_of, document.trusted), document))
        agencies = (*document.agencies, *(a for one in guests for a in one.agencies))
        people = (*document.practitioners, *(p for one in guests for p in one.practitioners))
        self.agencies: Mapping[str, Agency] = {a.id: a for a in agencies}
        self.practitioners: Mapping[str, Practitioner] = {p.id: p for p in people}
        self.services: Mapping[str, Service] = {s.id: s for s in document.services}
        self.guests = frozenset(a.id for one in guests for a in one.agencies)
        breaks = {agency: b for one in guests for agency, b in one.breaks.items()}
        self._keys: dict[str, KeyHolder] = {}
        self._people: dict[str, list[Practitioner]] = {}
        for person in people:
            self._people.setdefault(agency_of(person.id), []).append(person)
            for key in person.keys:
                away = breaks.get(agency_of(person.id), ())
                self._keys[key.kid] = KeyHolder(person.id, key, is_service=False, breaks=away)
        for service in document.services:
            for key in service.keys:
                self._keys[key.kid] = KeyHolder(service.id, key, is_service=True)
        self._witnesses = {
            key.kid: WitnessKey(gateway.id, key)
            for gateway in document.gateways
            for key in gateway.witness
        }

    def holder(self, kid: str) -> KeyHolder | None:
        """Return who holds the key `kid`, or None."""
        return self._keys.get(kid)

    def witness(self, kid: str) -> WitnessKey | None:
        """Return which gateway signs tree heads with the key `kid`, or None.

        Such a key signs nothing else: `holder` does not know it.
        """
        return self._witnesses.get(kid)

    def agency(self, agency: str, at: datetime) -> Agency | None:
        """Return an agency that takes part at the instant `at`, or None."""
        found = self.agencies.get(agency)
        return None if found is None or _gone(found.left_at, at) else found

    def practitioner(self, practitioner: str, at: datetime) -> Practitioner | None:
        """Return a practitioner who has not left at the instant `at`, or None."""
        found = self.practitioners.get(practitioner)
        return None if found is None or _gone(found.left_at, at) else found

    def people(self, agency: str, at: datetime) -> tuple[Practitioner, ...]:
        """Return who works in `agency` at the instant `at`, in the directory's order."""
        return tuple(p for p in self._people.get(agency, ()) if not _gone(p.left_at, at))

    def line_managers(self, practitioner: str, at: datetime) -> frozenset[str]:
        """Return who may act as the person's line manager then, as ids (003 §2.3)."""
        return line_managers(self, practitioner, at)

    def by_role(self, role: Role) -> tuple[Agency, ...]:
        """Return the agencies of a role, in the directory's order."""
        return tuple(a for a in self.agencies.values() if a.role is role)

    def answering(self, role: Role, at: datetime) -> tuple[Agency, ...]:
        """Return whom to tell of a role: our agencies that take part at the instant `at`.

        Guests only where none of ours has the role: another partnership hears of our children when
        it is addressed, and not because its agency is of a kind.
        """
        here = tuple(a for a in self.by_role(role) if not _gone(a.left_at, at))
        return tuple(a for a in here if a.id not in self.guests) or here

    def must_be_fresh(self, now: datetime, grace: timedelta = GRACE) -> None:
        """Raise `directory.expired` when the directory is past its expiry and a grace of days."""
        if now > self.document.expires_at + grace:
            raise HandrailError(
                "directory.expired",
                "the partnership's directory has expired",
                "have the partnership root sign a new directory and start again",
            )


def _gone(left_at: datetime | None, at: datetime) -> bool:
    return left_at is not None and left_at <= at


def sign_directory(document: DirectoryDocument, root: jws.Signer) -> bytes:
    """Return the directory as JWS General JSON, signed by the partnership root."""
    return directory_token.sign(document, root)


def open_directory(data: bytes, root_x: str, *, newest_seen: int = 0) -> Directory:
    """Return the directory in `data`, verified for a reader pinned to the root `root_x`.

    That is the root's public key as it was made known, or any that the partnership went over to
    later: the newest one must have signed. Raises `directory.untrusted` for any other signature or
    form, `directory.older` when its version is below `newest_seen`: a broker cannot bring an old
    key back.
    """
    signed = directory_token.read(data, root_x)
    if signed is None:
        raise HandrailError(
            "directory.untrusted",
            "the directory is not signed by the partnership root",
            "fetch the directory from the partnership again and compare the root key",
        )
    if signed.document.version < newest_seen:
        raise HandrailError(
            "directory.older",
            "the directory is older than one that was seen before",
            "put the newest directory.jws back, from a backup or from another installation",
        )
    return Directory(signed.document, signed.roots.newest)
