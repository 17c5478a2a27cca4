"""Which clocks there must be, from the journeys alone, and what has stopped each.

A small table of its own for the kinds that the workload sends, by the usual rule packs; it is kept
by hand from their citations, and not read from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.checks_found import CLOCKS, LOST, Findings
from tests.faults.checks_records import Entry, Reading, Said
from tests.faults.checks_stores import Clock, Stores


@dataclass(frozen=True, slots=True)
class Rule:
    """A clock: what starts it, by which code, and what stops it, by answering or for the child."""

    id: str
    starts_on: str
    stops_on: tuple[str, ...] = ()
    by_child: bool = False
    outcomes: tuple[str, ...] = ()
    concern: str = ""
    finding: str = ""

    def starts(self, kind: str, said: Said) -> bool:
        """Tell whether a message starts this clock."""
        return (
            kind == self.starts_on
            and (not self.outcomes or said.outcome in self.outcomes)
            and (not self.concern or said.concern == self.concern)
            and (not self.finding or said.finding == self.finding)
        )


_ANSWERED: Final = ("message.acknowledged", "referral.decided")
_REFERRED: Final = "referral.submitted"
RULES: Final = (
    Rule("acknowledge-request", _REFERRED, _ANSWERED),
    Rule("decide-request", _REFERRED, ("referral.decided",)),
    Rule("follow-up-referral", _REFERRED, _ANSWERED),
    Rule("single-assessment", _REFERRED, ("assessment.concluded",), by_child=True),
    Rule(
        "start-protection-assessment",
        _REFERRED,
        ("assessment.started",),
        by_child=True,
        concern="child_protection",
    ),
    Rule("tell-family-of-decision", "referral.decided", outcomes=("assess", "section_47")),
    Rule("see-child", "referral.decided", outcomes=("section_47",)),
    Rule("tell-assessment-outcome", "assessment.concluded"),
    Rule("child-in-need-meeting", "assessment.concluded", finding="child_in_need"),
    Rule(
        "answer-lead-proposal",
        "lead.proposed",
        ("lead.accepted", "lead.refused", "lead.withdrawn"),
    ),
    Rule(
        "acknowledge-step-down",
        "stepdown.requested",
        ("message.acknowledged", "stepdown.decided"),
    ),
    Rule("decide-step-down", "stepdown.requested", ("stepdown.decided",)),
    Rule("tell-family-of-step-down", "stepdown.decided", outcomes=("accepted",)),
)


@dataclass
class _Running:
    """A clock as the journey has it so far."""

    rule: Rule
    entry: int
    message: str
    stopped_by: str = ""

    def take(self, entry: Entry) -> None:
        """Stop it by an entry that stops it; the first one counts."""
        if self.stopped_by or entry.kind not in self.rule.stops_on:
            return
        if self.rule.by_child or entry.said.answers == self.message:
            self.stopped_by = entry.message


@dataclass
class _Clocks:
    running: list[_Running] = field(default_factory=list)

    def take(self, entry: Entry) -> None:
        for clock in self.running:
            clock.take(entry)
        for rule in RULES:
            if rule.starts(entry.kind, entry.said):
                self.running.append(_Running(rule, entry.number, entry.message))


def expected(child: str, entries: Sequence[Entry]) -> Iterator[Clock]:
    """Yield the clocks that a journey must have started, and what has stopped each."""
    clocks = _Clocks()
    for entry in entries:
        clocks.take(entry)
    for one in clocks.running:
        yield Clock(child, one.entry, one.rule.id, one.message, one.stopped_by)


def check_clocks(reading: Reading, stores: Stores, findings: Findings) -> int:
    """Compare the tracker's clocks with those that the journeys call for; return how many."""
    there = {(c.child, c.entry, c.rule): c for c in stores.clocks}
    known = {rule.id for rule in RULES}
    count = 0
    for child, entries in reading.journeys.items():
        for clock in expected(child, entries):
            count += 1
            kept = there.pop((clock.child, clock.entry, clock.rule), None)
            if kept is None:
                findings.add(CLOCKS, "no clock", clock.rule, child, clock.message)
            elif kept != clock:
                findings.add(CLOCKS, "another end", clock.rule, child, clock.message)
        for entry in entries:
            if (child, entry.number, entry.message) not in stores.messages:
                findings.add(LOST, "not in the tracker", child, entry.message)
    for clock in there.values():
        if clock.rule in known:
            findings.add(CLOCKS, "a clock that nothing started", clock.rule, clock.child)
    for what in stores.rebuilt:
        findings.add(CLOCKS, "rebuilt tables differ:", what)
    return count
