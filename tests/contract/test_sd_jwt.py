"""Our statements against PyPI `sd-jwt`, an implementation of RFC 9901 that we did not write.

It reads the compact serialization only and signs with `EdDSA`, the older name of the same
arithmetic, so that payload and disclosures travel through a compact token signed here.
"""

import random
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from contracts import base64url
from contracts.event import TYP
from contracts.kinds import Opened
from contracts.seal import Disclosures, Sealed, open_seal
from contracts.statements import (
    Statement,
    binding,
    digest_of,
    open_disclosures,
    seal_statements,
)
from tests import crafting as c
from tests import messages as m
from tests.area import PACK, TEACHER, Area

AREA = Area()
KEY = JWK.generate(kty="OKP", crv="Ed25519")
CHILD = "C" * 26


def _token(payload: bytes, disclosures: Sequence[str]) -> str:
    """A compact SD-JWT over exactly these payload bytes."""
    token = JWS(payload)
    token.add_signature(KEY, alg="EdDSA", protected=f'{{"alg":"EdDSA","typ":"{TYP}"}}')
    return "~".join((token.serialize(compact=True), *disclosures, ""))


def _verified(payload: bytes, disclosures: Sequence[str]) -> dict[str, Any]:
    verifier = SDJWTVerifier(_token(payload, disclosures), lambda _issuer, _header: KEY)
    made: dict[str, Any] = verifier.get_verified_payload()
    return made


def _as_json(statements: Sequence[Statement]) -> list[dict[str, Any]]:
    return [s.model_dump(mode="json", exclude_defaults=True) for s in statements]


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    """A step up with its four statements."""
    return m.step_up(AREA, CHILD)


def _parts(sealed: Sealed) -> tuple[bytes, tuple[str, ...]]:
    assert sealed.disclosures is not None
    payload = base64url.decode(orjson.loads(sealed.text)["payload"])
    assert payload is not None
    return payload, sealed.disclosures.items


def test_sd_jwt_discloses_exactly_our_statements(sealed: Sealed) -> None:
    """From the payload bytes that we sealed it takes the statements, and drops every decoy."""
    payload, disclosures = _parts(sealed)
    found = _verified(payload, disclosures)
    opened = AREA.open(sealed)
    ours = {s["question"]: s for s in _as_json([d.statement for d in opened.statements])}
    assert {s["question"]: s for s in found["data"]["statements"]} == ours
    assert len(found["data"]["statements"]) == len(PACK)


def test_all_but_the_statements_is_as_it_was_sealed(sealed: Sealed) -> None:
    """Nothing else in the event is touched by disclosing."""
    payload, disclosures = _parts(sealed)
    found, plain = _verified(payload, disclosures), orjson.loads(payload)
    found["data"].pop("statements")
    plain["data"].pop("statements")
    assert found == plain


@pytest.mark.parametrize("withheld", range(len(PACK)))
def test_a_withheld_statement_is_left_out_and_the_rest_stands(
    sealed: Sealed, withheld: int
) -> None:
    """A statement can be withheld, or erased, without breaking the signature."""
    payload, disclosures = _parts(sealed)
    kept = [d for i, d in enumerate(disclosures) if i != withheld]
    opened = AREA.open(sealed)
    by_disclosure = {d.disclosure: d.statement for d in opened.statements}
    expected = _as_json([by_disclosure[d] for d in kept])
    found = _verified(payload, kept)["data"]["statements"]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_both_find_the_same_digest_for_a_disclosure(sealed: Sealed) -> None:
    """The digest of a disclosure is the package's too (RFC 9901 §4.2.3)."""
    payload, disclosures = _parts(sealed)
    verifier = SDJWTVerifier(_token(payload, disclosures), lambda _issuer, _header: KEY)
    assert list(verifier._hash_to_disclosure) == [digest_of(d) for d in disclosures]


def _issued(statements: Sequence[Statement]) -> tuple[list[str], tuple[str, ...]]:
    """The digests and disclosures that the package makes of statements."""
    claims = {"statements": [SDObj(s) for s in _as_json(statements)]}
    issuer = SDJWTIssuer(claims, KEY, sign_alg="EdDSA")
    elements = [e["..."] for e in issuer.sd_jwt_payload["statements"]]
    return elements, tuple(d.b64 for d in issuer.ii_disclosures)


def test_we_open_what_sd_jwt_disclosed() -> None:
    """Disclosures made by the package open against its digests to the same statements."""
    statements = [AREA.statement(part, f"words of {part} with ü and €") for part in PACK]
    elements, disclosures = _issued(statements)
    salt = "A" * 22
    found = open_disclosures(elements, binding(salt, elements), salt, disclosures)
    assert isinstance(found, tuple)
    assert [d.statement for d in found] == statements


def test_a_message_with_disclosures_of_sd_jwt_opens() -> None:
    """An event whose statements the package made is a message like any other once sealed."""
    elements, disclosures = _issued([AREA.statement("concern.what_happened")])
    salt = "A" * 22

    def replace(payload: dict[str, Any]) -> None:
        payload["data"]["statements"] = [{"...": digest} for digest in elements]
        payload["data"]["bound"] = binding(salt, elements)

    made = c.resealed(m.referral(AREA, CHILD), AREA.keys[TEACHER], replace)
    whole = Sealed(made.text, Disclosures(salt, disclosures))
    assert isinstance(open_seal(whole, AREA.directory, AREA.now), Opened)


def test_both_refuse_a_disclosure_used_twice(sealed: Sealed) -> None:
    """RFC 9901 §7.1: one digest opens once."""
    payload, disclosures = _parts(sealed)
    with pytest.raises(ValueError, match="Duplicate"):
        _verified(payload, (*disclosures, disclosures[0]))
    assert sealed.disclosures is not None
    doubled = Disclosures(sealed.disclosures.salt, (*disclosures, disclosures[0]))
    assert AREA.codes(Sealed(sealed.text, doubled)) == {"statements.mismatch"}


def test_statements_of_any_number_agree() -> None:
    """From one to seventeen statements, over the padding's edge, both see the same."""
    chance = random.Random(7)
    for count in (1, 2, 15, 16, 17):
        statements = [
            AREA.statement("needs.support_required", f"{chance.random()}") for _ in range(count)
        ]
        made = seal_statements(statements)
        payload = orjson.dumps({"statements": made.elements})
        found = _verified(payload, made.disclosures)["statements"]
        assert sorted(found, key=str) == sorted(_as_json(statements), key=str)


def test_a_disclosure_from_another_message_opens_nothing(sealed: Sealed) -> None:
    """One that matches no digest of the seal is refused here, and never shown by the package."""
    payload, disclosures = _parts(sealed)
    other = seal_statements([AREA.statement("concern.what_happened", "another family's")])
    whole = (*disclosures, *other.disclosures)
    assert sealed.disclosures is not None
    moved = Sealed(sealed.text, Disclosures(sealed.disclosures.salt, whole))

    assert AREA.codes(moved) == {"statements.mismatch"}
    try:
        shown = _verified(payload, whole)["data"]["statements"]
    except ValueError:
        shown = []
    assert "another family's" not in {one.get("value") for one in shown}


@pytest.mark.parametrize("place", range(len(PACK)))
def test_a_changed_disclosure_matches_no_digest(sealed: Sealed, place: int) -> None:
    """Whichever statement is changed after sealing, it is refused."""
    _, disclosures = _parts(sealed)
    salt, said = orjson.loads(base64url.decode(disclosures[place]) or b"")
    changed = base64url.encode(orjson.dumps([salt, {**said, "said_by": "somebody else"}]))
    whole = (*disclosures[:place], changed, *disclosures[place + 1 :])
    assert sealed.disclosures is not None

    made = Sealed(sealed.text, Disclosures(sealed.disclosures.salt, whole))

    assert AREA.codes(made) == {"statements.mismatch"}
