"""Child protection is never delayed: what may be missing, and the floor that may not (003 §2.2)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.consents import Consent, Covers
from contracts.event import Recipient, Signer
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.roles import Capacity
from contracts.seal import Sealed
from services.exchange.decision import Accepted, Refused, Verdict, decide
from tests import crafting as c
from tests import messages as m
from tests.area import CAF, CARE, DUTY, FRONT, GP, HEAD, PACK, TEACHER, Area, codes

PROTECTION = {"kind": "child_protection", "call": "01632 960001"}
CONTENT = {"concern": "child_protection"}

Changes = Callable[[Area], dict[str, Any]]


def _withdrawn_consent(area: Area) -> dict[str, Any]:
    over = m.consent(area, expires_at=area.now - timedelta(days=1))
    return {"consents": (over,)}


def _no_consent_at_all(area: Area) -> dict[str, Any]:
    nothing = Consent(
        id=new_reference(),
        covers=Covers.SERVICE,
        given_by=m.consent(area).given_by,
        taken_by=TEACHER,
        given_at=area.now,
    )
    return {"consents": (nothing,)}


def _countersigned(signer: str, capacity: Capacity) -> Changes:
    return lambda _a: {"countersigners": (Signer(id=signer, capacity=capacity),)}


MISSING: dict[str, Changes] = {
    "nothing": lambda _a: {},
    "no journey, no source, no discussion": lambda _a: {"content": CONTENT},
    "a number to call and no statement": lambda _a: {"statements": []},
    "a statement and no number": lambda _a: {"basis": {"kind": "child_protection"}},
    "an expired consent beside it": _withdrawn_consent,
    "a consent that covers nothing": _no_consent_at_all,
    "a capacity not held": lambda _a: {"capacity": Capacity.TEAM_MANAGER},
    "lead professional without a lead": lambda _a: {"capacity": Capacity.LEAD_PROFESSIONAL},
    "a capacity of services": lambda _a: {"capacity": Capacity.SERVICE},
    "an unknown second recipient": lambda _a: {"to": [FRONT, "demo.nowhere"]},
    "an unknown first recipient": lambda _a: {"to": ["demo.nowhere", FRONT]},
    "a second recipient that has left": lambda _a: {"to": [FRONT, c.CLOSED]},
    "a person who has left, at the recipient": lambda _a: {
        "recipients": (Recipient(agency=FRONT, practitioner=f"{FRONT}.gone"),)
    },
    "a countersigner in no capacity": _countersigned(HEAD, Capacity.TEAM_MANAGER),
    "a countersigner who has left": _countersigned(c.LEAVER, Capacity.LINE_MANAGER),
    "safety information": lambda a: {"statements": [a.statement("safety.who_must_not_know")]},
}


def _decided(area: Area, sealed: Sealed, journey: Journey | None = None) -> Verdict:
    return decide(area.open(sealed), area.directory, journey, area.now)


@pytest.mark.parametrize("what", MISSING)
@pytest.mark.parametrize("kind", ["referral.submitted", "stepup.requested"])
def test_child_protection_is_accepted_whatever_else_is_missing(kind: str, what: str) -> None:
    """With a seal, a child, a recipient, and a statement or a number, it goes out in full."""
    area = c.troubled_area()
    made = {"content": CONTENT, "basis": PROTECTION, **MISSING[what](area)}
    statements = made.pop("statements", [area.statement("concern.what_happened")])
    to = made.pop("to", [FRONT])
    sealed = area.sealed(kind, new_reference(), TEACHER, to, statements, **made)
    verdict = _decided(area, sealed)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.protection
    assert [d.agency for d in verdict.deliveries] == [FRONT]
    shown = {digest for d in verdict.deliveries for digest in d.shown}
    assert shown == {d.digest for d in area.open(sealed).statements}
    assert verdict.journey.requests[0].protection


@pytest.mark.parametrize("part", [*PACK, "all"])
def test_child_protection_never_waits_for_the_pack(part: str) -> None:
    """A step up that raises child protection may send its four parts later."""
    area = Area()
    parts = [] if part == "all" else [area.statement(p) for p in PACK if p != part]
    sealed = area.sealed(
        "stepup.requested",
        new_reference(),
        TEACHER,
        [FRONT],
        parts,
        content=CONTENT,
        basis=PROTECTION,
    )
    assert isinstance(_decided(area, sealed), Accepted)


@pytest.mark.parametrize("agencies", [[FRONT, CARE], [FRONT, GP, CAF]])
def test_child_protection_reaches_every_agency_named(agencies: list[str]) -> None:
    """Without any consent everybody addressed receives every statement."""
    area = Area()
    verdict = _decided(area, m.protection(area, new_reference(), to=agencies))
    assert isinstance(verdict, Accepted)
    assert [d.agency for d in verdict.deliveries] == agencies
    assert all(len(d.shown) == 1 for d in verdict.deliveries)


BELOW: dict[str, tuple[Changes, set[str]]] = {
    "neither statement nor number": (
        lambda _a: {"basis": {"kind": "child_protection"}, "statements": ()},
        {"protection.floor"},
    ),
    "nobody known to send to": (
        lambda _a: {"to": ["demo.nowhere"]},
        {"agency.unknown", "recipient.role"},
    ),
    "no recipient": (lambda _a: {"to": []}, {"recipient.role"}),
    "an author who has left": (lambda _a: {"author": c.LEAVER}, {"practitioner.unknown"}),
    "an author who has left, as a service": (
        lambda _a: {"author": c.LEAVER, "capacity": Capacity.SERVICE},
        {"practitioner.unknown"},
    ),
    "an agency that has left": (lambda _a: {"author": c.CLOSED_NURSE}, {"agency.unknown"}),
    "a service as author": (
        lambda _a: {"author": "demo.tracker", "capacity": Capacity.SERVICE},
        {"notice.service"},
    ),
}


@pytest.mark.parametrize("what", BELOW)
def test_below_its_floor_child_protection_is_refused_as_such(what: str) -> None:
    """What is below the floor is refused, and marked so that people are told at once."""
    changes, expected = BELOW[what]
    area = c.troubled_area()
    made: dict[str, Any] = {"content": CONTENT, "basis": PROTECTION}
    made |= {"author": TEACHER, "to": [FRONT], **changes(area)}
    author, to = made.pop("author"), made.pop("to")
    statements = made.pop("statements", [area.statement("concern.what_happened")])
    sealed = area.sealed("referral.submitted", new_reference(), author, to, statements, **made)
    verdict = _decided(area, sealed)
    assert isinstance(verdict, Refused)
    assert verdict.protection
    assert codes(verdict.reasons) == expected


@pytest.mark.parametrize("kind", ["referral.submitted", "stepup.requested"])
def test_another_concern_has_no_way_past_the_guards(kind: str) -> None:
    """The basis alone does not lift the guards: the concern must be child protection."""
    area = Area()
    sealed = area.sealed(
        kind,
        new_reference(),
        TEACHER,
        [FRONT],
        content={"concern": "child_in_need"},
        basis=PROTECTION,
    )
    assert isinstance(_decided(area, sealed), Refused)


def test_a_request_is_never_replaced_by_another_under_its_id() -> None:
    """The id of a request in the journey is taken for every agency, child protection too."""
    area, child = Area(), new_reference()
    first = m.referral(area, child)
    accepted = _decided(area, first)
    assert isinstance(accepted, Accepted)
    taken = c.payload_of(first)["id"]
    for make in (m.referral, m.protection):
        other = make(area, child, author=DUTY, to=[CARE, FRONT], id=taken)
        verdict = _decided(area, other, accepted.journey)
        assert isinstance(verdict, Refused)
        assert codes(verdict.reasons) == {"message.id-reused"}


@pytest.mark.parametrize(
    "content",
    [
        {"source": "ZZ"},
        {"discussed": {}},
        {"why": "needs_changed", "beside_tac": "in_addition_to"},
        {"unborn": "perhaps", "recorded_for": 7},
    ],
)
def test_a_form_never_stands_between_a_child_and_help(content: dict[str, Any]) -> None:
    """003 §2.2: a code that cannot be read is left out, and the decision says so."""
    area = Area()
    sealed = m.protection(area, new_reference(), content={**CONTENT, **content})
    verdict = _decided(area, sealed)
    assert isinstance(verdict, Accepted)
    assert "protection.form" in verdict.rules
    assert [d.agency for d in verdict.deliveries] == [FRONT]


@pytest.mark.parametrize(
    "content",
    [
        {"concern": "child_in_need", "source": "ZZ"},
        {**CONTENT, "source": "his mother said so"},
        {**CONTENT, "discussed": {"notes": "with her at home"}},
        {**CONTENT, "notes": ["bruise"]},
    ],
)
def test_words_in_the_place_of_codes_stay_unopened(content: dict[str, Any]) -> None:
    """What is said about a family is a statement, which can be erased; nothing else may hold it."""
    area = Area()
    assert area.codes(m.protection(area, new_reference(), content=content)) == {
        "message.wrong-content"
    }


def test_what_went_to_others_is_with_them_and_first_response_is_told() -> None:
    """003 §2.4: a concern sent past First Response is neither lost nor left to chance."""
    area = Area()
    verdict = _decided(area, m.protection(area, new_reference(), to=[CAF]))
    assert isinstance(verdict, Accepted)
    assert [d.agency for d in verdict.deliveries] == [CAF]
    assert codes(verdict.alerts) == {"recipient.role"}
    usual = _decided(area, m.protection(area, new_reference()))
    assert isinstance(usual, Accepted)
    assert usual.alerts == ()
