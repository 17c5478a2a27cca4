"""The published schemas: up to date, valid in their own dialects, and true of real messages."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contracts import asyncapi, schema_build, subjects
from contracts.document import DOCUMENT_KINDS, parse, to_event
from contracts.errors import HandrailError
from contracts.messages import KINDS
from contracts.questions import questions, version
from contracts.reasons import reasons
from services.agency.reading import ReadRequest
from services.cli.founding import create
from services.cli.messages import current_directory, person
from services.runtime.partnership import Partnership
from tests.examples import Example, examples

EXAMPLES = examples(Path(__file__).parents[2] / "examples")
FOLDER = schema_build.FOLDER


def schema(name: str) -> dict[str, Any]:
    """Return a generated file's JSON value."""
    made: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return made


def form(name: str) -> jsonschema_rs.Validator:
    """Return a validator of a generated schema; raises where the schema itself is invalid."""
    return jsonschema_rs.validator_for(schema(name), validate_formats=True)


@pytest.fixture(scope="module")
def partnership(tmp_path_factory: pytest.TempPathFactory) -> Partnership:
    """Give the demonstration partnership."""
    folder = tmp_path_factory.mktemp("partnership")
    return create(folder, now=datetime.now(UTC), demonstration=True)


def test_the_generated_files_are_up_to_date() -> None:
    """What is checked in is what the models generate now."""
    assert list(schema_build.drift()) == []


def test_drift_is_listed_and_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names what is missing, changed or left over, writes nothing, and exits with 1."""
    monkeypatch.setattr(schema_build, "FOLDER", tmp_path)
    schema_build.main([])
    assert schema_build.main(["--check"]) == 0
    (tmp_path / "receipt.schema.json").unlink()
    (tmp_path / "cursor.schema.json").write_text("{}")
    (tmp_path / "old.schema.json").write_text("{}")

    assert schema_build.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert {"receipt.schema.json", "cursor.schema.json", "old.schema.json"} <= set(told.split())
    assert not (tmp_path / "receipt.schema.json").exists()


@pytest.mark.parametrize(
    "name", sorted(p for p in schema_build.build() if p.endswith(".schema.json"))
)
def test_every_schema_is_valid_in_its_dialect(name: str) -> None:
    """Each file is a JSON Schema of draft 2020-12 with an id of its own."""
    made = schema(name)
    jsonschema_rs.meta.validate(made)
    assert made["$schema"] == schema_build.DIALECT
    assert made["$id"].startswith("urn:handrail:schema:")


def test_ids_are_given_once() -> None:
    """No two schemas have the same `$id`."""
    ids = [schema(name)["$id"] for name in schema_build.build() if name.endswith(".schema.json")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_the_document_schema_takes_every_example(example: Example) -> None:
    """An outsider who validates against the published schema may send what we send."""
    errors = list(form("document.schema.json").iter_errors(json.loads(example.path.read_bytes())))
    assert [e.message for e in errors] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_the_event_schema_takes_what_is_sealed(example: Example, partnership: Partnership) -> None:
    """What stands inside the seal has the form that is published for its kind."""
    author = person(current_directory(partnership), example.author, datetime.now(UTC))
    event, _ = to_event(example.document(), author, datetime.now(UTC))
    assert form(f"events/{event.kind}.schema.json").is_valid(event.as_json())


def test_events_are_cloudevents(partnership: Partnership, shared_data: Path) -> None:
    """Every sealed event is valid against the CloudEvents specification's own schema."""
    official = json.loads((shared_data / "cloudevents" / "cloudevents.schema.json").read_bytes())
    validator = jsonschema_rs.validator_for(official)
    directory = current_directory(partnership)
    for example in EXAMPLES:
        author = person(directory, example.author, datetime.now(UTC))
        event, _ = to_event(example.document(), author, datetime.now(UTC))
        assert validator.is_valid(event.as_json()), example.name


_SAID = {"question": "identity.name", "value": "x", "said_by": "mother"}
MISTAKES: list[dict[str, Any]] = [
    {"kind": "referral.refused"},
    {"child": "Jane"},
    {"child": "x"},
    {"basis": {"kind": "notice"}},
    {"basis": {"kind": "court_order"}},
    {"data": {}},
    {"data": {"concern": "worried"}},
    {"data": {"concern": "child_in_need", "source": "2Z"}},
    {"recipients": ["first-response"]},
    {"statements": [{"question": "identity.name", "said_by": "mother"}]},
    {"statements": [{"question": "identity.name", "value": "x"}]},
    {"statements": [{"question": "identity.nickname", "value": "x", "said_by": "mother"}]},
    {
        "statements": [
            {"question": "identity.name", "value": "x", "answer": "declined", "said_by": "mother"}
        ]
    },
    {"statements": [{**_SAID, "again": "correction"}]},
    {"statements": [{**_SAID, "corrects": "a" * 43}]},
    {"statements": [{**_SAID, "again": "update", "corrects": "a" * 43, "because": "x"}]},
    {"statements": [{**_SAID, "again": "correction", "corrects": "a" * 42}]},
    {"statements": [{**_SAID, "again": "update"}]},
    {"statements": [{**_SAID, "again": "twice"}]},
    {"statements": [{**_SAID, "carried_from": "x"}]},
    {"unknown": 1},
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=json.dumps)
def test_schema_and_parser_refuse_the_same_mistakes(mistake: dict[str, Any]) -> None:
    """What the published schema refuses, the client refuses too."""
    made = json.loads((EXAMPLES[2].path).read_bytes()) | mistake
    assert not form("document.schema.json").is_valid(made)
    with pytest.raises(HandrailError, match=r"document\.invalid"):
        parse(made)


def test_every_kind_has_its_schema_and_every_person_s_kind_its_document() -> None:
    """The registry of kinds and the published forms name the same kinds."""
    assert {p.stem.removesuffix(".schema") for p in (FOLDER / "events").iterdir()} == set(KINDS)
    mapping = schema("document.schema.json")["discriminator"]["mapping"]
    assert set(mapping) == set(DOCUMENT_KINDS)


def test_the_lists_are_whole() -> None:
    """Every question and every reason for refusal is published with its words."""
    catalogue = schema("questions.json")
    assert [q["key"] for q in catalogue["questions"]] == list(questions())
    assert catalogue["version"] == version()
    published = schema("reasons.json")["reasons"]
    assert [r["code"] for r in published] == list(reasons())
    assert all(r["citation"] and r["message"] and r["remedy"] for r in published)


@pytest.mark.parametrize(
    ("filled", "fits"),
    [
        ({"identity.sex": "M", "identity.name": "Ida", "family.interpreter": True}, True),
        ({"identity.disability": ["MOB", "AUT"]}, True),
        ({"identity.disability": "MOB"}, True),
        ({"identity.disability": []}, False),
        ({"identity.sex": "male"}, False),
        ({"identity.sex": ["M"]}, False),
        ({"identity.name": None}, False),
        ({"identity.nickname": "Ida"}, False),
    ],
    ids=str,
)
def test_a_form_takes_what_the_catalogue_takes(filled: dict[str, Any], *, fits: bool) -> None:
    """The catalogue's JSON Schema knows every key and every code, and no other."""
    made = schema_build.form_schema()

    assert jsonschema_rs.validator_for(made).is_valid(filled) == fits
    known = all(key in questions() and questions()[key].takes(v) for key, v in filled.items())
    assert (known and None not in filled.values()) == fits
    assert made["properties"].keys() == questions().keys()
    for key, question in questions().items():
        about = made["properties"][key]["x-handrail"]
        assert (about["number"], about["who"]) == (question.number, question.who)


def test_the_asyncapi_document_is_valid(shared_data: Path) -> None:
    """It is valid against AsyncAPI's own schema of 3.0.0, which does refuse a wrong action."""
    official = json.loads((shared_data / "asyncapi" / "3.0.0.json").read_bytes())
    validator = jsonschema_rs.validator_for(official)
    made = schema("asyncapi.json")

    assert [e.message for e in validator.iter_errors(made)] == []
    made["operations"]["sendSubmission"]["action"] = "shout"
    assert not validator.is_valid(made)


def test_the_asyncapi_document_names_every_subject_and_only_files_there_are() -> None:
    """Each subject of the contract is a channel, and each reference leads somewhere."""
    made = asyncapi.document()
    addresses = {channel["address"] for channel in made["channels"].values()}
    assert {
        subjects.submit("{agency}", "{child}"),
        subjects.urgent("{agency}", "{child}"),
        subjects.receipt("{agency}", "{message}"),
        subjects.receipt_bytes("{agency}", "{digest}"),
        subjects.inbox("{agency}", "{message}"),
        subjects.journey("{child}"),
        subjects.check("{agency}", "{message}"),
        subjects.quarantine("{agency}", "{digest}"),
        subjects.cursor("{lane}"),
        subjects.DIRECTORY,
        subjects.INTAKE_KEY,
        "story.{agency}.read",
    } <= addresses
    for reference in _references(made):
        if reference.startswith("#/"):
            here: Any = made
            for step in reference[2:].split("/"):
                here = here[step]
        else:
            assert (FOLDER / reference).is_file(), reference


def test_the_read_request_is_published_as_the_services_read_it() -> None:
    """The form of a request to read in the AsyncAPI document is that of the services' model."""
    model = ReadRequest.model_json_schema()
    assert set(asyncapi.READ_REQUEST["properties"]) == set(model["properties"])
    assert set(asyncapi.READ_REQUEST["required"]) == set(model["required"])
    for name in ("child", "nonce"):
        published = asyncapi.READ_REQUEST["properties"][name]["pattern"]
        assert published == model["properties"][name]["pattern"]


def _references(made: object) -> list[str]:
    if isinstance(made, dict):
        own = [made["$ref"]] if isinstance(made.get("$ref"), str) else []
        return own + [r for value in made.values() for r in _references(value)]
    if isinstance(made, list):
        return [r for value in made for r in _references(value)]
    return []
