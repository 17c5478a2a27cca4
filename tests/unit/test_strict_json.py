"""JSON under a signature: what two readers could read differently is not read at all."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import strict_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=20,
)


@given(VALUES)
def test_every_ordinary_value_is_read_however_it_is_written(value: object) -> None:
    """Compact or spaced, escaped or not: the same value comes out."""
    for text in (json.dumps(value), json.dumps(value, indent=1), orjson.dumps(value)):
        assert strict_json.load(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nul",
        "{}x",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e400",
        '{"a":1,"a":1}',
        '{"a":1, "\\u0061":2}',
        '[{"b":{"a":1,"a":2}}]',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        "9" * 21,
        "9" * 5000,
        str(-(2**63) - 1),
        "[" * 255 + "]" * 255,
        "[" * 100_000,
        '{"a":' * 100_000,
        "01",
        "'a'",
        "\ufeff{}",
        '{"a":1,}',
    ],
)
def test_what_readers_could_read_differently_is_refused(text: str) -> None:
    """Repeated names, numbers out of range, lone surrogates and deep nesting give nothing."""
    assert strict_json.load(text) is None
    assert strict_json.load(text.encode()) is None


@pytest.mark.parametrize(
    "data",
    [b'"\xff"', b'"\xed\xa0\x80"', b"\xc0\x80", '{"a":1}'.encode("utf-16"), "[]".encode("utf-32")],
)
def test_only_utf_8_is_read(data: bytes) -> None:
    """Other encodings, and what is not valid UTF-8, give nothing (RFC 8259 §8.1)."""
    assert strict_json.load(data) is None


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_nothing_makes_it_raise(data: bytes | str) -> None:
    """Whatever comes in, it answers, and never with what the standard library cannot read."""
    found = strict_json.load(data)
    if found is not None:
        json.loads(data)


def test_a_lone_surrogate_in_a_text_of_ours_is_refused() -> None:
    """A Python text that cannot be written as UTF-8 gives nothing."""
    assert strict_json.load('"\ud800"') is None
