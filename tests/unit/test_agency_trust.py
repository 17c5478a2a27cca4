"""What an agency believes: deliveries, requests to read, and receipts of its own answers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from contracts import jws
from contracts.directory import Directory, DirectoryDocument
from contracts.identifiers import new_reference
from contracts.reasons import Refusal
from contracts.records import Delivery
from contracts.roles import Capacity
from contracts.seal import Sealed
from services.agency.faults import Unproven, fault
from services.agency.items import Item, item_of
from services.agency.opening import disclosed
from services.agency.verifying import Genuine, verify
from tests.area import DUTY, FRONT, GP, SCHOOL, TEACHER, Area
from tests.deliveries import boxed, delivery, digests
from tests.messages import acknowledged, protection, referral, step_down

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AREA = Area(NOW)
DIRECTORY = AREA.directory
EXCHANGE = "demo.exchange"


def judged(data: bytes, agency: str = FRONT, directory: Directory = DIRECTORY) -> str:
    """Return the code for which a delivery is not genuine, empty when it is."""
    verdict = verify(data, agency, directory, EXCHANGE)
    return verdict.code if isinstance(verdict, Unproven) else ""


def key_changed(person: str, **changes: object) -> Directory:
    """Return the directory after the key of `person` was changed."""
    people = tuple(
        one.model_copy(update={"keys": (one.keys[0].model_copy(update=changes),)})
        if one.id == person
        else one
        for one in AREA.document.practitioners
    )
    document: DirectoryDocument = AREA.document.model_copy(update={"practitioners": people})
    return Directory(document)


def test_a_delivery_attested_for_this_agency_is_genuine() -> None:
    """Seal, attestation, addressee and shown digests together make a delivery genuine."""
    sealed = referral(AREA, new_reference())

    verdict = verify(delivery(AREA, sealed, FRONT), FRONT, DIRECTORY, EXCHANGE)

    assert isinstance(verdict, Genuine)
    assert verdict.delivery.sealed.digest == sealed.digest
    assert verdict.event.agency == SCHOOL


def test_a_countersigned_message_and_a_notice_are_genuine() -> None:
    """A delivery with several signers, and one without statements, is verified as well."""
    down = step_down(AREA, new_reference())
    notice = acknowledged(AREA, new_reference(), new_reference())

    assert judged(delivery(AREA, down, "demo.caf-team"), "demo.caf-team") == ""
    assert judged(delivery(AREA, notice, SCHOOL), SCHOOL) == ""


def test_fewer_statements_shown_are_genuine_when_the_exchange_decided_so() -> None:
    """What may be seen is what the exchange attested, not what the seal holds."""
    sealed = referral(AREA, new_reference())

    assert judged(delivery(AREA, sealed, FRONT, to={FRONT: ()}, shown=())) == ""


def _changed_byte(sealed: Sealed) -> Sealed:
    at = len(sealed.text) // 2
    return replace(
        sealed, text=f"{sealed.text[:at]}{'AB'[sealed.text[at] == 'A']}{sealed.text[at + 1 :]}"
    )


def _stripped(sealed: Sealed) -> Sealed:
    document = orjson.loads(sealed.text)
    document["signatures"] = document["signatures"][:1]
    return replace(sealed, text=orjson.dumps(document).decode())


SEALED = referral(AREA, new_reference())
DOWN = step_down(AREA, new_reference())
_EVENT = AREA.event("referral.submitted", new_reference(), TEACHER, [FRONT])[0]
BY_ANOTHER = Sealed(
    jws.sign(orjson.dumps(_EVENT.as_json()), AREA.keys[DUTY], "handrail+sd-jwt").decode()
)
FORGERIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "group signed by a practitioner": (
        "delivery.not-attested",
        lambda: delivery(AREA, SEALED, FRONT, key=AREA.keys[TEACHER]),
    ),
    "group signed by another service": (
        "delivery.not-attested",
        lambda: delivery(AREA, SEALED, FRONT, key=AREA.services["tracker"]),
    ),
    "decision changed after signing": (
        "delivery.not-attested",
        lambda: delivery(AREA, SEALED, FRONT).replace(b'sequence\\":1', b'sequence\\":2'),
    ),
    "a refusal": (
        "delivery.not-attested",
        lambda: delivery(AREA, SEALED, FRONT, changes={"outcome": "refused"}),
    ),
    "decided for another agency": (
        "delivery.other-agency",
        lambda: delivery(AREA, SEALED, GP),
    ),
    "a byte of the seal changed": (
        "delivery.other-seal",
        lambda: delivery(AREA, SEALED, FRONT, seal=_changed_byte(SEALED).text),
    ),
    "a signature of something else": (
        "seal.bad-signature",
        lambda: delivery(AREA, _broken(), FRONT),
    ),
    "another seal under the decision": (
        "delivery.other-seal",
        lambda: delivery(AREA, SEALED, FRONT, seal=DOWN.text),
    ),
    "a decision about another message": (
        "delivery.other-seal",
        lambda: delivery(AREA, SEALED, FRONT, changes={"message": new_reference()}),
    ),
    "a decision about another child": (
        "delivery.other-seal",
        lambda: delivery(AREA, SEALED, FRONT, changes={"child": new_reference()}),
    ),
    "sealed by another than the author": (
        "seal.signers-mismatch",
        lambda: delivery(AREA, BY_ANOTHER, FRONT),
    ),
    "a signature stripped": (
        "seal.signers-mismatch",
        lambda: delivery(AREA, _stripped(DOWN), FRONT),
    ),
    "more shown than decided": (
        "delivery.shown-mismatch",
        lambda: delivery(AREA, SEALED, FRONT, to={FRONT: ()}),
    ),
    "shown what the seal does not hold": (
        "delivery.shown-mismatch",
        lambda: delivery(AREA, SEALED, FRONT, shown=["\N{LATIN SMALL LETTER E WITH ACUTE}"]),
    ),
    "not JSON": ("delivery.unreadable", lambda: b"\xff{"),
    "deep nesting": ("delivery.unreadable", lambda: b"[" * 100_000),
}


def _broken() -> Sealed:
    """Return the seal with another signature of the right form."""
    document = orjson.loads(SEALED.text)
    document["signatures"][0]["signature"] = orjson.loads(DOWN.text)["signatures"][0]["signature"]
    return replace(SEALED, text=orjson.dumps(document).decode())


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_not_genuine_is_named_by_one_code(name: str) -> None:
    """Every way in which a delivery can lie is found, and said by a code with a remedy."""
    code, forged = FORGERIES[name]

    assert judged(forged()) == code
    assert fault(code).remedy


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("seal.key-not-valid", {"valid_from": NOW + timedelta(seconds=1)}),
        ("seal.key-not-valid", {"retired_at": NOW}),
        ("seal.key-revoked", {"compromised_at": NOW - timedelta(seconds=1)}),
        ("", {"compromised_at": NOW + timedelta(seconds=1)}),
    ],
)
def test_keys_are_judged_at_sealing_and_at_arrival(code: str, changes: dict[str, Any]) -> None:
    """A key signs what was sealed while valid and arrived before it was revoked, later on too."""
    assert judged(delivery(AREA, SEALED, FRONT), directory=key_changed(TEACHER, **changes)) == code


def _notice(kind: str, author: str, content: dict[str, Any]) -> Sealed:
    return AREA.sealed(
        kind, new_reference(), author, [SCHOOL], capacity=Capacity.SERVICE, content=content
    )


FAILED = {"sender": SCHOOL, "reasons": ["seal.unreadable"]}
MISSED = {
    "clock": "acknowledge",
    "started_by": new_reference(),
    "due_at": NOW.isoformat(),
    "manager": f"{SCHOOL}.head",
}


def test_a_notice_is_genuine_from_its_own_service_only() -> None:
    """An alert is the exchange's, a missed standard the tracker's; nobody else can seal one."""
    failed = _notice("protection.failed", EXCHANGE, FAILED)
    swapped = _notice("protection.failed", "demo.tracker", FAILED)
    missed = _notice("standard.missed", "demo.tracker", MISSED)
    by_person = AREA.sealed("standard.missed", new_reference(), TEACHER, [SCHOOL], content=MISSED)

    assert [judged(delivery(AREA, one, SCHOOL), SCHOOL) for one in (failed, missed)] == ["", ""]
    for forged in (swapped, by_person):
        assert judged(delivery(AREA, forged, SCHOOL), SCHOOL) == "delivery.notice-author"


def line(sealed: Sealed, agency: str) -> Item:
    """Return the line of a genuine delivery."""
    genuine = verify(delivery(AREA, sealed, agency), agency, DIRECTORY, EXCHANGE)
    assert isinstance(genuine, Genuine)
    return item_of(genuine.event, agency, DIRECTORY, NOW, protection=False)


def test_an_alert_about_bytes_that_are_no_message_is_no_child_protection() -> None:
    """It is listed as an alert; only one about a message that was refused goes as protection."""
    for content, is_protection in ((FAILED, True), ({**FAILED, "count": 7}, False)):
        made = delivery(AREA, _notice("protection.failed", EXCHANGE, content), SCHOOL)
        genuine = verify(made, SCHOOL, DIRECTORY, EXCHANGE)
        assert isinstance(genuine, Genuine)
        told = item_of(genuine.event, SCHOOL, DIRECTORY, NOW, protection=True)
        assert (told.alert, told.protection) == (True, is_protection)


def test_an_alert_is_marked_for_the_person_who_must_see_it() -> None:
    """A missed standard names the manager; an alert without a name goes to the duty desk."""
    missed = line(_notice("standard.missed", "demo.tracker", MISSED), SCHOOL)
    failed = line(_notice("protection.failed", EXCHANGE, FAILED), SCHOOL)

    assert (missed.alert, missed.person) == (True, f"{SCHOOL}.head")
    assert (failed.alert, failed.person) == (True, TEACHER)


def test_history_notifies_nobody() -> None:
    """A replayed message is kept as history, without alert and without a person."""
    history = {"occurred_on": "2020-01-01", "source": "cin"}
    sealed = referral(AREA, new_reference(), history=history)

    assert (line(sealed, FRONT).history, line(sealed, FRONT).person) == (True, "")


def test_a_protection_delivery_opens_by_the_agencys_own_key() -> None:
    """Exactly the statements that the exchange attested come out, and only with this key."""
    sealed = protection(AREA, new_reference())
    box = boxed(AREA, sealed, FRONT)
    made = Delivery.model_validate_json(delivery(AREA, sealed, FRONT, disclosures=box))

    opened = disclosed(made, {"2026-03": AREA.delivery[FRONT]})

    assert not isinstance(opened, Refusal)
    assert [one.digest for one in opened] == list(digests(sealed))
    assert isinstance(disclosed(made, {"2026-03": AREA.delivery[GP]}), Refusal)
    assert isinstance(disclosed(made, {}), Refusal)


def test_a_box_with_other_statements_than_attested_stays_shut() -> None:
    """Statements added to or taken from the box are refused, though it decrypts."""
    sealed = protection(AREA, new_reference())
    assert sealed.disclosures is not None
    assert SEALED.disclosures is not None
    added = (*sealed.disclosures.items, *SEALED.disclosures.items)

    for items, code in (((), "statements.missing"), (added, "statements.mismatch")):
        box = boxed(AREA, sealed, FRONT, items)
        made = Delivery.model_validate_json(delivery(AREA, sealed, FRONT, disclosures=box))
        assert disclosed(made, {"2026-03": AREA.delivery[FRONT]}) == Refusal(code)
