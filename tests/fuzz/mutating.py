"""Mutation that knows JSON: a signed message is spoiled in one place and stays a message elsewhere.

`mutated` changes a JSON text by its structure and any other bytes as bytes; what it does depends
on the random generator alone, so that a seed gives the same bytes each time.
"""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, Final
from xml.etree.ElementTree import ParseError, tostring

from defusedxml.ElementTree import fromstring

from contracts import strict_json

INTERESTING: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    0.5,
    1e308,
    "",
    " ",
    "\x00",
    "\u202e",
    "٣",
    "²",
    "İ",
    "ß",
    "a" * 201,
    "new",
    "0000-00-00",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "1900-01-01T00:00:00+23:59",
    "2199-12-31T23:59:60Z",
    "2199-12-31T23:59:59.999999-23:59",
    "2026-01-01T00:00:00",
    "demo.hilltop-school",
    "demo.first-response",
    "demo.social-care.worker",
    "demo.exchange",
    "A" * 22,
    "A" * 26,
    "A" * 43,
    "0" * 64,
    "-",
    ".",
    "../../etc",
    "*",
    ">",
    "$JS.API",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"...": "A" * 43},
)
_RAW: Final = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b'"\\ud800"',
    b'"\xff"',
    b'{"a":1,"a":2}',
    b"[" * 300 + b"]" * 300,
    b"\xef\xbb\xbf{}",
    b'"\\u0000"',
)
_TOKEN: Final = re.compile(rb"<[^<>]*>|\n|[^<\n]+|<")
_WRITABLE: Final = tuple(x for x in INTERESTING if isinstance(x, str) and "\0" not in x)
_MOST: Final = 128 * 1024
Place = tuple[Any, Any]


def mutated(data: bytes, random: Random, others: tuple[bytes, ...] = ()) -> bytes:
    """Return `data` changed once to five times; `others` are texts to take parts from."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
        value = strict_json.load(data)
        by_structure = isinstance(value, dict | list) and random.random() < 0.9
        if by_structure:
            data = _by_structure(value, random, others)
        elif value is None and random.random() < 0.7:
            data = _by_tree(data, random) or _by_tokens(data, random, others)
        else:
            data = _by_bytes(data, random)
    return data[:_MOST]


def _by_structure(value: Any, random: Random, others: tuple[bytes, ...]) -> bytes:
    """Change one place of a JSON value that is a list or an object."""
    holder, key = random.choice(_places(value))
    if random.random() < 0.04:
        holder[key] = _MARK
        text = json.dumps(value, ensure_ascii=False).encode(errors="replace")
        return text.replace(json.dumps(_MARK).encode(), random.choice(_RAW))
    random.choice(_CHANGES)(holder, key, random, others)
    return json.dumps(value, ensure_ascii=random.random() < 0.5).encode(errors="replace")


def _by_tree(data: bytes, random: Random) -> bytes | None:
    """Change one element of well-formed XML, so that it stays well-formed; None for other bytes."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):
        return None
    elements = list(root.iter())
    one, other = random.choice(elements), random.choice(elements)
    match random.randrange(5):
        case 0:
            one.text = random.choice(
                [x for x in INTERESTING if isinstance(x, str) and "\0" not in x]
            )
        case 1:
            one.text = other.text
        case 2:
            one.append(deepcopy(other))
        case 3:
            one.tag = other.tag
        case _ if len(one):
            one.remove(one[random.randrange(len(one))])
    return bytes(tostring(root, encoding="utf-8"))


def _by_tokens(data: bytes, random: Random, others: tuple[bytes, ...]) -> bytes:
    """Change one tag, line or text of what is XML, TOML or plain."""
    tokens = _TOKEN.findall(data)
    if not tokens:
        return _by_bytes(data, random)
    at = random.randrange(len(tokens))
    other = _TOKEN.findall(random.choice(others)) if others else tokens
    odd = random.choice([one for one in INTERESTING if isinstance(one, str)]).encode()
    put = random.choice((b"", tokens[at] * 2, random.choice(tokens), random.choice(other), odd))
    key, equals, _ = tokens[at].partition(b"=")
    if equals and random.random() < 0.5:
        put = key + equals + random.choice((b"1", b'"x"', b"[]", b"{}", b"1979-05-27", b"nan"))
    return b"".join((*tokens[:at], put, *tokens[at + 1 :]))


def _places(value: Any) -> list[Place]:
    """Return every place of `value`: its holder, and the key or index there."""
    root = {"": value}
    found: list[Place] = []
    waiting: list[Any] = [root]
    while waiting:
        holder = waiting.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, inner in list(pairs):
            if holder is not root:
                found.append((holder, key))
            if isinstance(inner, dict | list) and inner:
                waiting.append(inner)
    return found or [(root, "")]


def _replace(holder: Any, key: Any, random: Random, _others: tuple[bytes, ...]) -> None:
    holder[key] = random.choice(INTERESTING)


def _tweak(holder: Any, key: Any, random: Random, _others: tuple[bytes, ...]) -> None:
    """Change a text or number a little; anything else is emptied."""
    value = holder[key]
    if isinstance(value, str):
        holder[key] = _by_bytes(value.encode(), random).decode(errors="replace")
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float):
        holder[key] = random.choice((-value, value + 1, value - 1, value * 2, str(value)))
    else:
        holder[key] = type(value)() if value is not None else 0


def _drop(holder: Any, key: Any, _random: Random, _others: tuple[bytes, ...]) -> None:
    del holder[key]


def _double(holder: Any, key: Any, random: Random, _others: tuple[bytes, ...]) -> None:
    """Repeat an element, up to beyond the bounds of a list; or give a member a second name."""
    if isinstance(holder, list):
        holder[key:key] = [holder[key]] * random.choice((1, 2, 17, 65, 513))
    else:
        holder[random.choice(("v", "id", "kind", "extra", f"{key} "))] = holder[key]


def _nest(holder: Any, key: Any, random: Random, _others: tuple[bytes, ...]) -> None:
    for _ in range(random.choice((1, 2, 40))):
        holder[key] = random.choice(([holder[key]], {"x": holder[key]}))


def _move(holder: Any, key: Any, random: Random, _others: tuple[bytes, ...]) -> None:
    """Put here what stands somewhere else in the same holder."""
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    holder[key] = holder[random.choice(list(keys))]


def _graft(holder: Any, key: Any, random: Random, others: tuple[bytes, ...]) -> None:
    """Put here what another text has under the same name, or anywhere."""
    if not others:
        return
    other = strict_json.load(random.choice(others))
    if isinstance(other, dict | list) and other:
        places = _places(other)
        same = [place for place in places if place[1] == key] or places
        source, at = random.choice(same)
        holder[key] = source[at]


_MARK: Final = "\x1fhere\x1f"
_CHANGES: Final[tuple[Callable[[Any, Any, Random, tuple[bytes, ...]], None], ...]] = (
    _replace,
    _replace,
    _tweak,
    _tweak,
    _drop,
    _double,
    _nest,
    _move,
    *(_graft,) * 6,
)


def _by_bytes(data: bytes, random: Random) -> bytes:
    """Flip, cut, insert, double or put in something odd."""
    if not data:
        return random.choice(_RAW)
    at, span = random.randrange(len(data)), random.choice((1, 1, 2, 8, 64))
    before, part, after = data[:at], data[at : at + span], data[at + span :]
    changed = bytes([part[0] ^ (1 << random.randrange(8))]) + part[1:]
    return random.choice(
        (
            before + changed + after,
            before + after,
            before + part + part + after,
            before + part * random.choice((16, 256)) + after,
            before + random.choice(_RAW) + after,
            before + bytes([random.randrange(256)]) + part + after,
        )
    )
