"""Taking in an agency's deliveries: verified, stored, settled; what is not genuine is set aside."""

from collections import Counter
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
    {
        "seal.unknown-key",
        "seal.signers-mismatch",
        "seal.key-not-valid",
        "seal.key-revoked",
        "delivery.not-attested",
    }
)
"""What a newer directory, by which the exchange decided, can still mend when it arrives."""

TRIES: Final = 7
"""How often such a delivery is judged before it is set aside: some 12 seconds after the first."""

_log = log.get(__name__)


class Inbox:
    """The inbox of one agency."""

    def __init__(
        self, agency: str, exchange: str, directory: DirectoryHolder, store: AgencyStore
    ) -> None:
        """Take in for `agency` what the service `exchange` attested."""
        self.agency = agency
        self._exchange, self._directory, self._store = exchange, directory, store
        self._doubted: Counter[int] = Counter()

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
            raise self._doubt(verdict.code, record.sequence)
        await self._keep(record, verdict)
        del self._doubted[record.sequence]

    def _doubt(self, code: str, sequence: int) -> HandrailError:
        self._doubted[sequence] += 1
        if code in MENDABLE and self._doubted[sequence] < TRIES:
            return fault(code)
        del self._doubted[sequence]
        return PermanentFault.of(fault(code))

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


class LocalQuarantine:
    """Write what settlement sets aside, and tries, into the agency's store, not into the ledger."""

    def __init__(self, store: AgencyStore) -> None:
        self._store = store

    async def __call__(self, subject: str, sequence: int, digest: str, reason: str) -> None:
        """Record it under the agency in the subject `inbox.<partnership>.<agency>.<message>`."""
        await self._store.set_aside(_agency(subject), sequence, digest, reason, datetime.now(UTC))

    async def begin(self, subject: str, sequence: int) -> int:
        """Count that a delivery is tried; return how many tries before had no end."""
        return await self._store.begin_try(_agency(subject), sequence)

    async def end(self, subject: str, sequence: int) -> None:
        """Forget the tries of a delivery."""
        await self._store.end_try(_agency(subject), sequence)


def _agency(subject: str) -> str:
    return ".".join(subject.split(".")[1:3])
