"""Sending what a plan holds: children side by side, each child's messages one after another.

Before a message is sealed the ledger is asked for its receipt, so a run that was broken off is
simply run again. Where the bytes of the earlier run had arrived but were not answered yet, the
exchange refuses the second sealing of the id, and the first one counts.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from contracts.document import to_event
from contracts.errors import HandrailError
from contracts.jws import Signer
from contracts.records import Ground, Outcome
from contracts.seal import Sealed, seal
from services.agency.sending import Answered, NoAnswer, receipt_of
from services.cli.desk import Desk, desk
from services.cli.messages import person
from services.cli.output import now
from services.cli.replay.counting import Summary, Tally
from services.cli.replay.memory import Memory
from services.cli.replay.plan import Letter, Plan
from services.runtime.partnership import Partnership

CHILDREN_AT_ONCE: Final = 48
_ANSWER_S: Final = 60.0
_ATTEMPTS: Final = 5
_ID_TAKEN: Final = (Ground(code="message.id-reused"),)
Advance = Callable[[], None]


async def send_plan(
    partnership: Partnership, plan: Plan, memory: Memory, front: str, advance: Advance
) -> Summary:
    """Send everything in `plan` and return what became of it.

    `front` is First Response's agency id; `advance` is called once per record and message. Raises
    HandrailError: `nats.*` when nothing runs, `replay.no-answer`, or as `submit` does.
    """
    started = time.perf_counter()
    summary = Summary(events_kept=plan.events_kept)
    async with AsyncExitStack() as stack:
        office = _Office(partnership)
        for agency in sorted({front, *(letter.agency for letter in plan.letters)}):
            opened = desk(partnership, agency)
            office.desks[agency] = await stack.enter_async_context(opened)
        _keep_back(plan, memory, summary.referrals, advance)
        memory.send({letter.message: letter.agency for letter in plan.letters})
        await _send_all(office, iter(plan.children), summary, advance)
    summary.seconds = time.perf_counter() - started
    return summary


@dataclass(slots=True)
class _Office:
    """The desks that letters go from, and the keys that sign them."""

    partnership: Partnership
    desks: dict[str, Desk] = field(default_factory=dict[str, Desk])
    _keys: dict[str, Signer] = field(default_factory=dict[str, Signer])

    def seal(self, letter: Letter) -> Sealed:
        """Return the letter, sealed now by its author."""
        if letter.author not in self._keys:
            self._keys[letter.author] = self.partnership.practitioner_key(letter.author)
        at, directory = now(), self.desks[letter.agency].directory
        event, disclosures = to_event(letter.document, person(directory, letter.author, at), at)
        return seal(event, self._keys[letter.author], disclosures)

    async def receipt(self, letter: Letter) -> Answered | None:
        """Return the answer that the letter has in the ledger; raises `service.no-answer`."""
        place = self.desks[letter.agency]
        whole = (place.client, self.partnership, place.directory, letter.agency, letter.message)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await receipt_of(*whole)
            except HandrailError as error:
                if error.code != "service.no-answer" or attempt == _ATTEMPTS:
                    raise
        return None


def _keep_back(plan: Plan, memory: Memory, tally: Tally, advance: Advance) -> None:
    """Count what is not sent: refused when it is first met, already dealt with from then on."""
    new = memory.keep({kept.record: kept.codes for kept in plan.kept})
    for kept in plan.kept:
        if kept.record in new:
            tally.refuse(kept.codes)
        else:
            tally.already_sent += 1
        advance()


async def _send_all(
    office: _Office, children: Iterator[tuple[Letter, ...]], summary: Summary, advance: Advance
) -> None:
    async def work() -> None:
        # An iterator that all share: whoever is free takes the next child.
        for child in children:
            for letter in child:
                tally = summary.events if letter.follows else summary.referrals
                await _send(office, letter, tally)
                advance()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CHILDREN_AT_ONCE):
                tasks.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _send(office: _Office, letter: Letter, tally: Tally) -> None:
    """Send a letter that has no receipt yet, and count what became of it."""
    if await office.receipt(letter) is not None:
        tally.already_sent += 1
        return
    answer = await office.desks[letter.agency].submit(office.seal(letter), _ANSWER_S)
    if isinstance(answer, NoAnswer):
        raise HandrailError(
            "replay.no-answer",
            "the exchange did not answer a message in time",
            "look whether `handrail up` is running, then run the same command again: "
            "it goes on where it stopped, and nothing is sent twice",
        )
    decision = answer.decision
    if decision.reasons == _ID_TAKEN and await office.receipt(letter) is not None:
        tally.already_sent += 1
        return
    tally.sent += 1
    if decision.outcome is Outcome.ACCEPTED:
        tally.accepted += 1
    else:
        tally.refuse([ground.code for ground in decision.reasons] or [decision.outcome])
