"""What somebody of the directory signed is never taken for garbage, however it is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.event import MAX_BYTES
from contracts.reasons import Refusal
from contracts.seal import Sealed, countersign
from contracts.submission import IntakeKey, raw_public, write
from services.exchange.alerts import alert_for
from services.exchange.deciding import Decided, decide_all, open_all
from services.exchange.lanes import Arrived
from services.exchange.ledger import Known, Ledger
from services.exchange.opening import Unopenable, is_noise, open_submission
from tests import crafting as c
from tests import messages as m
from tests.area import CAF, FRONT, SCHOOL, TEACHER, Area

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MONTH = "2026-03"
AREA = c.troubled_area(NOW)
STRANGER = Area(NOW).keys[TEACHER]
CHILD = "C" * 26
LANE = "SUBMIT_demo_hilltop-school"
KEY = X25519PrivateKey.generate()
INTAKE = IntakeKey(service="demo.exchange", month=MONTH, x=raw_public(KEY), expires_at=NOW)
OTHER = INTAKE.model_copy(update={"x": raw_public(X25519PrivateKey.generate())})
SEALED = m.protection(AREA, CHILD)
DATA = write(SEALED, INTAKE)


def _arrived(data: bytes, subject: str = f"submit.{SCHOOL}.{CHILD}", lane: str = LANE) -> Arrived:
    return Arrived(lane, 1, subject, NOW, data)


def _sent(sealed: Sealed) -> Arrived:
    return _arrived(write(sealed, INTAKE))


def _changed(**changes: object) -> Sealed:
    return c.resealed(SEALED, AREA.keys[TEACHER], lambda payload: payload.update(changes))


def _wire(**changes: object) -> bytes:
    return orjson.dumps(orjson.loads(DATA) | changes)


def _with_bad_signature() -> Sealed:
    (one,) = c.signatures_of(SEALED)
    (other,) = c.signatures_of(m.protection(AREA, CHILD))
    return c.with_signatures(SEALED, [one | {"signature": other["signature"]}])


ABOUT_PROTECTION: dict[str, Arrived] = {
    "a clock ahead": _sent(m.protection(AREA, CHILD, time=NOW + timedelta(minutes=10))),
    "too old": _sent(m.protection(AREA, CHILD, time=NOW - timedelta(days=40))),
    "a retired key": _sent(m.protection(AREA, CHILD, author=c.RETIRED)),
    "a key that is not valid yet": _sent(m.protection(AREA, CHILD, author=c.TOO_EARLY)),
    "another child's address": _arrived(DATA, f"submit.{SCHOOL}.{'A' * 26}"),
    "another agency's address": _arrived(DATA, f"submit.{CAF}.{CHILD}"),
    "an unknown kind": _sent(_changed(type="handrail.nothing.known")),
    "disclosures to another key": _arrived(write(SEALED, OTHER)),
    "disclosures left out": _arrived(_wire(disclosures=None)),
    "a stranger's signature beside it": _sent(countersign(SEALED, STRANGER)),
    "a signature of a revoked key beside it": _sent(countersign(SEALED, AREA.keys[c.REVOKED])),
    "a member that nobody knows": _arrived(_wire(urgent=True)),
    "too many bytes": _arrived(DATA + b" " * MAX_BYTES),
}
SIGNED: dict[str, Arrived] = {
    **ABOUT_PROTECTION,
    "no message at all": _sent(c.sealed_bytes(b"[]", AREA.keys[TEACHER])),
    "words in the place of a code": _sent(m.referral(AREA, CHILD, content={"concern": "bruise"})),
}
NOISE: dict[str, Arrived] = {
    "no JSON": _arrived(b"garbage"),
    "no submission": _arrived(b"{}"),
    "a seal that is none": _arrived(orjson.dumps({"v": 1, "seal": "{}"})),
    "a seal that is no text": _arrived(orjson.dumps({"v": 1, "seal": [SEALED.text]})),
    "a stranger's signature": _sent(c.resealed(SEALED, STRANGER, lambda _payload: None)),
    "another message's signature": _sent(_with_bad_signature()),
    "a revoked key": _sent(m.protection(AREA, CHILD, author=c.REVOKED)),
}


def _opened(arrived: Arrived) -> Unopenable:
    found = open_submission(arrived, AREA.directory, {MONTH: KEY})
    assert isinstance(found, Unopenable)
    return found


@pytest.mark.parametrize("what", SIGNED)
def test_what_somebody_signed_is_no_garbage(what: str) -> None:
    """One good signature is enough, whatever is wrong with the rest."""
    assert not is_noise(SIGNED[what], _opened(SIGNED[what]))


@pytest.mark.parametrize("what", NOISE)
def test_what_nobody_of_the_directory_signed_is_garbage(what: str) -> None:
    """A signature that does not verify, of a stranger or of a revoked key names nobody."""
    found = _opened(NOISE[what])
    assert is_noise(NOISE[what], found)
    assert not found.protection


@pytest.mark.parametrize("what", ABOUT_PROTECTION)
def test_what_is_signed_and_raises_protection_alerts_people_in_any_lane(what: str) -> None:
    """What the seal itself says is enough, where the message cannot be opened."""
    arrived = ABOUT_PROTECTION[what]
    assert _alerts(Decided(arrived, None, _opened(arrived), NOW))


def test_what_is_signed_and_raises_no_protection_alerts_nobody_in_a_normal_lane() -> None:
    """A referral of another kind is answered with its reasons, and that is all."""
    arrived = _sent(m.referral(AREA, CHILD, time=NOW + timedelta(minutes=10)))
    assert not _alerts(Decided(arrived, None, _opened(arrived), NOW))


def test_an_id_that_was_used_before_does_not_hide_child_protection() -> None:
    """Other bytes under the id of a message alert people, in a normal lane too."""
    ledger = _ledger()
    first, second = (AREA.open(m.protection(AREA, CHILD, id="M" * 26)) for _ in range(2))
    group = [(_arrived(DATA), first), (_arrived(DATA), second)]
    _, again = decide_all(group, AREA.directory, ledger)
    assert isinstance(again.verdict, Unopenable)
    assert [reason.code for reason in again.verdict.reasons] == ["message.id-reused"]
    assert _alerts(again)
    assert not is_noise(again.arrived, again.verdict)


@pytest.mark.parametrize(("make", "alerts"), [(m.protection, True), (m.referral, False)])
def test_what_was_set_aside_by_a_fault_of_ours_alerts_people_if_it_raises_protection(
    make: Callable[[Area, str], Sealed], alerts: bool
) -> None:
    """It is not decided again, and read only for what it is about."""
    arrived = _sent(make(AREA, CHILD))
    ((_, found),) = open_all([arrived], AREA.directory, {MONTH: KEY}, {(LANE, 1)})
    assert isinstance(found, Unopenable)
    assert found.reasons == (Refusal("exchange.failed"),)
    assert not is_noise(arrived, found)
    assert _alerts(Decided(arrived, None, found, NOW)) is alerts


def _ledger() -> Ledger:
    nothing: Any = None
    ledger = Ledger(nothing, nothing)
    ledger.hold(CHILD, Known(None))
    return ledger


def _alerts(decided: Decided) -> bool:
    verdict = decided.verdict
    assert isinstance(verdict, Unopenable)
    key = AREA.services["exchange"]
    alert = alert_for(decided, verdict, AREA.directory, "demo.exchange", key, lambda _leaf: 0)
    return alert is not None and FRONT in alert.to
