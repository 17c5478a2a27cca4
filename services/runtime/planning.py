"""The plan of the NATS server that a partnership's directory calls for."""

from datetime import datetime

from contracts.directory import Directory
from services.runtime.nats_plan import Gateway, ServerPlan, ServiceRole, ServiceUser
from services.runtime.partnership import Partnership


def server_plan(
    partnership: Partnership,
    directory: Directory,
    now: datetime,
    *,
    listen_host: str = "127.0.0.1",
    port: int = 0,
) -> ServerPlan:
    """Return the plan: our services by the NATS identities in the folder of state, and gateways.

    Gateways, their identities and the agencies they carry at the instant `now` come from the
    directory; one that carries no agency is left out. `port` 0 means any that is free. Raises
    HandrailError `nkey.missing` where an identity is not at hand.
    """
    services = tuple(
        ServiceUser(f"{partnership.id}.{role}", partnership.nkey(role).public)
        for role in ServiceRole
    )
    gateways = tuple(
        Gateway(
            one.id,
            one.service_nkey,
            one.desk_nkey,
            agencies,
            one.retiring_service,
            one.retiring_desk,
        )
        for one in directory.document.gateways
        if (agencies := _carried(directory, one.id, now))
    )
    store = (partnership.folder / "nats" / "store").absolute()
    return ServerPlan(listen_host, port, store, services, gateways)


def _carried(directory: Directory, gateway: str, now: datetime) -> tuple[str, ...]:
    return tuple(
        agency.id
        for agency in directory.agencies.values()
        if agency.gateway == gateway and directory.agency(agency.id, now) is not None
    )
