"""What each of our services may say and hear: the least its role needs.

Only the exchange writes the ledger. Story and tracker read it through a durable consumer of their
own (named `story` and `tracker`), submit in their own lane and answer under their own name. Nobody
deletes from the ledger or purges it, the exchange included (design §5).

Only the exchange is where JetStream is. Everyone else calls its interface by `HUB_PREFIX`, from an
account of their own that imports what is granted here (`nats_accounts`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from contracts.subjects import DIRECTORY, INTAKE_KEY, LEDGER, LEDGER_SUBJECTS
from services.runtime.nats_plan import ServiceRole, ServiceUser

JETSTREAM: Final = "$JS.API"
"""The prefix of JetStream's API in the account where it is."""

HUB_PREFIX: Final = "HUB.API"
"""The prefix of JetStream's API in every other account, as in `nc.jetstream(prefix=HUB_PREFIX)`."""

OPERATOR_SERVICES = ("exchange.admin.>", "story.admin.>", "tracker.>")
"""What the operator may ask for, and nothing else."""

PROBE_QUESTIONS = (f"{HUB_PREFIX}.INFO",)
"""What a health check may ask."""

STORY_POSITIONS = "story.admin.positions"
"""How far submissions are stored, and whether anyone answers: what the exchange asks the story."""

QUESTIONS = (DIRECTORY, INTAKE_KEY)
"""What the exchange answers to everyone."""

SERVICE_DIRECTORY = f"{DIRECTORY}.service"
"""The directory as an agency's service asks for it: what the desk beside it asks for so often that
it is told to wait, uses up nothing of this."""

_ANSWERS = ("_R_.>",)
"""Where a service answers: whoever asks is in another account, for which the server makes that."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Name the subjects a user may publish and subscribe to; `deny` takes from `publish`.

    `publish` leads to others; `answers` are where the user answers what it is asked. The replies to
    the user's own requests are not in it: every user has those.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


def grant_of(user: ServiceUser) -> Grant:
    """Return what `user` may do in its account, by its role."""
    return _GRANTS[user.role](user)


def _exchange(user: ServiceUser) -> Grant:
    """Grant deciding, and what the normal worker alone does: wake-ups, trimming, the log."""
    deciding = _deciding(user)
    return Grant(
        publish=(
            *deciding.publish,
            f"{JETSTREAM}.STREAM.PURGE.*",  # a lane is trimmed below what everyone has stored
            _own_lane(user),
        ),
        subscribe=(*deciding.subscribe, "log.>"),
        deny=(*deciding.deny, f"{JETSTREAM}.STREAM.PURGE.{LEDGER}"),
        answers=deciding.answers,
    )


def _deciding(_user: ServiceUser) -> Grant:
    """Grant making streams, reading lanes, and writing the ledger, which nothing takes from.

    A lane's consumer lives as long as the worker and needs no acknowledgement. Deliveries are the
    agencies' to take: the consumers of the ledger are made here and never pulled from.
    """
    verbs = (
        "STREAM.LIST",
        "STREAM.CREATE.*",
        f"STREAM.UPDATE.{LEDGER}",  # a ledger of an earlier release gains subjects
        "CONSUMER.LIST.*",
        "CONSUMER.INFO.*.*",
        "CONSUMER.CREATE.*",
        f"CONSUMER.DURABLE.CREATE.{LEDGER}.*",
        "CONSUMER.MSG.NEXT.*.*",
    )
    return Grant(
        publish=(
            *_reading(JETSTREAM, "*"),
            *(f"{JETSTREAM}.{verb}" for verb in verbs),
            STORY_POSITIONS,
            *LEDGER_SUBJECTS,
        ),
        subscribe=("exchange.admin.>", *(f"{question}.>" for question in QUESTIONS)),
        deny=(f"{JETSTREAM}.CONSUMER.MSG.NEXT.{LEDGER}.*",),
        answers=_ANSWERS,
    )


def _story(user: ServiceUser) -> Grant:
    """Grant reading every stream: the statements stand, encrypted, in what agencies submitted."""
    return Grant(
        publish=(
            *_reading(HUB_PREFIX, "*"),
            *_consuming("story"),
            "tracker.track",  # which clocks run, for the page that a family may ask for
            *QUESTIONS,
            _own_lane(user),
        ),
        subscribe=("story.>",),
        answers=_ANSWERS,
    )


def _tracker(user: ServiceUser) -> Grant:
    return Grant(
        publish=(
            *_reading(HUB_PREFIX, LEDGER),
            *_consuming("tracker"),
            *QUESTIONS,
            _own_lane(user),
        ),
        subscribe=("tracker.>",),
        answers=_ANSWERS,
    )


def _operator(_user: ServiceUser) -> Grant:
    return Grant(publish=OPERATOR_SERVICES)


def _probe(_user: ServiceUser) -> Grant:
    """Grant the one question by which a health check learns that JetStream answers."""
    return Grant(publish=PROBE_QUESTIONS)


_GRANTS: dict[ServiceRole, Callable[[ServiceUser], Grant]] = {
    ServiceRole.EXCHANGE: _exchange,
    ServiceRole.EXCHANGE_URGENT: _deciding,
    ServiceRole.STORY: _story,
    ServiceRole.TRACKER: _tracker,
    ServiceRole.OPERATOR: _operator,
    ServiceRole.PROBE: _probe,
}


def _own_lane(user: ServiceUser) -> str:
    return f"submit.{user.name}.>"


def _reading(prefix: str, stream: str) -> tuple[str, ...]:
    return (
        f"{prefix}.INFO",
        f"{prefix}.STREAM.INFO.{stream}",
        f"{prefix}.STREAM.MSG.GET.{stream}",
        f"{prefix}.DIRECT.GET.{stream}",
        f"{prefix}.DIRECT.GET.{stream}.>",
    )


def _consuming(durable: str) -> tuple[str, ...]:
    consumer = f"{LEDGER}.{durable}"
    verbs = ("CREATE", "DURABLE.CREATE", "DELETE", "INFO", "MSG.NEXT")
    return (
        *(f"{HUB_PREFIX}.CONSUMER.{verb}.{consumer}" for verb in verbs),
        f"{HUB_PREFIX}.CONSUMER.CREATE.{consumer}.>",
        f"$JS.ACK.{consumer}.>",
    )
