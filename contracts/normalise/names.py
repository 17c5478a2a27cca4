"""Names as systems write them: one spelling to keep (NFC), and one form to compare by.

Sources: Unicode Standard Annex #15 (normalisation forms) and chapter 3.13 (case folding). Two names
that compare alike may still be two people; that is for whoever matches to weigh.
"""

import re
import unicodedata
from typing import Final

from contracts.normalise.base import Normalised, Sure, certain, one_of, unreadable

_MOST: Final = 200
_APOSTROPHES: Final = dict.fromkeys(map(ord, "'`\u00b4\u2018\u2019\u02b9\u02bb\u02bc\u02be\u02bf"))
_LETTERS: Final = str.maketrans(
    {
        "\u00f8": "o",
        "\u0142": "l",
        "\u0111": "d",
        "\u00f0": "d",
        "\u00fe": "th",
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u0131": "i",
        "\u0127": "h",
        "\u014b": "ng",
        "\u0259": "e",
    }
)
"""Latin letters that Unicode does not take apart into a letter and a mark."""

_NOBODY: Final = frozenset(
    {
        "",
        "unknown",
        "not known",
        "n k",
        "n a",
        "na",
        "none",
        "null",
        "nil",
        "tbc",
        "to be confirmed",
        "not stated",
        "not given",
        "no name",
        "unnamed",
        "anonymous",
        "unborn",
        "baby",
        "child",
    }
)
_OF_A_MOTHER: Final = re.compile(r"(?:unborn(?: baby| child)?|baby(?: boy| girl)?)(?: of)?(?: .*)?")
_AFTER_A_NAME: Final = frozenset({"jr", "jnr", "sr", "snr", "ii", "iii", "iv"})


def name(text: str) -> Normalised[str]:
    """Return a name in NFC with single spaces and given names first; its capitals stay as they are.

    `Surname, Given` has one reading and is turned round. Text that was decoded wrongly (`JosÃ©`)
    is repaired, or has two readings where both are names. What stands for no name, and what holds a
    digit or another sign that no name has, is unreadable.
    """
    cleaned = _turned(_clean(text))
    mended = _mended(cleaned)
    if mended is not None and _is_name(mended):
        as_written = (cleaned,) if _is_name(cleaned) else ()
        return one_of((mended, *as_written), text, Sure.REPAIRED)
    return certain(cleaned, text) if _is_name(cleaned) else unreadable(text)


def comparable_name(text: str) -> Normalised[str]:
    """Return the form by which names are compared: no capitals, accents, apostrophes or hyphens.

    `O'Brien-ŁÓDŹ` gives `obrien lodz`. Letters of other scripts keep their marks, which are vowels
    there. As sure as `name` is of the text; where that is unsure, the readings are compared forms.
    """
    read = name(text)
    if read.value is None:
        return one_of(tuple(comparable(one) for one in read.readings), text, Sure.REPAIRED)
    made = comparable(read.value)
    return one_of((made,), text, read.sure) if read.for_a_person else certain(made, text)


def comparable(spelled: str) -> str:
    """Return the compared form of a name that is spelled out; empty where no letter is left."""
    folded = unicodedata.normalize("NFKD", spelled.translate(_APOSTROPHES)).casefold()
    letters = _without_marks(unicodedata.normalize("NFKD", folded)).translate(_LETTERS)
    parts = "".join(c if _is_letter(c) else " " for c in letters)
    return unicodedata.normalize("NFC", " ".join(parts.split()))


def _clean(text: str) -> str:
    """Return `text` in NFC with single spaces and without characters that nobody sees."""
    seen = (c for c in text[: _MOST + 1] if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", " ".join("".join(seen).split()))


def _turned(text: str) -> str:
    """Return `Given Surname` for `Surname, Given`; a generation after the comma stays there."""
    family, comma, given = text.partition(",")
    if not comma or "," in given or not family.strip() or not given.strip():
        return text
    if given.strip().strip(".").casefold() in _AFTER_A_NAME:
        return f"{family.strip()} {given.strip()}"
    return f"{given.strip()} {family.strip()}"


def _is_name(text: str) -> bool:
    compared = comparable(text)
    if len(text) > _MOST or compared in _NOBODY or _OF_A_MOTHER.fullmatch(compared):
        return False
    return all(_is_letter(c) or c in " -.()" or ord(c) in _APOSTROPHES for c in text)


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _mended(text: str) -> str | None:
    """Return UTF-8 that was read as Windows-1252, read rightly; None where that makes no text."""
    if text.isascii():
        return None
    try:
        return unicodedata.normalize("NFC", text.encode("cp1252").decode("utf-8"))
    except UnicodeError:
        return None


def _without_marks(text: str) -> str:
    """Drop the marks over Latin, Greek and Cyrillic letters."""
    kept: list[str] = []
    plain = False
    for character in text:
        if unicodedata.category(character)[0] == "M":
            if not plain:
                kept.append(character)
            continue
        plain = ord(character) < 0x530 or 0x1E00 <= ord(character) < 0x2000  # noqa: PLR2004
        kept.append(character)
    return "".join(kept)
