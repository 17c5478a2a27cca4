"""Targets that services read from the wire and the ledger: records, proofs, and signed requests.

A service trusts none of them: an agency proves each delivery, the story each entry, and whoever
asks to read has signed the question.
"""

import json
from dataclasses import replace
from functools import cache
from typing import Any, Final

import orjson
from pydantic import BaseModel, ValidationError

from contracts import strict_json
from contracts.attachments import CHUNK, TAG
from contracts.errors import HandrailError
from contracts.holding import read_held, read_wake_up
from contracts.records import GROUP_TYP, Place, Receipt, attested, lane_attested
from contracts.subjects import inbox, journey, quarantine, receipt
from contracts.submission import INTAKE_TYP, open_intake_key
from services.agency import attachments, breaking, filling, handlers, noting, personal, same
from services.agency.faults import Unproven
from services.agency.reading import READ_TYP, ReadRequest, verify_request
from services.agency.verifying import Genuine, verify
from services.exchange.attesting import LaneStep
from services.exchange.deciding import decide_all, open_all
from services.exchange.lanes import Arrived
from services.exchange.ledger import Known
from services.exchange.tree_answers import Between, Prove, Witnessing
from services.exchange.tree_pages import Page
from services.exchange.writing import Writer
from services.runtime.settlement import PermanentFault
from services.runtime.subscribing import Record
from services.story.entries import cursors_of, entries_of
from services.tracker import entries, evidence
from services.tracker.handlers import TrackRequest
from services.tracker.report.form import ReportRequest
from tests.area import FRONT, SCHOOL, TEACHER
from tests.fuzz.messages import LANE, submission_seeds, unread
from tests.fuzz.sampling import CHILD
from tests.fuzz.target import NONE, OK, Target, refusals
from tests.fuzz.world import EXCHANGE, MONTH, NOW, world

REQUESTS: Final[dict[str, tuple[type[ReadRequest], str]]] = {
    "read": (ReadRequest, READ_TYP),
    "family": (personal.FamilyRequest, "handrail-family+jws"),
    "access": (personal.AccessRequest, "handrail-access+jws"),
    "erasure": (personal.ErasureRequest, "handrail-erasure+jws"),
    "glass": (breaking.GlassRequest, "handrail-glass+jws"),
    "fetch": (attachments.FetchRequest, "handrail-fetch+jws"),
    "form": (filling.FormRequest, "handrail-form+jws"),
    **{
        name: (form, same.TYPES[form])
        for name, form in (
            ("match", same.MatchRequest),
            ("possible", same.PossibleRequest),
            ("different", same.DifferentRequest),
        )
    },
}
FORMS: Final[tuple[type[BaseModel], ...]] = (
    TrackRequest,
    ReportRequest,
    evidence.EntriesRequest,
    evidence.PersonRequest,
    handlers.About,
    handlers.Whose,
    noting.Note,
    attachments.Head,
    attachments.ChunkWanted,
    Between,
    Prove,
    Witnessing,
    Page,
)


def delivery(data: bytes) -> str:
    """A record of an inbox; a group that is given as plain JSON is signed by the exchange."""
    found = verify(_attested_again(data), FRONT, world().directory, EXCHANGE)
    return OK if isinstance(found, Genuine) else found.code


def answer(data: bytes) -> str:
    """A receipt as its sender verifies it."""
    try:
        made = Receipt.model_validate_json(_attested_again(data))
    except ValidationError:
        return NONE
    directory = world().directory
    lane = lane_attested(made, directory, EXCHANGE)
    proof = attested(made.decision, made.group, made.place, directory, EXCHANGE)
    return OK if proof and lane else "not-attested"


def _attested_again(data: bytes) -> bytes:
    """Sign what stands as `group` where that is an object, with the leaf of the decision in it."""
    made = strict_json.load(data)
    if not isinstance(made, dict) or not isinstance(made.get("group"), dict):
        return data
    payload = json.dumps(made["group"]).encode()
    return json.dumps(
        made | {"group": world().sign(payload, GROUP_TYP, EXCHANGE).decode()}
    ).encode()


def ledger_record(data: bytes) -> str:
    """A record under every subject that the story and the tracker follow."""
    told = set()
    for subject in (journey(CHILD), receipt(SCHOOL, CHILD), quarantine(SCHOOL, "0" * 64)):
        record = Record("LEDGER", subject, 1, NOW, 1, data, {})
        told.add(_code(lambda record=record: entries.read(record)))
        told.add(_code(lambda record=record: entries_of((record,))))
        cursor = replace(record, subject="cursor.SUBMIT_x")
        told.add(_code(lambda cursor=cursor: cursors_of((cursor,))))
    read_held(data)
    read_wake_up(data)
    return OK if OK in told else min(told)


def _code(read: Any) -> str:
    try:
        found = read()
    except PermanentFault as fault:
        return str(fault.code)
    except HandrailError as error:
        return error.code
    return OK if found else NONE


def request(data: bytes) -> str:
    """A signed question of every form; the payload stands under a practitioner's signature."""
    made = strict_json.load(data)
    asked = made.pop("form", "read") if isinstance(made, dict) else "read"
    form, typ = REQUESTS.get(asked if isinstance(asked, str) else "", REQUESTS["read"])
    payload = data if not isinstance(made, dict) else json.dumps(made).encode()
    signed = world().sign(payload, typ, TEACHER)
    found = verify_request(signed, SCHOOL, world().directory, NOW, form=form, typ=typ)
    if isinstance(found, Unproven):
        return found.code
    if isinstance(found.request, same.MatchRequest):
        same.open_sought(found.request, world().intake)
    return OK


def request_bytes(data: bytes) -> str:
    """The bytes of a question as they came; nothing is signed anew."""
    found = verify_request(data, SCHOOL, world().directory, NOW)
    return found.code if isinstance(found, Unproven) else OK


def operator_form(data: bytes) -> str:
    """What the desk or the operator asks; each service reads it by one of these forms."""
    read = 0
    for form in FORMS:
        try:
            form.model_validate_json(data)
        except ValidationError:
            continue
        read += 1
    return OK if read else NONE


def upload(data: bytes) -> str:
    """A chunk of an attachment as an agency uploads it."""
    piece = attachments.read_piece(data)
    assert len(piece.data) <= CHUNK + TAG
    return OK


def intake_key(data: bytes) -> str:
    """The exchange's intake key, signed by the exchange."""
    signed = world().sign(data, INTAKE_TYP, EXCHANGE)
    open_intake_key(data, world().directory, EXCHANGE)
    return OK if open_intake_key(signed, world().directory, EXCHANGE) else NONE


@cache
def written() -> tuple[tuple[str, bytes], ...]:
    """What the exchange writes of real messages, as subject and bytes."""
    ledger = unread()
    ledger.hold(CHILD, Known(None))
    arrived = [
        Arrived(LANE, n, f"submit.{SCHOOL}.{CHILD}", NOW, data)
        for n, data in enumerate(submission_seeds(), 1)
    ]
    opened = open_all(arrived, world().directory, {MONTH: world().intake})
    group = decide_all(opened, world().directory, ledger)
    writer = Writer(EXCHANGE, world().key(EXCHANGE), world().directory)
    drafts, _ = writer.write(group, [LaneStep(LANE, 1, len(arrived), "")], ledger)
    return tuple((one.subject, one.data) for one in drafts)


def _of(start: str) -> tuple[bytes, ...]:
    return tuple(data for subject, data in written() if subject.startswith(start))


@cache
def delivery_seeds() -> tuple[bytes, ...]:
    """Deliveries as written, and with the group's payload in the open, to be signed again."""
    return (*_of(inbox(FRONT, "")), *map(_opened, _of(inbox(FRONT, ""))))


@cache
def receipt_seeds() -> tuple[bytes, ...]:
    """Receipts as written, and with the group's payload in the open."""
    return (*_of("receipt."), *map(_opened, _of("receipt.")))


def _opened(data: bytes) -> bytes:
    made = orjson.loads(data)
    place = Place.model_validate(made["place"])
    payload = {"v": 1, "exchange": EXCHANGE, "root": "A" * 43, "size": 40 + place.index}
    return orjson.dumps(made | {"group": payload | {"at": "2026-03-02T10:00:00Z"}})


@cache
def request_seeds() -> tuple[bytes, ...]:
    """A question of every form, asked just now."""
    base = {"child": CHILD, "purpose": "to prepare", "at": "2026-03-02T10:00:00Z"}
    base |= {"nonce": "n" * 24}
    further: dict[str, dict[str, Any]] = {
        "read": {"message": "MESSAGE0000000000000000001"},
        "match": {"kind": "referral.submitted", "month": MONTH, "box": "A" * 64},
        "different": {"other": "0THER00000000000000000000A"},
        "fetch": {"message": "MESSAGE0000000000000000001", "digest": "A" * 43},
        "form": {"form_name": "caf"},
    }
    return tuple(
        json.dumps({"form": name, **base, **further.get(name, {})}).encode() for name in REQUESTS
    )


@cache
def form_seeds() -> tuple[bytes, ...]:
    """What is asked of the services without a signature."""
    note = {"message": CHILD, "state": "acknowledged", "receipt": orjson.loads(_of("receipt.")[0])}
    forms: tuple[dict[str, Any], ...] = (
        {"child": CHILD, "first": 1},
        {"practitioner": TEACHER},
        {"message": CHILD},
        {"first": "2026-01-01", "last": "2026-03-31", "seed": "x", "reader": "full", "sample": 3},
        note,
    )
    return tuple(json.dumps(form).encode() for form in forms)


def _upload_seeds() -> tuple[bytes, ...]:
    head = {"object": "A" * 22, "child": CHILD, "size": 3, "number": 0}
    return (json.dumps(head).encode() + b"\n" + bytes(3 + TAG),)


def _key_seeds() -> tuple[bytes, ...]:
    return (world().intake_key.model_dump_json().encode(),)


_DELIVERY: Final = refusals(
    *(
        f"delivery.{what}"
        for what in (
            "unreadable",
            "not-attested",
            "other-seal",
            "other-agency",
            "shown-mismatch",
            "notice-author",
        )
    )
)
_RECORD: Final = frozenset({OK, NONE, "entry.unreadable", "story.entry-unreadable"})
_READ: Final = frozenset(
    {OK}
    | {
        f"read.{what}"
        for what in (
            "unreadable",
            "unknown-key",
            "bad-signature",
            "not-practitioner",
            "key-not-valid",
            "not-now",
        )
    }
)
_ANSWER: Final = frozenset({OK, NONE, "not-attested"})
TARGETS: Final = (
    Target("delivery", delivery, delivery_seeds, _DELIVERY),
    Target("receipt", answer, receipt_seeds, _ANSWER),
    Target("ledger", ledger_record, lambda: tuple(d for _, d in written()), _RECORD),
    Target("request", request, request_seeds, _READ),
    Target("request-bytes", request_bytes, lambda: (_signed_request(),), _READ),
    Target("operator", operator_form, form_seeds, frozenset({OK, NONE})),
    Target("upload", upload, _upload_seeds, frozenset({OK, "attachment.invalid"})),
    Target("intake-key", intake_key, _key_seeds, frozenset({OK, NONE})),
)


def _signed_request() -> bytes:
    return world().sign(request_seeds()[0], READ_TYP, TEACHER)
