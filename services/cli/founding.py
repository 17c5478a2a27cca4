"""Founding a partnership: its root key, its services' keys and identities, its first directory."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from contracts.directory import (
    Agency,
    DeliveryKey,
    DirectoryDocument,
    Gateway,
    Practitioner,
    RulesInForce,
    Service,
    SigningKey,
)
from contracts.errors import HandrailError
from contracts.identifiers import PARTNERSHIP
from contracts.jws import thumbprint
from contracts.roles import Role
from contracts.rules import USUAL
from contracts.rules.in_force import shipped_as
from contracts.submission import raw_public
from contracts.values import Value
from services.cli.root_signing import FIRST, write_directory
from services.cli.whole_folder import check_nothing_lies_there
from services.runtime.nats_plan import RESERVED_PARTNERSHIP, ServiceRole
from services.runtime.nkeys import NKey
from services.runtime.partnership import FILE, Partnership
from services.runtime.settings import Settings
from services.runtime.whole_files import write_whole

Entry = TypeVar("Entry", bound=Value)
VALID_FOR = timedelta(days=365)
MONTHS_AHEAD = 13
SIGNING_SERVICES = ("exchange", "tracker", "story")


@dataclass(frozen=True, slots=True)
class Person:
    """A practitioner to be named in a directory; `manager` and `deputy` are handles, or empty."""

    handle: str
    name: str
    capacities: tuple[str, ...]
    manager: str = ""
    deputy: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """An agency to be named in a directory, with its people."""

    name: str
    title: str
    role: Role
    gateway: str
    source_code: str | None = None
    duty_desk: str | None = None
    people: tuple[Person, ...] = ()


def create(
    folder: Path,
    partnership: str = "demo",
    *,
    now: datetime,
    demonstration: bool = False,
    root_in_token: bool = False,
) -> Partnership:
    """Found a partnership in `folder` and return it; with `demonstration`, a populated one.

    The directory is valid for a year from `now` (aware). Private keys are encrypted where
    HANDRAIL_KEY_PASSPHRASE is set; with `root_in_token` the root key is made in the hardware
    module of the settings and never leaves it. Raises HandrailError `partnership.exists` when the
    folder holds one already, `state.half` where a ledger lies without one, and
    `partnership.bad-id` for an id of another form.
    """
    _check_id(partnership)
    if (folder / FILE).exists():
        raise HandrailError(
            "partnership.exists",
            "the folder of state holds a partnership already",
            "use it, or choose another folder",
        )
    check_nothing_lies_there(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = Settings.load(state_dir=folder)
    signers = Partnership(folder, partnership, "", settings).signers
    root_x = signers.create(FIRST, in_token=root_in_token).x
    made = Partnership(folder, partnership, root_x, settings)
    services = _services(made, now)
    agencies, people, gateways = _populate(made, now) if demonstration else ((), (), ())
    document = DirectoryDocument(
        partnership=partnership,
        version=1,
        issued_at=now,
        expires_at=now + VALID_FOR,
        demonstration=demonstration,
        rule_changes=(rules_of_today(USUAL, now),),
        agencies=agencies,
        practitioners=people,
        services=services,
        gateways=gateways,
    )
    write_directory(made, document)
    # Last, so that what was broken off half-way does not count as a partnership.
    said = {"partnership": partnership, "root_x": root_x}
    write_whole(folder / FILE, json.dumps(said, indent=2).encode() + b"\n")
    return made


def demonstration_agencies() -> Iterator[Plan]:
    """Yield the agencies of the demonstration partnership, in the directory's order."""
    text = resources.files("services.cli").joinpath("demonstration.toml").read_text("utf-8")
    for entry in tomllib.loads(text)["agency"]:
        yield Plan(
            name=entry["id"],
            title=entry["name"],
            role=Role(entry["role"]),
            gateway=entry["gateway"],
            source_code=entry.get("source_code"),
            duty_desk=entry["duty_desk"],
            people=tuple(_person(person) for person in entry["people"]),
        )


def found_agency(partnership: Partnership, plan: Plan, now: datetime) -> Agency:
    """Make an agency's delivery keys for 13 months from `now` and return its directory entry.

    Raises HandrailError `directory.bad-entry` before any key is made.
    """
    agency = f"{partnership.id}.{plan.name}"
    made = entry(
        Agency,
        id=agency,
        name=plan.title,
        role=plan.role,
        gateway=plan.gateway,
        duty_desk=f"{agency}.{plan.duty_desk}" if plan.duty_desk else None,
        source_code=plan.source_code,
    )
    return with_delivery_keys(partnership, made, now)


def with_delivery_keys(partnership: Partnership, agency: Agency, now: datetime) -> Agency:
    """Return `agency` with a delivery key for each of 13 months from `now`; what it has stays."""
    held = {key.month for key in agency.delivery_keys}
    keys = partnership.keys
    made = tuple(
        DeliveryKey(
            month=month, x=raw_public(keys.create_encryption(f"delivery/{agency.id}/{month}"))
        )
        for month in months_from(now)
        if month not in held
    )
    return agency.model_copy(update={"delivery_keys": agency.delivery_keys + made})


def rules_of_today(names: tuple[str, ...], now: datetime) -> RulesInForce:
    """Return the packs `names` of this release, in force from `now` on, with their content.

    Signed with what they say, so that neither an edited file nor a later release changes a rule.
    """
    packs = tuple(map(shipped_as, names))
    return RulesInForce(since=now, packs=tuple(pack.name for pack in packs), signed=packs)


def entry(form: type[Entry], **said: object) -> Entry:
    """Return an entry of the directory; raises HandrailError `directory.bad-entry`."""
    try:
        return form.model_validate(said)
    except ValidationError as error:
        wrong = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors() if fault["loc"])
        raise HandrailError(
            "directory.bad-entry",
            "the directory cannot hold that entry"
            + (f": {', '.join(wrong)}" if wrong else ": an id or a key stands in it twice"),
            "correct what is named; handles are 2 to 31 small letters, digits and hyphens",
        ) from None


def found_gateway(partnership: Partnership, gateway: str, now: datetime) -> Gateway:
    """Make the two NATS identities of a gateway and its witness key; return its directory entry."""
    key = partnership.signers.add(f"witnesses/{gateway}")
    return Gateway(
        id=gateway,
        service_nkey=create_nkey(partnership, f"{gateway}-service").public,
        desk_nkey=create_nkey(partnership, f"{gateway}-desk").public,
        witness=(signing_key(key.x, now),),
    )


def create_nkey(partnership: Partnership, user: str) -> NKey:
    """Make the NATS identity of `user` and keep it in the key store, in the place of any other."""
    key = NKey.generate()
    partnership.identities.put(user, key)
    return key


def months_from(now: datetime) -> Iterator[str]:
    """Yield the month of `now` (UTC) and the twelve after it, as `2026-11`."""
    first = now.astimezone(UTC)
    for ahead in range(MONTHS_AHEAD):
        years, month = divmod(first.month - 1 + ahead, 12)
        yield f"{first.year + years}-{month + 1:02}"


def signing_key(x: str, now: datetime) -> SigningKey:
    """Return the directory entry of a public signing key that is valid from `now`."""
    return SigningKey(kid=thumbprint(x), x=x, valid_from=now)


def _check_id(partnership: str) -> None:
    if re.fullmatch(PARTNERSHIP, partnership) is None or partnership == RESERVED_PARTNERSHIP:
        raise HandrailError(
            "partnership.bad-id",
            "that cannot be the id of a partnership",
            "choose 2 to 31 small letters, digits and hyphens that begin with a letter",
        )


def _services(partnership: Partnership, now: datetime) -> tuple[Service, ...]:
    for role in ServiceRole:
        create_nkey(partnership, role)
    return tuple(
        Service(
            id=f"{partnership.id}.{name}",
            keys=(signing_key(_new_key(partnership, f"services/{name}"), now),),
        )
        for name in SIGNING_SERVICES
    )


def _new_key(partnership: Partnership, name: str) -> str:
    return partnership.signers.create(name).x


Population = tuple[tuple[Agency, ...], tuple[Practitioner, ...], tuple[Gateway, ...]]


def _populate(partnership: Partnership, now: datetime) -> Population:
    plans = tuple(demonstration_agencies())
    gateways = dict.fromkeys(plan.gateway for plan in plans)
    return (
        tuple(found_agency(partnership, plan, now) for plan in plans),
        tuple(_practitioner(partnership, plan, one, now) for plan in plans for one in plan.people),
        tuple(found_gateway(partnership, gateway, now) for gateway in gateways),
    )


def _practitioner(
    partnership: Partnership, plan: Plan, person: Person, now: datetime
) -> Practitioner:
    agency = f"{partnership.id}.{plan.name}"
    holder = f"{agency}.{person.handle}"
    return entry(
        Practitioner,
        id=holder,
        name=person.name,
        capacities=person.capacities,
        line_manager=f"{agency}.{person.manager}" if person.manager else None,
        deputy=f"{agency}.{person.deputy}" if person.deputy else None,
        keys=(signing_key(_new_key(partnership, f"practitioners/{holder}"), now),),
    )


def _person(entry: dict[str, Any]) -> Person:
    return Person(
        handle=entry["id"],
        name=entry["name"],
        capacities=tuple(entry["capacities"]),
        manager=entry.get("manager", ""),
        deputy=entry.get("deputy", ""),
    )
