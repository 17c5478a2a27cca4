"""User keys are those of the NKEY format, and nothing else passes for one."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import HandrailError
from services.runtime.nkeys import NKey, is_public

# The pair in the documentation of NATS, "NKeys".
SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
ACCOUNT_SEED = "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def test_a_published_pair_is_read_as_published() -> None:
    """The public half and the seed are written as NATS writes them."""
    key = NKey.from_seed(SEED)

    assert (key.seed, key.public) == (SEED, PUBLIC)


def test_white_space_around_a_seed_does_not_matter() -> None:
    """A seed may come from a file that ends in a new line."""
    assert NKey.from_seed(f"  {SEED}\n").public == PUBLIC


def test_a_generated_key_survives_its_seed() -> None:
    """Two keys differ, and each is the same after writing and reading its seed."""
    first, second = NKey.generate(), NKey.generate()

    assert first.public != second.public
    assert NKey.from_seed(first.seed).public == first.public
    assert is_public(first.public)


def test_the_answer_to_a_challenge_is_a_signature_over_its_bytes() -> None:
    """nats-server verifies base64 of the Ed25519 signature over the nonce as it was sent."""
    key = NKey.from_seed(SEED)
    raw = base64.b32decode(PUBLIC)[1:33]

    signature = base64.b64decode(key.sign_nonce("Xh6tMQ0fYzo"))

    Ed25519PublicKey.from_public_bytes(raw).verify(signature, b"Xh6tMQ0fYzo")


def test_the_text_of_a_key_does_not_show_its_seed() -> None:
    """A key that ends up in a log or an error gives nothing away."""
    key = NKey.from_seed(SEED)

    assert SEED not in repr(key) + str(key) + f"{key}"


@given(place=st.integers(0, len(SEED) - 1), letter=st.sampled_from(LETTERS))
def test_one_wrong_letter_is_noticed(place: int, letter: str) -> None:
    """No slip in copying gives another key: neither in a seed nor in a public key."""
    for text in (SEED, PUBLIC):
        if place < len(text) and text[place] != letter:
            changed = text[:place] + letter + text[place + 1 :]
            assert not is_public(changed)
            with pytest.raises(HandrailError, match=r"nkey\.invalid"):
                NKey.from_seed(changed)


@given(st.text() | st.binary().map(lambda raw: base64.b32encode(raw).decode()))
def test_anything_else_is_refused_with_a_remedy(text: str) -> None:
    """Untrusted text never surfaces as another kind of error, and is not repeated in it."""
    with pytest.raises(HandrailError) as refusal:
        NKey.from_seed(text)

    assert refusal.value.code == "nkey.invalid"
    assert refusal.value.remedy
    assert not is_public(text)


@pytest.mark.parametrize("text", [PUBLIC, ACCOUNT_SEED])
def test_a_key_of_another_kind_is_no_user_seed(text: str) -> None:
    """Neither a public key nor an account's seed is taken for the seed of a user."""
    with pytest.raises(HandrailError, match=r"nkey\.invalid"):
        NKey.from_seed(text)
