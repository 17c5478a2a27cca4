"""What is wrong with a rule pack's form, in words for whoever wrote it."""

from collections.abc import Mapping
from typing import Any, Final

_PLAIN: Final = {
    "extra_forbidden": "there is no such key; compare the spelling with a pack that ships",
    "missing": "is needed and not there",
    "string_type": "must be text in quotation marks",
    "int_type": "must be a whole number without quotation marks",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list in square brackets",
    "dict_type": "must be a table in braces",
    "string_pattern_mismatch": "does not have the form it needs",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "too_short": "must name at least one",
}
_BOUND: Final = {
    "greater_than_equal": ("ge", "must be {} or more"),
    "less_than_equal": ("le", "must be {} or less"),
    "enum": ("expected", "must be one of {}"),
    "literal_error": ("expected", "must be {}"),
}


def in_words(fault: Mapping[str, Any]) -> str:
    """Return in words what a `ValidationError` says of one place; its own words where new."""
    kind = str(fault["type"])
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _BOUND:
        name, said = _BOUND[kind]
        return said.format(fault.get("ctx", {}).get(name, ""))
    return str(fault["msg"]).removeprefix("Value error, ")
