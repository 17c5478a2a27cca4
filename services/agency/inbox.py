"""Taking in an agency's deliveries: verified, stored, settled; what is not genuine is set aside."""

from datetime import UTC, datetime
from typing import Final

from contracts.errors import HandrailError
from services.agency.faults import Unproven, fault
from services.agency.items import State, item_of
from services.agency.store import AgencyStore, Beside
from services.agency.trusting import judged
from services.agency.verifying import Genuine, verify
from services.agency.whose import handover_of
from services.agency.withdrawing import withdraws
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.settlement import PermanentFault
from services.runtime.subscribing import Record

_TAKEN_BACK: Final = "lead.withdrawn"
"""After it there is nothing to answer in the proposal that it takes back."""

MENDABLE: Final = frozenset(
    {"seal.unknown-key", "seal.signers-mismatch", "seal.key-not-valid", "delivery.not-attested"}
)
"""What a newer directory, by which the exchange decided, can still mend when it arrives."""

TRIES: Final = 7
"""How often such a delivery is judged before it is set aside, some 12 seconds in all."""

_log = log.get(__name__)


class Inbox:
    """The inbox of one agency."""

    def __init__(
        self, agency: str, exchange: str, directory: DirectoryHolder, store: AgencyStore
    ) -> None:
        """Take in for `agency` what the service `exchange` attested."""
        self.agency = agency
        self._exchange, self._directory, self._store = exchange, directory, store

    async def take(self, record: Record) -> None:
        """Store one delivery; seeing it again changes nothing.

        Raises `PermanentFault` for what is not genuine, which settlement then sets aside; what a
        newer directory may yet mend raises a `HandrailError` instead, and comes again.
        """
        verdict: Genuine | Unproven = await judged(
            self._directory,
            lambda directory: verify(
                record.data, self.agency, directory, self._exchange, record.stored_at
            ),
        )
        if isinstance(verdict, Unproven):
            raise _settled(verdict, record.delivery)
        await self._keep(record, verdict)

    async def _keep(self, record: Record, genuine: Genuine) -> None:
        item = item_of(
            genuine.event,
            self.agency,
            self._directory.current,
            record.stored_at,
            protection=genuine.decision.protection,
        )
        text, sealed = record.data.decode(), genuine.delivery.sealed.digest
        beside = Beside(handover_of(genuine.event, self.agency), genuine.delivery.not_to_know)
        if gone := withdraws(genuine.event):
            await self._store.withdraw(self.agency, item.sender, gone)
        if await self._store.take(self.agency, record.sequence, item, text, sealed, beside):
            keys = {"agency": self.agency, "kind": item.kind, "message_id": item.message}
            if item.alert:
                _log.warning("alert.received", sequence=record.sequence, **keys)
            else:
                _log.info("delivery.stored", sequence=record.sequence, **keys)
        if item.kind == _TAKEN_BACK and item.answers:
            await self._store.move(self.agency, item.answers, State.DECIDED)


def _settled(verdict: Unproven, delivery: int) -> HandrailError:
    error = fault(verdict.code)
    if verdict.code in MENDABLE and delivery < TRIES:
        return error
    return PermanentFault.of(error)


class LocalQuarantine:
    """Write what settlement sets aside into the agency's own store: gateways write no ledger."""

    def __init__(self, store: AgencyStore) -> None:
        self._store = store

    async def __call__(self, subject: str, sequence: int, digest: str, reason: str) -> None:
        """Record it under the agency in the subject `inbox.<partnership>.<agency>.<message>`."""
        agency = ".".join(subject.split(".")[1:3])
        await self._store.set_aside(agency, sequence, digest, reason, datetime.now(UTC))
