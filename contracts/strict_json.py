"""JSON about whose meaning no two readers differ: the subset that may stand under a signature."""

import json

import orjson

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def load(data: bytes | str) -> object:
    """Return the JSON value in `data`, or None where readers could disagree; never raises.

    Turned away are a member name that is repeated, what is not UTF-8, a lone surrogate, NaN and
    infinities, an integer beyond 64 bits and nesting beyond 254 (RFC 8259 §§4, 6, 8; RFC 7493 §2).
    """
    try:
        value = orjson.loads(data)
        written = orjson.dumps(value)
        # Compact text that comes out as it went in repeats nothing; any other takes the long way.
        if written != (data.encode() if isinstance(data, str) else data):
            json.loads(data, object_pairs_hook=_no_twice, parse_int=_in_range)
    except (ValueError, TypeError, RecursionError):
        return None
    return value


def _no_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "a name is repeated"
        raise ValueError(msg)
    return made


def _in_range(digits: str) -> int:
    number = int(digits)
    if not _SMALLEST <= number <= _LARGEST:
        msg = "an integer beyond 64 bits"
        raise ValueError(msg)
    return number
