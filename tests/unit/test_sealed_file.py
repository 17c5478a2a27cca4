"""The sealed file: General JSON with its disclosures beside the signature (RFC 9901 §8)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

from contracts import sealed_file
from contracts.directory import Practitioner
from contracts.document import parse, to_event
from contracts.errors import HandrailError
from contracts.jws import PrivateKey
from contracts.seal import Sealed, countersign, seal

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
KEY = PrivateKey.generate()
AUTHOR = Practitioner(id="demo.police.vic-harrow", name="Vic Harrow")


def sealed(statements: int = 3) -> Sealed:
    """Return a sealed referral with some statements."""
    document = parse(
        {
            "kind": "referral.submitted",
            "child": "new",
            "recipients": ["demo.first-response"],
            "basis": {"kind": "child_protection", "call": "01632 960417"},
            "data": {"concern": "child_protection"},
            "statements": [
                {"question": "concern.harm", "value": f"harm {n} é“”", "said_by": "officer"}
                for n in range(statements)
            ],
        }
    )
    event, disclosures = to_event(document, AUTHOR, NOW)
    return seal(event, KEY, disclosures)


@pytest.mark.parametrize("statements", [0, 1, 20])
def test_a_file_reads_back_as_exactly_what_was_sealed(statements: int) -> None:
    """Text, digest and disclosures are the same after a file, also with a countersignature."""
    made = countersign(sealed(statements), PrivateKey.generate())
    again = sealed_file.read(sealed_file.dump(made))

    assert again == made
    assert again.digest == made.digest


def test_disclosures_stand_where_rfc_9901_has_them() -> None:
    """They are in the unprotected header of the first signature, and nowhere else."""
    made = countersign(sealed(), PrivateKey.generate())
    file = json.loads(sealed_file.dump(made))

    assert made.disclosures is not None
    assert file["signatures"][0]["header"]["disclosures"] == list(made.disclosures.items)
    assert "header" not in file["signatures"][1]


def test_another_library_opens_the_disclosures() -> None:
    """PyPI `sd-jwt` verifies the compact rendering and finds the same statements."""
    made = sealed()
    file = json.loads(sealed_file.dump(made))
    first = file["signatures"][0]
    token = ".".join((first["protected"], file["payload"], first["signature"]))
    compact = "~".join((token, *first["header"]["disclosures"], ""))
    jwk = JWK(kty="OKP", crv="Ed25519", x=KEY.x)

    payload = SDJWTVerifier(compact, lambda *_: jwk).get_verified_payload()
    found = {statement["value"] for statement in payload["data"]["statements"]}
    assert found == {f"harm {n} é“”" for n in range(3)}


BREAKS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "unknown member": lambda file, first: file.update(extra=1),
    "no signature": lambda file, first: file.update(signatures=[]),
    "header on the second": lambda file, first: file["signatures"].append({**first}),
    "unknown header": lambda file, first: first["header"].update(kid="x"),
    "salt missing": lambda file, first: first["header"].pop("handrail_salt"),
    "disclosure not text": lambda file, first: first["header"].update(disclosures=[5]),
    "disclosure not ASCII": lambda file, first: first["header"].update(disclosures=["é"]),
    "algorithm": lambda file, first: first.update(protected="eyJhbGciOiJub25lIn0"),
    "padded payload": lambda file, first: file.update(payload=file["payload"] + "="),
    "payload not ASCII": lambda file, first: file.update(payload="é"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_file_of_another_form_is_refused(what: str) -> None:
    """What is not exactly a sealed file is refused with a code of the contract."""
    file = json.loads(sealed_file.dump(sealed()))
    BREAKS[what](file, file["signatures"][0])
    with pytest.raises(HandrailError) as caught:
        sealed_file.read(json.dumps(file).encode())
    assert caught.value.code.startswith("seal.")


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"null", b"\xff\xfe"])
def test_what_is_no_file_at_all_is_refused(data: bytes) -> None:
    """Any other bytes are `seal.unreadable`, never a traceback."""
    with pytest.raises(HandrailError, match=r"seal\.unreadable"):
        sealed_file.read(data)
    assert not sealed_file.looks_sealed(data)


def test_a_text_that_would_read_back_differently_is_not_written() -> None:
    """White space in the sealed text would change its digest, so no file is made of it."""
    made = sealed()
    spaced = Sealed(made.text.replace('","', '", "', 1), made.disclosures)
    with pytest.raises(HandrailError, match=r"seal\.unreadable"):
        sealed_file.dump(spaced)
