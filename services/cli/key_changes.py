"""The lives of signing keys: rotated with overlap, retired, revoked, ended; and of the root."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from contracts import jws
from contracts.directory import Directory, DirectoryDocument, Practitioner, Service, SigningKey
from contracts.errors import HandrailError
from contracts.event import MAX_AGE
from contracts.key_times import ends_at
from contracts.roots import sign_change
from services.cli.amending import (
    Change,
    amend,
    check_public,
    newest_directory,
    read_directory,
)
from services.cli.root_signing import root_key, root_name
from services.runtime.identities import Identities
from services.runtime.keystore import KeyStore
from services.runtime.partnership import Partnership

Keys = tuple[SigningKey, ...]
Holder = TypeVar("Holder", Practitioner, Service)
_SERVICE_OVERLAP: Final = timedelta(days=1)
"""A service signs with its old key until it has read the new directory; that must still count."""


def base_of(partnership: Partnership, holder: str, document: DirectoryDocument) -> str:
    """Return the name under which the keys of a practitioner or a service lie in the store.

    Raises HandrailError `key.no-holder` for anybody whom the directory does not hold as ours.
    """
    if any(one.id == holder for one in document.services):
        return f"services/{holder.removeprefix(f'{partnership.id}.')}"
    if any(one.id == holder for one in document.practitioners):
        return f"practitioners/{holder}"
    raise HandrailError(
        "key.no-holder",
        "the directory holds no practitioner and no service of that id",
        f"name somebody such as `{partnership.id}.<agency>.<handle>`, or a service such as "
        f"`{partnership.id}.exchange`",
    )


def keys_of(document: DirectoryDocument, holder: str) -> Keys:
    """Return the keys of a practitioner or a service in the directory's order, oldest first."""
    for service in document.services:
        if service.id == holder:
            return service.keys
    return next((one.keys for one in document.practitioners if one.id == holder), ())


def make_key(partnership: Partnership, holder: str, *, in_token: bool = False) -> str:
    """Make a further key for a holder in this folder, or in the token, and return its public half.

    One that was made before and is not in the directory yet is given again.
    """
    document = read_directory(partnership).document
    base, signers = base_of(partnership, holder, document), partnership.signers
    known = {key.x for key in keys_of(document, holder)}
    for x, name in signers.by_public(base).items():
        if x not in known and signers.in_token(name) == in_token:
            return x
    return signers.add(base, in_token=in_token).x


def rotate(
    partnership: Partnership, holder: str, x: str, overlap: timedelta, now: datetime
) -> Directory:
    """Sign the key `x` in for `holder` from `now` on; what was valid retires after `overlap`.

    A service's key counts for `MAX_AGE` before too: what is decided late is attested with the
    instant by which it was decided. Raises HandrailError `key.not-public`, `key.no-holder`,
    `key.overlap-too-short` for a service, `directory.bad-entry` for a key that somebody has.
    """
    check_public(x)
    retires = now + overlap

    def change(document: DirectoryDocument) -> dict[str, object]:
        service = any(one.id == holder for one in document.services)
        if service and overlap < _SERVICE_OVERLAP:
            raise _too_short()
        since = now - MAX_AGE if service else now
        added = SigningKey(kid=jws.thumbprint(x), x=x, valid_from=since)

        def renewed(keys: Keys) -> Keys:
            old = (
                key if (ends_at(key) or retires) < retires else _with(key, retired_at=retires)
                for key in keys
            )
            return (*old, added)

        return _changed(partnership, document, holder, renewed)

    return amend(partnership, now, change)


def retire(partnership: Partnership, holder: str, kid: str, now: datetime) -> Directory:
    """Let a key sign nothing more from `now` on; what it signed before stays valid.

    Raises HandrailError `key.no-holder` or `key.unknown`.
    """
    return amend(partnership, now, _one(partnership, holder, kid, retired_at=now))


def revoke(partnership: Partnership, holder: str, kid: str, now: datetime) -> Directory:
    """Say that a key is in wrong hands: whatever arrives from `now` on with it counts as nothing.

    Raises HandrailError `key.no-holder` or `key.unknown`.
    """
    return amend(partnership, now, _one(partnership, holder, kid, compromised_at=now))


def expire(
    partnership: Partnership, holder: str, kid: str, at: datetime, now: datetime
) -> Directory:
    """Let a key end at the instant `at`, of which `handrail doctor` reminds in time.

    Raises HandrailError `key.no-holder`, `key.unknown`, or `key.over` for one that has ended.
    """

    def checked(document: DirectoryDocument) -> dict[str, object]:
        ends = (ends_at(key) for key in keys_of(document, holder) if key.kid == kid)
        if any(end is not None and end <= now for end in ends):
            raise _over()
        return _one(partnership, holder, kid, valid_to=at)(document)

    return amend(partnership, now, checked)


def rotate_root(partnership: Partnership, now: datetime, *, in_token: bool = False) -> Directory:
    """Go over to a new root key, made here or in the token; the old one signs nothing any more.

    Both keys sign the change, and the new one signs the directory that holds it. The old private
    key is destroyed then, where it is a file. Broken off, it can be done again; the next change of
    the directory destroys what it left. Raises as `amend` does, and HandrailError `root.left-over`.
    """
    signers = partnership.signers
    before = newest_directory(partnership).document
    number = len(before.root_changes) + 1
    name = root_name(number)
    if signers.holds(name) and signers.in_token(name) != in_token:
        raise _left_over(name, in_token=signers.in_token(name))
    new = signers.load(name) if signers.holds(name) else signers.create(name, in_token=in_token)

    def change(document: DirectoryDocument) -> dict[str, object]:
        if len(document.root_changes) + 1 != number:
            raise HandrailError(
                "root.changed-meanwhile",
                "the root has been changed by somebody else just now",
                "see who it was before you change it again",
            )
        text = sign_change(partnership.id, number, root_key(partnership, document), new, now)
        return {"root_changes": (*document.root_changes, text)}

    return amend(partnership, now, change)


def protect(partnership: Partnership, passphrase: str) -> tuple[int, int]:
    """Encrypt every private key here under `passphrase`; return how many, and how many were.

    NATS identities that lie here as plain seeds are taken into the key store. Broken off half-way,
    the same command does the rest. Raises HandrailError `key.*`.
    """
    keys = partnership.keys
    done = [keys.protect(name, passphrase) for name in keys.names()]
    renewed = KeyStore(partnership.folder / "keys", passphrase)
    seeds = Identities(partnership.folder, renewed).adopt_seeds()
    return sum(done) + seeds, len(done) - sum(done)


def kid_of(document: DirectoryDocument, holder: str, begins: str) -> str:
    """Return the full name of the holder's key whose name begins so.

    Raises HandrailError `key.unknown` where there is none or more than one.
    """
    found = [key.kid for key in keys_of(document, holder) if key.kid.startswith(begins)]
    if len(found) != 1 or not begins:
        raise _unknown()
    return found[0]


def _one(partnership: Partnership, holder: str, kid: str, **ends: datetime) -> Change:
    ((member, at),) = ends.items()

    def ended(keys: Keys) -> Keys:
        if all(key.kid != kid for key in keys):
            raise _unknown()
        return tuple(_earlier(key, member, at) if key.kid == kid else key for key in keys)

    return lambda document: _changed(partnership, document, holder, ended)


def _earlier(key: SigningKey, member: str, at: datetime) -> SigningKey:
    """Return the key with an end that is never later than the one it had: what is over stays so."""
    held: datetime | None = getattr(key, member)
    later_is_fine = member == "valid_to"
    return key if held and held < at and not later_is_fine else _with(key, **{member: at})


def _with(key: SigningKey, **changed: datetime) -> SigningKey:
    return key.model_copy(update=dict(changed))


def _changed(
    partnership: Partnership,
    document: DirectoryDocument,
    holder: str,
    change: Callable[[Keys], Keys],
) -> dict[str, object]:
    base_of(partnership, holder, document)

    def of(one: Holder) -> Holder:
        if one.id != holder:
            return one
        return one.model_copy(update={"keys": change(one.keys)})

    return {
        "practitioners": tuple(map(of, document.practitioners)),
        "services": tuple(map(of, document.services)),
    }


def _left_over(name: str, *, in_token: bool) -> HandrailError:
    there = f"keys/{name}.pkcs11 names a key in the module" if in_token else f"keys/{name}.key"
    return HandrailError(
        "root.left-over",
        f"a change of the root that was broken off has left its new key: {there}",
        "take it, by the same command "
        + ("with --pkcs11" if in_token else "without --pkcs11")
        + ", or destroy the file and what it names, and run this again",
    )


def _over() -> HandrailError:
    return HandrailError(
        "key.over",
        "that key has ended already, and what is over stays so: what was signed since would count",
        "give the holder a new key with `handrail key rotate`",
    )


def _too_short() -> HandrailError:
    return HandrailError(
        "key.overlap-too-short",
        "what a service signs before it knows of its new key would count as nothing",
        "give at least one day; a key in wrong hands is revoked once the new one is in use",
    )


def _unknown() -> HandrailError:
    return HandrailError(
        "key.unknown",
        "the directory holds no one key of this holder whose name begins so",
        "see `handrail key list` and give the key's name, or as many letters as make it one",
    )
