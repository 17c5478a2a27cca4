"""Our events against the CloudEvents project's own JSON Schema and its own SDK."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from contracts import base64url
from contracts.event import History
from contracts.seal import Sealed
from tests import crafting as c
from tests import messages as m
from tests.area import CARE, FRONT, SCHOOL, TEACHER, WORKER, Area

AREA = Area()
CHILD, ANSWERED = "C" * 26, "M" * 26

EVENTS: dict[str, Callable[[], Sealed]] = {
    "referral": lambda: m.referral(AREA, CHILD),
    "child protection": lambda: m.protection(AREA, CHILD),
    "history": lambda: m.referral(
        AREA, CHILD, history=History(occurred_on="2020-02-29", source="cin-return")
    ),
    "opened before": lambda: m.opened_before(AREA, CHILD),
    "step up": lambda: m.step_up(AREA, CHILD),
    "acknowledged": lambda: m.acknowledged(AREA, CHILD, ANSWERED),
    "step up decided": lambda: m.step_up_decided(AREA, CHILD, ANSWERED, "not_accepted"),
    "assessment": lambda: m.assessment(AREA, CHILD, concluded="child_in_need"),
    "lead proposed": lambda: m.lead_proposed(AREA, CHILD, WORKER, WORKER, (SCHOOL, CARE)),
    "lead refused": lambda: m.lead_answered(AREA, CHILD, ANSWERED, WORKER, (SCHOOL,), yes=False),
    "step down": lambda: m.step_down(AREA, CHILD),
    "closed": lambda: m.closed(AREA, CHILD),
    "a service's notice": lambda: AREA.sealed(
        "standard.missed", CHILD, "demo.tracker", [FRONT], capacity="service"
    ),
    "consent recorded": lambda: AREA.sealed(
        "consent.recorded", CHILD, TEACHER, consents=(m.consent(AREA),)
    ),
}


def _payload(sealed: Sealed) -> bytes:
    """The exact bytes that were signed."""
    return base64url.decode(orjson.loads(sealed.text)["payload"]) or b""


@pytest.fixture(scope="module")
def schema(shared_data: Path) -> jsonschema_rs.Draft7Validator:
    """The schema of the CloudEvents specification, formats checked too."""
    path = shared_data / "cloudevents" / "cloudevents.schema.json"
    return jsonschema_rs.Draft7Validator(orjson.loads(path.read_bytes()), validate_formats=True)


@pytest.mark.parametrize("what", EVENTS)
def test_what_we_seal_is_valid_by_the_specifications_schema(
    schema: jsonschema_rs.Draft7Validator, what: str
) -> None:
    """The signed bytes are structured-mode JSON of CloudEvents 1.0."""
    schema.validate(orjson.loads(_payload(EVENTS[what]())))


@pytest.mark.parametrize("what", EVENTS)
def test_what_we_seal_loads_in_the_sdk(what: str) -> None:
    """The project's own SDK reads the signed bytes and finds what we put there."""
    sealed = EVENTS[what]()
    made = _payload(sealed)
    plain = orjson.loads(made)
    read = JSONFormat().read(CloudEvent, made)
    assert read.get_specversion() == "1.0"
    assert read.get_id() == plain["id"]
    assert read.get_source() == plain["source"]
    assert read.get_type() == plain["type"]
    assert read.get_subject() == plain["subject"]
    assert read.get_datacontenttype() == "application/json"
    assert read.get_data() == plain["data"]
    assert read.get_attributes().keys() == plain.keys() - {"data"}
    assert read.get_time() == AREA.now


@pytest.mark.parametrize("what", EVENTS)
def test_what_the_sdk_writes_again_says_the_same(what: str) -> None:
    """Nothing of an event is lost or added by way of the SDK."""
    made = _payload(EVENTS[what]())
    again: dict[str, Any] = orjson.loads(JSONFormat().write(JSONFormat().read(CloudEvent, made)))
    plain = orjson.loads(made)
    assert again.pop("time")[:19] == plain.pop("time")[:19]
    assert again == plain


@pytest.mark.parametrize("member", ["id", "source", "type", "specversion"])
def test_an_event_without_a_required_attribute_is_refused_by_both(
    schema: jsonschema_rs.Draft7Validator, member: str
) -> None:
    """What the specification requires, the contract requires as well."""
    good = m.referral(AREA, CHILD)
    without = c.resealed(good, AREA.keys[TEACHER], lambda payload: payload.pop(member))
    assert not schema.is_valid(orjson.loads(_payload(without)))
    assert AREA.codes(without) == {"message.unreadable"}
    assert AREA.codes(good) == set()
