"""What is wrong with a document, told by JSON path and without a single value of it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from contracts.errors import HandrailError

_MOST = 20
_SAYS_WHAT_IS_EXPECTED = frozenset(
    {
        "literal_error",
        "enum",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
        "string_type",
        "bool_type",
        "int_type",
        "tuple_type",
        "model_type",
        "model_attributes_type",
        "dict_type",
        "datetime_type",
        "timezone_aware",
        "again_because",
        "again_corrects",
        "answer_or_value",
        "consent_none",
        "recipient_twofold",
        "question_unknown",
        "not_attachable",
        "original_without_value",
    }
)
"""Faults whose words name only what the contract expects, and nothing that was written."""

_WORDS = {
    "json_invalid": "is not JSON text",
    "missing": "is missing",
    "extra_forbidden": "has a member that the schema does not name",
    "union_tag_not_found": "does not say its kind",
    "datetime_parsing": "is not an instant in RFC 3339 form, such as 2026-11-22T09:30:00Z",
    "datetime_from_date_parsing": "is not an instant in RFC 3339 form",
}


def invalid(found: list[str]) -> HandrailError:
    """Return the error that names the places at fault, at most twenty of them."""
    told = "; ".join(found[:_MOST])
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return HandrailError(
        "document.invalid",
        f"the document does not have the form of its schema: {told}{more}",
        "correct the places named; contracts/schemas/document.schema.json describes every kind",
    )


def faults(error: Exception, made: object) -> list[str]:
    """Return one sentence per fault, its JSON path first; `made` is the JSON value at fault."""
    if not isinstance(error, ValidationError):
        return ["$: is not a JSON value that can be read"]
    found: dict[str, dict[str, None]] = {}
    for entry in error.errors(include_url=False, include_input=False):
        found.setdefault(_path(entry, made), {})[_words(entry)] = None
    # Several faults of one place are those of the alternatives that the schema allows there.
    return [f"{path}: {' or '.join(words)}" for path, words in found.items()]


def _words(entry: Mapping[str, Any]) -> str:
    kind = entry["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "union_tag_invalid":
        return f"is of none of the kinds {entry['ctx']['expected_tags']}"
    if kind in _SAYS_WHAT_IS_EXPECTED:
        said: str = entry["msg"]
        return said[0].lower() + said[1:]
    return "does not have the form that the schema gives it"


def _path(entry: Mapping[str, Any], made: object) -> str:
    """Return the JSON path of a fault, leaving out the names of alternatives that pydantic adds.

    An unknown member is not named, because a name can be data too: the path ends at the object
    that holds it.
    """
    path, here = "$", made
    loc = entry["loc"][:-1] if entry["type"] == "extra_forbidden" else entry["loc"]
    for place, step in enumerate(loc):
        missing = entry["type"] == "missing" and place == len(loc) - 1
        if isinstance(here, list) and isinstance(step, int) and step < len(here):
            path, here = f"{path}[{step}]", here[step]
        elif isinstance(here, dict) and step in here:
            path, here = f"{path}.{step}", here[step]
        elif missing:
            path = f"{path}.{step}"
    return path
