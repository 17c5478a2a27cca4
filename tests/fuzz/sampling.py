"""Values that a published JSON Schema allows: where the fuzzing of every kind begins.

Texts under a pattern come from a small pool of what the contract is made of; a pattern that none
of the pool has is an error of this module, so that no kind is left out unnoticed.
"""

import re
from random import Random
from typing import Any, Final

from tests.area import CAF_WORKER, DUTY, FRONT, SCHOOL, TEACHER, WORKER

CHILD: Final = "CH1LD00000000000000000000A"
_POOL: Final = (
    SCHOOL,
    FRONT,
    TEACHER,
    DUTY,
    WORKER,
    CAF_WORKER,
    CHILD,
    "MESSAGE0000000000000000001",
    "demo",
    "demo.exchange",
    "urn:handrail:demo:hilltop-school",
    "handrail.referral.submitted",
    "2026-03-01",
    "2026-03-01T10:00:00Z",
    "2026-03",
    "A" * 43,
    "A" * 22,
    "0" * 64,
    "carefirst",
    "RC7",
    "EX26C00001",
    "E08000003",
    "01632 960001",
    "worker@demo.example",
    "2A",
    "A",
    "a text",
    "as told",
    "1",
)
_DEPTH: Final = 12


def sample(schema: dict[str, Any], random: Random) -> Any:
    """Return a value of `schema`, whose `$defs` are looked up in itself."""
    return _value(schema, schema.get("$defs", {}), random, 0)


def _value(schema: dict[str, Any], defs: dict[str, Any], random: Random, depth: int) -> Any:
    if "$ref" in schema:
        return _value(defs[schema["$ref"].rpartition("/")[2]], defs, random, depth)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _value(random.choice(schema[several]), defs, random, depth)
    if "allOf" in schema:
        return _value(schema["allOf"][0], defs, random, depth)
    if fixed := schema.get("enum") or ("const" in schema and [schema["const"]]):
        return random.choice(fixed)
    if "default" in schema and random.random() < 0.3:
        return schema["default"]
    return _of_type(schema, defs, random, depth)


def _of_type(schema: dict[str, Any], defs: dict[str, Any], random: Random, depth: int) -> Any:
    match schema.get("type"):
        case "object":
            return _object(schema, defs, random, depth + 1)
        case "array":
            return _array(schema, defs, random, depth + 1)
        case "string":
            return _text(schema, random)
        case "integer" | "number":
            least = int(schema.get("minimum", schema.get("exclusiveMinimum", 0)))
            return random.choice((least, least + 1, int(schema.get("maximum", least + 7))))
        case "boolean":
            return random.random() < 0.5
        case _:
            return None


def _object(schema: dict[str, Any], defs: dict[str, Any], random: Random, depth: int) -> Any:
    required = set(schema.get("required", ()))
    return {
        name: _value(inner, defs, random, depth)
        for name, inner in schema.get("properties", {}).items()
        if name in required or "const" in inner or (depth < _DEPTH and random.random() < 0.4)
    }


def _array(schema: dict[str, Any], defs: dict[str, Any], random: Random, depth: int) -> Any:
    if "prefixItems" in schema:
        return [_value(one, defs, random, depth) for one in schema["prefixItems"]]
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", least + 2), least + 2)
    count = least if depth > _DEPTH else random.randint(least, most)
    return [_value(schema.get("items", {}), defs, random, depth) for _ in range(count)]


def _text(schema: dict[str, Any], random: Random) -> str:
    if schema.get("format") == "date-time":
        return "2026-03-01T10:00:00Z"
    if schema.get("format") == "date":
        return "2026-03-01"
    pattern, longest = schema.get("pattern", ""), schema.get("maxLength", 200)
    fitting = [one for one in _POOL if re.search(pattern, one) and len(one) <= longest]
    if not fitting:
        raise LookupError(pattern)
    return random.choice(fitting[:3])
