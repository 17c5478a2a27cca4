"""What one nats-server is planned to be: values without a word of configuration syntax."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from contracts.errors import HandrailError
from contracts.identifiers import AGENCY, SERVICE, partnership_of
from services.runtime.nkeys import is_public

_MIB = 1024**2
_GATEWAY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

RESERVED_PARTNERSHIP = "admin"
"""`story.admin.>` is the operator's: a partnership of that name could ask there as an agency."""


class ServiceRole(StrEnum):
    """What a user of ours is: the second part of its service id."""

    EXCHANGE = "exchange"
    EXCHANGE_URGENT = "exchange-urgent"
    STORY = "story"
    TRACKER = "tracker"
    OPERATOR = "operator"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """Name one of our services, by its id such as `demo.tracker`, and the key it connects with."""

    name: str
    nkey_public: str

    @property
    def role(self) -> ServiceRole:
        """What this user is; defined for the users of a plan that `check` has passed."""
        return ServiceRole(self.name.split(".")[1])


@dataclass(frozen=True, slots=True)
class Gateway:
    """Name a gateway, its two users and the full ids of the agencies it connects for.

    `service_nkey` is the public key of the agency service's process, `desk_nkey` that of the
    command line and of other tools that practitioners use; the `retiring` keys are earlier ones
    that may still connect. `probe_nkey` is a key that may do nothing but ask whether the account
    reaches JetStream, as after a reload.
    """

    name: str
    service_nkey: str
    desk_nkey: str
    agencies: tuple[str, ...]
    retiring_service: tuple[str, ...] = ()
    retiring_desk: tuple[str, ...] = ()
    probe_nkey: str | None = None

    @property
    def service_nkeys(self) -> tuple[str, ...]:
        """The keys by which the agency service may connect, the present one first."""
        return (self.service_nkey, *self.retiring_service)

    @property
    def desk_nkeys(self) -> tuple[str, ...]:
        """The keys by which a desk may connect, the present one first."""
        return (self.desk_nkey, *self.retiring_desk)

    @property
    def nkeys(self) -> tuple[str, ...]:
        """Every key that may connect to the gateway's account."""
        probe = (self.probe_nkey,) if self.probe_nkey else ()
        return (*self.service_nkeys, *self.desk_nkeys, *probe)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what the users of one gateway may take of the server together.

    An agency service keeps one connection and every command of a desk one more. A message larger
    than `payload` bytes ends the connection that sent it.
    """

    connections: int = 64
    subscriptions: int = 4096
    payload: int = _MIB


@dataclass(frozen=True, slots=True)
class Tls:
    """Name the files of a server's certificate, its private key, and the authority's certificate.

    Clients are known by their NKEY; servers of a cluster by a certificate of the same authority.
    """

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Cluster:
    """Say where a server listens for the other servers of its cluster, and where all of them do.

    `routes` are `host:port`, of every server, this one too.
    """

    name: str
    host: str
    port: int
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Say what one nats-server is to be; sizes are in bytes.

    `max_file` bounds what all streams may reserve together; it takes no disk by itself. Without
    `tls` nothing is encrypted, and it listens inside one machine only; without `cluster` the server
    is alone.
    `monitor_port` is where it tells of itself by HTTP, to its own machine only.
    """

    listen_host: str
    port: int
    store_dir: Path
    services: tuple[ServiceUser, ...]
    gateways: tuple[Gateway, ...] = ()
    max_payload: int = _MIB
    max_mem: int = 256 * _MIB
    max_file: int = 64 * 1024 * _MIB
    name: str = "handrail"
    limits: Limits = Limits()
    tls: Tls | None = None
    cluster: Cluster | None = None
    pid_file: Path | None = None
    monitor_port: int | None = None


def check(plan: ServerPlan) -> None:
    """Refuse a plan that would let one party stand in for another, or read what others say.

    Raises `HandrailError` `nats.plan-invalid` that names every fault: an id or key of another form,
    a key or gateway named twice, an agency carried by two gateways or named as a service is, and
    clients or routes over a network without TLS.
    """
    faults = list(_faults(plan))
    if faults:
        raise HandrailError(
            "nats.plan-invalid",
            f"the plan of the NATS server has faults: {'; '.join(faults)}",
            "correct the directory or the settings that the plan is made from",
        )


def _faults(plan: ServerPlan) -> Iterator[str]:
    yield from _misnamed(plan)
    agencies = [agency for gateway in plan.gateways for agency in gateway.agencies]
    keys = [user.nkey_public for user in plan.services]
    keys += [key for one in plan.gateways for key in one.nkeys]
    yield from (f"`{key}` is not a public user key" for key in keys if not is_public(key))
    yield from (f"key `{key}` has two owners" for key in _repeated(keys))
    yield from (
        f"gateway `{name}` is named twice" for name in _repeated(one.name for one in plan.gateways)
    )
    yield from (f"agency `{agency}` has two gateways" for agency in _repeated(agencies))
    services = {user.name for user in plan.services}
    yield from (f"agency `{name}` is named as a service is" for name in services & set(agencies))
    if plan.tls is None and not is_loopback(plan.listen_host):
        yield "a server that listens to a network has no TLS"
    if plan.cluster is not None and plan.tls is None and not _inside(plan.cluster):
        yield "a cluster over a network has no TLS"


def _misnamed(plan: ServerPlan) -> Iterator[str]:
    if not _GATEWAY.fullmatch(plan.name):
        yield f"`{plan.name}` is not a server's name"
    roles = {str(role) for role in ServiceRole}
    for user in plan.services:
        if not SERVICE.fullmatch(user.name) or user.name.split(".")[1] not in roles:
            yield f"`{user.name}` is not the id of a service"
    for gateway in plan.gateways:
        if not _GATEWAY.fullmatch(gateway.name):
            yield f"`{gateway.name}` is not a gateway's name"
        if not gateway.agencies:
            yield f"gateway `{gateway.name}` carries no agency"
        for agency in gateway.agencies:
            if not AGENCY.fullmatch(agency) or partnership_of(agency) == RESERVED_PARTNERSHIP:
                yield f"`{agency}` is not an agency's id"


def _inside(cluster: Cluster) -> bool:
    """Tell whether it listens for routes, and all routes lead, inside this machine."""
    hosts = (cluster.host, *(route.rpartition(":")[0] for route in cluster.routes))
    return all(map(is_loopback, hosts))


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine itself: a name or an address, IPv6 in brackets too."""
    bare = host.strip("[]")
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
