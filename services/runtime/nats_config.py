"""Who may say what on the wire: the configuration of nats-server, as a pure function of a plan.

The account HUB holds JetStream and our services, each with the permissions of its role. Every
gateway has an account of its own that imports from HUB exactly what its agencies need; permissions
within one account would not be enough, because the server checks the subject a client publishes to
but not the reply subject it names, and answers there itself. For the same reason the operator has
an account apart: what a service answers can then only go where the operator may listen. And every
user reads replies under a prefix made of its own key, so that nobody overhears a neighbour.

The text is JSON, which nats-server reads as a configuration file.
"""

import json
from dataclasses import dataclass
from typing import Any

from contracts.subjects import DIRECTORY, INTAKE_KEY, LEDGER, inbox_consumer
from services.runtime.nats_permissions import OPERATOR_SERVICES, Grant, grant_of
from services.runtime.nats_plan import Gateway, ServerPlan, ServiceRole, ServiceUser, check
from services.runtime.nkeys import inbox_prefix

__all__ = ["HUB_PREFIX", "Gateway", "ServerPlan", "ServiceRole", "ServiceUser", "render"]

HUB_PREFIX = "HUB.API"
"""The prefix of JetStream's API in a gateway's account, as in `nc.jetstream(prefix=HUB_PREFIX)`."""

_PULL_OPEN_AT_MOST = "10s"
"""How long a gateway's pull may stay open.

The server keeps about 3 kB for each pull across accounts and by itself forgets it only when the
puller unsubscribes, which a service that runs for weeks never does.
"""

_LOGFILE_BYTES = 16 * 1024**2
_LOGFILES = 4
_HUB = "HUB"
_OPERATOR = "OPERATOR"


@dataclass(frozen=True, slots=True)
class _Passage:
    """A service of HUB that other accounts may call, and the name it has on their side."""

    subject: str
    local: str
    accounts: tuple[str, ...]
    streams: bool = False

    def exported(self) -> dict[str, Any]:
        kind = {"response_type": "stream", "response_threshold": _PULL_OPEN_AT_MOST}
        return {"service": self.subject, "accounts": list(self.accounts)} | (
            kind if self.streams else {}
        )

    def imported(self) -> dict[str, Any]:
        source = {"service": {"account": _HUB, "subject": self.subject}}
        return source if self.local == self.subject else {**source, "to": self.local}


def render(plan: ServerPlan) -> str:
    """Return the text of nats-server's configuration file for `plan`.

    Raises `HandrailError` `nats.plan-invalid` with every fault of the plan (see `nats_plan.check`).
    """
    check(plan)
    config = {
        "listen": f"{plan.listen_host}:{plan.port}",
        "server_name": "handrail",
        "max_payload": plan.max_payload,
        "logfile_size_limit": _LOGFILE_BYTES,
        "logfile_max_num": _LOGFILES,
        "jetstream": {
            "store_dir": str(plan.store_dir),
            "sync_interval": "always",
            "max_mem": plan.max_mem,
            "max_file": plan.max_file,
        },
        "accounts": _accounts(plan),
        "system_account": "SYS",
    }
    return json.dumps(config, indent=2) + "\n"


def _accounts(plan: ServerPlan) -> dict[str, Any]:
    passages = _passages(plan)
    hub = [user for user in plan.services if user.role is not ServiceRole.OPERATOR]
    operators = [user for user in plan.services if user.role is ServiceRole.OPERATOR]
    accounts: dict[str, Any] = {
        _HUB: {
            "jetstream": "enabled",
            "users": [_user(one.nkey_public, grant_of(one)) for one in hub],
            "exports": [passage.exported() for passage in passages],
        },
        _OPERATOR: {
            "users": [_user(one.nkey_public, grant_of(one)) for one in operators],
            "imports": [one.imported() for one in passages if _OPERATOR in one.accounts],
        },
        "SYS": {},
    }
    for gateway in plan.gateways:
        name = _account(gateway)
        own = [passage for passage in passages if name in passage.accounts]
        accounts[name] = {
            "users": [
                _user(gateway.service_nkey, _agency_service(gateway, own)),
                _user(gateway.desk_nkey, _desk(gateway)),
            ],
            "imports": [passage.imported() for passage in own],
        }
    return accounts


def _account(gateway: Gateway) -> str:
    return f"GW_{gateway.name}"


def _passages(plan: ServerPlan) -> list[_Passage]:
    passages = [_Passage(subject, subject, (_OPERATOR,)) for subject in OPERATOR_SERVICES]
    everyone = tuple(_account(gateway) for gateway in plan.gateways)
    if everyone:
        passages += [_Passage(subject, subject, everyone) for subject in (DIRECTORY, INTAKE_KEY)]
    for gateway in plan.gateways:
        for agency in gateway.agencies:
            passages += _passages_of(agency, _account(gateway))
    return passages


def _passages_of(agency: str, account: str) -> list[_Passage]:
    """Return what one agency reaches in HUB: its lanes, its inbox, its receipts and the story."""
    consumer = f"{LEDGER}.{inbox_consumer(agency)}"
    plain = (
        f"submit.{agency}.>",
        f"urgent.{agency}.>",
        f"story.{agency}.>",
        f"log.{agency}.>",
        f"$JS.ACK.{consumer}.>",
    )
    pull = f"CONSUMER.MSG.NEXT.{consumer}"
    api = (f"CONSUMER.INFO.{consumer}", _receipts(agency), pull)
    return [
        *(_Passage(subject, subject, (account,)) for subject in plain),
        *(
            _Passage(f"$JS.API.{name}", f"{HUB_PREFIX}.{name}", (account,), streams=name == pull)
            for name in api
        ),
    ]


def _receipts(agency: str) -> str:
    return f"DIRECT.GET.{LEDGER}.receipt.{agency}.>"


def _agency_service(gateway: Gateway, passages: list[_Passage]) -> Grant:
    """Grant all that the account imports, the desk's questions, and answers to the desk alone."""
    return Grant(
        publish=(*(one.local for one in passages), f"{inbox_prefix(gateway.desk_nkey)}.>"),
        subscribe=tuple(f"agency.{agency}.>" for agency in gateway.agencies),
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
    return Grant(publish=(*own, DIRECTORY, INTAKE_KEY))


def _user(public: str, grant: Grant) -> dict[str, Any]:
    """Return one user of an account; each may read the replies to its own requests."""
    publish = {"allow": list(grant.publish)} | ({"deny": list(grant.deny)} if grant.deny else {})
    replies = f"{inbox_prefix(public)}.>"
    return {
        "nkey": public,
        "permissions": {"publish": publish, "subscribe": {"allow": [*grant.subscribe, replies]}},
    }
