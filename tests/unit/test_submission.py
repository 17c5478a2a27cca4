"""What travels to the exchange: read or refused, and opened only with its own key and seal."""

from datetime import UTC, datetime

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contracts import base64url, jws
from contracts.event import MAX_BYTES
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.submission import (
    INTAKE_TYP,
    SUITE,
    Encrypted,
    IntakeKey,
    Submission,
    decrypt,
    digest_of_bytes,
    encrypt,
    open_intake_key,
    raw_public,
    read,
    write,
)
from services.exchange.lanes import Arrived
from services.exchange.opening import Unopenable, open_submission
from tests import messages as m
from tests.area import CAF, SCHOOL, TEACHER, Area

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MONTH = "2026-03"
EXCHANGE = "demo.exchange"
AREA = Area(NOW)
CHILD = "C" * 26
SEALED = m.referral(AREA, CHILD)
KEY = X25519PrivateKey.generate()
INTAKE = IntakeKey(service=EXCHANGE, month=MONTH, x=raw_public(KEY), expires_at=NOW)
DATA = write(SEALED, INTAKE)
DIRECTORY = AREA.directory


def _arrived(data: bytes, subject: str = f"submit.{SCHOOL}.{CHILD}") -> Arrived:
    return Arrived("SUBMIT_demo_hilltop-school", 1, subject, NOW, data)


def _opened(data: bytes) -> Opened | Unopenable:
    return open_submission(_arrived(data), DIRECTORY, {MONTH: KEY})


def test_what_is_written_is_read_and_opens() -> None:
    """Seal and disclosures come back exactly, and the digest is that of the sealed text."""
    submission = read(DATA)
    assert isinstance(submission, Submission)
    assert submission.seal == SEALED.text
    assert submission.sealed_digest == SEALED.digest
    assert submission.disclosures is not None
    assert decrypt(submission.disclosures, SEALED.digest, {MONTH: KEY}) == SEALED.disclosures
    assert isinstance(_opened(DATA), Opened)


def test_no_statement_is_readable_on_the_way() -> None:
    """Without the intake key neither words nor questions are in the bytes."""
    assert not any(word in DATA for word in (b"as told", b"concern.what", b"what_happened"))


@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_a_submission_can_be_changed(bit: int) -> None:
    """Whichever byte is changed, of the seal or the box, it is not opened."""
    for position in range(len(DATA)):
        changed = bytearray(DATA)
        changed[position] ^= 1 << bit
        found = _opened(bytes(changed))
        assert isinstance(found, Unopenable), position
        assert found.reasons


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_raise(data: bytes) -> None:
    """Whatever is published in a lane, reading it gives a refusal of the closed list."""
    assert read(data) == Refusal("seal.unreadable")


@given(st.text("AQgw-_b", max_size=90) | st.binary(max_size=90).map(base64url.encode))
def test_no_box_makes_decrypting_raise(box: str) -> None:
    """A box that nobody encrypted is refused, of whatever length."""
    made = Encrypted.model_construct(month=MONTH, box=box)
    unreadable = Refusal("seal.disclosures-unreadable")
    assert decrypt(made, SEALED.digest, {MONTH: KEY}) == unreadable


@given(st.binary(max_size=300))
def test_nothing_in_a_box_makes_decrypting_raise(packed: bytes) -> None:
    """A box whose content is no salt and disclosures is refused like one that does not open."""
    public = KEY.public_key()
    box = SUITE.encrypt(packed, public, info=b"handrail/disclosures/1 " + SEALED.digest.encode())
    made = Encrypted(month=MONTH, box=base64url.encode(box))
    unreadable = Refusal("seal.disclosures-unreadable")
    assert decrypt(made, SEALED.digest, {MONTH: KEY}) == unreadable


def test_a_box_opens_only_beside_its_own_seal() -> None:
    """The sealed message's digest is bound into the encryption (RFC 9180 §5)."""
    assert SEALED.disclosures is not None
    box = encrypt(SEALED.disclosures, SEALED.digest, MONTH, INTAKE.x)
    other = m.referral(AREA, CHILD).digest
    unreadable = Refusal("seal.disclosures-unreadable")
    assert decrypt(box, SEALED.digest, {MONTH: KEY}) == SEALED.disclosures
    assert decrypt(box, other, {MONTH: KEY}) == unreadable
    assert decrypt(box, SEALED.digest, {MONTH: X25519PrivateKey.generate()}) == unreadable
    assert decrypt(box, SEALED.digest, {"2026-02": KEY}) == unreadable
    assert decrypt(box, SEALED.digest, {}) == unreadable


def test_encrypting_twice_gives_unlike_boxes() -> None:
    """Equal statements cannot be recognised by their boxes."""
    assert write(SEALED, INTAKE) != DATA


@pytest.mark.parametrize(
    ("size", "code"),
    [(MAX_BYTES, "seal.unreadable"), (MAX_BYTES + 1, "seal.too-large"), (2**21, "seal.too-large")],
)
def test_too_many_bytes_are_refused_before_they_are_read(size: int, code: str) -> None:
    """The limit is a number of bytes, and its code says so."""
    assert read(b"[" * size) == Refusal(code)


@pytest.mark.parametrize(
    ("agency", "child", "expected"),
    [
        (CAF, CHILD, ("message.agency-mismatch",)),
        (SCHOOL, "A" * 26, ("message.child-mismatch",)),
        (CAF, "A" * 26, ("message.agency-mismatch", "message.child-mismatch")),
    ],
)
def test_the_subject_must_name_the_agency_and_child_of_the_seal(
    agency: str, child: str, expected: tuple[str, ...]
) -> None:
    """A lane belongs to one agency, and a message is about the child it was sent for."""
    found = open_submission(_arrived(DATA, f"submit.{agency}.{child}"), DIRECTORY, {MONTH: KEY})
    assert isinstance(found, Unopenable)
    assert tuple(r.code for r in found.reasons) == expected
    assert found.sealed == SEALED.digest


def test_the_digest_of_bytes_is_one_the_sender_can_compute() -> None:
    """SHA-256 in hex over exactly what was sent (FIPS 180-4 example)."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of_bytes(b"abc") == expected


def _intake(key: jws.PrivateKey, typ: str = INTAKE_TYP, **changes: object) -> bytes:
    return jws.sign(orjson.dumps(INTAKE.model_dump(mode="json") | changes), key, typ)


def test_an_intake_key_is_taken_only_from_the_exchange() -> None:
    """The exchange's own directory key signed it, as an intake key, for itself."""
    mine = AREA.services["exchange"]
    assert open_intake_key(_intake(mine), DIRECTORY, EXCHANGE) == INTAKE
    for wrong in (
        _intake(AREA.services["tracker"]),
        _intake(AREA.keys[TEACHER]),
        _intake(jws.PrivateKey.generate()),
        _intake(mine, typ="handrail-group+jws"),
        _intake(mine, service="demo.tracker"),
        _intake(mine, month="2026-13"),
        _intake(mine, x="AAAA"),
        _intake(mine, more=1),
        b"",
        b"{}",
    ):
        assert open_intake_key(wrong, DIRECTORY, EXCHANGE) is None


def test_an_intake_key_signed_by_a_revoked_key_is_not_taken() -> None:
    """After a compromise nobody encrypts to what that key signed."""
    area = Area(NOW)
    services = tuple(
        s.model_copy(update={"keys": (s.keys[0].model_copy(update={"compromised_at": NOW}),)})
        for s in area.document.services
    )
    area.document = area.document.model_copy(update={"services": services})
    signed = _intake(area.services["exchange"])
    assert open_intake_key(signed, area.directory, EXCHANGE) is None
