"""Which key signs now: of the keys at hand, the last one that the directory lets sign.

A holder's keys lie in the store under one name, `practitioners/…` or `services/…`: the first under
the name itself, every later one with a mark after it. A key is a file, or a reference to an object
of a hardware module (`services.runtime.tokens`); whoever signs takes either as a `jws.Signer`.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from contracts import jws
from contracts.directory import Directory
from contracts.directory_entries import SigningKey
from contracts.errors import HandrailError
from contracts.key_times import signs
from services.runtime.keystore import KeyStore
from services.runtime.log import error_keys, get
from services.runtime.tokens import (
    SUFFIX,
    Reference,
    TokenSettings,
    TokenSigner,
    read_reference,
    token_of,
    write_reference,
)

_MARK: Final = ".k"
_MARK_BYTES: Final = 8
_log = get(__name__)


class Signers:
    """The signing keys of one installation, in files and in a hardware module."""

    def __init__(self, store: KeyStore, token: TokenSettings | None = None) -> None:
        """Look in `store`; `token` is where the keys are that it only refers to."""
        self._store, self._token = store, token
        self._loaded: dict[str, jws.Signer] = {}

    def create(self, name: str, *, in_token: bool = False) -> jws.Signer:
        """Make a signing key under `name`, which must be free (`key.exists`), and return it."""
        if self.holds(name):
            raise HandrailError(
                "key.exists",
                f"there is a key `{name}` already",
                "use it, or destroy it first if nothing depends on it any more",
            )
        if not in_token:
            return jws.PrivateKey(self._store.create_signing(name))
        token = token_of(self._token)
        reference = token.create()
        write_reference(self._store.path_of(name, SUFFIX), reference)
        return TokenSigner(token, reference)

    def add(self, base: str, *, in_token: bool = False) -> jws.Signer:
        """Make a further key of the holder whose keys lie under `base`."""
        if not self.names(base):
            return self.create(base, in_token=in_token)
        return self.create(f"{base}{_MARK}{secrets.token_hex(_MARK_BYTES)}", in_token=in_token)

    def holds(self, name: str) -> bool:
        """Tell whether there is a key under exactly this name."""
        return self._store.holds(name) or self._store.path_of(name, SUFFIX).exists()

    def in_token(self, name: str) -> bool:
        """Tell whether the key of this name is in a hardware module."""
        return self._store.path_of(name, SUFFIX).exists()

    def names(self, base: str) -> tuple[str, ...]:
        """Return the names of a holder's keys, the first one first."""
        folder = base.rpartition("/")[0]
        found = {*self._store.names(folder), *self._store.names(folder, SUFFIX)}
        return tuple(sorted(n for n in found if n == base or n.startswith(f"{base}{_MARK}")))

    def public(self, name: str) -> str:
        """Return the public half of a key, without asking a token for it; raises `key.*`."""
        reference = self._reference(name)
        return reference.x if reference else self.load(name).x

    def load(self, name: str) -> jws.Signer:
        """Return the key of this name, from its file or its token; raises `key.*`."""
        found = self._loaded.get(name)
        if found is None:
            reference = self._reference(name)
            if reference is None:
                found = jws.PrivateKey(self._store.signing(name))
            else:
                found = TokenSigner(token_of(self._token), reference)
            self._loaded[name] = found
        return found

    def by_public(self, base: str) -> Mapping[str, str]:
        """Return the name of each of a holder's keys at hand, by its public half.

        One that cannot be read is passed over. Raises HandrailError `key.unreadable` where none of
        those that are there can be, and other `key.*`.
        """
        found, unreadable = self._at_hand(base)
        if unreadable is not None and not found:
            raise unreadable
        return found

    def newest(self, base: str, keys: Iterable[SigningKey], now: datetime) -> jws.Signer:
        """Return the last of the directory's `keys` that may sign at `now` and is at hand.

        Raises HandrailError `key.missing` where none is at hand, `key.not-valid` where none of
        those at hand may sign, and `key.unreadable` instead where one of them cannot be read.
        """
        at_hand, unreadable = self._at_hand(base)
        if not at_hand and unreadable is None:
            return self.load(base)
        fit = [key for key in keys if signs(key, now) and key.x in at_hand]
        if not fit:
            raise unreadable or HandrailError(
                "key.not-valid",
                f"no key `{base}` here may sign: revoked, over, or not in the directory",
                "make a new one with `handrail key rotate`; `handrail key list` shows how they are",
            )
        return self.load(at_hand[fit[-1].x])

    def _at_hand(self, base: str) -> tuple[dict[str, str], HandrailError | None]:
        """Return a holder's keys by public half, and why the first unreadable one is not there."""
        found: dict[str, str] = {}
        unreadable: HandrailError | None = None
        for name in self.names(base):
            try:
                found[self.public(name)] = name
            except HandrailError as error:
                if error.code != "key.unreadable":
                    raise
                _log.warning("key.passed-over", **error_keys(error))
                unreadable = unreadable or error
        return found, unreadable

    def _reference(self, name: str) -> Reference | None:
        return read_reference(self._store.path_of(name, SUFFIX))


class ServiceKey:
    """The key of one of our services: another one as soon as the directory says so.

    A signer by itself, by the newest directory; `by` chooses by a directory that is at hand.
    """

    def __init__(
        self,
        signers: Callable[[], Signers],
        service: str,
        directory: Callable[[], Directory],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Sign as `service` (its id), by what `directory()` says of its keys at `clock()`."""
        self._signers, self._service = signers, service
        self._directory, self._clock = directory, clock
        self._found: tuple[Directory, datetime | None, jws.Signer] | None = None

    @property
    def kid(self) -> str:
        """Return the name of the key that signs now."""
        return self.now.kid

    @property
    def x(self) -> str:
        """Return the public half of the key that signs now."""
        return self.now.x

    @property
    def now(self) -> jws.Signer:
        """Return the key that signs now; raises `directory.*` and `key.*`."""
        return self.by(self._directory())

    def signature(self, payload: bytes, typ: str) -> Mapping[str, str]:
        """Return one member of `signatures` over `payload` by the key that signs now."""
        return self.now.signature(payload, typ)

    def by(self, directory: Directory) -> jws.Signer:
        """Return the key that signs now by what `directory` says; raises `key.*`."""
        now, found = self._clock(), self._found
        if found is not None and found[0] is directory and (found[1] is None or now < found[1]):
            return found[2]
        entry = directory.services.get(self._service)
        keys = entry.keys if entry else ()
        base = f"services/{self._service.rpartition('.')[2]}"
        made = self._signers().newest(base, keys, now)
        self._found = (directory, _next_change(keys, now), made)
        return made


def signer_by(key: jws.Signer, directory: Directory) -> jws.Signer:
    """Return the one key with which to sign all that is decided by `directory`."""
    return key.by(directory) if isinstance(key, ServiceKey) else key


def _next_change(keys: Iterable[SigningKey], now: datetime) -> datetime | None:
    """Return the next instant at which one of the keys begins or ends to be valid."""
    times = (
        at
        for key in keys
        for at in (key.valid_from, key.valid_to, key.retired_at, key.compromised_at)
    )
    return min((at for at in times if at is not None and at > now), default=None)
