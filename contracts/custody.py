"""The chain of custody: who led when, proved from the signed messages alone.

Each message is opened anew, judged by who signed it in what capacity, and folded from an empty
journey; what a ledger, a tracker or a journey says of the lead is never asked. A record that was
left out, or an acceptance that nobody proposed, is told and not smoothed over (003 principles:
clarity about who is lead professional; 004 §8.4: accountability from referral to closure).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.directory import Directory
from contracts.event import Event
from contracts.identifiers import agency_of
from contracts.journey import Journey, Proposal
from contracts.kinds import Kind, Opened, Step, content_of
from contracts.messages import KINDS
from contracts.messages.linking import ChildLinked
from contracts.reasons import Refusal
from contracts.roles import Capacity
from contracts.seal import Sealed, open_seal, peek

ACCEPTANCES: Final = frozenset({"lead.accepted", "case.opened-before"})
"""The kinds by which somebody becomes lead: with their own signature."""

LEGAL_ENDS: Final = frozenset({"case.closed", "caf.ended", "child.linked"})
"""The kinds after which nobody leads, and that is right (003 §§5.5-5.7).

A reference that is retired into another has no lead: the child's lead leads the other (ADR 0021).
"""

_WITHOUT_DISCLOSURES: Final = (Refusal("statements.missing"),)
_BY_JOURNEY: Final = frozenset(
    {Capacity.PRACTITIONER, Capacity.LEAD_PROFESSIONAL, Capacity.LINE_MANAGER, Capacity.SERVICE}
)
"""Capacities that the directory does not list with a person."""


class Doubt(StrEnum):
    """What a finding makes of the chain."""

    GAP = "gap"
    DOUBLE = "double"
    UNPROVED = "unproved"


@dataclass(frozen=True, slots=True)
class Piece:
    """One sealed message of a child's journey, as somebody kept it.

    `decided` is when the exchange took it, where that is known: the sealing stands in for it
    otherwise; `arrived` is when it was stored, where that was earlier. `number` is its place in the
    journey, `digest` the hash of its record and `before` that of the record before; without them
    nothing says that no message was left out.
    """

    sealed: Sealed
    decided: datetime | None = None
    number: int | None = None
    digest: str = ""
    before: str = ""
    arrived: datetime | None = None


@dataclass(frozen=True, slots=True)
class Led:
    """That somebody led from `since` until before `until`, by which messages, signed by whom."""

    practitioner: str
    agency: str
    since: datetime
    by: str
    signed_by: tuple[str, ...]
    until: datetime | None = None
    until_by: str = ""
    until_kind: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why the chain does not hold, at which message; `code` is of this module or of a seal."""

    doubt: Doubt
    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """Who led a child when; `complete` tells that no message of the journey is missing."""

    child: str
    led: tuple[Led, ...]
    findings: tuple[Finding, ...]
    messages: int
    complete: bool

    @property
    def holds(self) -> bool:
        """Tell whether what was given is proved, without gap or double; nothing proves nothing."""
        return self.messages > 0 and not self.findings


def prove_custody(child: str, pieces: Iterable[Piece], directory: Directory) -> Chain:
    """Return the chain of custody of `child` that `pieces`, in their order, prove.

    Never raises: what cannot be proved is a finding, and has no part in the chain.
    """
    proof = _Proof(child, directory)
    for piece in pieces:
        proof.take(piece)
    return Chain(child, tuple(proof.led), tuple(proof.findings), proof.messages, proof.complete)


@dataclass
class _Proof:
    child: str
    directory: Directory
    led: list[Led] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    messages: int = 0
    complete: bool = False
    journey: Journey = field(init=False)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _accepted: set[str] = field(default_factory=set)
    _last: Piece | None = None
    _at: datetime | None = None

    def __post_init__(self) -> None:
        self.journey = Journey(child=self.child)

    def take(self, piece: Piece) -> None:
        """Open one message, judge it and carry the chain on."""
        self._follows(piece)
        event = _verified(piece, self.directory)
        if isinstance(event, Refusal):
            shown = peek(piece.sealed)
            self._find(Doubt.UNPROVED, event.code, "" if isinstance(shown, Refusal) else shown.id)
            return
        wrong = self._belongs(event, piece.decided or event.time) or _entitled(
            event, self.directory
        )
        if wrong:
            self._find(Doubt.UNPROVED, wrong, event.id)
            return
        self.messages += 1
        self._fold(event, piece.decided or event.time)

    def _find(self, doubt: Doubt, code: str, message: str = "") -> None:
        self.findings.append(Finding(doubt, code, message))

    def _follows(self, piece: Piece) -> None:
        """See that no record is missing between the last one and this one."""
        last, self._last = self._last, piece
        expected = 1 if last is None else None if last.number is None else last.number + 1
        linked = last is None or (bool(last.digest) and piece.before == last.digest)
        whole = piece.number is not None and piece.number == expected and linked
        if piece.number is not None and not whole:
            self._find(Doubt.GAP, "chain.entry-missing")
        self.complete = whole and (last is None or self.complete)

    def _belongs(self, event: Event, at: datetime) -> str:
        key = (event.agency, event.id)
        if event.subject != self.child:
            return "chain.other-child"
        if key in self._seen:
            return "chain.repeated"
        self._seen.add(key)
        if self._at is not None and at < self._at:
            return "chain.out-of-order"
        self._at = at
        return ""

    def _fold(self, event: Event, at: datetime) -> None:
        kind = KINDS[event.kind]
        content, _ = content_of(kind, event.data.content)
        refused = self._claim(event, content)
        if refused is not None:
            self.findings.append(refused)
            return
        before, self.journey = (
            self.journey,
            kind.fold(self.journey, Step(event, content, at)),
        )
        if self.journey.lead != before.lead:
            self._moved(event, at)

    def _claim(self, event: Event, content: Any) -> Finding | None:  # noqa: ANN401 - by its kind
        """Return why a claim about the lead is not good, or None for a good one or none at all."""
        found: tuple[Doubt, str] | None
        if event.kind in ACCEPTANCES and self.journey.linked_into:
            found = Doubt.DOUBLE, "chain.led-elsewhere"
        elif event.kind == "child.linked":
            found = _names_lead(content, self.journey)
        elif event.kind == "case.opened-before":
            found = _opened_by_lead(event, content.lead, self.journey)
        elif event.kind == "lead.accepted":
            found = self._accepts(event)
        elif event.kind in ("lead.refused", "lead.withdrawn"):
            found = _ends_proposal(event, self._proposal(event))
        else:
            return None
        return None if found is None else Finding(*found, event.id)

    def _proposal(self, event: Event) -> Proposal | None:
        return self.journey.proposal(event.data.answers or "")

    def _accepts(self, event: Event) -> tuple[Doubt, str] | None:
        proposal, answers = self._proposal(event), event.data.answers or ""
        if proposal is None:
            if answers in self._accepted:
                return Doubt.DOUBLE, "chain.accepted-twice"
            return Doubt.UNPROVED, "chain.no-proposal"
        if event.data.author.id != proposal.practitioner:
            return Doubt.UNPROVED, "chain.not-the-proposed"
        self._accepted.add(answers)
        return None

    def _moved(self, event: Event, at: datetime) -> None:
        """Close the interval of whoever led, and begin that of whoever leads now."""
        if self.led and self.led[-1].until is None:
            self.led[-1] = replace(self.led[-1], until=at, until_by=event.id, until_kind=event.kind)
        lead = self.journey.lead
        if lead is None:
            if event.kind not in LEGAL_ENDS:
                self._find(Doubt.GAP, "chain.nobody-leads", event.id)
            return
        signers = tuple(signer.id for signer in event.signers)
        if event.kind not in ACCEPTANCES or lead.practitioner not in signers:
            self._find(Doubt.UNPROVED, "chain.not-accepted", event.id)
        self.led.append(Led(lead.practitioner, lead.agency, at, event.id, signers))


def _verified(piece: Piece, directory: Directory) -> Event | Refusal:
    """Open a seal as of its arrival, as it was opened; that its disclosures are away is right."""
    shown = peek(piece.sealed)
    if isinstance(shown, Refusal):
        return shown
    opened = open_seal(piece.sealed, directory, piece.arrived or piece.decided or shown.time)
    if isinstance(opened, Opened):
        return opened.event
    return shown if opened == _WITHOUT_DISCLOSURES else opened[0]


def _entitled(event: Event, directory: Directory) -> str:
    """Return why the signers may not have sent this kind, "" where they may."""
    kind = KINDS[event.kind]
    if kind.by_service:
        return "" if event.data.author.id in directory.services else "notice.service"
    agency = directory.agency(event.agency, event.time)
    if agency is None:
        return "agency.unknown"
    if agency.role not in kind.senders:
        return "message.role-may-not"
    return next(_capacities(event, kind, directory), "")


def _capacities(event: Event, kind: Kind, directory: Directory) -> Iterator[str]:
    for signer in event.signers:
        person = directory.practitioner(signer.id, event.time)
        if person is None:
            yield "practitioner.unknown"
        elif signer.capacity not in _BY_JOURNEY and signer.capacity not in person.capacities:
            yield "practitioner.capacity"
    if kind.authors and event.data.author.capacity not in kind.authors:
        yield "practitioner.capacity"
    signed = {s.capacity for s in event.data.countersigners if agency_of(s.id) == event.agency}
    if not signed.issuperset(kind.countersigned_by):
        yield "countersign.missing"


def _opened_by_lead(event: Event, lead: str | None, journey: Journey) -> tuple[Doubt, str] | None:
    """Judge a case that was open before: its lead signs, and nobody leads yet (ADR 0006)."""
    if lead is None:
        return None
    if journey.lead is not None:
        return Doubt.DOUBLE, "chain.second-lead"
    if lead not in {signer.id for signer in event.signers}:
        return Doubt.UNPROVED, "chain.not-accepted"
    return None


def _names_lead(content: ChildLinked, journey: Journey) -> tuple[Doubt, str] | None:
    """Judge the lead that a join names: it is who leads the reference that survives."""
    leads = journey.lead.practitioner if journey.lead else None
    survives = content.survivor == journey.child
    return (Doubt.UNPROVED, "chain.other-lead") if survives and content.lead != leads else None


def _ends_proposal(event: Event, proposal: Proposal | None) -> tuple[Doubt, str] | None:
    """Judge a refusal by the person proposed, or a withdrawal by who proposed."""
    if proposal is None:
        return Doubt.UNPROVED, "chain.no-proposal"
    refuses = event.kind == "lead.refused"
    right = (
        event.data.author.id == proposal.practitioner
        if refuses
        else event.agency == proposal.proposed_by
    )
    return None if right else (Doubt.UNPROVED, "chain.not-theirs-to-end")
