"""The directory: only what the partnership root signed, never older, and not long after expiry."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import jws
from contracts.directory import (
    GRACE,
    TYP,
    Agency,
    Cover,
    DeliveryKey,
    Directory,
    DirectoryDocument,
    Practitioner,
    SigningKey,
    open_directory,
    sign_directory,
)
from contracts.errors import HandrailError
from contracts.roles import Role
from tests import crafting as c
from tests.area import CAF_MANAGER, CAF_WORKER, DOCTOR, GP, HEAD, SCHOOL, TEACHER, Area

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
AREA = Area(NOW, version=7)
TINY = timedelta(microseconds=1)
UNTIL = NOW + timedelta(days=7)
DEPUTY, NURSE = f"{SCHOOL}.deputy", f"{GP}.nurse"


def _code(data: bytes, root_x: str = AREA.root.x, newest_seen: int = 0) -> str:
    with pytest.raises(HandrailError) as caught:
        open_directory(data, root_x, newest_seen=newest_seen)
    assert caught.value.remedy
    return caught.value.code


def _signed(change: dict[str, Any]) -> bytes:
    """The directory with members replaced, signed by the root all the same."""
    payload = orjson.loads(AREA.document.model_dump_json(exclude_defaults=True)) | change
    return jws.sign(orjson.dumps(payload), AREA.root, TYP)


def test_what_the_root_signed_is_what_is_opened() -> None:
    """The document comes back, and everyone in it is found."""
    directory = AREA.directory
    assert directory.document == AREA.document
    assert directory.holder(AREA.keys[TEACHER].kid).holder == TEACHER  # type: ignore[union-attr]
    assert not directory.holder(AREA.keys[TEACHER].kid).is_service  # type: ignore[union-attr]
    assert directory.holder(AREA.services["exchange"].kid).is_service  # type: ignore[union-attr]
    assert directory.holder("nobody") is None
    assert [a.id for a in directory.by_role(Role.UNIVERSAL)] == [SCHOOL, GP]


def test_another_root_is_not_trusted() -> None:
    """A directory signed by any other key, the partnership's own services too, is refused."""
    for key in (jws.PrivateKey.generate(), AREA.services["exchange"], AREA.keys[HEAD]):
        assert _code(sign_directory(AREA.document, key)) == "directory.untrusted"


def test_a_second_signature_beside_the_roots_is_refused() -> None:
    """The root signs alone."""
    made = orjson.loads(AREA.signed)
    payload = sign_directory(AREA.document, AREA.keys[HEAD])
    made["signatures"] += orjson.loads(payload)["signatures"]
    assert _code(orjson.dumps(made)) == "directory.untrusted"


def test_a_signature_of_the_root_over_something_else_is_refused() -> None:
    """What the root signed with another type is no directory."""
    payload = AREA.document.model_dump_json().encode()
    assert _code(jws.sign(payload, AREA.root, "handrail-group+jws")) == "directory.untrusted"
    assert _code(jws.sign(b"{}", AREA.root, TYP)) == "directory.untrusted"
    assert _code(_signed({"more": 1})) == "directory.untrusted"


@pytest.mark.parametrize("newest_seen", [0, 6, 7])
def test_the_newest_version_seen_or_a_newer_one_is_taken(newest_seen: int) -> None:
    """The same version may be read again."""
    assert open_directory(AREA.signed, AREA.root.x, newest_seen=newest_seen).document.version == 7


def test_an_older_version_than_the_one_seen_is_refused() -> None:
    """A compromised broker cannot bring an old directory, and with it an old key, back."""
    assert _code(AREA.signed, newest_seen=8) == "directory.older"


@pytest.mark.parametrize(
    ("after_expiry", "fresh"),
    [(-TINY, True), (timedelta(0), True), (GRACE, True), (GRACE + TINY, False)],
)
def test_an_expired_directory_serves_through_its_grace_and_no_longer(
    after_expiry: timedelta, fresh: bool
) -> None:
    """Seven days after its expiry it still serves, then it is an error with a remedy."""
    directory, now = AREA.directory, AREA.document.expires_at + after_expiry
    if fresh:
        directory.must_be_fresh(now)
        return
    with pytest.raises(HandrailError) as caught:
        directory.must_be_fresh(now)
    assert caught.value.code == "directory.expired"


@given(st.binary(max_size=200))
def test_no_bytes_but_a_directory_are_trusted(data: bytes) -> None:
    """Whatever a broker hands over, the answer is an error of ours."""
    assert _code(data) == "directory.untrusted"


def test_no_byte_of_a_directory_can_be_changed() -> None:
    """One bit anywhere, and it is not trusted any more."""
    data = AREA.signed
    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        assert _code(bytes(changed)) == "directory.untrusted"


def test_a_key_is_named_by_its_thumbprint() -> None:
    """No holder can take the name of another's key (RFC 7638)."""
    mine, other = AREA.keys[HEAD], AREA.keys[TEACHER]
    for kid, x in ((other.kid, mine.x), ("mine", mine.x), (mine.kid, mine.x[:-1]), ("", "")):
        with pytest.raises(ValidationError):
            SigningKey(kid=kid, x=x, valid_from=NOW)
    short = mine.x[:40]
    with pytest.raises(ValidationError):
        SigningKey(kid=jws.thumbprint(short), x=short, valid_from=NOW)


@pytest.mark.parametrize("x", ["", "A" * 42, "A" * 44, "B" * 43])
def test_a_delivery_key_that_nothing_can_be_encrypted_to_is_refused(x: str) -> None:
    """A bad key would hold up child protection; it never enters a directory."""
    with pytest.raises(ValidationError):
        DeliveryKey(month="2026-03", x=x)


def test_nobody_stands_in_a_directory_twice() -> None:
    """An id or a key that stands twice would let one pass for the other."""
    document = orjson.loads(AREA.document.model_dump_json(exclude_defaults=True))
    people, services = document["practitioners"], document["services"]
    twins = (
        {"practitioners": [*people, people[0]]},
        {"practitioners": [*people[1:], people[0] | {"keys": people[1]["keys"]}]},
        {"services": [*services, {"id": "demo.other", "keys": people[0]["keys"]}]},
        {"services": [*services, {"id": SCHOOL, "keys": []}]},
        {"agencies": [*document["agencies"], document["agencies"][0] | {"name": "twin"}]},
    )
    for twin in twins:
        assert _code(_signed(twin)) == "directory.untrusted"


def test_who_has_left_is_gone_from_that_instant() -> None:
    """An agency or practitioner takes part until the instant of leaving, not at it."""
    area = c.troubled_area(NOW)
    directory, left = area.directory, NOW - timedelta(hours=1)
    assert directory.agency(c.CLOSED, left - TINY) is not None
    assert directory.agency(c.CLOSED, left) is None
    assert directory.practitioner(c.LEAVER, left - TINY) is not None
    assert directory.practitioner(c.LEAVER, left) is None
    assert directory.agency("demo.nowhere", NOW) is None


def test_the_line_manager_or_that_managers_deputy_and_nobody_else() -> None:
    """Who may countersign in that capacity follows the directory at that instant (003 §2.3)."""
    nobody = frozenset[str]()
    directory = _school(head={"deputy": DEPUTY})
    assert directory.line_managers(TEACHER, NOW) == {HEAD, DEPUTY}
    assert directory.line_managers(HEAD, NOW) == nobody
    assert directory.line_managers("demo.nowhere.nobody", NOW) == nobody
    assert _school(head={"left_at": NOW}).line_managers(TEACHER, NOW) == nobody
    assert _school(head={"deputy": CAF_WORKER}).line_managers(TEACHER, NOW) == {HEAD}
    gone = _school(head={"deputy": DEPUTY}, deputy={"left_at": NOW})
    assert gone.line_managers(TEACHER, NOW) == {HEAD}


@pytest.mark.parametrize(("at", "covers"), [(NOW - TINY, False), (NOW, True), (UNTIL, False)])
def test_who_covers_the_line_manager_may_sign_meanwhile(at: datetime, covers: bool) -> None:
    """From the instant cover begins until before it ends, and never the sender themselves."""
    directory = _school(head={"cover": (Cover(by=DEPUTY, since=NOW, until=UNTIL),)})
    assert directory.line_managers(TEACHER, at) == ({HEAD, DEPUTY} if covers else {HEAD})
    own = _school(head={"cover": (Cover(by=TEACHER, since=NOW, until=UNTIL),)})
    assert own.line_managers(TEACHER, at) == {HEAD}


def test_a_lone_doctor_has_the_safeguarding_lead_and_never_themselves() -> None:
    """A single-handed surgery's overrides are countersigned by another person (ADR 0015)."""
    lone = _surgery(safeguarding_lead=CAF_MANAGER)
    assert lone.line_managers(DOCTOR, NOW) == {CAF_MANAGER}
    assert _surgery(safeguarding_lead=DOCTOR).line_managers(DOCTOR, NOW) == frozenset()
    assert _surgery().line_managers(DOCTOR, NOW) == frozenset()
    own_manager = _surgery(doctor={"line_manager": DOCTOR}, safeguarding_lead=CAF_MANAGER)
    assert own_manager.line_managers(DOCTOR, NOW) == {CAF_MANAGER}


def test_a_safeguarding_lead_of_another_agency_is_for_one_practitioner_alone() -> None:
    """Where a colleague joins, a lead from outside no longer counts; one of the agency does."""
    outside = _surgery(safeguarding_lead=CAF_MANAGER, colleague=True)
    assert outside.line_managers(DOCTOR, NOW) == frozenset()
    inside = _surgery(safeguarding_lead=NURSE, colleague=True)
    assert inside.line_managers(DOCTOR, NOW) == {NURSE}
    assert inside.line_managers(NURSE, NOW) == frozenset()


def test_a_safeguarding_lead_stands_back_where_there_is_a_line_manager() -> None:
    """The line manager comes first; the lead is for whoever has none (003 §2.3)."""
    directory = _surgery(
        doctor={"line_manager": NURSE}, safeguarding_lead=CAF_MANAGER, colleague=True
    )
    assert directory.line_managers(DOCTOR, NOW) == {NURSE}


def _school(**changes: dict[str, Any]) -> Directory:
    people = {p.id: p for p in AREA.document.practitioners}
    people[DEPUTY] = Practitioner(id=DEPUTY, name="deputy")
    for handle, update in changes.items():
        person = f"{SCHOOL}.{handle}"
        people[person] = people[person].model_copy(update=update)
    return _with(people)


def _surgery(
    *,
    doctor: dict[str, Any] | None = None,
    safeguarding_lead: str | None = None,
    colleague: bool = False,
) -> Directory:
    people = {p.id: p for p in AREA.document.practitioners}
    people[DOCTOR] = people[DOCTOR].model_copy(update=doctor or {})
    if colleague:
        people[NURSE] = Practitioner(id=NURSE, name="nurse")
    agencies = tuple(
        a.model_copy(update={"safeguarding_lead": safeguarding_lead}) if a.id == GP else a
        for a in AREA.document.agencies
    )
    return _with(people, agencies)


def _with(
    people: dict[str, Practitioner], agencies: tuple[Agency, ...] = AREA.document.agencies
) -> Directory:
    update = {"practitioners": tuple(people.values()), "agencies": agencies}
    document = AREA.document.model_copy(update=update)
    return open_directory(sign_directory(document, AREA.root), AREA.root.x)


def test_a_document_signs_and_opens_whatever_its_defaults() -> None:
    """The smallest directory is one too."""
    smallest = DirectoryDocument(
        partnership="demo", version=1, issued_at=NOW, expires_at=NOW + timedelta(days=1)
    )
    signed = sign_directory(smallest, AREA.root)
    assert open_directory(signed, AREA.root.x).document == smallest
