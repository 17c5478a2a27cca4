"""New NATS identities for a gateway while it works, and agencies that leave.

The new identities are known beside the old ones first. Only when the server lets them in do they
take the place of the old in the folder of state, so that nobody connects with a key too early.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from contracts.directory import Directory, DirectoryDocument, Gateway
from contracts.errors import HandrailError
from services.cli.amending import amend, read_directory
from services.cli.founding import create_nkey
from services.runtime.connection import connect
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership

USERS: Final = ("service", "desk")
KNOWN_WITHIN_S: Final = 30.0
_NEXT: Final = ".next"
_POLL_S: Final = 0.2


def rekey(partnership: Partnership, gateway: str, now: datetime) -> Directory:
    """Give a gateway new identities beside the old ones, which may connect until `retire`.

    They are kept as the keys `nkeys/<gateway>-<user>.next`; `take_up` puts them to use. Called
    again before that, it changes nothing. Raises HandrailError `gateway.unknown`, or as `amend`
    does.
    """
    before = read_directory(partnership)
    entry = entry_of(before.document, gateway)
    if is_next(partnership, entry):
        return before
    fresh = {user: create_nkey(partnership, f"{gateway}-{user}{_NEXT}") for user in USERS}

    def changed(found: Gateway) -> Gateway:
        return found.model_copy(
            update={
                "service_nkey": fresh["service"].public,
                "desk_nkey": fresh["desk"].public,
                "retiring_service": (found.service_nkey, *found.retiring_service),
                "retiring_desk": (found.desk_nkey, *found.retiring_desk),
            }
        )

    return _amend_gateway(partnership, gateway, changed, now)


def take_up(partnership: Partnership, gateway: str, timeout_s: float = KNOWN_WITHIN_S) -> bool:
    """Put new identities in the place of the old, once the server knows them; True when done.

    Where the folder's own server does not run they are put there at once: it will know them when it
    starts. A server elsewhere that cannot be reached may run and not know them, and is waited for.
    Raises `nats.untrusted` and the like for a server that is not ours.
    """
    fresh = {user: _read_next(partnership, gateway, user) for user in USERS}
    if not asyncio.run(_all_known(partnership, [*fresh.values()], timeout_s)):
        return False
    for user in USERS:
        partnership.identities.move(f"{gateway}-{user}{_NEXT}", f"{gateway}-{user}")
    return True


def retire(partnership: Partnership, gateway: str, now: datetime) -> Directory:
    """End the old identities of a gateway: whoever is still connected by one is disconnected.

    Raises HandrailError `gateway.unknown`, `gateway.nothing-to-retire`, or `gateway.not-rekeyed`
    while this folder still uses an old one.
    """
    entry = entry_of(read_directory(partnership).document, gateway)
    if is_next(partnership, entry):
        raise HandrailError(
            "gateway.not-rekeyed",
            "the gateway's new identities are not in use here yet",
            "run `handrail partnership gateway rekey` again while the server is running",
        )
    if not entry.retiring_service and not entry.retiring_desk:
        raise HandrailError(
            "gateway.nothing-to-retire",
            "the gateway has no old identities",
            "make new ones with `handrail partnership gateway rekey` first",
        )

    def changed(found: Gateway) -> Gateway:
        return found.model_copy(update={"retiring_service": (), "retiring_desk": ()})

    return _amend_gateway(partnership, gateway, changed, now)


def leave(partnership: Partnership, agency: str, now: datetime) -> Directory:
    """Let an agency leave: from now on it sends and receives nothing; what it sent stays valid.

    A gateway without agencies loses its account and is disconnected. Raises HandrailError
    `agency.unknown`, or as `amend` does.
    """

    def change(before: DirectoryDocument) -> dict[str, object]:
        if Directory(before).agency(agency, now) is None or all(
            one.id != agency for one in before.agencies
        ):
            raise HandrailError(
                "agency.unknown",
                "the directory does not hold that agency, or it has left",
                "see the agencies with `handrail partnership agency list`",
            )
        return {
            "agencies": tuple(
                one.model_copy(update={"left_at": now}) if one.id == agency else one
                for one in before.agencies
            )
        }

    return amend(partnership, now, change)


def _amend_gateway(
    partnership: Partnership, gateway: str, changed: Callable[[Gateway], Gateway], now: datetime
) -> Directory:
    def change(before: DirectoryDocument) -> dict[str, object]:
        entry_of(before, gateway)
        return {
            "gateways": tuple(changed(one) if one.id == gateway else one for one in before.gateways)
        }

    return amend(partnership, now, change)


def entry_of(document: DirectoryDocument, gateway: str) -> Gateway:
    """Return a gateway of the directory; raises HandrailError `gateway.unknown`."""
    for one in document.gateways:
        if one.id == gateway:
            return one
    raise HandrailError(
        "gateway.unknown",
        "the directory does not hold that gateway",
        "see the gateways with `handrail partnership gateway list`",
    )


def is_next(partnership: Partnership, entry: Gateway) -> bool:
    """Tell whether the directory names identities that wait to be taken up here; raises `key.*`."""
    if not partnership.identities.holds(f"{entry.id}-service{_NEXT}"):
        return False
    return _read_next(partnership, entry.id, "service").public == entry.service_nkey


def _read_next(partnership: Partnership, gateway: str, user: str) -> NKey:
    return partnership.nkey(f"{gateway}-{user}{_NEXT}")


async def _all_known(partnership: Partnership, keys: list[NKey], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            for key in keys:
                url, ca = partnership.nats_url(), partnership.nats_ca
                await (await connect(url, key, name="handrail-rekey", ca=ca)).close()
        except HandrailError as error:
            if error.code == "nats.not-running":
                return True
            if error.code not in ("nats.refused", "nats.unreachable"):
                raise
        else:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
