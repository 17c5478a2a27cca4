"""Running the service of one role: a FastStream application for every gateway with such agencies.

A gateway has one NATS identity and one connection. Its agencies come from the directory; when one
joins or leaves, the exchange has made the consumer of a new one, or the gateway has been given a
new identity, the application is built again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from faststream import FastStream
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.roles import Role
from contracts.subjects import LEDGER, inbox_consumer
from services.agency.attachments import CARRIED, FETCHING, Carrier
from services.agency.forwarding import PERSONAL, Forwarder
from services.agency.gateways import Gateways
from services.agency.handlers import Handlers, View
from services.agency.identity_watch import IdentityWatch
from services.agency.inbox import Inbox, LocalQuarantine
from services.agency.opening import Opener
from services.agency.same import FINDING
from services.agency.store import AgencyStore
from services.agency.watching import watch_log
from services.runtime import log
from services.runtime.connection import connect
from services.runtime.directories import DirectoryHolder, over_nats
from services.runtime.keystore import KeyStore
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership
from services.runtime.subscribing import ledger_subscriber, make_broker, request_subscriber
from services.runtime.tasks import first_of
from services.runtime.watchdog import watch

DIRECTORY_EVERY_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.25
_ANSWERS_WITHIN_S: Final = 2.0
_DAY_S: Final = timedelta(days=1).total_seconds()
_log = log.get(__name__)


async def run_role(
    role: Role,
    view: View,
    partnership: Partnership,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None],
    gateway: str | None = None,
) -> None:
    """Serve the agencies of `role` until `stop` is set: of `gateway`, or of every gateway.

    `ready` is called once when every agency is served. Gateways that join or leave meanwhile are
    taken or let go. Raises `nkey.missing`, `nats.*`, `directory.*`, `connection.*` or
    `consumer.gone`, which end the service: before it is ready, or where it serves one gateway only.
    """

    async def serve(name: str, served: Callable[[], None]) -> None:
        await GatewayService(name, role, view, partnership).run(served)

    work = (
        serve(gateway, _once(ready)) if gateway else Gateways(role, partnership, serve).run(ready)
    )
    await first_of(stop.wait(), work)


def _once(call: Callable[[], None]) -> Callable[[], None]:
    """Return what calls `call` the first time only."""
    left = [call]
    return lambda: left.pop()() if left else None


class GatewayService:
    """The agencies of one role that one gateway carries."""

    def __init__(self, gateway: str, role: Role, view: View, partnership: Partnership) -> None:
        self.gateway = gateway
        self._role, self._view, self._partnership = role, view, partnership

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; `ready` is called whenever every agency is served."""
        store = AgencyStore(self._partnership.database(f"agency-{self.gateway}"))
        try:
            while True:
                await self._serve(store, ready)
        finally:
            await store.close()

    async def _serve(self, store: AgencyStore, ready: Callable[[], None]) -> None:
        """Serve the agencies that can be served now, until they are others."""
        nkey = self._partnership.nkey(f"{self.gateway}-service")
        broker = self._broker(store, nkey)
        try:
            client = await broker.connect()
            directory = await self._directory(client)
            agencies = await self._within_reach(client, directory.current, known=())
            for agency in agencies:
                self._attach(broker, client, agency, directory, store)
            await FastStream(broker, logger=None).start()
            # A question answered after the subscriptions went out proves that they are known.
            await self._within_reach(client, directory.current, known=())
            if agencies == self._agencies(directory.current):
                ready()
            _log.info("gateway.serving", service=self._role.value, count=len(agencies))
            await first_of(
                watch(broker),
                directory.keep_fresh(DIRECTORY_EVERY_S),
                destroy_daily([self._keys(agency) for agency in agencies]),
                self._changed(client, directory, agencies),
                self._rekeyed(nkey),
                watch_log(
                    self._partnership,
                    self.gateway,
                    self._role.value,
                    agencies,
                    client,
                    lambda: directory.current,
                ),
            )
        finally:
            await broker.stop()

    async def _rekeyed(self, nkey: NKey) -> None:
        """Return when the gateway has another identity than `nkey` and the server knows it."""
        kept = IdentityWatch(self._partnership, f"{self.gateway}-service", nkey)
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                given = await kept.other()
                if given is not None:
                    url, ca = self._partnership.nats_url(), self._partnership.nats_ca
                    await (await connect(url, given, name=self.gateway, ca=ca)).close()
                    _log.info("gateway.rekeyed", service=self._role.value)
                    return
            except HandrailError as error:
                _log.warning("gateway.not-rekeyed", **log.error_keys(error))
                await asyncio.sleep(_ANSWERS_WITHIN_S)

    def _broker(self, store: AgencyStore, nkey: NKey) -> NatsBroker:
        aside = LocalQuarantine(store)
        return make_broker(
            self._partnership.nats_url(),
            nkey,
            name=f"{self.gateway}-{self._role.value}",
            ca=self._partnership.nats_ca,
            importing=True,
            quarantine=aside,
            tries=aside,
            delivery_limit=self._partnership.settings.delivery_limit,
        )

    async def _directory(self, client: Client) -> DirectoryHolder:
        """Return the exchange's directory; waits until there is one to be had and to be trusted."""
        name = f"agency-{self.gateway}-{self._role.value}.version"
        seen = self._partnership.folder / "seen" / name
        holder = over_nats(client, self._partnership.root_x, seen)
        while True:
            try:
                await holder.refresh()
                holder.current.must_be_fresh(_now())
            except (NatsError, TimeoutError, HandrailError) as error:
                _log.warning("directory.awaited", **log.error_keys(error))
                await asyncio.sleep(_LOOK_EVERY_S)
            else:
                return holder

    def _agencies(self, directory: Directory) -> tuple[str, ...]:
        now = datetime.now(UTC)
        return tuple(
            agency.id
            for agency in directory.by_role(self._role)
            if agency.gateway == self.gateway and directory.agency(agency.id, now) is not None
        )

    async def _within_reach(
        self, client: Client, directory: Directory, known: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return the agencies whose inbox consumer answers; those `known` to are not asked."""
        stream = client.jetstream(prefix=HUB_PREFIX, timeout=_ANSWERS_WITHIN_S)
        found: list[str] = []
        for agency in self._agencies(directory):
            if agency in known:
                found.append(agency)
                continue
            with suppress(NatsError, TimeoutError):
                await stream.consumer_info(LEDGER, inbox_consumer(agency))
                found.append(agency)
        return tuple(found)

    async def _changed(
        self, client: Client, directory: DirectoryHolder, served: tuple[str, ...]
    ) -> None:
        """Return when other agencies are to be served than those `served`."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                current = directory.current
            except HandrailError:  # every request is refused meanwhile; `keep_fresh` looks on
                continue
            if await self._within_reach(client, current, known=served) != served:
                return

    def _attach(
        self,
        broker: NatsBroker,
        client: Client,
        agency: str,
        directory: DirectoryHolder,
        store: AgencyStore,
    ) -> None:
        """Subscribe to what is delivered to an agency and to what its desk asks."""
        exchange = self._partnership.exchange
        inbox = Inbox(agency, exchange, directory, store)
        ledger_subscriber(broker, f"inbox.{agency}.>", inbox_consumer(agency))(inbox.take)
        keys = self._keys(agency)
        opener = Opener(agency, client, directory, store, keys, _now)
        handlers = Handlers(
            agency,
            exchange,
            self._view,
            directory=directory,
            store=store,
            opener=opener,
            clock=_now,
        )
        for subject, handler in handlers.by_subject().items():
            request_subscriber(broker, subject)(handler)
        for verb, form in {**PERSONAL, **FINDING, **FETCHING}.items():
            forwarder = Forwarder(agency, verb, form, client, directory, _now)
            request_subscriber(broker, f"agency.{agency}.{verb}")(forwarder.forward)
        for verb in CARRIED:
            carrier = Carrier(agency, verb, client)
            request_subscriber(broker, f"agency.{agency}.{verb}")(carrier.carry)

    def _keys(self, agency: str) -> KeyStore:
        secret = self._partnership.settings.key_passphrase
        folder = self._partnership.folder / "keys" / "delivery" / agency
        return KeyStore(folder, secret.get_secret_value() if secret else None)


def _now() -> datetime:
    return datetime.now(UTC)


async def destroy_daily(stores: list[KeyStore], every_s: float = _DAY_S) -> None:
    """Destroy delivery keys 35 days after their month, now and every `every_s` seconds."""
    while True:
        for keys in stores:
            try:
                destroyed = await asyncio.to_thread(keys.destroy_expired, datetime.now(UTC))
                if destroyed:
                    _log.info("delivery-keys.destroyed", count=len(destroyed))
            except Exception as error:  # noqa: BLE001 - tomorrow is another day to try
                _log.error("delivery-keys.not-destroyed", **log.error_keys(error))
        await asyncio.sleep(every_s)
