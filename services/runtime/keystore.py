"""Private keys in files: written whole, readable by their owner alone, destroyed on time.

A name such as `exchange/signing`, `intake/2026-11` or `practitioners/demo.hilltop-school.sam` is
the file's path below the store's folder, with `.key` added; it holds handles and months and never
anything about a child. A file is PKCS #8 in PEM (RFC 5958, RFC 8410), encrypted where the store has
a passphrase. Overwriting before unlinking is the best that a file system offers; copies made
elsewhere (snapshots, backups) are the operator's to destroy.
"""

import os
import re
import secrets
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from contracts.errors import HandrailError

Key = TypeVar("Key", Ed25519PrivateKey, X25519PrivateKey)

KEEP_AFTER_MONTH: Final = timedelta(days=35)
"""How long after the end of its month an encryption key is kept."""

_SUFFIX: Final = ".key"
_NAME: Final = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,127}(/[a-z0-9][A-Za-z0-9._-]{0,127}){0,3}")
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


def practitioner_key(practitioner: str) -> str:
    """Return the name of a practitioner's signing key."""
    return f"practitioners/{practitioner}"


def monthly_key(purpose: str, at: datetime) -> str:
    """Return the name of the key for `purpose` (`intake`) in the month of `at`, in UTC."""
    return f"{purpose}/{_utc(at):%Y-%m}"


def destroyed_at(month: str) -> datetime:
    """Return when a key of `month` (`2026-11`, UTC) is to be destroyed: 35 days after its end."""
    found = _MONTH.fullmatch(month)
    if found is None or found[1] == "0000":
        raise _fault("key.name-invalid", "a month is written as in `2026-11`", "correct the month")
    first = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
    return (first + timedelta(days=32)).replace(day=1) + KEEP_AFTER_MONTH


class KeyStore:
    """Keep the private keys below `folder`, encrypted where `passphrase` is given."""

    def __init__(self, folder: Path, passphrase: str | None = None) -> None:
        self._folder = folder
        self._passphrase = passphrase.encode() if passphrase else None

    def create_signing(self, name: str) -> Ed25519PrivateKey:
        """Make, store and return a new signing key; `key.exists` where `name` is taken."""
        return self._store(name, Ed25519PrivateKey.generate())

    def create_encryption(self, name: str) -> X25519PrivateKey:
        """Make, store and return a new key for HPKE (RFC 9180); `key.exists` where taken."""
        return self._store(name, X25519PrivateKey.generate())

    def signing(self, name: str) -> Ed25519PrivateKey:
        """Return the signing key `name`.

        Raises `HandrailError`: `key.missing`, `key.exposed` when others may read the file,
        `key.unreadable` for a wrong passphrase or a damaged file, `key.wrong-kind`.
        """
        key = self._load(name)
        if not isinstance(key, Ed25519PrivateKey):
            raise _wrong_kind(name)
        return key

    def encryption(self, name: str) -> X25519PrivateKey:
        """Return the encryption key `name`; raises as `signing` does."""
        key = self._load(name)
        if not isinstance(key, X25519PrivateKey):
            raise _wrong_kind(name)
        return key

    def names(self, below: str = "") -> tuple[str, ...]:
        """Return the names of all keys, or of those in the folder `below`, in order."""
        found = (self._folder / below).rglob(f"*{_SUFFIX}")
        names = (str(path.relative_to(self._folder))[: -len(_SUFFIX)] for path in found)
        return tuple(sorted(name for name in names if _NAME.fullmatch(name)))

    def destroy(self, name: str) -> None:
        """Overwrite and remove the key `name`; `key.missing` where there is none."""
        path = self._path(name)
        try:
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except FileNotFoundError:
            raise _missing(name) from None
        _sync_folder(path.parent)

    def destroy_expired(self, now: datetime) -> tuple[str, ...]:
        """Destroy every monthly key whose time is up at `now` and return their names."""
        moment = _utc(now)
        expired = tuple(
            name
            for name in self.names()
            if _MONTH.fullmatch(month := name.rpartition("/")[2]) and destroyed_at(month) <= moment
        )
        for name in expired:
            self.destroy(name)
        return expired

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise _fault(
                "key.name-invalid",
                "a key's name is up to four handles joined by `/`",
                "use letters, digits, `.`, `_` and `-`, as in `intake/2026-11`",
            )
        return self._folder / f"{name}{_SUFFIX}"

    def _store(self, name: str, key: Key) -> Key:
        path = self._path(name)
        # Folder by folder, because `parents` gives those in between other permissions.
        for folder in reversed(path.relative_to(self._folder).parents):
            (self._folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(path, name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, self._lock()))
        return key

    def _lock(self) -> KeySerializationEncryption:
        return BestAvailableEncryption(self._passphrase) if self._passphrase else NoEncryption()

    def _write(self, path: Path, name: str, content: bytes) -> None:
        """Write a new file so that it is there whole or not at all, and replaces nothing."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with open(draft, "xb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            raise _fault(
                "key.exists",
                f"there is a key `{name}` already",
                "use it, or destroy it first if nothing depends on it any more",
            ) from None
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def _load(self, name: str) -> PrivateKeyTypes:
        path = self._path(name)
        try:
            exposed = stat.S_IMODE(path.stat().st_mode) & 0o077
            content = path.read_bytes()
        except FileNotFoundError:
            raise _missing(name) from None
        if exposed:
            raise _fault(
                "key.exposed",
                f"others than its owner may read the key `{name}`",
                "take their permission away (mode 0600), and think whether the key is still secret",
            )
        try:
            return load_pem_private_key(content, self._passphrase)
        except (ValueError, TypeError):
            raise _fault(
                "key.unreadable",
                f"the key `{name}` does not open",
                "check HANDRAIL_KEY_PASSPHRASE; a damaged file is restored from its backup",
            ) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise _fault("time.zone-missing", "a time without its zone", "pass an aware datetime")
    return moment.astimezone(UTC)


def _missing(name: str) -> HandrailError:
    return _fault(
        "key.missing",
        f"there is no key `{name}` here",
        "check the name and the folder of state; a key is made where its owner is added, "
        "and a month's encryption key is destroyed 35 days after the month",
    )


def _wrong_kind(name: str) -> HandrailError:
    return _fault(
        "key.wrong-kind",
        f"the key `{name}` is for another use",
        "name a signing key to sign, and a monthly key to decrypt",
    )


def _fault(code: str, message: str, remedy: str) -> HandrailError:
    return HandrailError(code, message, remedy)
