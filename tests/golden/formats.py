"""The formats of everything that stays on disk, each as one digest of its schema."""

import hashlib
import importlib
import json
from dataclasses import fields
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from contracts.journey import Journey

_MODELS: Final = {
    "contracts.records": ("Receipt", "Decision", "Group", "LaneLeaf", "Delivery", "Entry"),
    "contracts.holding": ("HeldRecord", "HeldDone", "WakeUp"),
    "contracts.quarantine": ("Released", "ReleaseOrder"),
    "contracts.log": ("Head", "Cosignature"),
    "contracts.event": ("Event",),
    "contracts.submission": ("Wire",),
    "contracts.statements": ("Statement",),
}
_BESIDE: Final = {"contracts.records": ("Cursor", "Quarantined")}


def formats() -> dict[str, str]:
    """Return the digest of each format of this release; of names that it lacks nothing is said.

    Words of documentation do not count, and neither does the order of members.
    """
    found = {}
    for table in (_MODELS, _BESIDE):
        for module, names in table.items():
            for name in names:
                form = _named(module, name)
                if form is not None:
                    found[name] = _digest(_bare(TypeAdapter(form).json_schema()))
    found["Journey"] = _digest(_journey())
    return found


def _named(module: str, name: str) -> type[BaseModel] | None:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None


def _journey() -> list[str]:
    """Return what a journey holds: its state is written by hand, not by a schema."""
    return sorted(f"{one.name}: {one.type}" for one in fields(Journey))


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = (item for item in schema.items() if not _is_words(*item))
        return {key: _bare(value) for key, value in kept}
    if isinstance(schema, list):
        return [_bare(value) for value in schema]
    return schema


def _is_words(key: str, value: object) -> bool:
    return key in ("description", "title") and isinstance(value, str)


def _digest(made: Any) -> str:
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]
