"""Every identity against every subject and every verb of JetStream's interface: the table holds.

The table is `tests/pages/permissions.toml`, from which docs/permissions.md is made. An identity may
do what the server does not refuse; what it may not do is tried again with the words that would do
harm, and changes and reveals nothing.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from itertools import product

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError

from contracts import subjects
from services.runtime.nats_config import HUB_PREFIX, render
from services.runtime.nats_permissions import SERVICE_DIRECTORY
from services.runtime.nkeys import inbox_prefix
from tests.live.attacks import PULL, VERB_BODIES, deputised
from tests.live.brokers import has_read
from tests.live.gateways import ALPHA, BETA, CHILD, MESSAGE, World, world
from tests.pages.permissions import Identity, identities, matches

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

USERS = {one.name: one.name.replace("gateway.", "beta.") for one in identities()}
_REFUSED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')

STREAMS = (
    subjects.LEDGER,
    subjects.submit_stream(ALPHA),
    subjects.urgent_stream(BETA),
    subjects.submit_stream("demo.tracker"),
    "EVIL",
)
CONSUMERS = (
    subjects.inbox_consumer(ALPHA),
    subjects.inbox_consumer(BETA),
    "story",
    "tracker",
    "evil",
)
OF_THE_ACCOUNT = (
    "INFO", "ACCOUNT.PURGE.HUB", "ACCOUNT.STREAM.MOVE.HUB.LEDGER",
    "ACCOUNT.STREAM.CANCEL_MOVE.HUB.LEDGER", "META.LEADER.STEPDOWN", "SERVER.REMOVE",
    "STREAM.NAMES", "STREAM.LIST",
)  # fmt: skip
OF_A_STREAM = (
    "STREAM.CREATE", "STREAM.UPDATE", "STREAM.INFO", "STREAM.DELETE", "STREAM.PURGE",
    "STREAM.SNAPSHOT", "STREAM.RESTORE", "STREAM.MSG.GET", "STREAM.MSG.DELETE",
    "STREAM.LEADER.STEPDOWN", "STREAM.PEER.REMOVE", "STREAM.TEMPLATE.CREATE", "DIRECT.GET",
    "CONSUMER.CREATE", "CONSUMER.LIST", "CONSUMER.NAMES",
)  # fmt: skip
OF_A_CONSUMER = (
    "CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.DELETE", "CONSUMER.INFO",
    "CONSUMER.MSG.NEXT", "CONSUMER.PAUSE", "CONSUMER.RESET", "CONSUMER.UNPIN",
    "CONSUMER.LEADER.STEPDOWN",
)  # fmt: skip


def of_agencies() -> Iterator[str]:
    """Yield the subjects of messages, records and requests, of two agencies and of services."""
    for agency in (ALPHA, BETA):
        yield from (
            subjects.submit(agency, CHILD),
            subjects.urgent(agency, CHILD),
            subjects.inbox(agency, MESSAGE),
            subjects.receipt(agency, MESSAGE),
            subjects.receipt_held(agency, MESSAGE),
            subjects.check(agency, MESSAGE),
            subjects.quarantine(agency, "0" * 64),
            subjects.cursor(subjects.submit_stream(agency)),
            subjects.tree_witness(agency),
            f"story.{agency}.open",
            f"agency.{agency}.inbox",
            *(subjects.log_request(agency, verb) for verb in ("head", "proof", "witness")),
        )
    yield from (f"{lane}.demo.{name}.{CHILD}" for lane in ("submit", "urgent") for name in
                ("exchange", "exchange-urgent", "story", "tracker"))  # fmt: skip


def of_services() -> Iterator[str]:
    """Yield what services are asked, what the ledger holds of nobody's, and the server's own."""
    yield from (
        subjects.journey(CHILD),
        subjects.held(CHILD, MESSAGE),
        subjects.TREE_GROUP,
        subjects.TREE_HEAD,
        subjects.DIRECTORY,
        SERVICE_DIRECTORY,
        subjects.INTAKE_KEY,
        *(f"exchange.{asked}" for asked in ("admin.quarantine", "admin.status.exchange", "other")),
        *(f"story.admin.{asked}" for asked in ("positions", "status", "erase")),
        *(f"tracker.{asked}" for asked in ("track", "status", "rebuild")),
        *(f"$SYS.REQ.{asked}" for asked in ("SERVER.PING", "ACCOUNT.HUB.CONNZ", "USER.INFO")),
        "$SYS.ACCOUNT.HUB.CLAIMS.UPDATE",
        "$SRV.PING",
        "_R_.forged.answer",
        "elsewhere",
        *(
            f"$JS.ACK.{subjects.LEDGER}.{consumer}.1.1.1.1700000000000000000.0"
            for consumer in CONSUMERS
        ),
        f"$JS.ACK.{STREAMS[1]}.evil.1.1.1.1700000000000000000.0",
        f"$JS.FC.{subjects.LEDGER}.evil.x",
    )


def of_jetstream() -> Iterator[str]:
    """Yield every verb of the interface for every stream and consumer, under both prefixes."""
    for prefix in ("$JS.API", HUB_PREFIX):
        yield from (f"{prefix}.{verb}" for verb in OF_THE_ACCOUNT)
        yield from (f"{prefix}.{verb}.{of}" for verb, of in product(OF_A_STREAM, STREAMS))
        for verb, stream, consumer in product(OF_A_CONSUMER, STREAMS, CONSUMERS):
            yield f"{prefix}.{verb}.{stream}.{consumer}"
        for stream, record in product(STREAMS[:2], (ALPHA, BETA)):
            yield f"{prefix}.DIRECT.GET.{stream}.{subjects.receipt(record, MESSAGE)}"
            yield f"{prefix}.CONSUMER.CREATE.{stream}.evil.{subjects.inbox(record, MESSAGE)}"


PLAIN = tuple(dict.fromkeys((*of_agencies(), *of_services(), *of_jetstream())))
WILD = (
    ">", "*", "*.>", "$JS.>", "$JS.API.>", "$JS.ACK.>", "$SYS.>", "$SRV.>", "HUB.>", "_INBOX.>",
    "_R_.>", "submit.>", "urgent.>", "story.>", "story.admin.>", "tracker.>", "log.>", "agency.>",
    "exchange.>", "exchange.admin.>", "journey.>", "inbox.>", "receipt.>", "tree.>",
    f"agency.{ALPHA}.>", f"agency.{BETA}.>", f"story.{ALPHA}.>", f"submit.{BETA}.>",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Give two gateways, one of them between two sets of keys, under the real configuration."""
    async with world(tmp_path_factory.mktemp("real"), render) as made:
        yield made


def named(made: World, identity: Identity) -> dict[str, tuple[str, ...]]:
    """Return what the placeholders of the table stand for, for this identity."""
    desks = ("beta.desk", "beta.retiring-desk")
    return {
        "agency": (BETA,),
        "inbox": (f"{subjects.LEDGER}.{subjects.inbox_consumer(BETA)}",),
        "me": (f"demo.{identity.name}",),
        "replies": (inbox_prefix(made.keys[USERS[identity.name]].public),),
        "desks": tuple(inbox_prefix(made.keys[desk].public) for desk in desks),
    }


def inboxes(made: World) -> tuple[str, ...]:
    """Return a reply subject of every user."""
    return tuple(f"{inbox_prefix(key.public)}.forged" for key in made.keys.values())


async def refused(client: Client, what: str, try_all: "asyncio.Future[None]") -> set[str]:
    """Return the subjects that the server refused while `try_all` ran, in small letters."""
    told: list[str] = []
    previous = client._error_cb

    async def note(error: Exception) -> None:
        told.append(str(error))

    client._error_cb = note
    try:
        await try_all
        # The server works a connection's requests in turn: with this answered, all are.
        await has_read(client)
    finally:
        client._error_cb = previous
    found = (_REFUSED.search(text) for text in told)
    return {one[2] for one in found if one and one[1] == what}


@pytest.mark.parametrize("identity", identities(), ids=lambda one: one.name)
async def test_an_identity_publishes_what_the_table_says_and_nothing_else(
    real: World, identity: Identity
) -> None:
    """Of all subjects and verbs, the server takes from it exactly those of the table."""
    client = real.clients[USERS[identity.name]]
    pool = (*PLAIN, *inboxes(real))

    async def publish_all() -> None:
        for subject in pool:
            # JetStream understands no such request, so what is allowed does nothing either.
            await client.publish(subject, b"?", reply=client.new_inbox())

    told = await refused(client, "publish", asyncio.ensure_future(publish_all()))

    names = named(real, identity)
    may, never = identity.published(names), identity.denied(names)
    expected = {
        subject
        for subject in pool
        if any(matches(pattern, subject) for pattern in may)
        and not any(matches(pattern, subject) for pattern in never)
    }
    assert {subject for subject in pool if subject.lower() not in told} == expected


@pytest.mark.parametrize("identity", identities(), ids=lambda one: one.name)
async def test_an_identity_subscribes_to_what_the_table_says_and_nothing_else(
    real: World, identity: Identity
) -> None:
    """Of all subjects and wildcards, the server lets it hear exactly those of the table."""
    client = real.clients[USERS[identity.name]]
    everyone = tuple(f"{inbox_prefix(key.public)}.>" for key in real.keys.values())
    pool = (*PLAIN, *WILD, *everyone)
    made = []

    async def subscribe_all() -> None:
        made.extend([await client.subscribe(subject, cb=_ignore) for subject in pool])

    told = await refused(client, "subscription", asyncio.ensure_future(subscribe_all()))
    for one in made:
        await one.unsubscribe()
    await has_read(client)

    may = identity.subscribed(named(real, identity))
    expected = {s for s in pool if any(matches(pattern, s) for pattern in may)}
    assert {subject for subject in pool if subject.lower() not in told} == expected


async def _ignore(_message: Msg) -> None:
    """Leave what comes in to whoever should hear it too."""


def harmful(subject: str) -> bytes:
    """Return the request that would do what the subject is for."""
    verb = subject.removeprefix("$JS.API.").removeprefix(f"{HUB_PREFIX}.")
    if "MSG.NEXT" in verb:
        return PULL
    if verb.startswith(("STREAM.DELETE", "CONSUMER.DELETE", "STREAM.NAMES", "STREAM.PURGE")):
        return b""
    evil = json.dumps({"stream_name": subjects.LEDGER, "config": {"durable_name": "evil"}})
    known = VERB_BODIES.get(verb)
    return known or (evil.encode() if ".CREATE" in verb else b'{"seq": 1}')


@pytest.mark.parametrize("identity", identities(), ids=lambda one: one.name)
async def test_what_the_table_does_not_name_changes_and_reveals_nothing(
    real: World, identity: Identity
) -> None:
    """The same requests with the words that would do harm get no answer and leave no trace."""
    client, names = real.clients[USERS[identity.name]], named(real, identity)
    may, never = identity.published(names), identity.denied(names)
    forbidden = [
        subject
        for subject in (*PLAIN, *inboxes(real))
        if any(matches(pattern, subject) for pattern in never)
        or not any(matches(pattern, subject) for pattern in may)
    ]
    answers: list[Msg] = []

    async def note(message: Msg) -> None:
        answers.append(message)

    reply = client.new_inbox()
    listening = await client.subscribe(reply, cb=note)
    before = await real.settled()

    for subject in forbidden:
        await client.publish(subject, harmful(subject), reply=reply)
    await has_read(client)
    after = await real.settled()
    await has_read(client)
    await listening.drain()  # type: ignore[no-untyped-call]

    assert before == after
    assert [message.subject for message in answers] == []


NOTHING = tuple(
    f"{HUB_PREFIX}.DIRECT.GET.{subjects.LEDGER}.{subject}"
    for subject in (subjects.receipt(BETA, "nothing"), "journey.nothing")
)
"""Questions for records that are not there: their answer has no body, as a deletion wants it."""

IN_THE_HUB = ("exchange", "exchange-urgent")


def permitted(made: World, identity: Identity) -> list[str]:
    """Return every subject of the pool that the identity may publish to."""
    names = named(made, identity)
    may, never = identity.published(names), identity.denied(names)
    return [
        subject
        for subject in (*PLAIN, *NOTHING)
        if any(matches(pattern, subject) for pattern in may)
        and not any(matches(pattern, subject) for pattern in never)
    ]


@pytest.mark.parametrize(
    "identity",
    [one for one in identities() if one.name not in IN_THE_HUB],
    ids=lambda one: one.name,
)
async def test_nobody_answers_in_anothers_name_whatever_reply_is_asked_for(
    real: World, identity: Identity
) -> None:
    """What an identity may ask is answered to itself: no reply subject writes, deletes or asks.

    The two identities of the exchange are not tried: they share the account of JetStream, and what
    they could have written for them they may write.
    """
    client, subjects_ = real.clients[USERS[identity.name]], permitted(real, identity)
    assert subjects_
    before, asked = await real.settled(), len(real.asked)

    for attack in (attack for subject in subjects_ for attack in deputised(subject)):
        await client.publish(attack.subject, attack.payload, attack.reply)
    await has_read(client)
    after = await real.settled()

    assert {**after, "asked": None} == {**before, "asked": None}
    questions = (subjects.DIRECTORY, subjects.INTAKE_KEY)
    own = {f"{question}.{asker}" for question in questions
           for asker in ("gateway.beta", f"service.{identity.name}")}  # fmt: skip
    own.add(f"{subjects.DIRECTORY}.gateway.beta.service")
    heard = identity.subscribed(named(real, identity))
    others = [one for one in real.asked[asked:] if not any(matches(h, one) for h in heard)]
    assert set(others) <= {*subjects_, *own}


EMPTYING = {
    "rolls a lane up": {"Nats-Rollup": "all"},
    "rolls a child's subject up": {"Nats-Rollup": "sub"},
    "lets a message run out": {"Nats-TTL": "1s"},
    "schedules a message": {
        "Nats-Schedule": "@at 2099-01-01T00:00:00Z",
        "Nats-Schedule-Target": subjects.submit(BETA, "other"),
    },
    "purges by a schedule": {
        "Nats-Schedule-Next": "purge",
        "Nats-Scheduler": subjects.submit(BETA, CHILD),
    },
    "begins a batch": {
        "Nats-Batch-Id": "evil",
        "Nats-Batch-Sequence": "1",
        "Nats-Batch-Commit": "1",
    },
}


@pytest.mark.parametrize("headers", EMPTYING.values(), ids=EMPTYING)
@pytest.mark.parametrize("user", ["beta.service", "beta.desk", "beta.retiring-service"])
async def test_no_header_empties_a_lane(real: World, user: str, headers: dict[str, str]) -> None:
    """What an agency submits with such a header is refused, and what it submitted before stays."""
    stream = real.clients[user].jetstream()
    exchange = real.clients["exchange"].jetstream()
    lane = subjects.submit_stream(BETA)
    await stream.publish(subjects.submit(BETA, CHILD), b"before")
    before = (await exchange.stream_info(lane)).state

    with pytest.raises(APIError):
        await stream.publish(subjects.submit(BETA, CHILD), b"evil", headers=headers)

    after = (await exchange.stream_info(lane)).state
    assert (after.messages, after.first_seq) == (before.messages, before.first_seq)
