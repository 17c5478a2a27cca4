"""The seal: exactly the signers it names, over exactly its bytes, in its time."""

import json
import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import base64url, jws
from contracts.errors import HandrailError
from contracts.event import MAX_AGE, MAX_AHEAD, TYP, Event, Signer
from contracts.identifiers import new_reference
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.roles import Capacity
from contracts.seal import Sealed, countersign, open_seal, peek
from tests import crafting as c
from tests import messages as m
from tests.area import HEAD, TEACHER, Area, codes

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TINY = timedelta(microseconds=1)
AREA = Area(NOW)
REFERRAL = m.referral(AREA, new_reference())
DIRECTORY = AREA.directory


def test_what_was_sealed_is_what_is_opened() -> None:
    """Opening gives the event and statements that were sealed, and the text as received."""
    opened = AREA.open(REFERRAL)
    assert opened.sealed == REFERRAL.text
    assert opened.digest == REFERRAL.digest
    assert opened.event.data.author.id == TEACHER
    assert [d.statement.question for d in opened.statements] == ["concern.what_happened"]


def test_the_protected_header_is_alg_kid_and_typ_and_nothing_else() -> None:
    """Ed25519, the key's thumbprint and our type: the whole header (RFC 9864, RFC 7638)."""
    header = orjson.loads(base64url.decode(c.signatures_of(REFERRAL)[0]["protected"]) or b"")
    assert header == {"alg": "Ed25519", "kid": AREA.keys[TEACHER].kid, "typ": TYP}


@pytest.mark.parametrize("new", ["A", "b", "7", "-", '"', " ", "é"])
def test_no_character_of_the_seal_can_be_changed(new: str) -> None:
    """Another character anywhere in the sealed text, and it does not open."""
    for position, old in enumerate(REFERRAL.text):
        text = REFERRAL.text[:position] + new + REFERRAL.text[position + 1 :]
        found = open_seal(Sealed(text, REFERRAL.disclosures), DIRECTORY, NOW)
        assert new == old or not isinstance(found, Opened), position


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_no_text_makes_opening_raise(text: str) -> None:
    """Whatever text arrives, the answer is refusals of the closed list."""
    found = open_seal(Sealed(text, REFERRAL.disclosures), DIRECTORY, NOW)
    assert isinstance(found, tuple)
    assert codes(found) <= {"seal.unreadable", "seal.bad-encoding", "seal.bad-algorithm"}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.just("e30"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["payload", "signatures", "protected", "signature", "header"]),
                inner,
            )
        ),
    )
)
def test_no_shape_of_json_makes_opening_raise(shape: object) -> None:
    """JSON with the right names in the wrong places is refused, not stumbled over."""
    text = json.dumps(shape)
    assert isinstance(open_seal(Sealed(text), DIRECTORY, NOW), tuple)


@given(st.randoms(use_true_random=False))
def test_no_change_of_a_correctly_signed_payload_makes_opening_raise(chance: random.Random) -> None:
    """A signer may write anything at all under a right signature."""
    payload = bytearray(orjson.dumps(c.payload_of(REFERRAL)))
    for _ in range(chance.randint(1, 4)):
        payload[chance.randrange(len(payload))] = chance.randrange(256)
    found = open_seal(
        c.sealed_bytes(bytes(payload), AREA.keys[TEACHER], REFERRAL.disclosures), DIRECTORY, NOW
    )
    assert isinstance(found, Opened | tuple)


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        (NOW + MAX_AGE, set()),
        (NOW + MAX_AGE + TINY, {"seal.too-old"}),
        (NOW - MAX_AHEAD, set()),
        (NOW - MAX_AHEAD - TINY, {"seal.future"}),
    ],
)
def test_the_age_of_a_seal_is_judged_at_arrival(arrived: datetime, expected: set[str]) -> None:
    """At most 30 days before it arrives and five minutes after, to the microsecond."""
    assert AREA.codes(REFERRAL, arrived) == expected


KEYS = {
    "retired before sealing": ({"retired_at": NOW}, NOW, {"seal.key-not-valid"}),
    "retired after sealing": ({"retired_at": NOW + TINY}, NOW + timedelta(days=2), set()),
    "ended before sealing": ({"valid_to": NOW}, NOW, {"seal.key-not-valid"}),
    "ended after sealing": ({"valid_to": NOW + TINY}, NOW + timedelta(days=2), set()),
    "begins with the sealing": ({"valid_from": NOW}, NOW, set()),
    "begins after sealing": ({"valid_from": NOW + TINY}, NOW + TINY, {"seal.key-not-valid"}),
    "revoked at arrival": ({"compromised_at": NOW}, NOW, {"seal.key-revoked"}),
    "revoked after sealing, before arrival": (
        {"compromised_at": NOW + TINY},
        NOW + timedelta(days=1),
        {"seal.key-revoked"},
    ),
    "revoked after arrival": ({"compromised_at": NOW + TINY}, NOW, set()),
}


@pytest.mark.parametrize("what", KEYS)
def test_a_retired_key_is_judged_at_signing_and_a_revoked_one_at_arrival(what: str) -> None:
    """What a retired key signed stays good; a revoked one signs nothing that arrives later."""
    changes, arrived, expected = KEYS[what]
    area = Area(NOW)
    people = tuple(
        p.model_copy(update={"keys": (p.keys[0].model_copy(update=changes),)})
        if p.id == TEACHER
        else p
        for p in area.document.practitioners
    )
    area.document = area.document.model_copy(update={"practitioners": people})
    assert area.codes(m.referral(area, new_reference()), arrived) == expected


def test_a_countersigner_signs_the_very_bytes_of_the_author() -> None:
    """A countersignature is added beside; payload and earlier signatures stay as they were."""
    signer = Signer(id=HEAD, capacity=Capacity.LINE_MANAGER)
    event, disclosures = AREA.event(
        "referral.submitted", new_reference(), TEACHER, countersigners=(signer,)
    )
    author_only = c.sealed_bytes(orjson.dumps(event.as_json()), AREA.keys[TEACHER], disclosures)
    both = countersign(author_only, AREA.keys[HEAD])
    assert c.payload_of(both) == c.payload_of(author_only)
    assert c.signatures_of(both)[0] == c.signatures_of(author_only)[0]
    assert "seal.signers-mismatch" in AREA.codes(author_only)
    assert "seal.signers-mismatch" not in AREA.codes(both)


@pytest.mark.parametrize("text", ["", "{}", "not a seal"])
def test_only_a_sealed_message_can_be_countersigned(text: str) -> None:
    """Anything else is an error of the contract, with what to do now."""
    with pytest.raises(HandrailError) as caught:
        countersign(Sealed(text), AREA.keys[HEAD])
    assert caught.value.code == "seal.unreadable"
    assert caught.value.remedy


def test_every_fault_is_named_at_once() -> None:
    """Signers, times, every wrong part of the content and the statements come in one answer."""

    def spoil(payload: dict[str, object]) -> None:
        data = payload["data"]
        assert isinstance(data, dict)
        data["content"] = {"source": "ZZ", "discussed": {"at": 1}, "nickname": "x"}

    sealed = c.resealed(REFERRAL, AREA.keys[HEAD], spoil)
    found = open_seal(Sealed(sealed.text), DIRECTORY, NOW + timedelta(days=40))
    assert isinstance(found, tuple)
    assert {(r.code, r.detail) for r in found} == {
        ("seal.signers-mismatch", ""),
        ("seal.too-old", ""),
        ("message.wrong-content", "content.concern"),
        ("message.wrong-content", "content.source"),
        ("message.wrong-content", "content.discussed.line_manager"),
        ("message.wrong-content", "content.discussed.at"),
        ("message.wrong-content", "content: unknown member"),
        ("statements.missing", ""),
    }


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    """Names and values of the sender's own never come back in a detail."""

    def spoil(payload: dict[str, object]) -> None:
        payload["data"] = {"Kim Carter": "Kim Carter", "author": {"Kim Carter": 1}}

    found = open_seal(c.resealed(REFERRAL, AREA.keys[TEACHER], spoil), DIRECTORY, NOW)
    assert isinstance(found, tuple)
    assert len(found) > 2
    assert not any("Carter" in reason.detail for reason in found)


def test_peek_shows_the_unverified_event_or_why_there_is_none() -> None:
    """A sender sees what the own file says; other bytes give a refusal."""
    event = peek(REFERRAL)
    assert isinstance(event, Event)
    assert event.subject == c.payload_of(REFERRAL)["subject"]
    assert peek(Sealed("")) == Refusal("seal.unreadable")
    unsealed = c.sealed_bytes(b"{}", AREA.keys[TEACHER])
    assert isinstance(peek(unsealed), Refusal)


@pytest.mark.parametrize("count", [1, 8, 9])
def test_no_more_than_eight_signatures_are_looked_at(count: int) -> None:
    """Work per message is bounded before any key is looked up."""
    entry = c.signatures_of(REFERRAL)[0]
    found = jws.parse(c.with_signatures(REFERRAL, [entry] * count).text, TYP)
    assert isinstance(found, jws.Unacceptable) == (count > 8)


def test_a_seal_of_another_type_does_not_pass_for_a_message() -> None:
    """What the same key signed as something else is no message (RFC 8725 §3.11)."""
    payload = orjson.dumps(c.payload_of(REFERRAL))
    text = jws.sign(payload, AREA.keys[TEACHER], "handrail-read+jws").decode()
    assert AREA.codes(Sealed(text, REFERRAL.disclosures)) == {"seal.bad-algorithm"}
