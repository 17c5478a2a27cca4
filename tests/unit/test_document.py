"""The plain document: what an outsider writes, what is filled in, and how faults are told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.consents import ConsentBasis
from contracts.directory import Practitioner
from contracts.document import DOCUMENT_KINDS, model_of, parse, read, to_event
from contracts.errors import HandrailError
from contracts.identifiers import is_reference
from contracts.messages import KINDS
from contracts.roles import Capacity
from contracts.statements import open_disclosures

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TEACHER = Practitioner(id="demo.hilltop-school.jo-marsh", name="Jo Marsh")
SECRET = "Maryam Okonjo of 9 Larch Way"


def referral(**changes: Any) -> dict[str, Any]:
    """Return a document that is right, with members changed."""
    return {
        "kind": "referral.submitted",
        "child": "new",
        "recipients": ["demo.first-response"],
        "basis": {"kind": "consent"},
        "consents": [
            {
                "covers": "sharing",
                "given_by": "parent_with_responsibility",
                "given_at": "2026-10-01T09:00:00+01:00",
                "roles": ["first_response"],
                "categories": ["identity", "concern"],
            }
        ],
        "data": {"concern": "child_in_need", "source": "2A"},
        "statements": [
            {"question": "identity.name", "value": SECRET, "said_by": "mother"},
            {"question": "identity.born_on", "answer": "not_known", "said_by": "mother"},
        ],
        **changes,
    }


def refusal_of(made: object) -> str:
    """Return what a document is refused with."""
    with pytest.raises(HandrailError) as caught:
        parse(made)
    assert caught.value.code == "document.invalid"
    assert caught.value.remedy
    return caught.value.message


def test_what_the_document_leaves_out_is_filled_in() -> None:
    """Ids, the child, who recorded and when, and the consents of the basis need not be written."""
    event, disclosures = to_event(parse(referral()), TEACHER, NOW)

    assert is_reference(event.id)
    assert is_reference(event.subject)
    assert event.time == NOW
    assert event.agency == "demo.hilltop-school"
    assert event.data.author.capacity is Capacity.PRACTITIONER
    consent = event.data.consents[0]
    assert consent.taken_by == TEACHER.id
    assert event.data.basis == ConsentBasis(consents=(consent.id,))
    assert disclosures is not None
    opened = open_disclosures(
        [e.digest for e in event.data.statements],
        event.data.bound,
        disclosures.salt,
        disclosures.items,
    )
    assert isinstance(opened, tuple)
    said = {one.statement.question: one.statement for one in opened}
    assert said["identity.name"].value == SECRET
    assert said["identity.name"].recorded_by == TEACHER.id
    assert said["identity.born_on"].recorded_at == NOW


def test_what_the_document_says_is_kept() -> None:
    """An id, a child, a capacity and who recorded a statement stand as they were written."""
    statement = {
        "question": "concern.what_happened",
        "value": "x",
        "said_by": "aunt",
        "recorded_by": "demo.hilltop-school.ken-liddle",
        "recorded_at": "2026-11-01T08:00:00Z",
        "standing": "report",
        "again": "correction",
        "because": "The aunt had mistaken the day.",
        "corrects": "a" * 43,
        "carried_from": "MESSAGE0000000000000",
        "original": "X",
    }
    written = referral(
        id="MESSAGE0000000000001",
        child="CHILD000000000000001",
        capacity="lead_professional",
        statements=[statement],
        recipients=[{"agency": "demo.first-response", "practitioner": "demo.first-response.duty"}],
    )
    event, disclosures = to_event(parse(written), TEACHER, NOW)

    assert (event.id, event.subject) == ("MESSAGE0000000000001", "CHILD000000000000001")
    assert event.data.author.capacity is Capacity.LEAD_PROFESSIONAL
    assert event.data.recipients[0].practitioner == "demo.first-response.duty"
    assert disclosures is not None
    opened = open_disclosures(
        [e.digest for e in event.data.statements],
        event.data.bound,
        disclosures.salt,
        disclosures.items,
    )
    assert isinstance(opened, tuple)
    said = {**statement, "answer": "given", "attachment": None}
    assert opened[0].statement.model_dump(mode="json") == said


def test_the_author_signs_in_the_capacity_that_the_kind_asks_for() -> None:
    """Where a kind asks its author for a capacity and the directory gives one, that is used."""
    worker = Practitioner(
        id="demo.first-response.claire",
        name="Claire",
        capacities=(Capacity.LINE_MANAGER, Capacity.DUTY_WORKER),
    )
    decision = {
        "kind": "referral.decided",
        "child": "CHILD000000000000001",
        "basis": {"kind": "notice"},
        "data": {"outcome": "assess"},
    }
    event, disclosures = to_event(parse(decision), worker, NOW)

    assert event.data.author.capacity is Capacity.DUTY_WORKER
    assert disclosures is None
    assert event.data.bound is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"statements": [{"question": "identity.name", "value": "x"}]}, "$.statements[0].said_by"),
        ({"recipients": ["demo.first-response", SECRET]}, "$.recipients[1]"),
        ({"recipients": [{"agency": SECRET}]}, "$.recipients[0].agency"),
        ({"basis": {"kind": SECRET}}, "$.basis"),
        ({"basis": {"kind": "notice"}}, "$.basis"),
        ({"data": {"concern": SECRET}}, "$.data.concern"),
        ({"data": {}}, "$.data.concern"),
        ({"data": {"concern": "child_in_need", SECRET: 1}}, "$.data"),
        ({SECRET: 1}, "$"),
        ({"child": SECRET}, "$.child"),
        ({"consents": [{"given_at": SECRET}]}, "$.consents[0].given_at"),
        ({"consents": []}, "$"),
        ({"kind": SECRET}, "$.kind"),
        ({"kind": "standard.missed"}, "$.kind"),
        ({"answers": 5}, "$.answers"),
        ({"statements": SECRET}, "$.statements"),
    ],
)
def test_a_fault_is_named_by_its_place_and_never_by_its_value(
    changes: dict[str, Any], path: str
) -> None:
    """Every fault is told as a JSON path; nothing that was written is repeated."""
    told = refusal_of(referral(**changes))

    assert f"{path}: " in told
    assert SECRET not in told


def test_every_fault_is_told_at_once() -> None:
    """A document with three faults is refused with all three places."""
    told = refusal_of(referral(child=7, recipients=[7], data={}))

    assert {"$.child", "$.recipients[0]", "$.data.concern"} <= {
        part.split(":")[0].strip() for part in told.split(";")
    } | {told.split(": ")[1]}


@pytest.mark.parametrize("answer", [{}, {"value": "x", "answer": "declined"}, {"answer": "given"}])
def test_a_statement_has_a_value_or_says_why_not(answer: dict[str, str]) -> None:
    """A statement with neither or both of value and answer is refused."""
    statement = {"question": "identity.name", "said_by": "mother", **answer}
    assert "$.statements[0]: " in refusal_of(referral(statements=[statement]))


def test_only_opening_kinds_may_leave_the_child_open() -> None:
    """A child may be `new` exactly in the kinds that open a journey."""
    for name in DOCUMENT_KINDS:
        schema = json.dumps(model_of(name).model_json_schema()["properties"]["child"])
        assert ('"new"' in schema) == KINDS[name].opening, name


@pytest.mark.parametrize(
    "text",
    [b"", b"not JSON", b"[" * 100_000, b'{"kind": NaN}', b"[]", b"null", b'"x"', b"\xff"],
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    """Text of any other form is a refusal, never a traceback."""
    with pytest.raises(HandrailError, match=r"document\.invalid"):
        read(text)


def test_a_member_written_twice_is_refused() -> None:
    """Of two statements lists one would be lost without a word, so neither is taken."""
    text = json.dumps(referral())[:-1] + ', "statements": []}'
    with pytest.raises(HandrailError, match="twice"):
        read(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    st.sampled_from([*referral(), "extra"]),
)
def test_nothing_written_surfaces_as_another_error(value: object, member: str) -> None:
    """Whatever stands in a member, the document is taken or refused as `document.invalid`."""
    refused = ""
    try:
        to_event(parse(referral(**{member: value})), TEACHER, NOW)
    except HandrailError as error:
        refused = error.code
    assert refused in ("", "document.invalid")
