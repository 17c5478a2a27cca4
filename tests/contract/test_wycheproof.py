"""Every Ed25519 vector of the Wycheproof project, against the verification that our seals use."""

from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from cryptography.exceptions import InvalidSignature

from contracts import base64url, jws

EXPECTED_VALID, EXPECTED_INVALID = 88, 63


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector: a public key, a message, a signature, and whether that is valid."""

    number: int
    key: bytes
    message: bytes
    signature: bytes
    valid: bool
    comment: str


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> list[Vector]:
    """Every vector of the file, in its order."""
    made = orjson.loads((shared_data / "wycheproof" / "ed25519_test.json").read_bytes())
    assert made["algorithm"] == "EDDSA"
    found = [
        Vector(
            test["tcId"],
            bytes.fromhex(group["publicKey"]["pk"]),
            bytes.fromhex(test["msg"]),
            bytes.fromhex(test["sig"]),
            test["result"] == "valid",
            test["comment"],
        )
        for group in made["testGroups"]
        for test in group["tests"]
    ]
    assert len(found) == made["numberOfTests"]
    return found


def _verifies(key: jws.PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_our_verification_agrees_with_every_vector(vectors: list[Vector]) -> None:
    """Of 151 vectors the 88 valid ones verify under our keys, and the 63 others do not."""
    wrong = [
        (one.number, one.comment)
        for one in vectors
        if _verifies(jws.PublicKey(base64url.encode(one.key)), one.signature, one.message)
        is not one.valid
    ]
    assert wrong == []
    assert sum(one.valid for one in vectors) == EXPECTED_VALID
    assert sum(not one.valid for one in vectors) == EXPECTED_INVALID


def test_every_key_of_a_vector_has_one_spelling_and_one_name(vectors: list[Vector]) -> None:
    """A key read from its bytes and written again is the same, under the same thumbprint."""
    for one in vectors:
        x = base64url.encode(one.key)
        key = jws.PublicKey(x)
        assert base64url.decode(key.x) == one.key
        assert key.kid == jws.thumbprint(x)


def test_a_signature_of_a_vector_opens_no_seal_whatever_its_payload(
    vectors: list[Vector],
) -> None:
    """A valid signature over other bytes is none over a seal, which signs its own form."""
    typ = "handrail-vector+jws"
    opened = refused = 0
    for one in vectors:
        key = jws.PublicKey(base64url.encode(one.key))
        header = orjson.dumps({"alg": jws.ALGORITHM, "kid": key.kid, "typ": typ})
        entry = {
            "protected": base64url.encode(header),
            "signature": base64url.encode(one.signature),
        }
        parsed = jws.parse(jws.assemble(base64url.encode(one.message), [entry]), typ)
        if isinstance(parsed, jws.Unacceptable):
            refused += 1
        else:
            opened += jws.verify(parsed, {key.kid: key}) is not None
    assert opened == 0
    assert 0 < refused < EXPECTED_INVALID
