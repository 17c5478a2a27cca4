"""Amending the directory: each change is a new version, signed by the partnership's root key."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from contracts import base64url
from contracts.directory import Directory, DirectoryDocument, Practitioner, open_directory
from contracts.directory_checks import faults
from contracts.errors import HandrailError
from contracts.identifiers import AGENCY, PRACTITIONER, agency_of
from contracts.roles import Capacity
from services.cli.founding import (
    VALID_FOR,
    Plan,
    entry,
    found_agency,
    found_gateway,
    signing_key,
    with_delivery_keys,
)
from services.cli.root_signing import destroy_old_roots, write_directory
from services.runtime.keystore import practitioner_key
from services.runtime.nats_plan import ServiceRole
from services.runtime.partnership import Partnership
from services.runtime.seen import newest_in, refuse_other, remember, seen_in, seen_of

_KEY_BYTES = 32
_SEEN = "cli.version"
Change = Callable[[DirectoryDocument], dict[str, object]]
"""Takes the directory as it stands and returns the members that change."""


def read_directory(partnership: Partnership) -> Directory:
    """Return the directory in the folder of state, verified; expired and older ones too, to show.

    Raises HandrailError `directory.missing` or `directory.untrusted`.
    """
    seen = seen_in(partnership.folder / "seen" / _SEEN)
    return open_directory(_bytes_of(partnership), seen.root_x or partnership.root_x)


def newest_directory(partnership: Partnership) -> Directory:
    """Return the directory in the folder of state as one to sign on from; expired ones too.

    Raises as `read_directory`, and HandrailError `directory.older` or `directory.forked` where this
    or any service of this installation has seen a newer one, or another one of the same version: to
    sign over it would undo what that one says.
    """
    data, folder = _bytes_of(partnership), partnership.folder / "seen"
    newest = newest_in(folder)
    pinned = newest.root_x or partnership.root_x
    directory = open_directory(data, pinned, newest_seen=newest.version)
    refuse_other(seen_of(directory.document.version, directory.root_x, data), newest)
    return directory


def _bytes_of(partnership: Partnership) -> bytes:
    try:
        return partnership.directory_path.read_bytes()
    except OSError:
        raise HandrailError(
            "directory.missing",
            "the folder of state holds no directory",
            "copy the partnership's directory.jws into it",
        ) from None


def amend(partnership: Partnership, now: datetime, change: Change) -> Directory:
    """Apply `change`, sign the next version, valid for a year from `now`, and return it.

    Raises HandrailError `directory.bad-entry` for a change that no directory can hold,
    `directory.*` for one that `contracts.directory_checks` finds wrong, and `key.missing` where the
    root key is not in this folder. Raises as `newest_directory` does. A root that was left behind
    leaves no private key here.
    """
    with _alone(partnership):
        before = newest_directory(partnership).document
        destroy_old_roots(partnership, before)
        next_version = {
            "version": before.version + 1,
            "issued_at": now,
            "expires_at": now + VALID_FOR,
        }
        after = entry(DirectoryDocument, **{**dict(before), **change(before), **next_version})
        _check(before, after, now)
        write_directory(partnership, after)
        signed = read_directory(partnership)
        made = seen_of(after.version, signed.root_x, _bytes_of(partnership))
        remember(partnership.folder / "seen" / _SEEN, made)
        destroy_old_roots(partnership, after)
        return signed


def _check(before: DirectoryDocument, after: DirectoryDocument, now: datetime) -> None:
    """Refuse what a change makes wrong; what was wrong before must not stop another change."""
    wrong = faults(after, now) - faults(before, now)
    for fault in sorted(wrong, key=lambda found: (found.code, found.entry)):
        raise fault.error


def add_agency(partnership: Partnership, plan: Plan, now: datetime) -> Directory:
    """Add an agency with its delivery keys, and its gateway where that is new.

    Raises HandrailError `agency.exists` or `agency.bad-id`.
    """
    agency = f"{partnership.id}.{plan.name}"
    if AGENCY.fullmatch(agency) is None or agency in _service_ids(partnership):
        raise HandrailError(
            "agency.bad-id",
            "that cannot be the name of an agency",
            "choose 2 to 31 small letters, digits and hyphens; names of our services are taken",
        )

    def change(before: DirectoryDocument) -> dict[str, object]:
        if any(one.id == agency for one in before.agencies):
            raise HandrailError(
                "agency.exists", "the directory holds that agency already", "choose another name"
            )
        made: dict[str, object] = {
            "agencies": (*before.agencies, found_agency(partnership, plan, now))
        }
        if all(gateway.id != plan.gateway for gateway in before.gateways):
            made["gateways"] = (*before.gateways, found_gateway(partnership, plan.gateway, now))
        return made

    return amend(partnership, now, change)


def renew(partnership: Partnership, now: datetime) -> Directory:
    """Sign the directory for another year, with delivery keys for 13 months from `now`.

    Keys whose month is over are left out. Raises as `amend` does.
    """
    this_month = f"{now:%Y-%m}"

    def change(document: DirectoryDocument) -> dict[str, object]:
        renewed = (with_delivery_keys(partnership, agency, now) for agency in document.agencies)
        return {
            "agencies": tuple(
                agency.model_copy(
                    update={
                        "delivery_keys": tuple(
                            key for key in agency.delivery_keys if key.month >= this_month
                        )
                    }
                )
                for agency in renewed
            )
        }

    return amend(partnership, now, change)


def public_half(partnership: Partnership, practitioner: str, *, create: bool) -> str:
    """Return the public half of a practitioner's key in this folder, as RFC 8037 `x`.

    `create` makes the key where there is none yet. Raises HandrailError `practitioner.bad-id` or
    `key.missing`.
    """
    _check_practitioner(partnership, practitioner)
    name = practitioner_key(practitioner)
    if create and not partnership.signers.names(name):
        return partnership.signers.create(name).x
    return partnership.practitioner_key(practitioner).x


def add_practitioner(
    partnership: Partnership, person: Practitioner, x: str, now: datetime
) -> Directory:
    """Add `person` with the public signing key `x`, valid from `now`.

    Raises HandrailError `practitioner.exists`, `practitioner.bad-id`, `agency.unknown`,
    `practitioner.unknown` for a line manager the directory does not hold, `directory.bad-entry` for
    one of another agency, or `key.not-public`.
    """
    _check_practitioner(partnership, person.id)
    check_public(x)

    def change(before: DirectoryDocument) -> dict[str, object]:
        _check_addition(Directory(before), person, now)
        added = person.model_copy(update={"keys": (signing_key(x, now),)})
        return {"practitioners": (*before.practitioners, added)}

    return amend(partnership, now, change)


def _check_addition(directory: Directory, person: Practitioner, now: datetime) -> None:
    if person.id in directory.practitioners:
        raise HandrailError(
            "practitioner.exists",
            "the directory holds that practitioner already",
            "choose another handle; somebody who left is never replaced under the same id",
        )
    if directory.agency(agency_of(person.id), now) is None:
        raise HandrailError(
            "agency.unknown",
            "the directory does not hold the practitioner's agency",
            "add the agency first with `handrail partnership agency add`",
        )
    for named in (person.line_manager, person.deputy):
        if named is not None and directory.practitioner(named, now) is None:
            raise unknown(named)
    if person.line_manager and agency_of(person.line_manager) != agency_of(person.id):
        raise HandrailError(
            "directory.bad-entry",
            "the line manager is of another agency",
            "name somebody of the practitioner's own agency",
        )


def _check_practitioner(partnership: Partnership, practitioner: str) -> None:
    ours = practitioner.startswith(f"{partnership.id}.")
    if not ours or PRACTITIONER.fullmatch(practitioner) is None:
        raise HandrailError(
            "practitioner.bad-id",
            "that is not the id of a practitioner of this partnership",
            f"write it as `{partnership.id}.<agency>.<handle>`",
        )


def check_public(x: str) -> None:
    """Raise HandrailError `key.not-public` for what is not the public half of a key."""
    raw = base64url.decode(x)
    if raw is None or len(raw) != _KEY_BYTES:
        raise HandrailError(
            "key.not-public",
            "that is not the public half of an Ed25519 key",
            "give the 43 characters that `handrail practitioner key` printed",
        )


def unknown(practitioner: str) -> HandrailError:
    """Return the error about somebody whom the directory does not hold, or who has left."""
    return HandrailError(
        "practitioner.unknown",
        f"the directory does not hold {practitioner}, or the person has left",
        "check the practitioner's id in the directory",
    )


def _service_ids(partnership: Partnership) -> frozenset[str]:
    return frozenset(f"{partnership.id}.{role}" for role in ServiceRole)


@contextmanager
def _alone(partnership: Partnership) -> Iterator[None]:
    """Hold the directory's own lock: two changes at once would make the same version twice."""
    descriptor = os.open(partnership.folder / "directory.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def capacities(names: list[str]) -> tuple[Capacity, ...]:
    """Return the capacities of these names; raises HandrailError `capacity.unknown`."""
    try:
        return tuple(Capacity(name) for name in names)
    except ValueError:
        raise HandrailError(
            "capacity.unknown",
            "that is not a capacity in which a person signs",
            f"choose among {', '.join(c for c in Capacity if c is not Capacity.SERVICE)}",
        ) from None
