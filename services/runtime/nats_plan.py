"""What one nats-server is planned to be: values without a word of configuration syntax."""

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
    command line and of other tools that practitioners use.
    """

    name: str
    service_nkey: str
    desk_nkey: str
    agencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Say what one nats-server is to be; sizes are in bytes.

    `max_file` bounds what all streams may reserve together; it takes no disk by itself.
    """

    listen_host: str
    port: int
    store_dir: Path
    services: tuple[ServiceUser, ...]
    gateways: tuple[Gateway, ...] = ()
    max_payload: int = _MIB
    max_mem: int = 256 * _MIB
    max_file: int = 64 * 1024 * _MIB


def check(plan: ServerPlan) -> None:
    """Refuse a plan that would let one party stand in for another.

    Raises `HandrailError` `nats.plan-invalid` that names every fault: an id or key of another form,
    a key or gateway named twice, an agency carried by two gateways or named as a service is.
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
    keys += [key for one in plan.gateways for key in (one.service_nkey, one.desk_nkey)]
    yield from (f"`{key}` is not a public user key" for key in keys if not is_public(key))
    yield from (f"key `{key}` has two owners" for key in _repeated(keys))
    yield from (
        f"gateway `{name}` is named twice" for name in _repeated(one.name for one in plan.gateways)
    )
    yield from (f"agency `{agency}` has two gateways" for agency in _repeated(agencies))
    services = {user.name for user in plan.services}
    yield from (f"agency `{name}` is named as a service is" for name in services & set(agencies))


def _misnamed(plan: ServerPlan) -> Iterator[str]:
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


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
