"""Keys under which anybody can sign are no keys of anybody."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from contracts import base64url, jws
from contracts.directory import SigningKey
from contracts.roots import TYP, open_change
from contracts.weak_keys import is_weak

P = 2**255 - 19
Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL = [
    (y | sign << 255).to_bytes(32, "little")
    for y in (0, 1, P - 1, P, P + 1, Y8, P - Y8)
    for sign in (0, 1)
]


def _forgeable(key: bytes) -> bool:
    """Whether some signature made without any private key verifies for one of a few messages."""
    public = Ed25519PublicKey.from_public_bytes(key)
    for commitment in SMALL:
        for message in range(16):
            try:
                public.verify(commitment + bytes(32), bytes([message]))
            except InvalidSignature:
                continue
            return True
    return False


@pytest.mark.parametrize("key", SMALL, ids=bytes.hex)
def test_every_key_of_small_order_is_weak(key: bytes) -> None:
    """All spellings of all points whose order divides eight are told."""
    assert is_weak(key)


def test_the_library_lets_anybody_sign_under_such_keys() -> None:
    """The reason for refusing them: signatures made without a private key verify."""
    assert sum(_forgeable(key) for key in SMALL) >= 8


def test_a_key_that_was_made_is_not_weak() -> None:
    """Keys as they are generated are taken, and nobody can sign under them."""
    made = [base64url.decode(jws.PrivateKey.generate().x) or b"" for _ in range(50)]
    assert not any(is_weak(raw) for raw in made)
    assert not _forgeable(made[0])


@pytest.mark.parametrize("key", SMALL, ids=bytes.hex)
def test_a_directory_takes_no_key_under_which_anybody_can_sign(key: bytes) -> None:
    """Such a key cannot be signed into a directory, whoever asks for it."""
    x = base64url.encode(key)
    entry = {"kid": jws.thumbprint(x), "x": x, "valid_from": "2026-01-01T00:00:00Z"}
    with pytest.raises(ValidationError):
        SigningKey.model_validate(entry)


def test_the_root_never_goes_over_to_a_key_under_which_anybody_can_sign() -> None:
    """A change of the root to such a key is none, even where its signature verifies."""
    old, weak = jws.PrivateKey.generate(), base64url.encode((1).to_bytes(32, "little"))
    said = (
        f'{{"partnership":"demo","number":1,"from":"{old.x}","to":"{weak}",'
        '"at":"2026-03-02T10:00:00Z"}'
    ).encode()
    header = f'{{"alg":"Ed25519","kid":"{jws.thumbprint(weak)}","typ":"{TYP}"}}'.encode()
    by_anybody = base64url.encode((1).to_bytes(32, "little") + bytes(32))
    forged = {"protected": base64url.encode(header), "signature": by_anybody}
    signed = (old.signature(said, TYP), forged)
    text = jws.assemble(base64url.encode(said), signed).decode()
    parsed = jws.parse(text, TYP)
    assert isinstance(parsed, jws.Parsed)
    keys = {key.kid: key for key in (jws.PublicKey(old.x), jws.PublicKey(weak))}
    assert jws.verify(parsed, keys) == said
    assert open_change(text) is None
