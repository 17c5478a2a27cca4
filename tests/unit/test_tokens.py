"""Tokens of a hardware module: lost sessions, refused PINs, and the files that name their keys."""

import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pkcs11
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import SecretStr

from contracts import base64url, jws
from contracts.errors import HandrailError
from services.runtime import tokens
from services.runtime.keystore import KeyStore
from services.runtime.signing import Signers
from services.runtime.tokens import (
    Reference,
    Token,
    TokenSettings,
    TokenSigner,
    read_reference,
    token_of,
    write_reference,
)
from tests.unit.softhsm import PIN, token

__all__ = ["token"]


class Module:
    """A module that counts attempts at its PIN, locks after three, and loses what it is told to.

    SoftHSM neither locks a token nor fails in the middle of its work.
    """

    Attribute, KeyType = pkcs11.Attribute, pkcs11.KeyType
    Mechanism, ObjectClass = pkcs11.Mechanism, pkcs11.ObjectClass

    def __init__(self) -> None:
        self.pin, self.tries, self.opened = PIN, 0, 0
        self.opening: Exception | None = None
        self.signing: list[Exception] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(pkcs11, name)

    def lib(self, so: str) -> Any:
        """Give the library itself."""
        return self

    def get_token(self, token_label: str) -> Any:
        """Give its one token."""
        return self

    def open(self, *, rw: bool, user_pin: str | None = None) -> Any:
        """Log in, and count it where the PIN is wrong."""
        if self.opening is not None:
            raise self.opening
        if self.tries >= 3:
            raise pkcs11.PinLocked
        if user_pin != self.pin:
            self.tries += 1
            raise pkcs11.PinIncorrect
        self.opened += 1
        return self

    def close(self) -> None:
        """Say that the session is gone."""
        raise pkcs11.SessionHandleInvalid

    def get_key(self, **_named: Any) -> Any:
        """Give the key, which signs unless the module is told otherwise."""
        return SimpleNamespace(sign=self._sign)

    def _sign(self, data: bytes, mechanism: Any) -> bytes:
        if self.signing:
            raise self.signing.pop(0)
        return b"signed"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Module:
    """Give a module that nobody has opened or tried a PIN at."""
    made = Module()
    monkeypatch.setattr(tokens, "_library", lambda: made)
    monkeypatch.setattr(tokens, "_TOKENS", {})
    monkeypatch.setattr(tokens, "_REFUSED", {})
    return made


SETTINGS = TokenSettings(Path("module.so"), "handrail", SecretStr(PIN))


def refusal(settings: TokenSettings = SETTINGS) -> HandrailError:
    """Return why the token of the settings does not sign."""
    with pytest.raises(HandrailError) as caught:
        token_of(settings).sign("label", b"")
    assert caught.value.code == "key.token-unreachable"
    assert settings.pin.get_secret_value() not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("fault", [pkcs11.DeviceRemoved, pkcs11.DeviceError, pkcs11.SessionClosed])
def test_whatever_fails_in_the_middle_is_tried_once_more(module: Module, fault: Any) -> None:
    """One new session for one signature; a module that goes on failing is told, not tried on."""
    module.signing = [fault()]
    assert token_of(SETTINGS).sign("label", b"") == b"signed"
    assert module.opened == 2

    module.signing = [fault(), fault(), fault()]
    refusal()
    assert (module.opened, len(module.signing)) == (3, 1)
    assert token_of(SETTINGS).sign("label", b"") == b"signed"


def test_a_module_that_is_away_is_opened_as_soon_as_it_is_back(module: Module) -> None:
    """While it is away every use says so; nothing has to be started again."""
    signer = token_of(SETTINGS)
    module.signing, module.opening = [pkcs11.DeviceRemoved()], pkcs11.TokenNotPresent()
    refusal()
    refusal()
    module.opening = None

    assert signer.sign("label", b"") == b"signed"


def test_a_wrong_pin_costs_one_attempt_however_often_it_is_asked(module: Module) -> None:
    """A service that asks again and again does not lock the token; another PIN is tried."""
    wrong = TokenSettings(SETTINGS.module, SETTINGS.token, SecretStr("1234"))
    for _ in range(5):
        assert "HANDRAIL_PKCS11_PIN" in refusal(wrong).remedy
    assert module.tries == 1

    assert token_of(SETTINGS).sign("label", b"") == b"signed"


def test_a_pin_changed_while_it_runs_costs_one_attempt(module: Module) -> None:
    """A lost session is not opened with a PIN that was refused meanwhile."""
    token_of(SETTINGS)
    module.pin, module.signing = "5678", [pkcs11.SessionHandleInvalid()]
    for _ in range(5):
        assert "HANDRAIL_PKCS11_PIN" in refusal().remedy
    assert module.tries == 1


def test_a_token_that_was_locked_signs_once_it_is_unlocked(module: Module) -> None:
    """A locked token says that somebody must unlock it, and the PIN is still believed."""
    module.tries = 3
    assert "unlocked" in refusal().remedy
    module.tries = 0

    assert token_of(SETTINGS).sign("label", b"") == b"signed"


def test_of_many_threads_one_opens_a_lost_session(module: Module) -> None:
    """Signatures that find the session lost at once do not each log in."""
    signer, made = token_of(SETTINGS), list[bytes]()
    module.signing = [pkcs11.SessionHandleInvalid()]
    threads = [
        threading.Thread(target=lambda: made.append(signer.sign("label", b""))) for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert made == [b"signed"] * 8
    assert module.opened == 2


def _verifies(signer: jws.Signer) -> bool:
    made = signer.signature(b"{}", "x")
    _, data = jws.signing_input(b"{}", signer.kid, "x")
    signature, x = base64url.decode(made["signature"]), base64url.decode(signer.x)
    assert signature is not None
    assert x is not None
    try:
        Ed25519PublicKey.from_public_bytes(x).verify(signature, data)
    except InvalidSignature:
        return False
    return True


# What the library itself still holds of a lost session complains when it is let go.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_session_that_is_lost_is_opened_again(token: TokenSettings, tmp_path: Path) -> None:
    """A closed session and a module that was away cost nothing but the opening: no new start."""
    signers = Signers(KeyStore(tmp_path), token)
    signer = signers.create("exchange", in_token=True)
    opened = token_of(token)

    opened._session.close()
    assert _verifies(signer)
    pkcs11.lib(str(token.module)).finalize()
    assert _verifies(signer)
    pkcs11.lib(str(token.module)).finalize()
    assert _verifies(signers.create("story", in_token=True))
    assert token_of(token) is opened


def test_a_token_of_this_process_that_is_logged_in_already_is_opened(
    token: TokenSettings, tmp_path: Path
) -> None:
    """Where the module still holds the login of a session that got lost, a new one does."""
    signer = Signers(KeyStore(tmp_path), token).create("exchange", in_token=True)

    assert token_of(token)._session is not None
    again = Token(token)
    reference = json.loads((tmp_path / "exchange.pkcs11").read_text())
    assert _verifies(TokenSigner(again, Reference(**reference)))
    assert _verifies(signer)


def test_a_pin_that_the_token_refused_is_not_tried_again(token: TokenSettings) -> None:
    """Also once it would be right: a token that counts attempts is not locked; another PIN is."""
    wrong = TokenSettings(token.module, "other", SecretStr("1234"))
    for _ in range(2):
        with pytest.raises(HandrailError) as caught:
            token_of(wrong)
        assert caught.value.code == "key.token-unreachable"
        assert "HANDRAIL_PKCS11_PIN" in caught.value.remedy
        assert "1234" not in str(caught.value)
        right = pkcs11.lib(str(token.module)).get_token(token_label="other")
        with right.open(rw=True, user_pin=PIN) as session:
            session.set_pin(PIN, "1234")
            session.set_pin("1234", PIN)
    assert len(token_of(TokenSettings(token.module, "other", SecretStr(PIN))).create().x) == 43


def test_a_reference_is_written_whole_or_not_at_all_and_over_nothing(tmp_path: Path) -> None:
    """A disk that is full leaves no half file under a key's name, and no key is written over."""
    path, made = tmp_path / "keys" / "jo.pkcs11", Reference(object="one", x="x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        with pytest.raises(OSError, match="full"):
            write_reference(path, made)
    assert list(path.parent.iterdir()) == []

    write_reference(path, made)
    with pytest.raises(HandrailError) as caught:
        write_reference(path, Reference(object="two", x="y"))
    assert caught.value.code == "key.exists"
    assert read_reference(path) == made
    assert [one.name for one in path.parent.iterdir()] == ["jo.pkcs11"]
    assert path.stat().st_mode & 0o777 == 0o600


def _full(_descriptor: int) -> None:
    raise OSError(28, "the disk is full")
