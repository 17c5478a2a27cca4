"""Signatures against vectors that others wrote: Wycheproof, RFC 8037 and the rules of RFC 7515."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws as jose
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from contracts import base64url, jws

TYP = "handrail-vector+jws"
RFC_8037 = "appendix-A.4"


@pytest.fixture(scope="module")
def wycheproof(shared_data: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every Ed25519 vector with the public key of its group, in hex."""
    made = orjson.loads((shared_data / "wycheproof" / "ed25519_test.json").read_bytes())
    return [
        (group["publicKey"]["pk"], test) for group in made["testGroups"] for test in group["tests"]
    ]


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> list[dict[str, Any]]:
    """The JWS vectors of RFC 7520, 8037 and 7797."""
    path = shared_data / "jose" / "panva_jws_vectors_rfc7520_8037_7797.json"
    made: list[dict[str, Any]] = orjson.loads(path.read_bytes())
    return made


def test_the_library_agrees_with_every_vector(
    wycheproof: list[tuple[str, dict[str, Any]]],
) -> None:
    """Of 151 vectors, 88 verify and 63 do not, as they say of themselves."""
    verified = 0
    for key, test in wycheproof:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        try:
            public.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            good = True
        except InvalidSignature:
            good = False
        assert good == (test["result"] == "valid"), test["comment"]
        verified += good
    assert (verified, len(wycheproof)) == (88, 151)


def test_no_bad_signature_of_a_vector_verifies_in_a_seal(
    wycheproof: list[tuple[str, dict[str, Any]]],
) -> None:
    """A seal carrying any of the vectors' signatures is refused, by its length or by arithmetic."""
    for key, test in wycheproof:
        public = jws.PublicKey(base64url.encode(bytes.fromhex(key)))
        header = orjson.dumps({"alg": "Ed25519", "kid": public.kid, "typ": TYP})
        entry = {
            "protected": base64url.encode(header),
            "signature": base64url.encode(bytes.fromhex(test["sig"])),
        }
        parsed = jws.parse(jws.assemble(base64url.encode(b"x"), [entry]), TYP)
        if len(test["sig"]) != 128:
            assert parsed is jws.Unacceptable.ENCODING
        else:
            assert isinstance(parsed, jws.Parsed)
            assert jws.verify(parsed, {public.kid: public}) is None


def test_our_signatures_are_the_librarys_own(wycheproof: list[tuple[str, dict[str, Any]]]) -> None:
    """What the seal signs over is `protected.payload`, and the signature is Ed25519's own."""
    key = Ed25519PrivateKey.generate()
    ours = jws.PrivateKey(key)
    for _, test in wycheproof[:40]:
        payload = bytes.fromhex(test["msg"])
        entry = ours.signature(payload, TYP)
        signed = f"{entry['protected']}.{base64url.encode(payload)}".encode()
        assert entry["signature"] == base64url.encode(key.sign(signed))
        parsed = jws.parse(jws.sign(payload, ours, TYP), TYP)
        assert isinstance(parsed, jws.Parsed)
        assert jws.verify(parsed, {ours.kid: jws.PublicKey(ours.x)}) == payload


def _vector(vectors: list[dict[str, Any]], title: str) -> dict[str, Any]:
    return next(v for v in vectors if title in v["title"])


def test_the_arithmetic_is_that_of_rfc_8037(vectors: list[dict[str, Any]]) -> None:
    """The key of appendix A.4 gives its signature, and its signature verifies under that key."""
    vector = _vector(vectors, RFC_8037)
    jwk, compact = vector["input"]["key"], vector["output"]["compact"]
    signed, _, signature = compact.rpartition(".")
    raw = base64url.decode(jwk["d"])
    assert raw is not None
    key = Ed25519PrivateKey.from_private_bytes(raw)
    assert base64url.encode(key.sign(signed.encode())) == signature
    ours = jws.PrivateKey(key)
    assert ours.x == jwk["x"]
    assert ours.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    registry = jose.JWSRegistry(algorithms=["EdDSA"])
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        found = jose.deserialize_compact(compact, OKPKey.import_key(jwk), registry=registry)
    assert found.payload.decode() == vector["input"]["payload"]


def test_no_token_of_another_profile_passes_for_a_seal(vectors: list[dict[str, Any]]) -> None:
    """Valid tokens of the RFCs, of other algorithms and headers, are all turned away unread."""
    for vector in vectors:
        for form in vector["output"].values():
            text = form if isinstance(form, str) else orjson.dumps(form)
            assert isinstance(jws.parse(text, TYP), jws.Unacceptable), vector["title"]


KEY = jws.PrivateKey.generate()
_GOOD = orjson.loads(jws.sign(b"payload", KEY, TYP))
_ENTRY = _GOOD["signatures"][0]
_HEADER = {"alg": "Ed25519", "kid": KEY.kid, "typ": TYP}


def _with(protected: bytes) -> bytes:
    entry = {**_ENTRY, "protected": base64url.encode(protected)}
    return jws.assemble(_GOOD["payload"], [entry])


REJECTED = {
    "a padded payload (7515 §2)": jws.assemble(_GOOD["payload"] + "=", [_ENTRY]),
    "white space in the payload (7515 §2)": jws.assemble(_GOOD["payload"] + "\n", [_ENTRY]),
    "a padded signature": jws.assemble(
        _GOOD["payload"], [{**_ENTRY, "signature": _ENTRY["signature"] + "=="}]
    ),
    "stray bits at the end of a signature": jws.assemble(
        _GOOD["payload"], [{**_ENTRY, "signature": _ENTRY["signature"][:-1] + "B"}]
    ),
    "crit of something unknown (7515 §4.1.11)": _with(orjson.dumps({**_HEADER, "crit": ["exp"]})),
    "crit of nothing (7515 §4.1.11)": _with(orjson.dumps({**_HEADER, "crit": []})),
    "a header that repeats a name (7515 §4)": _with(
        orjson.dumps(_HEADER).replace(b'{"alg"', b'{"alg":"none","alg"')
    ),
    "a header that is no object": _with(b'["alg"]'),
    "a header that is not JSON": _with(b"alg"),
    "a header that is empty": _with(b""),
    "a header in UTF-16": _with(orjson.dumps(_HEADER).decode().encode("utf-16")),
    "a header that is not UTF-8": _with(orjson.dumps({**_HEADER, "kid": "k"}) + b"\xff"),
    "a header larger than any of ours": _with(orjson.dumps(_HEADER) + b" " * 600),
    "b64 false (7797 §6)": _with(orjson.dumps({**_HEADER, "b64": False, "crit": ["b64"]})),
    "a member beside payload and signatures": orjson.dumps({**_GOOD, "protected": ""}),
    "flattened and general at once (7515 §7.2.2)": orjson.dumps({**_GOOD, **_ENTRY}),
    "the flattened form": orjson.dumps({"payload": _GOOD["payload"], **_ENTRY}),
    "no signatures": orjson.dumps({**_GOOD, "signatures": []}),
    "signatures that are no list": orjson.dumps({**_GOOD, "signatures": _ENTRY}),
    "a payload twice": orjson.dumps(_GOOD).replace(b'{"payload"', b'{"payload":"","payload"'),
}


@pytest.mark.parametrize("what", REJECTED)
def test_what_rfc_7515_lets_a_reader_reject_is_rejected_unread(what: str) -> None:
    """Every looseness in spelling or header stops before the library sees the token."""
    assert isinstance(jws.parse(REJECTED[what], TYP), jws.Unacceptable)
    assert isinstance(jws.parse(orjson.dumps(_GOOD), TYP), jws.Parsed)


def _library_verifies(text: bytes, key: jws.PublicKey) -> bool:
    """What joserfc says of a token with one signature."""
    known = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.x})
    registry = jose.JWSRegistry(algorithms=["Ed25519"])
    try:
        jose.deserialize_json(orjson.loads(text), known, registry=registry)
    except (JoseError, ValueError):
        return False
    return True


def test_a_jose_library_agrees_about_every_changed_byte_of_a_seal() -> None:
    """Whatever byte of the payload or signature is changed, joserfc and we say the same."""
    key = jws.PrivateKey.generate()
    public = jws.PublicKey(key.x)
    text = jws.sign(b'{"of":"thirty-two bytes, or so"}', key, TYP)
    assert _library_verifies(text, public)
    for place in range(len(text)):
        for changed in (text[place] ^ 1, ord("A")):
            broken = text[:place] + bytes([changed]) + text[place + 1 :]
            parsed = jws.parse(broken, TYP)
            if isinstance(parsed, jws.Unacceptable):
                continue  # turned away before anything is verified
            ours = jws.verify(parsed, {public.kid: public}) is not None
            assert ours == _library_verifies(broken, public)
            assert ours == (broken == text)
