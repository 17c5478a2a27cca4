"""Who is in which account of nats-server, and what leads from one account into another.

The server checks the subject a client publishes to but not the reply subject it names, and answers
there itself. Within one account whoever may ask JetStream anything could so write the ledger or
delete a stream. So the account HUB holds JetStream and the exchange alone, which may write the
ledger anyway. Story, tracker, operator, probes and every gateway have accounts of their own that
import exactly what they are granted: an answer then goes where the asker itself may publish, and
nowhere else. And every user reads replies under a prefix made of its own key, so that nobody
overhears a neighbour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from contracts.subjects import DIRECTORY, LEDGER, inbox_consumer
from services.runtime.nats_permissions import (
    HUB_PREFIX,
    JETSTREAM,
    OPERATOR_SERVICES,
    PROBE_QUESTIONS,
    QUESTIONS,
    SERVICE_DIRECTORY,
    STORY_POSITIONS,
    Grant,
    grant_of,
)
from services.runtime.nats_plan import Gateway, ServerPlan, ServiceRole, ServiceUser
from services.runtime.nkeys import inbox_prefix

_HUB: Final = "HUB"
_ACCOUNTS: Final = {
    ServiceRole.EXCHANGE: _HUB,
    ServiceRole.EXCHANGE_URGENT: _HUB,
    ServiceRole.STORY: "STORY",
    ServiceRole.TRACKER: "TRACKER",
    ServiceRole.OPERATOR: "OPERATOR",
    ServiceRole.PROBE: "PROBE",
}
_ANSWERED_IN: Final = {
    "story": _ACCOUNTS[ServiceRole.STORY],
    "tracker": _ACCOUNTS[ServiceRole.TRACKER],
}
"""Which account answers subjects that begin so; all others are answered in HUB."""

_WHOEVER_IT_IS: Final = {
    ServiceRole.OPERATOR: OPERATOR_SERVICES,
    ServiceRole.PROBE: PROBE_QUESTIONS,
}
"""What these accounts import with or without a user: probes come and go."""

_STREAM_OPEN_AT_MOST: Final = "10s"
"""How long after its last message a pull or a batch from another account may stay open.

The server keeps about 3 kB for each across accounts and by itself forgets it only when whoever
asked unsubscribes, which a service that runs for weeks never does.
"""


@dataclass(frozen=True, slots=True)
class _Passage:
    """What `account` may call in the account that answers it, and the name it has on its side."""

    account: str
    subject: str
    local: str

    @property
    def answered_in(self) -> str:
        return _ANSWERED_IN.get(self.subject.partition(".")[0], _HUB)

    def imported(self) -> dict[str, Any]:
        source = {"service": {"account": self.answered_in, "subject": self.subject}}
        return source if self.local == self.subject else {**source, "to": self.local}


def accounts(plan: ServerPlan) -> dict[str, Any]:
    """Return the accounts of a server's configuration, with their users, exports and imports."""
    passages = tuple(_passages(plan))
    made: dict[str, Any] = {
        name: _parts(name, _service_users(plan, name), passages)
        for name in dict.fromkeys(_ACCOUNTS.values())
    }
    made[_HUB]["jetstream"] = "enabled"
    made["SYS"] = {}
    for gateway in plan.gateways:
        name = account_of(gateway)
        own = [passage for passage in passages if passage.account == name]
        made[name] = _parts(name, _gateway_users(gateway, own), passages) | {
            "limits": {
                "max_connections": plan.limits.connections,
                "max_subscriptions": plan.limits.subscriptions,
                "max_payload": plan.limits.payload,
            }
        }
    return made


def account_of(gateway: Gateway) -> str:
    """Return the name of a gateway's account; none of ours has such a one."""
    return f"GW_{gateway.name}"


def reachable(gateway: Gateway) -> tuple[str, ...]:
    """Return the questions, one for each agency, that show that an account reaches JetStream."""
    return tuple(
        f"{HUB_PREFIX}.CONSUMER.INFO.{LEDGER}.{inbox_consumer(agency)}"
        for agency in gateway.agencies
    )


def _parts(
    name: str, users: list[dict[str, Any]], passages: tuple[_Passage, ...]
) -> dict[str, Any]:
    imports = [one.imported() for one in passages if one.account == name]
    exports = _exports([one for one in passages if one.answered_in == name])
    return (
        {"users": users}
        | ({"exports": exports} if exports else {})
        | ({"imports": imports} if imports else {})
    )


def _exports(passages: list[_Passage]) -> list[dict[str, Any]]:
    """Return what may be called from which accounts; each subject stands there once."""
    callers: dict[str, list[str]] = {}
    for one in passages:
        callers.setdefault(one.subject, []).append(one.account)
    kind = {"response_type": "stream", "response_threshold": _STREAM_OPEN_AT_MOST}
    return [
        {"service": subject, "accounts": names} | (kind if _streams(subject) else {})
        for subject, names in callers.items()
    ]


def _streams(subject: str) -> bool:
    """Tell whether one request may be answered by many messages: a pull, or a batch by place."""
    verb = subject.removeprefix(f"{JETSTREAM}.")
    return verb.startswith("CONSUMER.MSG.NEXT.") or (
        verb.startswith("DIRECT.GET.") and verb.count(".") == 2  # noqa: PLR2004 - verb and stream
    )


def _passages(plan: ServerPlan) -> Iterator[_Passage]:
    yield _Passage(_HUB, STORY_POSITIONS, STORY_POSITIONS)
    granted = {role: dict.fromkeys(subjects) for role, subjects in _WHOEVER_IT_IS.items()}
    for user in plan.services:
        if _ACCOUNTS[user.role] != _HUB:
            granted.setdefault(user.role, {}).update(dict.fromkeys(grant_of(user).publish))
    for role, subjects in granted.items():
        for local in subjects:
            yield _Passage(_ACCOUNTS[role], _in_hub(local, f"service.{role}"), local)
    for gateway in plan.gateways:
        for local in _granted(gateway):
            yield _Passage(account_of(gateway), _in_hub(local, f"gateway.{gateway.name}"), local)


def _in_hub(local: str, asker: str) -> str:
    """Return the name that a subject has where it is answered.

    A question that everyone may ask carries who asks, so that no account can use up the answers to
    the others.
    """
    if local in QUESTIONS:
        return f"{local}.{asker}"
    if local == SERVICE_DIRECTORY:
        return f"{DIRECTORY}.{asker}.service"
    if local.startswith(f"{HUB_PREFIX}."):
        return f"{JETSTREAM}{local.removeprefix(HUB_PREFIX)}"
    return local


def _granted(gateway: Gateway) -> Iterator[str]:
    """Yield what a gateway reaches: lanes, inboxes and receipts, the story, the log, questions."""
    yield from (*QUESTIONS, SERVICE_DIRECTORY)
    for agency in gateway.agencies:
        consumer = f"{LEDGER}.{inbox_consumer(agency)}"
        yield from (f"{kind}.{agency}.>" for kind in ("submit", "urgent", "story", "log"))
        yield f"$JS.ACK.{consumer}.>"
        yield f"{HUB_PREFIX}.CONSUMER.INFO.{consumer}"
        yield f"{HUB_PREFIX}.{_receipts(agency)}"
        yield f"{HUB_PREFIX}.CONSUMER.MSG.NEXT.{consumer}"


def _receipts(agency: str) -> str:
    return f"DIRECT.GET.{LEDGER}.receipt.{agency}.>"


def _service_users(plan: ServerPlan, account: str) -> list[dict[str, Any]]:
    found: list[ServiceUser] = [one for one in plan.services if _ACCOUNTS[one.role] == account]
    return [_user(one.nkey_public, grant_of(one)) for one in found]


def _gateway_users(gateway: Gateway, passages: list[_Passage]) -> list[dict[str, Any]]:
    service, desk = _agency_service(gateway, passages), _desk(gateway)
    users = [_user(key, service) for key in gateway.service_nkeys]
    users += [_user(key, desk) for key in gateway.desk_nkeys]
    if gateway.probe_nkey:
        users.append(_user(gateway.probe_nkey, Grant(publish=reachable(gateway))))
    return users


def _agency_service(gateway: Gateway, passages: list[_Passage]) -> Grant:
    """Grant all that the account imports, the desk's questions, and answers to the desk alone."""
    return Grant(
        publish=tuple(one.local for one in passages),
        subscribe=tuple(f"agency.{agency}.>" for agency in gateway.agencies),
        answers=tuple(f"{inbox_prefix(key)}.>" for key in gateway.desk_nkeys),
    )


def _desk(gateway: Gateway) -> Grant:
    """Grant sending and reading receipts; inbox and story are for the agency service to ask."""
    own = [
        subject
        for agency in gateway.agencies
        for subject in (
            f"submit.{agency}.>",
            f"urgent.{agency}.>",
            f"agency.{agency}.>",
            f"{HUB_PREFIX}.{_receipts(agency)}",
        )
    ]
    return Grant(publish=(*own, *QUESTIONS))


def _user(public: str, grant: Grant) -> dict[str, Any]:
    """Return one user of an account; each may read the replies to its own requests."""
    publish: dict[str, Any] = {"allow": [*grant.publish, *grant.answers]}
    publish |= {"deny": list(grant.deny)} if grant.deny else {}
    replies = f"{inbox_prefix(public)}.>"
    return {
        "nkey": public,
        "permissions": {"publish": publish, "subscribe": {"allow": [*grant.subscribe, replies]}},
    }
