"""Signing keys in a hardware module, by PKCS #11: they sign there and never leave it.

In the key store such a key is a small file, its name with `.pkcs11`, that names the object in the
token and holds the public half; whoever has the file and not the token's PIN signs nothing. The
library (python-pkcs11) is an extra of the distribution and imported when a token is used.
"""

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import SecretStr, ValidationError

from contracts import base64url, jws
from contracts.errors import HandrailError
from contracts.values import Value
from services.runtime.whole_files import draft_of, sync_folder

Made = TypeVar("Made")

SUFFIX: Final = ".pkcs11"
_ED25519_OID: Final = bytes.fromhex("06032b6570")
_POINT: Final = 32


class Reference(Value):
    """Which object of a token a key is, and its public half as RFC 8037 `x`."""

    object: str
    x: str


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Where the module's library is, which token is meant, and its PIN."""

    module: Path
    token: str
    pin: SecretStr = field(repr=False)


def read_reference(path: Path) -> Reference | None:
    """Return what the file at `path` names, or None where there is none.

    Raises HandrailError `key.unreadable` for a damaged one, and one that this user may not read.
    """
    try:
        return Reference.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise _fault(
            "key.unreadable",
            "the file that names a key of a token cannot be read",
            "restore it from its backup; the key itself is in the token",
        ) from None


def write_reference(path: Path, made: Reference) -> None:
    """Write the file for a key of a token, whole or not at all, safe on disk.

    Raises HandrailError `key.exists` where there is one already, which stays as it is.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = draft_of(path, (json.dumps(made.model_dump()) + "\n").encode())
    try:
        os.link(draft, path)
    except FileExistsError:
        raise _fault(
            "key.exists", "there is a key of that name already", "use it, or choose another name"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


class Token:
    """A token of a PKCS #11 module with a session that has logged in; safe across threads.

    A session that is lost, as when the module was away, is opened once more at the next use.
    """

    def __init__(self, settings: TokenSettings) -> None:
        """Open the token.

        Raises HandrailError `key.no-pkcs11` where python-pkcs11 is not installed and
        `key.token-unreachable` where the module, the token or the PIN is not right. A PIN that the
        token refused is not tried again in this process.
        """
        self._pkcs11 = _library()
        self._settings = settings
        self._lock = threading.Lock()
        self._session: Any = self._opened()

    def create(self) -> Reference:
        """Make an Ed25519 key that never leaves the token, and return its reference."""
        return self._ask(self._made)

    def sign(self, label: str, data: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032) of the object `label` over `data`."""
        kinds = self._pkcs11

        def signed(session: Any) -> bytes:  # noqa: ANN401 - the library has no types
            key = session.get_key(object_class=kinds.ObjectClass.PRIVATE_KEY, label=label)
            made: bytes = key.sign(data, mechanism=kinds.Mechanism.EDDSA)
            return made

        return self._ask(signed)

    def _made(self, session: Any) -> Reference:  # noqa: ANN401 - the library has no types
        # A label of its own at every attempt: two objects of one label could not be told apart.
        label = f"handrail-{secrets.token_hex(16)}"
        kinds, attribute = self._pkcs11, self._pkcs11.Attribute
        parameters = session.create_domain_parameters(
            kinds.KeyType.EC_EDWARDS, {attribute.EC_PARAMS: _ED25519_OID}, local=True
        )
        public, _ = parameters.generate_keypair(
            mechanism=kinds.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=label,
            private_template={attribute.EXTRACTABLE: False, attribute.SENSITIVE: True},
        )
        # The point may come wrapped as an OCTET STRING (PKCS #11 3.0, §2.3.5).
        point = bytes(public[attribute.EC_POINT])
        return Reference(object=label, x=base64url.encode(point[-_POINT:]))

    def _ask(self, work: Callable[[Any], Made]) -> Made:
        """Return what `work` makes of the session, or of a new one where that session is lost."""
        with self._lock:
            if self._session is not None:
                try:
                    return work(self._session)
                except self._pkcs11.PKCS11Error:
                    self._drop()
            self._session = self._opened()
            try:
                return work(self._session)
            except self._pkcs11.PKCS11Error as error:
                raise _unreachable() from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        with contextlib.suppress(self._pkcs11.PKCS11Error):
            session.close()

    def _opened(self) -> Any:  # noqa: ANN401 - the library has no types
        """Return a session that has logged in; raises `key.token-unreachable`."""
        kinds, settings = self._pkcs11, self._settings
        named = (settings.module, settings.token)
        if _REFUSED.get(named) == settings.pin:
            raise _pin_refused()
        try:
            token = kinds.lib(str(settings.module)).get_token(token_label=settings.token)
            try:
                return token.open(rw=True, user_pin=settings.pin.get_secret_value())
            except kinds.UserAlreadyLoggedIn:
                # Of one process all sessions are logged in or none is (PKCS #11 3.0, §5.6.8).
                return token.open(rw=True)
        except (kinds.PinIncorrect, kinds.PinInvalid, kinds.PinLenRange) as error:
            _REFUSED[named] = settings.pin
            raise _pin_refused() from error
        except kinds.PinLocked as error:
            raise _pin_refused() from error
        except (kinds.PKCS11Error, RuntimeError, OSError) as error:
            raise _unreachable() from error


class TokenSigner:
    """A signer whose private key is an object of a token."""

    __slots__ = ("_label", "_token", "kid", "x")

    def __init__(self, token: Token, reference: Reference) -> None:
        """Sign with the object that `reference` names."""
        self._token, self._label = token, reference.object
        self.x, self.kid = reference.x, jws.thumbprint(reference.x)

    def signature(self, payload: bytes, typ: str) -> Mapping[str, str]:
        """Return one member of `signatures` over `payload`; raises `key.token-unreachable`."""
        protected, data = jws.signing_input(payload, self.kid, typ)
        made = self._token.sign(self._label, data)
        return {"protected": protected, "signature": base64url.encode(made)}


_TOKENS: dict[tuple[Path, str], Token] = {}
_OPENING: Final = threading.Lock()
_REFUSED: Final[dict[tuple[Path, str], SecretStr]] = {}
"""The PIN that a token refused last: a few more attempts with it would lock the token."""


def token_of(settings: TokenSettings | None) -> Token:
    """Return the token of these settings, opened once for the process: a module allows no second.

    Raises as `Token` does, and `key.no-token` where the settings name none.
    """
    if settings is None:
        raise _fault(
            "key.no-token",
            "the key is in a hardware module, and the settings name none",
            "set HANDRAIL_PKCS11_MODULE, HANDRAIL_PKCS11_TOKEN and HANDRAIL_PKCS11_PIN",
        )
    named = (settings.module, settings.token)
    with _OPENING:
        if named not in _TOKENS:
            _TOKENS[named] = Token(settings)
        return _TOKENS[named]


def _library() -> Any:  # noqa: ANN401 - the library has no types
    try:
        import pkcs11  # noqa: PLC0415 - an extra
    except ImportError:
        raise _fault(
            "key.no-pkcs11",
            "the library for hardware modules is not installed",
            "install Handrail with its extra: `pip install handrail[pkcs11]`",
        ) from None
    return pkcs11


def _unreachable() -> HandrailError:
    return _fault(
        "key.token-unreachable",
        "the hardware module does not give its token, or not the key",
        "check that the module's library, the token's label and the PIN are right, and that the "
        "token holds the key",
    )


def _pin_refused() -> HandrailError:
    return _fault(
        "key.token-unreachable",
        "the hardware module refuses the PIN; it is not tried again, because that locks a token",
        "set HANDRAIL_PKCS11_PIN right and start again; a token that is locked is unlocked by its "
        "security officer first",
    )


def _fault(code: str, message: str, remedy: str) -> HandrailError:
    return HandrailError(code, message, remedy)
