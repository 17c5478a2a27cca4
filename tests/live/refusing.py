"""A running exchange for bad input, and the proof that it refused, kept its place and went on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from contracts.identifiers import is_reference, new_reference
from contracts.reasons import reasons
from contracts.records import Decision, Outcome, Quarantined
from contracts.seal import Sealed
from contracts.subjects import inbox, journey, quarantine, receipt, receipt_bytes, submit
from contracts.submission import digest_of_bytes
from services.runtime.nats_config import ServerPlan
from tests import messages as m
from tests.area import CAF, CARE, FRONT, SCHOOL
from tests.crafting import payload_of, troubled_area
from tests.live import servers
from tests.live.exchanging import Exchange, exchange_at, working


@dataclass(frozen=True)
class Bad:
    """Bytes that must not be accepted, where they are sent, and their id where they have one."""

    data: bytes
    child: str
    agency: str = SCHOOL
    message: str = ""


@dataclass
class Gate:
    """An exchange whose worker runs, over an area with troubled people."""

    exchange: Exchange

    def bad(self, sealed: Sealed, *, agency: str = SCHOOL, child: str = "") -> Bad:
        """A sealed message as it would be submitted, perhaps in another's lane or about another."""
        event = payload_of(sealed)
        data = self.exchange.bytes_of(sealed)
        return Bad(data, child or event["subject"], agency, event["id"])

    async def accepted(self, sealed: Sealed) -> Decision:
        """Send what comes before the bad message in its story."""
        decision = await self.exchange.decided(sealed)
        assert decision.outcome is Outcome.ACCEPTED, decision.reasons
        return decision

    async def refused(self, bad: Bad) -> set[str]:
        """Submit and return the codes of the refusal, after proving that it changed nothing else.

        Every code is of the closed list. Unless it was opened there is a quarantine record. No
        journey moved, nothing was delivered, and the next good message is accepted.
        """
        before = await self._effects(bad)
        await self.exchange.js.publish(submit(bad.agency, bad.child), bad.data)
        decision = await self._answer(bad)
        codes = {reason.code for reason in decision.reasons}
        assert decision.outcome is Outcome.REFUSED
        assert codes
        assert codes <= set(reasons())
        assert decision.submission == digest_of_bytes(bad.data)
        if decision.message is None:
            await self._is_quarantined(bad, decision)
        assert await self._effects(bad) == before
        await self.goes_on()
        return codes

    async def goes_on(self) -> None:
        """Prove that the exchange still accepts."""
        await self.accepted(m.referral(self.exchange.area, new_reference()))

    async def _effects(self, bad: Bad) -> list[int]:
        """How many journey entries of the child and deliveries of the id there are."""
        subjects = [journey(bad.child)] if is_reference(bad.child) else []
        if bad.message:
            subjects += [inbox(agency, bad.message) for agency in (SCHOOL, FRONT, CAF, CARE)]
        return [len(await self.exchange.all(subject)) for subject in subjects]

    async def _answer(self, bad: Bad) -> Decision:
        digest = digest_of_bytes(bad.data)
        by_bytes = receipt_bytes(bad.agency, digest)
        by_id = receipt(bad.agency, bad.message) if bad.message else by_bytes
        async with asyncio.timeout(20):
            while True:
                for subject in (by_bytes, by_id):
                    found = await self.exchange.last(subject)
                    decision = self.exchange.verified(found) if found else None
                    if decision is not None and decision.submission == digest:
                        return decision
                await asyncio.sleep(0.01)

    async def _is_quarantined(self, bad: Bad, decision: Decision) -> None:
        found = await self.exchange.last(quarantine(bad.agency, decision.submission))
        assert found is not None
        record = Quarantined.model_validate_json(found)
        assert record.reasons == decision.reasons
        assert (record.lane, record.sequence) == (decision.lane, decision.sequence)
        kept = await self.exchange.js.get_msg(record.lane, record.sequence)
        assert (kept.data or b"") == bad.data


@asynccontextmanager
async def gate_at(folder: Path) -> AsyncIterator[Gate]:
    """Start a server of its own in `folder` and a worker of the normal lanes on it."""
    plan = ServerPlan("127.0.0.1", 0, folder, ())
    async with (
        servers.running(folder, plan, servers.unguarded) as server,
        exchange_at(server.url, troubled_area()) as exchange,
        working(exchange.worker()),
    ):
        yield Gate(exchange)


def wire(seal: object, **others: object) -> bytes:
    """A submission by hand."""
    return orjson.dumps({"v": 1, "seal": seal, **others})
