"""What one gateway, one user or one service can never do to another, on a real nats-server.

Attacks across gateways are tried twice: with the real configuration, and with the gateways' user
permissions taken out of it, where the accounts alone must hold.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from contracts import subjects
from contracts.errors import HandrailError
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX, render
from services.runtime.nkeys import NKey, inbox_prefix
from tests.live.gateways import (
    ALPHA,
    ALPHA_LANES,
    ALPHA_WORDS,
    BETA,
    CHILD,
    FORGED,
    MESSAGE,
    World,
    pull,
    without_gateway_permissions,
    world,
)

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NO_ANSWER_S = 0.15
ALPHA_INBOX = f"{subjects.LEDGER}.{subjects.inbox_consumer(ALPHA)}"
BETA_INBOX = f"{subjects.LEDGER}.{subjects.inbox_consumer(BETA)}"
ALPHA_RECEIPT = subjects.receipt(ALPHA, MESSAGE)
OPERATOR_MAY_ASK = ("tracker.journey", "exchange.admin.quarantine", "story.admin.status")
BETA_RECEIPT = subjects.receipt(BETA, MESSAGE)
PULL = json.dumps({"batch": 1, "expires": 100_000_000}).encode()


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


@dataclass(frozen=True)
class Attack:
    """One message that must do and reveal nothing; `reply` would make somebody else its deputy."""

    what: str
    subject: str
    payload: bytes = FORGED
    reply: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    async def run(self, client: Client) -> bytes:
        """Send it and return what came back: nothing, or the headers and bytes of an answer."""
        headers = dict(self.headers) or None
        if self.reply:
            await client.publish(self.subject, self.payload, self.reply, headers)
            await client.flush()
            return b""
        try:
            answer = await client.request(
                self.subject, self.payload, timeout=NO_ANSWER_S, headers=headers
            )
        except (NatsTimeoutError, NoRespondersError):
            return b""
        return repr(answer.headers).encode() + answer.data


async def answered(client: Client, attacks: list[Attack]) -> dict[str, bytes]:
    """Run all at once and return those that were answered at all, with the answer."""
    answers = await asyncio.gather(*(attack.run(client) for attack in attacks))
    return {attack.what: answer for attack, answer in zip(attacks, answers, strict=True) if answer}


def _body(**members: object) -> bytes:
    return json.dumps(members).encode()


ADMIN_VERBS = [
    "INFO",
    "ACCOUNT.PURGE.HUB",
    "STREAM.NAMES",
    "STREAM.LIST",
    "STREAM.CREATE.EVIL",
    *(
        f"STREAM.{verb}.{stream}"
        for verb in ("INFO", "UPDATE", "PURGE", "DELETE", "MSG.GET", "MSG.DELETE", "SNAPSHOT")
        for stream in (subjects.LEDGER, subjects.submit_stream(ALPHA))
    ),
    f"CONSUMER.NAMES.{subjects.LEDGER}",
    f"CONSUMER.LIST.{subjects.LEDGER}",
    f"CONSUMER.CREATE.{subjects.LEDGER}.evil",
    f"CONSUMER.CREATE.{subjects.LEDGER}.evil.inbox.>",
    f"CONSUMER.DURABLE.CREATE.{subjects.LEDGER}.evil",
    *(
        f"CONSUMER.{verb}.{ALPHA_INBOX}"
        for verb in ("INFO", "MSG.NEXT", "DELETE", "PAUSE", "RESET")
    ),
    *(f"CONSUMER.{verb}.{BETA_INBOX}" for verb in ("DELETE", "PAUSE", "RESET")),
]

VERB_BODIES = {
    "STREAM.CREATE.EVIL": _body(name="EVIL", subjects=["evil.>"]),
    f"STREAM.MSG.GET.{subjects.LEDGER}": _body(last_by_subj=ALPHA_RECEIPT),
    f"STREAM.MSG.DELETE.{subjects.LEDGER}": _body(seq=1),
    f"STREAM.UPDATE.{subjects.LEDGER}": _body(name=subjects.LEDGER, subjects=["x.>"]),
    f"CONSUMER.MSG.NEXT.{ALPHA_INBOX}": PULL,
    **{
        f"CONSUMER.{verb}": _body(
            stream_name=subjects.LEDGER, config={"name": "evil", "durable_name": "evil"}
        )
        for verb in (
            f"CREATE.{subjects.LEDGER}.evil",
            f"DURABLE.CREATE.{subjects.LEDGER}.evil",
        )
    },
}

GET_BODIES = [
    _body(seq=1),
    _body(last_by_subj=ALPHA_RECEIPT),
    _body(next_by_subj=ALPHA_RECEIPT, seq=1),
    _body(multi_last=[ALPHA_RECEIPT]),
    _body(batch=50, seq=1),
    _body(batch=50, seq=1, next_by_subj="receipt.>"),
    _body(batch=50, start_time="2020-01-01T00:00:00Z", next_by_subj=">"),
]

FORGERIES = [
    *(Attack(f"publishes as alpha on {lane}", lane) for lane in ALPHA_LANES),
    *(
        Attack(f"writes the ledger on {subject}", subject)
        for subject in (
            subjects.journey(CHILD),
            subjects.inbox(ALPHA, MESSAGE),
            subjects.receipt(ALPHA, MESSAGE),
            subjects.check(ALPHA, MESSAGE),
            subjects.quarantine(ALPHA, "0" * 64),
            subjects.cursor(subjects.submit_stream(ALPHA)),
            f"held.{CHILD}.{MESSAGE}",
        )
    ),
    Attack("submits in a service's lane", f"submit.demo.tracker.{CHILD}"),
    Attack("asks for a story as alpha", f"story.{ALPHA}.open"),
    Attack("asks the tracker", "tracker.journey"),
    Attack("asks the exchange's administration", "exchange.admin.quarantine"),
    Attack("asks the story service's administration", "story.admin.erase"),
    Attack("asks the server's own account", "$SYS.REQ.SERVER.PING"),
    Attack("asks the server for accounts", "$SYS.REQ.ACCOUNT.HUB.CONNZ"),
]

READINGS = [
    *(
        Attack(f"pulls the inbox of alpha by {prefix}", f"{prefix}.{verb}.{ALPHA_INBOX}", PULL)
        for prefix in ("$JS.API", HUB_PREFIX)
        for verb in ("CONSUMER.MSG.NEXT", "CONSUMER.INFO")
    ),
    *(
        Attack(f"gets {name} by {prefix}", f"{prefix}.DIRECT.GET.{subjects.LEDGER}.{name}", b"")
        for prefix in ("$JS.API", HUB_PREFIX)
        for name in (
            ALPHA_RECEIPT,
            f"receipt.{ALPHA}.>",
            "receipt.>",
            f"receipt.*.*.{MESSAGE}",
            ">",
        )
    ),
    *(
        Attack(f"gets {body.decode()} by {subject}", subject, body)
        for body in GET_BODIES
        for subject in (
            f"$JS.API.DIRECT.GET.{subjects.LEDGER}",
            f"{HUB_PREFIX}.DIRECT.GET.{subjects.LEDGER}",
            f"{HUB_PREFIX}.DIRECT.GET.{subjects.LEDGER}.{BETA_RECEIPT}",
            f"{HUB_PREFIX}.STREAM.MSG.GET.{subjects.LEDGER}",
        )
    ),
]

ADMINISTRATION = [
    Attack(f"calls {prefix}.{verb}", f"{prefix}.{verb}", VERB_BODIES.get(verb, FORGED))
    for prefix in ("$JS.API", HUB_PREFIX)
    for verb in ADMIN_VERBS
]

DEPUTIES = [
    Attack(f"has the server answer {asked} on {target}", asked, payload, target)
    for asked, payload in (
        (subjects.submit(BETA, CHILD), FORGED),
        (f"{HUB_PREFIX}.CONSUMER.MSG.NEXT.{BETA_INBOX}", PULL),
        (f"{HUB_PREFIX}.CONSUMER.INFO.{BETA_INBOX}", b""),
        (f"{HUB_PREFIX}.DIRECT.GET.{subjects.LEDGER}.{BETA_RECEIPT}", b""),
        (f"story.{BETA}.open", FORGED),
        (subjects.DIRECTORY, FORGED),
        (subjects.INTAKE_KEY, FORGED),
    )
    for target in (
        *ALPHA_LANES,
        subjects.inbox(ALPHA, MESSAGE),
        subjects.journey(CHILD),
        f"story.{ALPHA}.open",
        f"$JS.API.STREAM.PURGE.{subjects.LEDGER}",
    )
] + [
    Attack(
        f"has {asked} traced to {target}",
        asked,
        headers=(("Nats-Trace-Dest", target),),
    )
    for asked in (subjects.submit(BETA, CHILD), f"story.{BETA}.open")
    for target in (ALPHA_LANES[0], subjects.journey(CHILD))
]

ACROSS = {
    "forging": FORGERIES,
    "reading": READINGS,
    "administering": ADMINISTRATION,
    "deputising": DEPUTIES,
}

OVERHEARING = (
    ">",
    "*.*.*.>",
    "_INBOX.>",
    "_R_.>",
    "$JS.>",
    "$SYS.>",
    "$SRV.>",
    "HUB.>",
    "submit.>",
    "urgent.>",
    "inbox.>",
    "receipt.>",
    "journey.>",
    "story.>",
    "agency.>",
    f"agency.{ALPHA}.>",
    "directory",
    "intake-key",
)


@pytest.mark.parametrize("family", ACROSS)
@pytest.mark.parametrize("user", ["beta.service", "beta.desk"])
async def test_a_gateway_can_do_nothing_as_another(real: World, user: str, family: str) -> None:
    """Whatever beta sends under alpha's name gets no answer and changes nothing of alpha's."""
    before = await real.state()

    answers = await answered(real.clients[user], ACROSS[family])

    own = [attack.what for attack in ACROSS[family] if BETA_RECEIPT in attack.subject]
    assert all(ALPHA_WORDS not in answer for answer in answers.values())
    assert [what for what in answers if what not in own] == []
    assert before == await real.state()


@pytest.mark.parametrize("family", ACROSS)
async def test_accounts_alone_keep_gateways_apart(accounts_only: World, family: str) -> None:
    """Without any user permission, beta still learns nothing of alpha's and changes nothing."""
    before = await accounts_only.state()

    answers = await answered(accounts_only.clients["beta.service"], ACROSS[family])

    assert all(ALPHA_WORDS not in answer for answer in answers.values())
    assert before == await accounts_only.state()


async def overheard(world_: World, user: str) -> list[bytes]:
    """Listen to everything as `user` while alpha works; return what came by, words and subjects."""
    heard: list[bytes] = []

    async def note(message: Msg) -> None:
        heard.append(message.subject.encode() + b" " + message.data)

    client = world_.clients[user]
    others = [f"{inbox_prefix(key.public)}.>" for name, key in world_.keys.items() if name != user]
    listening = [await client.subscribe(name, cb=note) for name in (*OVERHEARING, *others)]
    await client.flush()
    await alpha_works(world_)
    await client.flush()
    for subscription in listening:
        await subscription.unsubscribe()
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


def acknowledgements(subject: str) -> list[Attack]:
    """Return every way to settle the delivery that `subject` acknowledges."""
    words = (b"", b"+ACK", b"-NAK", b"+TERM", b"+NXT", b"+WPI")
    return [Attack(f"settles with {word!r}", subject, word) for word in words]


@pytest.mark.parametrize("user", ["beta.service", "beta.desk", "alpha.desk"])
async def test_only_the_agency_service_settles_a_delivery(real: World, user: str) -> None:
    """Knowing the acknowledgement subject of a delivery helps nobody but the agency service."""
    before = await real.state()

    answers = await answered(real.clients[user], acknowledgements(real.alpha_ack))

    assert answers == {}
    assert before == await real.state()


async def test_accounts_alone_keep_deliveries_from_another(accounts_only: World) -> None:
    """Without any user permission, beta still cannot settle a delivery to alpha."""
    before = await accounts_only.state()

    attacks = acknowledgements(accounts_only.alpha_ack)
    await answered(accounts_only.clients["beta.service"], attacks)

    assert before == await accounts_only.state()


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
    before = await real.state()

    answers = await answered(real.clients["alpha.desk"], attacks)

    assert answers == {}
    assert before == await real.state()


LEDGER_WRITES = [attack for attack in FORGERIES if attack.what.startswith("writes the ledger")]
STREAM_CHANGES = [
    Attack(f"calls {verb} on {stream}", f"$JS.API.STREAM.{verb}.{stream}", _body(seq=1))
    for verb in ("CREATE", "UPDATE", "PURGE", "DELETE", "MSG.DELETE", "RESTORE")
    for stream in (subjects.LEDGER, subjects.submit_stream(ALPHA))
]
INBOX_PULLS = [
    Attack(f"calls {verb} on the inbox", f"$JS.API.CONSUMER.{verb}.{ALPHA_INBOX}", PULL)
    for verb in ("MSG.NEXT", "DELETE", "PAUSE", "RESET")
]
SUBMISSION_READS = [
    Attack(f"calls {verb} on submissions", f"$JS.API.{verb}.{stream}", _body(seq=1))
    for verb in ("STREAM.MSG.GET", "DIRECT.GET", "STREAM.INFO")
    for stream in (subjects.submit_stream(ALPHA),)
]
OTHER_LANES = [
    *(Attack(f"submits as alpha on {lane}", lane) for lane in ALPHA_LANES),
    Attack("submits in the exchange's lane", f"submit.demo.exchange.{CHILD}"),
]
LEDGER_READS = [
    Attack("gets a ledger record", f"$JS.API.STREAM.MSG.GET.{subjects.LEDGER}", _body(seq=1)),
    Attack("gets a receipt", f"$JS.API.DIRECT.GET.{subjects.LEDGER}.{ALPHA_RECEIPT}", b""),
    Attack("asks for a story", f"story.{ALPHA}.open"),
]
NOT_ALLOWED = {
    "story": [*LEDGER_WRITES, *STREAM_CHANGES, *INBOX_PULLS, *OTHER_LANES],
    "tracker": [*LEDGER_WRITES, *STREAM_CHANGES, *INBOX_PULLS, *OTHER_LANES, *SUBMISSION_READS],
    "operator": [
        *LEDGER_WRITES,
        *STREAM_CHANGES,
        *INBOX_PULLS,
        *OTHER_LANES,
        *SUBMISSION_READS,
        *LEDGER_READS,
    ],
    "exchange": [
        attack
        for attack in STREAM_CHANGES
        if attack.subject.endswith(subjects.LEDGER) and ".CREATE" not in attack.subject
        if ".UPDATE" not in attack.subject
    ],
}


@pytest.mark.parametrize("user", NOT_ALLOWED)
async def test_a_service_does_nothing_beyond_its_role(real: World, user: str) -> None:
    """What a role does not need gets no answer and changes nothing, for our own services too."""
    before = await real.state()

    answers = await answered(real.clients[user], NOT_ALLOWED[user])

    assert answers == {}
    assert before == await real.state()


async def test_the_operator_finds_no_deputy_among_the_services(real: World) -> None:
    """An answer to the operator goes to the operator, whatever reply subject the request names."""
    targets = (*ALPHA_LANES, subjects.journey(CHILD), f"$JS.API.STREAM.PURGE.{subjects.LEDGER}")
    attacks = [
        Attack(f"has {asked} answered on {target}", asked, reply=target)
        for asked in OPERATOR_MAY_ASK
        for target in targets
    ]
    before = await real.state()

    await answered(real.clients["operator"], attacks)

    real.asked = [subject for subject in real.asked if not subject.endswith(OPERATOR_MAY_ASK)]
    assert before == await real.state()


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
