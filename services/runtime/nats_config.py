"""Who may say what on the wire: the configuration of nats-server, as a pure function of a plan.

Its accounts are made in `nats_accounts`. The text is JSON, which nats-server reads as a
configuration file.
"""

import json
from typing import Any

from services.runtime.nats_accounts import account_of, accounts
from services.runtime.nats_permissions import HUB_PREFIX
from services.runtime.nats_plan import (
    Cluster,
    Gateway,
    Limits,
    ServerPlan,
    ServiceRole,
    ServiceUser,
    Tls,
    check,
)

__all__ = [
    "HUB_PREFIX",
    "Cluster",
    "Gateway",
    "Limits",
    "ServerPlan",
    "ServiceRole",
    "ServiceUser",
    "Tls",
    "agrees",
    "changed_gateways",
    "render",
]

_LOGFILE_BYTES = 16 * 1024**2
_LOGFILES = 4


def render(plan: ServerPlan) -> str:
    """Return the text of nats-server's configuration file for `plan`.

    Raises `HandrailError` `nats.plan-invalid` with every fault of the plan (see `nats_plan.check`).
    """
    check(plan)
    config = {
        "listen": f"{plan.listen_host}:{plan.port}",
        "server_name": plan.name,
        "max_payload": plan.max_payload,
        "logfile_size_limit": _LOGFILE_BYTES,
        "logfile_max_num": _LOGFILES,
        "jetstream": {
            "store_dir": str(plan.store_dir),
            "sync_interval": "always",
            "max_mem": plan.max_mem,
            "max_file": plan.max_file,
        },
        "accounts": accounts(plan),
        "system_account": "SYS",
    }
    if plan.pid_file:
        config["pid_file"] = str(plan.pid_file)
    if plan.monitor_port:
        config["http"] = f"127.0.0.1:{plan.monitor_port}"
    if plan.tls:
        # Nothing is said before the handshake, so nobody between can talk a client out of it.
        config["tls"] = {**_tls(plan.tls), "handshake_first": True}
    if plan.cluster:
        config["cluster"] = _cluster(plan.cluster, plan.tls)
    return json.dumps(config, indent=2) + "\n"


def agrees(text: str, plan: ServerPlan) -> bool:
    """Tell whether the configuration `text` is that of `plan`; probes of a reload do not count.

    A server adds and replaces probes of its own, and may listen on another port than was planned.
    """
    return bool(_comparable(text) == _comparable(render(plan)))


def changed_gateways(text: str, plan: ServerPlan) -> tuple[Gateway, ...]:
    """Return the gateways of `plan` whose accounts are not in the configuration `text` as such."""
    before = _accounts_in(text)
    after = _accounts_in(render(plan))
    named = {gateway: account_of(gateway) for gateway in plan.gateways}
    return tuple(one for one, name in named.items() if before.get(name) != after[name])


def _accounts_in(text: str) -> dict[str, Any]:
    found: dict[str, Any] = _comparable(text).get("accounts", {})
    return found


def _comparable(text: str) -> dict[str, Any]:
    """Return a configuration without probes and address; empty where it is none of ours."""
    try:
        config = json.loads(text)
        found = {
            name: {**account, "users": [one for one in account["users"] if not _probes(one)]}
            for name, account in config["accounts"].items()
            if "users" in account
        }
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {key: value for key, value in config.items() if key != "listen"} | {"accounts": found}


def _probes(user: dict[str, Any]) -> bool:
    asks = user.get("permissions", {}).get("publish", {}).get("allow", ())
    return bool(asks) and all(
        one == f"{HUB_PREFIX}.INFO" or one.startswith(f"{HUB_PREFIX}.CONSUMER.INFO.")
        for one in asks
    )


def _tls(tls: Tls) -> dict[str, Any]:
    return {
        "cert_file": str(tls.certificate),
        "key_file": str(tls.key),
        "ca_file": str(tls.authority),
        "min_version": "1.3",
    }


def _cluster(cluster: Cluster, tls: Tls | None) -> dict[str, Any]:
    """Return how the servers of a cluster find each other and, with TLS, prove who they are."""
    made: dict[str, Any] = {
        "name": cluster.name,
        "listen": f"{cluster.host}:{cluster.port}",
        "routes": [f"nats-route://{route}" for route in cluster.routes],
        # Clients are told all addresses by the operator; what servers tell would be inside ones.
        "no_advertise": True,
    }
    return made | ({"tls": {**_tls(tls), "verify": True}} if tls else {})
