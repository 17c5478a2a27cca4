"""What each of our services may say and hear inside the account HUB: the least its role needs.

Only the exchange writes the ledger. Story and tracker read it through a durable consumer of their
own (named `story` and `tracker`), submit in their own lane and answer under their own name. Nobody
deletes from the ledger or purges it, the exchange included (design §5).
"""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.subjects import DIRECTORY, INTAKE_KEY, LEDGER, LEDGER_SUBJECTS
from services.runtime.nats_plan import ServiceRole, ServiceUser

OPERATOR_SERVICES = ("exchange.admin.>", "story.admin.>", "tracker.>")
"""What the operator may ask for, and nothing else."""

_ANSWERS = ("_R_.>", "_INBOX.>")
"""Where a service answers: to other accounts (the server makes that subject) and within HUB."""

_QUESTIONS = (DIRECTORY, INTAKE_KEY)
"""What the exchange answers to everyone."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Name the subjects a user may publish and subscribe to; `deny` takes from `publish`.

    The replies to the user's own requests are not in it: every user has those.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


def grant_of(user: ServiceUser) -> Grant:
    """Return what `user` may do in its account, by its role."""
    return _GRANTS[user.role](user)


def _exchange(user: ServiceUser) -> Grant:
    return Grant(
        publish=(
            "$JS.API.>",
            "$JS.ACK.>",
            "exchange.>",
            "story.admin.positions",  # how far submissions are stored, before a lane is trimmed
            *_QUESTIONS,
            *LEDGER_SUBJECTS,
            _own_lane(user),
            *_ANSWERS,
        ),
        subscribe=("exchange.>", "log.>", *_QUESTIONS),
        deny=tuple(
            f"$JS.API.STREAM.{verb}.{LEDGER}"
            for verb in ("DELETE", "MSG.DELETE", "PURGE", "RESTORE")
        ),
    )


def _story(user: ServiceUser) -> Grant:
    """Grant reading every stream: the statements stand, encrypted, in what agencies submitted."""
    return Grant(
        publish=(
            *_reading("*"),
            *_consuming("story"),
            "tracker.track",  # which clocks run, for the page that a family may ask for
            *_QUESTIONS,
            _own_lane(user),
            *_ANSWERS,
        ),
        subscribe=("story.>",),
    )


def _tracker(user: ServiceUser) -> Grant:
    return Grant(
        publish=(
            *_reading(LEDGER),
            *_consuming("tracker"),
            *_QUESTIONS,
            _own_lane(user),
            *_ANSWERS,
        ),
        subscribe=("tracker.>",),
    )


def _operator(_user: ServiceUser) -> Grant:
    return Grant(publish=OPERATOR_SERVICES)


def _probe(_user: ServiceUser) -> Grant:
    """Grant the one question by which a health check learns that JetStream answers."""
    return Grant(publish=("$JS.API.INFO",))


_GRANTS: dict[ServiceRole, Callable[[ServiceUser], Grant]] = {
    ServiceRole.EXCHANGE: _exchange,
    ServiceRole.EXCHANGE_URGENT: _exchange,
    ServiceRole.STORY: _story,
    ServiceRole.TRACKER: _tracker,
    ServiceRole.OPERATOR: _operator,
    ServiceRole.PROBE: _probe,
}


def _own_lane(user: ServiceUser) -> str:
    return f"submit.{user.name}.>"


def _reading(stream: str) -> tuple[str, ...]:
    return (
        "$JS.API.INFO",
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
    )


def _consuming(durable: str) -> tuple[str, ...]:
    consumer = f"{LEDGER}.{durable}"
    verbs = ("CREATE", "DURABLE.CREATE", "DELETE", "INFO", "MSG.NEXT")
    return (
        *(f"$JS.API.CONSUMER.{verb}.{consumer}" for verb in verbs),
        f"$JS.API.CONSUMER.CREATE.{consumer}.>",
        f"$JS.ACK.{consumer}.>",
    )
