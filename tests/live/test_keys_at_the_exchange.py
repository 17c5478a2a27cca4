"""Keys at a real exchange: its own revoked and replaced, and guests whose partnership ends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from contracts import jws
from contracts.directory import (
    Agency,
    DirectoryDocument,
    Guest,
    Practitioner,
    Service,
    SigningKey,
    Trusted,
    sign_directory,
)
from contracts.event import MAX_AGE
from contracts.identifiers import new_reference
from contracts.records import GROUP_TYP, Outcome, Receipt
from contracts.roles import Role
from contracts.seal import Sealed, peek
from contracts.subjects import receipt
from services.runtime.keystore import KeyStore
from services.runtime.signing import ServiceKey, Signers
from tests import messages as m
from tests.area import FRONT, Area
from tests.live.conftest import ServerFactory
from tests.live.exchanging import DEADLINE_S, Exchange, exchange_at, working

pytestmark = pytest.mark.live

EXCHANGE, MOOR = "demo.exchange", "moor.moor-school"
JO, AL = f"{MOOR}.jo", "moor.other-school.al"


def entry(signer: jws.Signer, **times: datetime) -> SigningKey:
    """Return a key that has been valid for long, with other times."""
    since = datetime.now(UTC) - MAX_AGE
    return SigningKey(kid=signer.kid, x=signer.x, valid_from=since).model_copy(update=times)


@pytest_asyncio.fixture
async def exchange(nats_url: str) -> AsyncIterator[Exchange]:
    """An exchange's streams; no worker runs yet."""
    async with exchange_at(nats_url) as made:
        yield made


def receipt_of(sealed: Sealed) -> str:
    """Return the subject of a message's final receipt."""
    event = peek(sealed)
    return receipt(event.agency, event.id)  # type: ignore[union-attr]


async def signed_by(exchange: Exchange, sealed: Sealed) -> str:
    """Return the name of the key that attested the receipt of a message, once it is there."""
    await exchange.final(sealed)
    found = Receipt.model_validate_json(await exchange.last(receipt_of(sealed)) or b"")
    parsed = jws.parse(found.group, GROUP_TYP)
    assert isinstance(parsed, jws.Parsed)
    return parsed.signatures[0].kid


async def test_an_exchange_whose_only_key_is_revoked_decides_nothing_until_it_has_another(
    exchange: Exchange, tmp_path: Path
) -> None:
    """It waits rather than attests what nobody would believe; the backlog is attested by the new.

    What was handed in before the new key was made is answered with a receipt that verifies.
    """
    area, signers = exchange.area, Signers(KeyStore(tmp_path))
    old, new = signers.add("services/exchange"), signers.add("services/exchange")

    def say(*keys: SigningKey) -> None:
        services = tuple(
            Service(id=EXCHANGE, keys=keys) if s.id == EXCHANGE else s
            for s in area.document.services
        )
        area.document = area.document.model_copy(update={"services": services})
        held.append(area.directory)

    held: list[Any] = []
    say(entry(old))
    key = ServiceKey(lambda: signers, EXCHANGE, lambda: held[-1])
    area.services["exchange"] = key  # type: ignore[assignment]
    worker = exchange.worker(directory=lambda: held[-1])
    async with working(worker):
        assert await signed_by(exchange, await sent(exchange)) == old.kid
        now = datetime.now(UTC)
        say(entry(old, compromised_at=now))
        restarts = worker.counts.restarts
        waiting = await sent(exchange)
        async with asyncio.timeout(DEADLINE_S):
            while worker.counts.restarts <= restarts:
                await asyncio.sleep(0.02)
        assert await exchange.last(receipt_of(waiting)) is None

        say(entry(old, compromised_at=now), entry(new))
        assert await signed_by(exchange, waiting) == new.kid


async def sent(exchange: Exchange) -> Sealed:
    """Submit a referral and return it."""
    sealed = m.referral(exchange.area, new_reference())
    await exchange.send(sealed)
    return sealed


def with_guests(area: Area, **changed: Any) -> None:
    """Let the area trust another partnership, of whose two schools it has named one."""
    root = jws.PrivateKey.generate()
    area.keys.update({person: jws.PrivateKey.generate() for person in (JO, AL)})
    theirs = DirectoryDocument(
        partnership="moor",
        version=1,
        issued_at=area.now,
        expires_at=area.now + timedelta(days=365),
        agencies=tuple(
            Agency(id=f"moor.{name}", name=name, role=Role.UNIVERSAL, gateway="moor")
            for name in ("moor-school", "other-school")
        ),
        practitioners=tuple(
            Practitioner(id=one, name=one, keys=(entry(area.keys[one]),)) for one in (JO, AL)
        ),
    )
    trusted = Trusted(
        partnership="moor",
        root_x=root.x,
        directory=sign_directory(theirs, root).decode(),
        guests=(Guest(agency=MOOR, role=Role.UNIVERSAL),),
        gateway="guests",
        since=area.now - timedelta(days=1),
    )
    update = {"trusted": (trusted.model_copy(update=changed),)}
    area.document = area.document.model_copy(update=update)


@pytest.mark.parametrize("ended", [False, True])
async def test_a_guest_is_answered_and_its_neighbours_are_not(
    server_factory: ServerFactory, ended: bool
) -> None:
    """A guest's referral is accepted; one by somebody our root has not named, in its lane, is not.

    Once the trust has ended the guest's own is refused too, although it claims an earlier time.
    """
    area, ago = Area(), timedelta(minutes=1)
    with_guests(area, ended_at=area.now - timedelta(seconds=1) if ended else None)
    url = (await server_factory()).url
    async with exchange_at(url, area) as exchange, working(exchange.worker()):
        mine = m.referral(area, new_reference(), author=JO, time=area.now - ago)
        decision = await exchange.decided(mine)
        neighbour = m.referral(area, new_reference(), author=AL)
        refused = await exchange.decided(neighbour, agency=MOOR)

    if ended:
        assert "seal.key-revoked" in [ground.code for ground in decision.reasons]
    else:
        assert decision.outcome is Outcome.ACCEPTED
        assert [to.agency for to in decision.to] == [FRONT]
    assert refused.outcome is Outcome.REFUSED
    assert "seal.unknown-key" in [ground.code for ground in refused.reasons]
