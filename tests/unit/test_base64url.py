"""Base64url: one spelling of every value, all others refused (RFC 7515 §2)."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base64url import decode, encode, is_canonical

ALPHABET = string.ascii_letters + string.digits + "-_"


@given(st.binary(max_size=200))
def test_what_is_encoded_is_canonical_and_comes_back(data: bytes) -> None:
    """Encoding agrees with the standard library without its padding, and decodes to the same."""
    text = encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert is_canonical(text)
    assert decode(text) == data


@given(st.text(st.sampled_from(ALPHABET), max_size=60))
def test_only_one_spelling_of_a_value_is_canonical(text: str) -> None:
    """A text is canonical exactly when encoding what it decodes to gives it back."""
    found = decode(text)
    assert is_canonical(text) == (found is not None)
    if found is not None:
        assert encode(found) == text


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    """Any text at all is decoded or refused."""
    assert is_canonical(text) == (decode(text) is not None)


@pytest.mark.parametrize(
    "text",
    [
        "QQ==",
        "QQ=",
        "QR",
        "QUF",
        "Q",
        "Q+",
        "Q/",
        "Q Q",
        "QQ\n",
        "\nQQ",
        "QQ.",
        "\uff31\uff31",
        "QQQQQ",
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    """Padding, stray bits, other alphabets, white space and impossible lengths are all refused."""
    assert decode(text) is None


@pytest.mark.parametrize("last", [2, 3])
def test_every_stray_final_bit_is_refused(last: int) -> None:
    """Of 64 final characters only those pass whose unused bits are zero."""
    texts = ["A" * (last - 1) + final for final in ALPHABET]
    assert sum(is_canonical(text) for text in texts) == {2: 4, 3: 16}[last]
