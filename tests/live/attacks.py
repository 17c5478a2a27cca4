"""Everything one party might try against another, as data: messages, verbs and subscriptions."""

import json
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.js.api import Header, StatusCode

from contracts import subjects
from services.runtime.nats_config import HUB_PREFIX
from tests.live.brokers import has_read
from tests.live.gateways import ALPHA, ALPHA_LANES, BETA, CHILD, FORGED, MESSAGE, World

ALPHA_INBOX = f"{subjects.LEDGER}.{subjects.inbox_consumer(ALPHA)}"
BETA_INBOX = f"{subjects.LEDGER}.{subjects.inbox_consumer(BETA)}"
ALPHA_RECEIPT = subjects.receipt(ALPHA, MESSAGE)
OPERATOR_MAY_ASK = ("tracker.journey", "exchange.admin.quarantine", "story.admin.status")
BETA_RECEIPT = subjects.receipt(BETA, MESSAGE)
PULL = json.dumps({"batch": 1, "expires": 100_000_000}).encode()


@dataclass(frozen=True)
class Attack:
    """One message that must do and reveal nothing; `reply` would make somebody else its deputy."""

    what: str
    subject: str
    payload: bytes = FORGED
    reply: str = ""
    headers: tuple[tuple[str, str], ...] = ()


async def answered(made: World, user: str, attacks: list[Attack]) -> dict[str, bytes]:
    """Send all as `user` and return those that were answered, with the answers' headers and bytes.

    Nothing is waited for by the clock: the server has read all, and has done what comes of it.
    """
    client, answers = made.clients[user], dict[str, bytes]()
    inbox = client.new_inbox()

    async def note(message: Msg) -> None:
        if (message.headers or {}).get(Header.STATUS) != StatusCode.SERVICE_UNAVAILABLE:
            what = attacks[int(message.subject.rpartition(".")[2])].what
            answer = repr(message.headers).encode() + message.data
            answers[what] = answers.get(what, b"") + answer

    listening = await client.subscribe(f"{inbox}.*", cb=note)
    for number, one in enumerate(attacks):
        reply = one.reply or f"{inbox}.{number}"
        await client.publish(one.subject, one.payload, reply, dict(one.headers) or None)
    await has_read(client)
    await made.settled()
    await has_read(client)
    await listening.drain()  # type: ignore[no-untyped-call]
    return answers


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
            subjects.TREE_GROUP,
            subjects.TREE_HEAD,
            subjects.tree_witness(ALPHA),
        )
    ),
    Attack("submits in a service's lane", f"submit.demo.tracker.{CHILD}"),
    Attack("asks for a story as alpha", f"story.{ALPHA}.open"),
    Attack("asks for the log as alpha", subjects.log_request(ALPHA, "head")),
    Attack("witnesses as alpha", subjects.log_request(ALPHA, "witness")),
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

LEDGER_SUBJECTS = (
    subjects.journey(CHILD),
    subjects.inbox(ALPHA, MESSAGE),
    subjects.receipt(ALPHA, MESSAGE),
    subjects.held(CHILD, MESSAGE),
    subjects.check(ALPHA, MESSAGE),
    subjects.quarantine(ALPHA, "0" * 64),
    subjects.cursor(subjects.submit_stream(ALPHA)),
    subjects.TREE_GROUP,
    subjects.TREE_HEAD,
)
DEPUTISED = (
    *LEDGER_SUBJECTS,
    *ALPHA_LANES,
    f"story.{ALPHA}.open",
    "exchange.admin.quarantine",
    *(
        f"{prefix}.{verb}"
        for prefix in ("$JS.API", HUB_PREFIX)
        for verb in (
            f"STREAM.DELETE.{subjects.LEDGER}",
            f"STREAM.PURGE.{subjects.LEDGER}",
            f"STREAM.DELETE.{subjects.submit_stream(ALPHA)}",
            f"STREAM.PURGE.{subjects.submit_stream(ALPHA)}",
            "STREAM.CREATE.EVIL",
            f"CONSUMER.DELETE.{ALPHA_INBOX}",
        )
    ),
)
"""Reply subjects by which whoever answers would do what the asker may not."""


def deputised(asked: str) -> list[Attack]:
    """Return a request that is permitted, naming each of those reply subjects, with two bodies.

    An answer without a body is what the verbs that delete take.
    """
    return [
        Attack(f"has {asked} answered on {target}", asked, body, target)
        for target in DEPUTISED
        for body in (b"", b"?")
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


def acknowledgements(subject: str) -> list[Attack]:
    """Return every way to settle the delivery that `subject` acknowledges."""
    words = (b"", b"+ACK", b"-NAK", b"+TERM", b"+NXT", b"+WPI")
    return [Attack(f"settles with {word!r}", subject, word) for word in words]


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
        if not attack.subject.endswith((f"PURGE.{subjects.submit_stream(ALPHA)}", "UPDATE.LEDGER"))
        if ".CREATE" not in attack.subject
    ],
    "exchange-urgent": [
        attack
        for attack in STREAM_CHANGES
        if not attack.subject.endswith("UPDATE.LEDGER") and ".CREATE" not in attack.subject
    ],
}
