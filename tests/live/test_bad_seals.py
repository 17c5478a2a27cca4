"""Bad seals on a real nats-server: each is refused for its own fault, and nothing else happens.

Every case goes through `Gate.refused`, which also proves that there is an attested receipt under
the message's bytes, a quarantine record, no journey entry and no delivery, and that a good message
sent afterwards is accepted.
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.jws import PrivateKey
from contracts.roles import Capacity
from contracts.seal import Disclosures, Sealed, countersign
from tests import crafting as c
from tests import messages as m
from tests.area import DOCTOR, HEAD, TEACHER, Area
from tests.live.refusing import Bad, Gate, gate_at

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

Make = Callable[[Area, str], Sealed]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    """One exchange for all cases: a case that stopped it would fail those that follow."""
    async with gate_at(tmp_path_factory.mktemp("gate")) as made:
        yield made


def _by(signer: str) -> Make:
    """A referral that names the teacher, signed by somebody else's key."""
    return lambda area, child: c.resealed(
        m.referral(area, child), area.keys[signer], lambda _payload: None
    )


def _stranger(area: Area, child: str) -> Sealed:
    good = m.referral(area, child)
    return c.with_header(good, PrivateKey.generate())


def _forged(area: Area, child: str) -> Sealed:
    """The header names the teacher's key, another key made the signature."""
    good = m.referral(area, child)
    return c.with_header(good, PrivateKey.generate(), kid=area.keys[TEACHER].kid)


def _header(**changes: Any) -> Make:
    """A referral whose signature is right and whose protected header is not."""
    return lambda area, child: c.with_header(m.referral(area, child), area.keys[TEACHER], **changes)


def _unsigned(area: Area, child: str) -> Sealed:
    good = m.referral(area, child)
    entry = {**c.signatures_of(c.with_header(good, area.keys[TEACHER], alg="none"))[0]}
    return c.with_signatures(good, [{**entry, "signature": ""}])


def _stripped_of_all(area: Area, child: str) -> Sealed:
    return c.with_signatures(m.referral(area, child), [])


def _countersigned(area: Area, child: str, **changes: Any) -> Sealed:
    signer = Signer(id=HEAD, capacity=Capacity.LINE_MANAGER)
    return m.referral(area, child, countersigners=(signer,), **changes)


def _stripped(area: Area, child: str) -> Sealed:
    good = _countersigned(area, child)
    return c.with_signatures(good, c.signatures_of(good)[:1])


def _in_another_order(area: Area, child: str) -> Sealed:
    good = _countersigned(area, child)
    return c.with_signatures(good, c.signatures_of(good)[::-1])


def _added(area: Area, child: str) -> Sealed:
    return countersign(m.referral(area, child), area.keys[HEAD])


def _twice(area: Area, child: str) -> Sealed:
    return countersign(m.referral(area, child), area.keys[TEACHER])


def _by_the_author(area: Area, child: str) -> Sealed:
    author = Signer(id=TEACHER, capacity=Capacity.LINE_MANAGER)
    return m.referral(area, child, countersigners=(author,))


def _unprotected_header(area: Area, child: str) -> Sealed:
    good = m.referral(area, child)
    return c.with_signatures(
        good,
        [{**s, "header": {"kid": "x"}} for s in c.signatures_of(good)],  # type: ignore[dict-item]
    )


def _compact_form(area: Area, child: str) -> Sealed:
    made = orjson.loads(m.referral(area, child).text)
    first = made["signatures"][0]
    return Sealed(f"{first['protected']}.{made['payload']}.{first['signature']}")


def _at(**ago: int) -> Make:
    return lambda area, child: m.referral(area, child, time=area.now - timedelta(**ago))


def _changed(change: Callable[[dict[str, Any]], object]) -> Make:
    """A referral whose payload was changed before it was correctly signed."""
    return lambda area, child: c.resealed(m.referral(area, child), area.keys[TEACHER], change)


def _disclosures(change: Callable[[Disclosures], Disclosures | None]) -> Make:
    """A correctly sealed referral with other disclosures beside it."""

    def make(area: Area, child: str) -> Sealed:
        good = m.referral(area, child)
        assert good.disclosures is not None
        return Sealed(good.text, change(good.disclosures))

    return make


def _of_another(area: Area, child: str) -> Sealed:
    """A referral with the disclosures of another one."""
    return Sealed(m.referral(area, child).text, m.referral(area, child).disclosures)


UNOPENED: dict[str, tuple[Make, set[str]]] = {
    "signed by a colleague": (_by(HEAD), {"seal.signers-mismatch"}),
    "signed by another agency": (_by(DOCTOR), {"seal.signers-mismatch"}),
    "signed by a key nobody holds": (_stranger, {"seal.unknown-key"}),
    "signed by a forger": (_forged, {"seal.bad-signature"}),
    "key revoked": (lambda a, ch: m.referral(a, ch, author=c.REVOKED), {"seal.key-revoked"}),
    "key retired": (lambda a, ch: m.referral(a, ch, author=c.RETIRED), {"seal.key-not-valid"}),
    "key not valid yet": (
        lambda a, ch: m.referral(a, ch, author=c.TOO_EARLY),
        {"seal.key-not-valid"},
    ),
    "key past its end": (lambda a, ch: m.referral(a, ch, author=c.RAN_OUT), {"seal.key-not-valid"}),
    "sealed 31 days ago": (_at(days=31), {"seal.too-old"}),
    "sealed in ten minutes": (_at(minutes=-10), {"seal.future"}),
    "alg none without signature": (_unsigned, {"seal.bad-encoding"}),
    "alg none": (_header(alg="none"), {"seal.bad-algorithm"}),
    "alg EdDSA": (_header(alg="EdDSA"), {"seal.bad-algorithm"}),
    "alg HS256": (_header(alg="HS256"), {"seal.bad-algorithm"}),
    "alg ES256": (_header(alg="ES256"), {"seal.bad-algorithm"}),
    "alg in lower case": (_header(alg="ed25519"), {"seal.bad-algorithm"}),
    "alg missing": (_header(alg=None), {"seal.bad-algorithm"}),
    "kid missing": (_header(kid=None), {"seal.bad-algorithm"}),
    "kid not a text": (_header(kid=["x"]), {"seal.bad-algorithm"}),
    "another typ": (_header(typ="handrail-group+jws"), {"seal.bad-algorithm"}),
    "crit": (_header(crit=["b64"], b64=False), {"seal.bad-algorithm"}),
    "crit empty": (_header(crit=[]), {"seal.bad-algorithm"}),
    "a key in the header": (_header(jwk={"kty": "OKP"}), {"seal.bad-algorithm"}),
    "unprotected header": (_unprotected_header, {"seal.unreadable"}),
    "compact form": (_compact_form, {"seal.unreadable"}),
    "no signature at all": (_stripped_of_all, {"seal.unreadable"}),
    "a signature stripped": (_stripped, {"seal.signers-mismatch"}),
    "signatures in another order": (_in_another_order, {"seal.signers-mismatch"}),
    "a signature added": (_added, {"seal.signers-mismatch"}),
    "signed twice by the author": (_twice, {"seal.signers-mismatch"}),
    "countersigned by the author": (_by_the_author, {"countersign.by-author"}),
    "a kind unknown": (
        _changed(lambda p: p.update(type="handrail.story.invented")),
        {"message.unknown-kind"},
    ),
    "a kind of another": (_changed(lambda p: p.update(type="com.example")), {"message.unreadable"}),
    "source of another agency": (
        _changed(lambda p: p.update(source="urn:handrail:demo:caf-team")),
        {"message.agency-mismatch"},
    ),
    "an unknown member": (
        _changed(lambda p: p["data"].update(urgent=True)),
        {"message.unreadable"},
    ),
    "a time that is a number": (_changed(lambda p: p.update(time=1)), {"message.unreadable"}),
    "a time before clocks": (
        _changed(lambda p: p.update(time="0001-01-01T00:00:00+14:00")),
        {"message.unreadable"},
    ),
    "content missing": (
        _changed(lambda p: p["data"].update(content={})),
        {"message.wrong-content"},
    ),
    "not a list of consents": (
        _changed(lambda p: p["data"]["basis"].update(kind="consent")),
        {"message.unreadable"},
    ),
    "a digest twice": (
        _changed(lambda p: p["data"]["statements"].append(p["data"]["statements"][0])),
        {"statements.mismatch"},
    ),
    "binding removed": (_changed(lambda p: p["data"].pop("bound")), {"statements.missing"}),
    "no disclosures": (_disclosures(lambda _d: None), {"statements.missing"}),
    "a disclosure stripped": (
        _disclosures(lambda d: Disclosures(d.salt, d.items[:-1])),
        {"statements.missing"},
    ),
    "a disclosure doubled": (
        _disclosures(lambda d: Disclosures(d.salt, d.items * 2)),
        {"statements.mismatch"},
    ),
    "a foreign disclosure": (_of_another, {"statements.mismatch"}),
    "another salt": (
        _disclosures(lambda d: Disclosures("A" * 22, d.items)),
        {"statements.missing"},
    ),
    "everything at once": (
        lambda a, ch: c.resealed(
            m.referral(a, ch, time=a.now - timedelta(days=31)),
            a.keys[c.REVOKED],
            lambda p: p["data"].update(content={"concern": "weather", "extra": 1}, bound=None),
        ),
        {
            "seal.signers-mismatch",
            "seal.too-old",
            "seal.key-revoked",
            "message.wrong-content",
            "statements.missing",
        },
    ),
}


@pytest.mark.parametrize("name", UNOPENED)
async def test_what_cannot_be_opened_is_quarantined_with_every_reason(
    gate: Gate, name: str
) -> None:
    """A message whose seal or form is wrong is answered under its bytes and kept in its lane."""
    make, expected = UNOPENED[name]
    child = new_reference()
    sealed = make(gate.exchange.area, child)
    assert await gate.refused(Bad(gate.exchange.bytes_of(sealed), child)) == expected
