"""What an agency service believes of its own people: requests to read, and their answers."""

from datetime import datetime, timedelta

import orjson

from contracts import jws
from contracts.directory import Directory
from contracts.identifiers import new_reference
from contracts.records import Delivery
from contracts.seal import Sealed
from services.agency.faults import Unproven
from services.agency.items import State
from services.agency.noting import Note, verify_note
from services.agency.reading import READ_TYP, Asked, sign_request, verify_request
from services.agency.store import Held
from tests.area import CARE, DUTY, FRONT, TEACHER, WORKER
from tests.deliveries import delivery, receipt
from tests.messages import acknowledged, referral, step_up_decided
from tests.unit.test_agency_trust import AREA, DIRECTORY, EXCHANGE, NOW, key_changed, line


def asked(data: bytes, agency: str = FRONT, directory: Directory = DIRECTORY) -> str:
    """Return the code for which a request to read is turned away, empty when it is good."""
    verdict = verify_request(data, agency, directory, NOW)
    return verdict.code if isinstance(verdict, Unproven) else ""


def request(who: str = DUTY, at: datetime = NOW) -> bytes:
    """Return a request to read, signed by `who`."""
    return sign_request(AREA.keys[who], new_reference(), new_reference(), "assessing", at)


def test_a_request_to_read_is_its_practitioners_own() -> None:
    """A fresh request by a practitioner of the agency is good and names the practitioner."""
    verdict = verify_request(request(), FRONT, DIRECTORY, NOW)

    assert isinstance(verdict, Asked)
    assert verdict.practitioner == DUTY


def test_any_other_request_to_read_is_turned_away() -> None:
    """Another agency's practitioner, a service, an old request, a bad key or form: none reads."""
    service = jws.sign(b"{}", AREA.services["exchange"], READ_TYP)
    late, early = NOW - timedelta(minutes=6), NOW + timedelta(minutes=6)
    tampered = orjson.loads(request())
    tampered["signatures"][0]["signature"] = orjson.loads(request())["signatures"][0]["signature"]
    revoked = key_changed(DUTY, compromised_at=NOW)

    assert asked(request(TEACHER)) == "read.not-practitioner"
    assert asked(sign_request(AREA.services["exchange"], new_reference(), None, "x", NOW)) == (
        "read.not-practitioner"
    )
    assert asked(service) == "read.unreadable"
    assert asked(request(at=late)) == asked(request(at=early)) == "read.not-now"
    assert asked(orjson.dumps(tampered)) == "read.bad-signature"
    assert asked(request(), directory=revoked) == "read.key-not-valid"
    assert asked(sign_request(jws.PrivateKey.generate(), new_reference(), None, "x", NOW)) == (
        "read.unknown-key"
    )
    assert asked(jws.sign(b'{"v":1}', AREA.keys[DUTY], READ_TYP)) == "read.unreadable"
    assert asked(b"\xff") == "read.unreadable"


def test_only_a_receipt_of_the_agencys_own_answer_moves_a_delivery() -> None:
    """Kind, child, sender, outcome and attestation must all fit before the inbox says so."""
    child = new_reference()
    asked_for = referral(AREA, child)
    held = Held(
        line(asked_for, FRONT),
        Delivery.model_validate_json(delivery(AREA, asked_for, FRONT)),
        (),
    )
    taken = acknowledged(AREA, child, held.item.message)
    decided = step_up_decided(AREA, child, held.item.message)

    def noted(
        sealed: Sealed,
        state: str = "acknowledged",
        agency: str = FRONT,
        key: str = "",
        **how: object,
    ) -> State | Unproven:
        note = {
            "message": held.item.message,
            "state": state,
            "receipt": receipt(AREA, sealed, AREA.keys.get(key), **how),
        }
        return verify_note(
            Note.model_validate_json(orjson.dumps(note)), agency, held, DIRECTORY, EXCHANGE
        )

    not_an_answer = Unproven("note.not-an-answer")
    assert noted(taken) == State.ACKNOWLEDGED
    assert noted(taken, "decided") == not_an_answer
    assert noted(taken, kind="referral.decided", state="decided") == State.DECIDED
    assert noted(decided, "decided") == not_an_answer
    assert noted(taken, agency=CARE) == not_an_answer
    assert noted(taken, outcome="refused") == not_an_answer
    assert noted(taken, child=new_reference()) == not_an_answer
    assert noted(taken, now="2026-03-10T11:59:59Z") == not_an_answer
    assert noted(taken, key=WORKER) == Unproven("note.not-attested")
