"""Writes the contract down for others: JSON Schemas, code lists and an AsyncAPI document.

`python -m contracts.schema_build` writes `contracts/schemas/`; with `--check` it writes nothing,
lists what differs from the models and exits with 1 where anything does.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union

from pydantic import BaseModel, Field, TypeAdapter, create_model

from contracts import asyncapi
from contracts.consents import (
    BasisKind,
    ConsentBasis,
    CourtOrderBasis,
    NoticeBasis,
    OverrideBasis,
    ProtectionBasis,
    StatutoryBasis,
)
from contracts.directory import DirectoryDocument
from contracts.document import DOCUMENT_KINDS, model_of
from contracts.event import TYPE_PREFIX, Data, Event
from contracts.kinds import Kind
from contracts.messages import KINDS
from contracts.quarantine import Released
from contracts.questions import CODE_SETS, Question, questions, version
from contracts.reasons import reasons
from contracts.records import Cursor, Decision, Delivery, Entry, Group, Quarantined, Receipt
from contracts.sealed_file import SealedFile
from contracts.statements import Statement
from contracts.submission import IntakeKey, Wire

FOLDER: Final = Path(__file__).with_name("schemas")
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_MODELS: Final[dict[str, type[BaseModel]]] = {
    "statement": Statement,
    "sealed-file": SealedFile,
    "submission": Wire,
    "intake-key": IntakeKey,
    "receipt": Receipt,
    "decision": Decision,
    "group": Group,
    "delivery": Delivery,
    "entry": Entry,
    "cursor": Cursor,
    "quarantined": Quarantined,
    "released": Released,
    "directory": DirectoryDocument,
}

_BASES: Final[dict[BasisKind, type[BaseModel]]] = {
    BasisKind.CONSENT: ConsentBasis,
    BasisKind.OVERRIDE: OverrideBasis,
    BasisKind.STATUTORY: StatutoryBasis,
    BasisKind.COURT_ORDER: CourtOrderBasis,
    BasisKind.PROTECTION: ProtectionBasis,
    BasisKind.NOTICE: NoticeBasis,
}


def build() -> dict[str, str]:
    """Return every generated file: its path below `contracts/schemas`, and its text."""
    made: dict[str, Any] = {
        "questions.json": _catalogue(),
        "questions.schema.json": form_schema(),
        "reasons.json": _reasons(),
        "asyncapi.json": asyncapi.document(),
        "document.schema.json": document_schema(),
    }
    for name, model in _MODELS.items():
        made[f"{name}.schema.json"] = _schema(name, model)
    for kind in KINDS.values():
        made[f"events/{kind.name}.schema.json"] = _schema(f"event:{kind.name}", event_model(kind))
    return {
        path: json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for path, content in sorted(made.items())
    }


def document_schema() -> dict[str, Any]:
    """Return the schema of the plain document, one form per kind, told apart by `kind`."""
    union: Any = reduce(or_, (model_of(kind) for kind in DOCUMENT_KINDS))
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[union, Field(discriminator="kind")])
    return {
        **_head("document", "A message as a person writes it, before it is sealed"),
        **adapter.json_schema(),
    }


def event_model(kind: Kind) -> type[Event]:
    """Return the model of the messages of one kind: what stands inside their seal."""
    content: Any = (kind.content, ...)
    basis: Any = Union[tuple(_BASES[b] for b in BasisKind if b in kind.bases)]  # noqa: UP007
    if len(kind.bases) > 1:
        basis = Annotated[basis, Field(discriminator="kind")]
    data = create_model(
        "Data", __base__=Data, __doc__=Data.__doc__, basis=(basis, ...), content=content
    )
    type_: Any = (Literal[f"{TYPE_PREFIX}{kind.name}"], ...)
    return create_model(
        "Event",
        __base__=Event,
        __doc__=f"{kind.title} ({kind.cites}): a CloudEvent.",
        type=type_,
        data=(data, ...),
    )


def drift() -> Iterator[str]:
    """Yield every generated file that is missing, out of date, or there without a model."""
    expected = build()
    for path, text in expected.items():
        file = FOLDER / path
        if not file.is_file():
            yield f"missing      {path}"
        elif file.read_text(encoding="utf-8") != text:
            yield f"out of date  {path}"
    for file in sorted(FOLDER.rglob("*.json")):
        path = file.relative_to(FOLDER).as_posix()
        if path not in expected:
            yield f"left over    {path}"


def write() -> None:
    """Write every generated file and remove those that have no model any more."""
    expected = build()
    for file in FOLDER.rglob("*.json"):
        if file.relative_to(FOLDER).as_posix() not in expected:
            file.unlink()
    for path, text in expected.items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` list what differs; return the exit code."""
    parser = argparse.ArgumentParser(description="Generate contracts/schemas from the contract.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    differences = list(drift())
    if differences:
        listed = "\n".join(differences)
        sys.stderr.write(f"{listed}\nrun `make schemas` and commit what it writes\n")
    return 1 if differences else 0


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return {**_head(name, schema.pop("title")), **schema}


def _head(name: str, title: str) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"urn:handrail:schema:{name}:1", "title": title}


def _catalogue() -> dict[str, Any]:
    return {
        "version": version(),
        "questions": [
            {"number": q.number, "key": q.key, "category": q.category.value, "text": q.text}
            | _about(q)
            for q in questions().values()
        ],
    }


def _about(question: Question) -> dict[str, Any]:
    found: dict[str, Any] = {
        "asked_of_family": question.asked_of_family,
        "fresh_days": question.fresh_days,
        "who": question.who.value,
        "reason_when": sorted(question.reason_when),
        "since": question.since,
    }
    found |= {"attachable": True} if question.attachable else {}
    return found | ({"codes": question.codes, "many": question.many} if question.codes else {})


def form_schema() -> dict[str, Any]:
    """Return the schema of a filled-in form: by key of the question, the values that it takes.

    Code questions list their codes with what people read for them; `x-handrail` says what else the
    catalogue knows of a question. An answer other than a given one has no value in a form.
    """
    value = Statement.model_json_schema()["properties"]["value"]["anyOf"]
    return {
        **_head("questions", "The questions of the catalogue, and what may be answered to each"),
        "type": "object",
        "properties": {
            q.key: {
                "title": q.text,
                **_values_of(q, [one for one in value if one != {"type": "null"}]),
                "x-handrail": {"number": q.number, "category": q.category.value, **_about(q)},
            }
            for q in questions().values()
        },
        "additionalProperties": False,
    }


def _values_of(question: Question, any_value: list[Any]) -> dict[str, Any]:
    if question.codes is None:
        return {"anyOf": any_value}
    one = {"oneOf": [{"const": c.value, "title": c.label} for c in CODE_SETS[question.codes]]}
    return (
        {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]} if question.many else one
    )


def _reasons() -> dict[str, Any]:
    return {
        "reasons": [
            {
                "code": reason.code,
                "citation": reason.citation,
                "message": reason.message,
                "remedy": reason.remedy,
            }
            for reason in reasons().values()
        ]
    }


if __name__ == "__main__":
    sys.exit(main())
