"""What one gateway, one user or one service can never do to another, on a real nats-server.

Attacks across gateways are tried twice: with the real configuration, and with the gateways' user
permissions taken out of it, where the accounts alone must hold.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts import subjects
from contracts.errors import HandrailError
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX, render
from services.runtime.nkeys import NKey, inbox_prefix
from tests.live.attacks import (
    ACROSS,
    ALPHA_INBOX,
    ALPHA_RECEIPT,
    BETA_RECEIPT,
    NOT_ALLOWED,
    OPERATOR_MAY_ASK,
    OVERHEARING,
    PULL,
    Attack,
    acknowledgements,
    answered,
)
from tests.live.brokers import has_read
from tests.live.gateways import (
    ALPHA,
    ALPHA_LANES,
    ALPHA_WORDS,
    CHILD,
    FORGED,
    World,
    pull,
    without_gateway_permissions,
    world,
)

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give the two gateways under the real configuration."""
    async with world(tmp_path_factory.mktemp("real"), render) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accounts_only(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give the two gateways with nothing but the accounts between them."""
    folder = tmp_path_factory.mktemp("accounts")
    async with world(folder, without_gateway_permissions) as made:
        yield made


@pytest.mark.parametrize("family", ACROSS)
@pytest.mark.parametrize("user", ["beta.service", "beta.desk"])
async def test_a_gateway_can_do_nothing_as_another(real: World, user: str, family: str) -> None:
    """Whatever beta sends under alpha's name gets no answer and changes nothing of alpha's."""
    before = await real.settled()

    answers = await answered(real, user, ACROSS[family])

    own = [
        attack.what
        for attack in ACROSS[family]
        if BETA_RECEIPT in attack.subject and not attack.reply
    ]
    assert all(ALPHA_WORDS not in answer for answer in answers.values())
    assert sorted(answers) == sorted(own)
    assert before == await real.settled()


@pytest.mark.parametrize("family", ACROSS)
async def test_accounts_alone_keep_gateways_apart(accounts_only: World, family: str) -> None:
    """Without any user permission, beta still learns nothing of alpha's and changes nothing."""
    before = await accounts_only.settled()

    answers = await answered(accounts_only, "beta.service", ACROSS[family])

    assert all(ALPHA_WORDS not in answer for answer in answers.values())
    assert before == await accounts_only.settled()


async def overheard(world_: World, user: str) -> list[bytes]:
    """Listen to everything as `user` while alpha works; return what came by, words and subjects."""
    heard: list[bytes] = []

    async def note(message: Msg) -> None:
        heard.append(message.subject.encode() + b" " + message.data)

    client = world_.clients[user]
    others = [f"{inbox_prefix(key.public)}.>" for name, key in world_.keys.items() if name != user]
    listening = [await client.subscribe(name, cb=note) for name in (*OVERHEARING, *others)]
    await has_read(client)
    await alpha_works(world_)
    await has_read(client)
    for subscription in listening:
        await subscription.drain()  # type: ignore[no-untyped-call]
    return heard


async def alpha_works(world_: World) -> None:
    """Send, deliver, pull, read a receipt, ask the story service, and ask the agency service."""
    service, desk = world_.clients["alpha.service"], world_.clients["alpha.desk"]
    for lane in ALPHA_LANES:
        await service.jetstream().publish(lane, ALPHA_WORDS)
    delivery = await pull(service, ALPHA)
    await delivery.ack_sync()
    await service.request(f"story.{ALPHA}.open", ALPHA_WORDS)
    await desk.request(f"agency.{ALPHA}.inbox", ALPHA_WORDS)


@pytest.mark.parametrize("user", ["beta.service", "beta.desk", "alpha.desk", "tracker", "operator"])
async def test_nobody_overhears_what_is_not_theirs(real: World, user: str) -> None:
    """No subscription, however wide, shows a user any message that is not addressed to it."""
    assert await overheard(real, user) == []


async def test_accounts_alone_keep_gateways_from_overhearing(accounts_only: World) -> None:
    """Without any user permission, beta still hears nothing of alpha's work."""
    assert await overheard(accounts_only, "beta.service") == []


@pytest.mark.parametrize("user", ["beta.service", "beta.desk", "alpha.desk"])
async def test_only_the_agency_service_settles_a_delivery(real: World, user: str) -> None:
    """Knowing the acknowledgement subject of a delivery helps nobody but the agency service."""
    before = await real.settled()

    answers = await answered(real, user, acknowledgements(real.alpha_ack))

    assert answers == {}
    assert before == await real.settled()


async def test_accounts_alone_keep_deliveries_from_another(accounts_only: World) -> None:
    """Without any user permission, beta still cannot settle a delivery to alpha."""
    before = await accounts_only.settled()

    attacks = acknowledgements(accounts_only.alpha_ack)
    await answered(accounts_only, "beta.service", attacks)

    assert before == await accounts_only.settled()


async def test_the_desk_reaches_inbox_and_story_only_through_its_agency_service(
    real: World,
) -> None:
    """A desk pulls nothing, asks for no story, and finds no deputy for it, in its own agency."""
    nothing = subjects.receipt(ALPHA, "MISSING0000000000001")
    direct = f"{HUB_PREFIX}.DIRECT.GET.{subjects.LEDGER}"
    forbidden = [
        (f"{HUB_PREFIX}.CONSUMER.MSG.NEXT.{ALPHA_INBOX}", PULL),
        (f"{HUB_PREFIX}.CONSUMER.INFO.{ALPHA_INBOX}", b""),
        (f"story.{ALPHA}.open", FORGED),
        (real.alpha_ack, b"+ACK"),
        (f"{inbox_prefix(real.keys['alpha.service'].public)}.x", FORGED),
    ]
    asked = (
        f"agency.{ALPHA}.inbox",
        subjects.DIRECTORY,
        f"{direct}.{ALPHA_RECEIPT}",
        f"{direct}.{nothing}",
    )
    attacks = [Attack(f"uses {subject}", subject, body) for subject, body in forbidden]
    attacks += [
        Attack(f"has {name} answered on {target}", name, body, target)
        for name in asked
        for target, body in forbidden
    ]
    before = await real.settled()

    answers = await answered(real, "alpha.desk", attacks)
    # The agency service takes requests in turn: with this one answered, all before it are.
    await real.clients["alpha.desk"].request(f"agency.{ALPHA}.inbox", b"fence")

    assert answers == {}
    assert before == await real.settled()


@pytest.mark.parametrize("user", NOT_ALLOWED)
async def test_a_service_does_nothing_beyond_its_role(real: World, user: str) -> None:
    """What a role does not need gets no answer and changes nothing, for our own services too."""
    before = await real.settled()

    answers = await answered(real, user, NOT_ALLOWED[user])

    assert answers == {}
    assert before == await real.settled()


async def test_the_operator_finds_no_deputy_among_the_services(real: World) -> None:
    """An answer to the operator goes to the operator, whatever reply subject the request names."""
    targets = (*ALPHA_LANES, subjects.journey(CHILD), f"$JS.API.STREAM.PURGE.{subjects.LEDGER}")
    attacks = [
        Attack(f"has {asked} answered on {target}", asked, reply=target)
        for asked in OPERATOR_MAY_ASK
        for target in targets
    ]
    before = await real.settled()

    await answered(real, "operator", attacks)
    # Each service takes its questions in turn: with these answered, all before them are.
    for subject in OPERATOR_MAY_ASK:
        await real.clients["operator"].request(subject, b"fence")

    real.asked = [subject for subject in real.asked if not subject.endswith(OPERATOR_MAY_ASK)]
    assert before == await real.settled()


async def test_an_unknown_key_and_no_key_are_refused(real: World) -> None:
    """A connection without one of the plan's keys is turned away at once and told why."""
    with pytest.raises(HandrailError) as refusal:
        await connect(real.url, NKey.generate(), name="stranger")
    anonymous = Client()
    with pytest.raises(NatsError, match="Authorization Violation"):
        await anonymous.connect(real.url, allow_reconnect=False, error_cb=_ignore)
    await anonymous.close()

    assert refusal.value.code == "nats.refused"


async def _ignore(_error: Exception) -> None:
    """Leave the error to what `connect` raises."""
