"""Messages about one child through a running exchange, one after another."""

from dataclasses import dataclass, field

from contracts.event import Event
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import load
from contracts.records import Decision, Entry, Outcome
from contracts.seal import Sealed, peek
from contracts.subjects import journey
from tests.area import Area
from tests.live.exchanging import Exchange


@dataclass
class RealPlay:
    """One child's journey through a real exchange, decided on a real nats-server."""

    exchange: Exchange
    child: str = field(default_factory=new_reference)
    last: str = ""

    @property
    def area(self) -> Area:
        """The area whose people send."""
        return self.exchange.area

    async def accept(self, *sealed: Sealed) -> Decision:
        """Send messages that must be accepted one by one; return the last decision."""
        for one in sealed:
            decision = await self.exchange.decided(one)
            assert decision.outcome is Outcome.ACCEPTED, decision.reasons
            event = peek(one)
            assert isinstance(event, Event)
            self.last = event.id
        return decision

    async def refused(self, sealed: Sealed) -> set[str]:
        """Send a message that must be refused; return its codes, and see that nothing moved."""
        before = await self.journey()
        decision = await self.exchange.decided(sealed)
        assert decision.outcome is Outcome.REFUSED
        assert await self.journey() == before
        return {ground.code for ground in decision.reasons}

    async def journey(self) -> Journey | None:
        """The journey as the ledger's last entry has it."""
        data = await self.exchange.last(journey(self.child))
        return load(Entry.model_validate_json(data).journey) if data else None

    async def now(self) -> Journey:
        """The journey, which must be there."""
        found = await self.journey()
        assert found is not None
        return found

    async def leads(self) -> str:
        """Who holds the lead, or nobody."""
        lead = (await self.now()).lead
        return lead.practitioner if lead else ""
