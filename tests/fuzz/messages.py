"""Targets on the way of one message: submission, seal, every kind, statements, the decision.

What is accepted goes on to everybody who reads it from the ledger: the recipient's service, the
story and the tracker. A message that the exchange takes and they cannot would stop them for good.
"""

import json
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any, Final, cast

import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from sqlalchemy import create_engine

from contracts import base64url, strict_json
from contracts.event import TYP, Event, source_of
from contracts.identifiers import agency_of
from contracts.kinds import Kind, Opened
from contracts.messages import KINDS
from contracts.questions import questions
from contracts.records import Outcome, Receipt, attested, lane_attested
from contracts.schema_build import FOLDER
from contracts.seal import Disclosures, Sealed, open_seal, peek
from contracts.statements import Disclosed, binding, digest_of, open_disclosures
from contracts.subjects import submit
from contracts.submission import Submission, encrypt, read
from contracts.worktime import WorkingCalendar
from services.agency.verifying import Genuine, verify
from services.exchange.attesting import LaneStep
from services.exchange.deciding import Holding, decide_all, open_all
from services.exchange.lanes import Arrived
from services.exchange.ledger import Known, Ledger
from services.exchange.opening import Unopenable, open_submission
from services.exchange.writing import Writer
from services.runtime.subscribing import Record
from services.story.entries import entries_of, tell
from services.tracker.following import follow
from services.tracker.rulebook import Rulebook, rulebook
from services.tracker.store import LIVE, prepare
from tests.area import CAF_WORKER, DUTY, HEAD, MANAGER, TEACHER, WORKER
from tests.fuzz.sampling import CHILD, sample
from tests.fuzz.target import OK, Target, refusals
from tests.fuzz.world import EXCHANGE, MONTH, NOW, plain, world

LANE: Final = "SUBMIT_demo_hilltop-school"
SAMPLES: Final = 5
_SALT: Final = "B" * 22


def _arrived(data: bytes, event: object = None) -> Arrived:
    """A submission as it lies in a lane: under the subject that it claims, if that is one."""
    said = event if isinstance(event, dict) else {}
    source, child = str(said.get("source")), str(said.get("subject"))
    agency = ".".join(source.split(":")[2:4])
    subject = submit(agency, child)
    fit = subject.isascii() and subject.isprintable() and " " not in subject
    return Arrived(LANE, 1, subject if fit else submit("demo.hilltop-school", CHILD), NOW, data)


def _codes(reasons: tuple[Any, ...]) -> str:
    return str(reasons[0].code)


def unread() -> Ledger:
    """A ledger that holds what it is given, and through which nothing is read."""
    return Ledger(cast("Client", None), cast("JetStreamContext", None))


def submission(data: bytes) -> str:
    """Raw bytes of a lane: read, decrypted, opened."""
    found = read(data)
    if not isinstance(found, Submission):
        return found.code
    event = peek(Sealed(found.seal))
    said = event.as_json() if isinstance(event, Event) else None
    made = open_submission(_arrived(data, said), world().directory, {MONTH: world().intake})
    return _codes(made.reasons) if isinstance(made, Unopenable) else OK


def seal(data: bytes) -> str:
    """Raw text of a seal; nothing is signed anew."""
    text = data.decode("utf-8", "replace")
    peek(Sealed(text))
    found = open_seal(Sealed(text), world().directory, NOW)
    return OK if isinstance(found, Opened) else _codes(found)


def statements(data: bytes) -> str:
    """The disclosures of a message whose digests and binding fit them."""
    made = strict_json.load(data)
    several = made if isinstance(made, list) else [made]
    raw = [data] if made is None else [json.dumps(one).encode() for one in several]
    items = tuple(base64url.encode(one) for one in raw)
    digests = [digest_of(item) for item in items]
    found = open_disclosures(digests, binding(_SALT, digests), _SALT, items)
    if not isinstance(found, tuple):
        return found.code
    assert all(isinstance(one, Disclosed) for one in found)
    return OK


def message(data: bytes) -> str:
    """A payload under the right signatures, decided on a journey, committed, and read by all."""
    made = strict_json.load(data)
    said = made if isinstance(made, dict) else {}
    stage = said.get("stage")
    journey = world().stages.get(stage) if isinstance(stage, str) else None
    wire, event = _wire(data, said)
    arrived = _arrived(wire, event)
    ledger = unread()
    opened = open_all([arrived], world().directory, {MONTH: world().intake})
    found = opened[0][1]
    if isinstance(found, Opened):
        known = journey and replace(journey, child=found.event.subject)
        for child in (found.event.subject, *_other_children(found)):
            ledger.hold(child, Known(known if child == found.event.subject else None))
    hold = Holding(NOW - NOW.replace(hour=9))
    group = decide_all(opened, world().directory, ledger, hold, story_up=True)
    drafts, _ = Writer(EXCHANGE, world().key(EXCHANGE), world().directory).write(
        group, [LaneStep(LANE, 1, 1, "")], ledger
    )
    return _follow([(one.subject, one.data) for one in drafts], wire)


def _wire(data: bytes, said: dict[str, Any]) -> tuple[bytes, object]:
    """Return the submission of what is fuzzed, signed by whom it names, and its event."""
    event, told = said.get("event"), said.get("disclosures")
    items = (
        tuple(base64url.encode(json.dumps(one).encode()) for one in told or ())
        if (isinstance(told, list))
        else ()
    )
    inner = event.get("data") if isinstance(event, dict) else None
    signers: list[str] = []
    if isinstance(inner, dict):
        if items:
            digests = [digest_of(item) for item in items]
            inner["statements"] = [{"...": one} for one in dict.fromkeys(digests)]
            inner["bound"] = binding(_SALT, digests)
        signers = [str(one) for one in _ids([inner.get("author"), inner.get("countersigners")])]
    payload = data if event is None else json.dumps(event, ensure_ascii=False).encode()
    text = world().sign(payload, TYP, *signers[:8]).decode()
    wire: dict[str, object] = {"v": 1, "seal": text}
    if items:
        digest, key = Sealed(text).digest, world().intake_key
        wire["disclosures"] = encrypt(Disclosures(_SALT, items), digest, MONTH, key.x).model_dump()
    return orjson.dumps(wire), event


def _ids(signers: list[Any]) -> list[Any]:
    """Return the ids of an author and of countersigners, whatever stands there."""
    author, others = signers
    several = [author, *(others if isinstance(others, list) else ())]
    return [one.get("id") for one in several if isinstance(one, dict)]


def _other_children(found: Opened) -> tuple[str, ...]:
    other = getattr(found.content, "other", None)
    return (other,) if isinstance(other, str) else ()


def _follow(records: list[tuple[str, bytes]], wire: bytes) -> str:
    """Read what was written as its readers do; return what was decided."""
    outcome = ""
    for number, (subject, data) in enumerate(records, 1):
        if subject.startswith("receipt."):
            receipt = Receipt.model_validate_json(data)
            proof = attested(
                receipt.decision, receipt.group, receipt.place, world().directory, EXCHANGE
            )
            assert proof is not None
            assert lane_attested(receipt, world().directory, EXCHANGE) is not None
            refused = proof.decision.outcome is not Outcome.ACCEPTED
            outcome = proof.decision.reasons[0].code if refused else OK
        elif subject.startswith("inbox."):
            agency = ".".join(subject.split(".")[1:3])
            assert isinstance(verify(data, agency, world().directory, EXCHANGE), Genuine), subject
        _tracker(Record("LEDGER", subject, number, NOW, 1, data, {}))
        if subject.startswith("journey."):
            record = Record("LEDGER", subject, number, NOW, 1, data, {})
            (entry,) = entries_of((record,))
            tell(entry, wire, world().directory, lambda _month: world().intake)
    return outcome


def _tracker(record: Record) -> None:
    """Let the tracker follow one record on a store of its own, and undo it."""
    if not record.subject.startswith(("journey.", "receipt.", "quarantine.")):
        return
    with _engine().connect() as connection:
        before = json.loads(record.data)
        if "journey" in before:  # the tracker takes up a journey where it finds it
            before["journey"]["entries"] = 1
            record = replace(record, data=orjson.dumps(before))
        follow(connection, LIVE, (record,), _book())
        connection.rollback()


@cache
def _engine() -> Any:
    made = create_engine("sqlite://")
    prepare(made)
    return made


@cache
def _book() -> Rulebook:
    return rulebook(world().directory, WorkingCalendar())


@cache
def message_seeds() -> tuple[bytes, ...]:
    """Real messages at every stage, and of every kind some that its published schema allows."""
    seeds = [json.dumps(plain(stage, sealed)).encode() for stage, sealed in world().messages]
    random = Random(1)
    stages = sorted(world().stages)
    for kind in KINDS.values():
        schema = json.loads((FOLDER / "events" / f"{kind.name}.schema.json").read_text("utf-8"))
        for _ in range(SAMPLES):
            event = _sampled(kind, schema, random)
            told = [_statement(random) for _ in range(random.randrange(3))]
            made = {"event": event, "disclosures": told, "stage": random.choice(stages)}
            seeds.append(json.dumps(made).encode())
    return tuple(seeds)


def _sampled(kind: Kind, schema: dict[str, Any], random: Random) -> Any:
    """An event that its schema allows, by somebody of the area and with references that fit."""
    author = random.choice((TEACHER, DUTY, WORKER, CAF_WORKER, MANAGER))
    if kind.by_service:
        author = random.choice(("demo.exchange", "demo.tracker", "demo.story"))
    event = sample(schema, random)
    event |= {"id": f"MESSAGE-{random.randrange(10**12):020}", "subject": CHILD}
    event |= {"time": "2026-03-02T09:00:00Z", "source": source_of(agency_of(author))}
    capacity = random.choice(sorted(kind.authors)) if kind.authors else "practitioner"
    event["data"] |= {"author": {"id": author, "capacity": capacity}, "statements": []}
    event["data"]["countersigners"] = [
        {"id": one, "capacity": said}
        for one, said in zip((MANAGER, HEAD), kind.countersigned_by, strict=False)
    ]
    event["data"].pop("bound", None)
    event["data"].pop("history", None)
    return event


def _statement(random: Random) -> list[Any]:
    made = sample(_statement_schema(), random)
    if random.random() < 0.7:
        made = {name: made[name] for name in ("said_by", "recorded_by", "recorded_at")}
    question = random.choice(sorted(questions()))
    allowed = sorted(questions()[question].allowed)
    value = random.choice(allowed) if allowed else "as told"
    return [_SALT, made | {"question": question, "value": value}]


@cache
def _statement_schema() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((FOLDER / "statement.schema.json").read_text("utf-8"))
    return made


@cache
def statement_seeds() -> tuple[bytes, ...]:
    """Statements that the published schema allows, and those of real messages."""
    random = Random(2)
    sampled = [json.dumps([_statement(random)]).encode() for _ in range(24)]
    real = [plain(stage, sealed)["disclosures"] for stage, sealed in world().messages]
    return (*sampled, *(json.dumps(one).encode() for one in real if one))


@cache
def seal_seeds() -> tuple[bytes, ...]:
    """Sealed texts as their authors made them."""
    return tuple(sealed.text.encode() for _, sealed in world().messages)


@cache
def submission_seeds() -> tuple[bytes, ...]:
    """Submissions as they are sent."""
    made = [json.loads(seed) for seed in message_seeds()[: len(world().messages)]]
    return tuple(_wire(b"", one)[0] for one in made)


TARGETS: Final = (
    Target("submission", submission, submission_seeds, refusals()),
    Target("seal", seal, seal_seeds, refusals()),
    Target("statements", statements, statement_seeds, refusals()),
    Target("message", message, message_seeds, refusals()),
)
