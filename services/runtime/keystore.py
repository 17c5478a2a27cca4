"""Private keys in files: written whole, readable by their owner alone, destroyed on time.

A name such as `exchange/signing`, `intake/2026-11` or `practitioners/demo.hilltop-school.sam` is
the file's path below the store's folder, with `.key` added; it holds handles and months and never
anything about a child. A file is PKCS #8 in PEM (RFC 5958, RFC 8410), encrypted where the store has
a passphrase. Overwriting before unlinking is the best that a file system offers; copies made
elsewhere (snapshots, backups) are the operator's to destroy.
"""

import os
import re
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
from services.runtime.secret_files import overwrite, replace
from services.runtime.whole_files import draft_of, sync_folder

Key = TypeVar("Key", Ed25519PrivateKey, X25519PrivateKey)
PrivateKey = Ed25519PrivateKey | X25519PrivateKey

KEEP_AFTER_MONTH: Final = timedelta(days=35)
"""How long after the end of its month an encryption key is kept."""

SUFFIX: Final = ".key"
_ENCRYPTED: Final = b"ENCRYPTED PRIVATE KEY"
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

    def names(self, below: str = "", suffix: str = SUFFIX) -> tuple[str, ...]:
        """Return the names of all keys, or of those in the folder `below`, in order."""
        found = (self._folder / below).rglob(f"*{suffix}")
        names = (str(path.relative_to(self._folder))[: -len(suffix)] for path in found)
        return tuple(sorted(name for name in names if _NAME.fullmatch(name)))

    def destroy(self, name: str) -> None:
        """Overwrite and remove the key `name`; `key.missing` where there is none."""
        path = self.path_of(name)
        try:
            with path.open("r+b") as file:
                overwrite(file)
            path.unlink()
        except FileNotFoundError:
            raise _missing(name) from None
        sync_folder(path.parent)

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

    def holds(self, name: str) -> bool:
        """Tell whether there is a file for the key `name`."""
        return self.path_of(name).exists()

    def opens(self, name: str) -> bool:
        """Tell whether this store's passphrase opens the key `name`; raises other `key.*`."""
        try:
            self._load(name)
        except HandrailError as error:
            if error.code != "key.unreadable":
                raise
            return False
        return True

    def is_encrypted(self, name: str) -> bool:
        """Tell whether the key `name` lies encrypted; `key.missing` where there is none."""
        try:
            return _ENCRYPTED in self.path_of(name).read_bytes()
        except FileNotFoundError:
            raise _missing(name) from None

    def protect(self, name: str, passphrase: str) -> bool:
        """Encrypt the key `name` anew under `passphrase`; False where it is so already.

        The file is replaced whole, and what it held before is overwritten. Raises as `signing`
        does where neither this store's passphrase nor the new one opens it.
        """
        renewed, path = KeyStore(self._folder, passphrase), self.path_of(name)
        if renewed.opens(name) and self.is_encrypted(name):
            return False
        # A file that was never encrypted opens without a passphrase, and with none only.
        held = self if self.is_encrypted(name) else KeyStore(self._folder)
        key = held._load(name)  # noqa: SLF001 - a store of the same class
        content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, renewed._lock())
        replace(draft_of(path, content), path)
        return True

    def put(self, name: str, key: PrivateKey) -> None:
        """Store `key` under `name`; what was there before is replaced whole and overwritten."""
        path = self._room(name)
        replace(draft_of(path, self._sealed(key)), path)

    def move(self, name: str, to: str) -> None:
        """Let the key `name` take the place of the key `to`, which is overwritten.

        Raises `key.missing` where there is no key `name`.
        """
        if not self.holds(name):
            raise _missing(name)
        replace(self.path_of(name), self._room(to))

    def path_of(self, name: str, suffix: str = SUFFIX) -> Path:
        """Return where the file of the key `name` lies; raises `key.name-invalid`."""
        if _NAME.fullmatch(name) is None:
            raise _fault(
                "key.name-invalid",
                "a key's name is up to four handles joined by `/`",
                "use letters, digits, `.`, `_` and `-`, as in `intake/2026-11`",
            )
        return self._folder / f"{name}{suffix}"

    def _store(self, name: str, key: Key) -> Key:
        self._write(self._room(name), name, self._sealed(key))
        return key

    def _room(self, name: str) -> Path:
        """Return where the file of the key `name` lies, after making the folders above it."""
        path = self.path_of(name)
        # Folder by folder, because `parents` gives those in between other permissions.
        for folder in reversed(path.relative_to(self._folder).parents):
            (self._folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _sealed(self, key: PrivateKey) -> bytes:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, self._lock())

    def _lock(self) -> KeySerializationEncryption:
        return BestAvailableEncryption(self._passphrase) if self._passphrase else NoEncryption()

    def _write(self, path: Path, name: str, content: bytes) -> None:
        """Write a new file so that it is there whole or not at all, and replaces nothing."""
        draft = draft_of(path, content)
        try:
            os.link(draft, path)
        except FileExistsError:
            raise _fault(
                "key.exists",
                f"there is a key `{name}` already",
                "use it, or destroy it first if nothing depends on it any more",
            ) from None
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)

    def _load(self, name: str) -> PrivateKeyTypes:
        path = self.path_of(name)
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
                "check HANDRAIL_KEY_PASSPHRASE, or the file of HANDRAIL_KEY_PASSPHRASE_FILE; "
                "a damaged file is restored from its backup",
            ) from None


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
