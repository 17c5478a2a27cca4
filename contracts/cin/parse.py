"""Reading the XML of a return piece by piece, within bounds, whatever the bytes are."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import iterparse

from contracts.errors import HandrailError

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 32
MAX_ELEMENTS_PER_RECORD: Final = 5_000

_LONGEST_DECLARATION: Final = 1024
_BYTE_ORDER_MARKS: Final = b"\xef\xbb\xbf\xfe\xff"
_ENCODING: Final = re.compile(rb"""encoding\s*=\s*["']([^"']*)""")
_ENCODINGS: Final = frozenset(
    {b"utf-8", b"utf-16", b"utf-16le", b"utf-16be", b"us-ascii", b"iso-8859-1", b"windows-1252"}
)

_RECORDS: Final = frozenset({("Message", "Header"), ("Message", "Children", "Child")})
_CHILDREN: Final = ("Message", "Children")


def unreadable(message: str) -> HandrailError:
    """Make the one error with which a return is turned away as a whole."""
    return HandrailError(
        "cin.unreadable",
        message,
        "Export the return again as plain CIN census XML, without a document type or entities, "
        f"of at most {MAX_BYTES // 1024 // 1024} MB, and replay that file.",
    )


def records(data: bytes) -> Iterator[Element]:
    """Yield each `Header` and `Child` of a return, complete, and at last the emptied `Children`.

    Tags come without their namespace. Each record is let go once the next is asked for, so
    memory follows the largest record and not the file. Raise `HandrailError` `cin.unreadable` for
    bytes that are no well-formed XML, declare a document type or entities, or pass a bound.
    """
    if len(data) > MAX_BYTES:
        raise unreadable("the file is larger than a return may be")
    if not _has_plain_encoding(data):
        raise unreadable("the file declares an encoding that a return does not use")
    try:
        yield from _walk(data)
    except ParseError as error:
        line, column = error.position
        message = f"the file is not well-formed XML at line {line}, column {column}"
        raise unreadable(message) from None
    except (ValueError, LookupError):
        # What `defusedxml` forbids is a ValueError of its own.
        raise unreadable("the file declares a document type or an entity") from None


def _has_plain_encoding(data: bytes) -> bool:
    """Tell whether the XML declaration, if there is one, names an encoding of plain text.

    The parser would hand any other name to Python's codecs, some of which rewrite what they read.
    """
    head = data[:_LONGEST_DECLARATION].replace(b"\0", b"").lstrip(_BYTE_ORDER_MARKS)
    if not head.startswith(b"<?xml"):
        return True
    declaration, end, _ = head.partition(b"?>")
    declared = _ENCODING.search(declaration)
    return bool(end) and (declared is None or declared[1].lower() in _ENCODINGS)


def _walk(data: bytes) -> Iterator[Element]:
    """Follow the parser's events, keeping only the elements of the record that is open."""
    path: list[Element] = []
    elements = 0
    for event, element in iterparse(BytesIO(data), ("start", "end"), forbid_dtd=True):
        if event == "start":
            element.tag = str(element.tag).rpartition("}")[2]
            path.append(element)
            elements += _in_record(path)
            _check(path, elements)
            continue
        tags = tuple(step.tag for step in path)
        if tags in _RECORDS or tags == _CHILDREN:
            yield element
        path.pop()
        if path and not _in_record(path):
            path[-1].remove(element)
            elements = 0


def _in_record(path: list[Element]) -> bool:
    """Tell whether the open elements lie in a `Header` or a `Child`, or are one."""
    tags = tuple(step.tag for step in path[:3])
    return tags in _RECORDS or tags[:2] in _RECORDS


def _check(path: list[Element], elements: int) -> None:
    """Raise `cin.unreadable` where the open elements pass a bound or the root is not ours."""
    if path[0].tag != "Message":
        raise unreadable("the file is XML but not a CIN census return")
    if len(path) > MAX_DEPTH:
        raise unreadable("the elements of the file are nested too deeply")
    if elements > MAX_ELEMENTS_PER_RECORD:
        raise unreadable("one record of the file has too many elements")
