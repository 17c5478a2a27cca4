"""What may never be, counted by an own fold: sharing without a basis, forgeries, a second lead.

The fold knows the kinds that the workload sends, and judges by the order of the ledger alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from tests.faults.checks_answers import Sent
from tests.faults.checks_found import BASIS, CLOCKS, FORGED, LEADS, Findings
from tests.faults.checks_records import Entry, Reading
from tests.faults.checks_stores import Led, Stores

_ENDS: Final = frozenset({"case.closed", "caf.ended"})
_NOTICES: Final = {
    "standard.missed": "tracker",
    "standard.warned": "tracker",
    "lead.left": "tracker",
    "story.glass-broken": "story",
}
"""What a service may say in a journey, and which one."""

_BASES: Final = frozenset(
    {"consent", "consent_override", "statutory_duty", "court_order", "child_protection", "notice"}
)


def check_genuine(sent: Iterable[Sent], reading: Reading, findings: Findings) -> None:
    """Check that each entry is signed by its people, and is one that somebody handed in.

    Services seal notices of their own, by keys that only they have, and no other messages.
    """
    known, families = set[str](), set[str]()
    for one in sent:
        families.add(one.child)
        if not one.forged:
            known.add(one.sealed)
    for child, entries in reading.journeys.items():
        for entry in entries:
            if not entry.genuine:
                findings.add(FORGED, "entry without a good seal", child, entry.message)
            elif entry.said.author in reading.trust.services:
                _check_notice(entry, findings)
            elif entry.sealed in known:
                continue
            elif child in families:
                findings.add(FORGED, "entry that nobody sent", child, entry.message)


def _check_notice(entry: Entry, findings: Findings) -> None:
    """Check that a service said only what it may, and of no clock that it ran out too early.

    A service whose own clock is wrong may not tell a manager that a standard was missed: what
    counts is when the ledger took the notice in.
    """
    service = entry.said.author.rpartition(".")[2]
    if _NOTICES.get(entry.kind) != service or entry.said.basis != "notice":
        findings.add(
            FORGED, "a service's entry that is no notice of its", entry.child, entry.message
        )
    if entry.kind == "standard.missed":
        due, told = map(datetime.fromisoformat, (entry.said.due_at, entry.decided_at))
        if told < due:
            findings.add(CLOCKS, "told as missed before its time", entry.child, entry.message)


def check_bases(reading: Reading, findings: Findings) -> None:
    """Check that nothing was shared without a basis, or on a consent that was not in force."""
    for child, entries in reading.journeys.items():
        brought, gone = set[str](), set[str]()
        for entry in entries:
            said = entry.said
            brought.update(said.brought)
            if said.basis not in _BASES or (said.basis == "notice" and entry.statements):
                findings.add(BASIS, "no basis", child, entry.message)
            if said.basis == "consent" and not brought.difference(gone).intersection(said.named):
                findings.add(BASIS, "consent not in force", child, entry.message)
            if entry.kind == "consent.withdrawn":
                gone.add(said.withdraws)


@dataclass
class _Custody:
    """Who leads by the messages alone: by an own acceptance, and until a legal end."""

    lead: str = ""
    proposals: dict[str, str] = field(default_factory=dict)
    turns: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, entry: Entry) -> str:
        """Fold in one entry; return what is wrong with it, if anything."""
        said = entry.said
        if entry.kind == "lead.proposed":
            self.proposals[entry.message] = said.proposed
        elif entry.kind in ("lead.refused", "lead.withdrawn"):
            self.proposals.pop(said.answers, None)
        elif entry.kind == "case.opened-before" and said.proposed:
            if self.lead:
                return "second lead"
            self._turn(said.proposed, entry.message)
        elif entry.kind == "lead.accepted":
            if self.proposals.pop(said.answers, "") != said.author:
                return "acceptance of what was not proposed"
            self._turn(said.author, entry.message)
        elif entry.kind in _ENDS:
            self._turn("", entry.message)
            self.proposals.clear()
        return ""

    def _turn(self, lead: str, message: str) -> None:
        if self.turns:
            self.turns[-1] = (*self.turns[-1][:2], message)
        if lead:
            self.turns.append((lead, message, ""))
        self.lead = lead


def check_leads(reading: Reading, stores: Stores, findings: Findings) -> None:
    """Check that from acceptance to legal end exactly one leads, in ledger and tracker alike."""
    told: dict[str, list[Led]] = defaultdict(list)
    for led in stores.custody:
        told[led.child].append(led)
    for child, entries in reading.journeys.items():
        custody = _Custody()
        for entry in entries:
            wrong = custody.take(entry)
            if wrong:
                findings.add(LEADS, wrong, child, entry.message)
            if entry.lead != custody.lead:
                findings.add(LEADS, "another lead in the ledger", child, entry.message)
        ours = [
            (lead, since, until if place + 1 < len(custody.turns) or not custody.lead else "")
            for place, (lead, since, until) in enumerate(custody.turns)
        ]
        theirs = told.pop(child, [])
        if ours != [(led.practitioner, led.by, led.until_by) for led in theirs]:
            findings.add(LEADS, "another custody in the tracker", child)
        _check_seamless(child, theirs, findings)
    for child in told:
        findings.add(LEADS, "custody of a child without a journey", child)


def _check_seamless(child: str, custody: Sequence[Led], findings: Findings) -> None:
    """Check that one lead ends where the next begins, unless a legal end came in between."""
    for before, after in pairwise(custody):
        if not before.until or before.until > after.since:
            findings.add(LEADS, "two leads at one moment", child)
        elif before.until < after.since and before.until_by == after.by:
            findings.add(LEADS, "nobody leads for a moment", child)
    if sum(not led.until for led in custody) > 1:
        findings.add(LEADS, "two leads now", child)
