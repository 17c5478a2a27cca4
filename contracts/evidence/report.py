"""What reading an evidence file came to: what is proved, by whom, and what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.clocks import Clock, ClockState
from contracts.custody import Led
from contracts.directory import Directory
from contracts.event import Event
from contracts.evidence.findings import Code, Finding
from contracts.evidence.form import Evidence
from contracts.evidence.said import EvidenceClocks
from contracts.messages.linking import LINKED, UNLINKED
from contracts.records import Decision, LaneLeaf
from contracts.roles import Capacity


@dataclass(frozen=True, slots=True)
class By:
    """Who signed: the id, the name that the directory gives it, and the capacity."""

    id: str
    name: str
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class Taken:
    """A sealed message whose signatures hold and whose decision the exchange attested."""

    event: Event
    by: tuple[By, ...]
    decision: Decision
    group: str

    @property
    def child(self) -> str:
        """Return the reference that the message is about."""
        return self.event.subject

    @property
    def message(self) -> str:
        """Return the message's id."""
        return self.event.id

    @property
    def number(self) -> int:
        """Return the message's place in its journey, from 1."""
        return self.decision.entry

    @property
    def joins(self) -> str:
        """Return the other reference that the message says is the same child, or ""."""
        return str(self.event.data.content["other"]) if self.event.kind == LINKED.name else ""

    @property
    def parts(self) -> str:
        """Return the other reference that the message says is another child after all, or ""."""
        return str(self.event.data.content["other"]) if self.event.kind == UNLINKED.name else ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that the exchange attested: its decision, the digest of its group, and its lane."""

    decision: Decision
    group: str
    lane: LaneLeaf | None = None


@dataclass(frozen=True, slots=True)
class Leads:
    """Who led under one reference when; `complete`: no message before the last one is missing."""

    child: str
    led: tuple[Led, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Timed:
    """What the tracker said of a clock `at` an instant, and how much follows from what is proved.

    `due_proved` tells that the time it was due follows from the signed rules; `missed_by` is the
    sealed notice by which the tracker told of a miss. Where that is not in the file, which may be
    because it was handed in and not accepted, it is the `notice_absent`.
    """

    clock: Clock
    at: datetime
    state: ClockState
    due_proved: bool
    missed_by: str = ""
    notice_absent: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """A gateway that signed what it saw of the log, for which agency, when and how large it was.

    `doubtful`: by a key that was revoked since.
    """

    gateway: str
    agency: str
    at: datetime
    size: int
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Logged:
    """How much of the file stands in the log: a head of `size` groups, signed `at` an instant.

    `places` are those of the groups, by their digests; `absent` are those that it does not hold,
    `before` of them from before there was a log. `heads` are the roots of all heads in the proof
    by their sizes. `of` is the number of gateways that have witnesses in the directory; `doubtful`
    tells that the key which signed the head was revoked since.
    """

    size: int
    root: str
    at: datetime
    places: Mapping[str, int]
    absent: frozenset[str]
    before: int
    witnesses: tuple[Witness, ...]
    heads: Mapping[int, str]
    of: int
    doubtful: bool = False

    @property
    def included(self) -> int:
        """Return how many attestations of the file stand in the log."""
        return len(self.places)

    @property
    def missing(self) -> int:
        """Return how many attestations of the file the log does not hold yet."""
        return len(self.absent) - self.before

    @property
    def sure(self) -> tuple[Witness, ...]:
        """Return the witnesses whose keys have not been revoked since."""
        return tuple(one for one in self.witnesses if not one.doubtful)

    def seen_by(self, *witnesses: Witness) -> int:
        """Return how many attestations of the file stand in what one of the witnesses saw."""
        size = max((one.size for one in witnesses), default=0)
        return sum(place < size for place in self.places.values())


@dataclass(frozen=True, slots=True)
class Report:
    """What an evidence file proves; `root_believed` tells that its own root key was taken.

    `compared` counts the kept files against which it was held, `doubtful` the attestations by a key
    of the exchange that was revoked later, `doubtful_said` those of the tracker's answers. `said`
    is what the tracker signed of clocks.
    """

    findings: tuple[Finding, ...]
    evidence: Evidence | None = None
    directory: Directory | None = None
    root_believed: bool = False
    taken: tuple[Taken, ...] = ()
    answered: tuple[Answered, ...] = ()
    leads: tuple[Leads, ...] = ()
    clocks: tuple[Timed, ...] = ()
    logged: Logged | None = None
    compared: int = 0
    doubtful: int = 0
    said: tuple[EvidenceClocks, ...] = ()
    doubtful_said: int = 0

    @property
    def holds(self) -> bool:
        """Tell whether everything in the file holds; nothing proves nothing."""
        return not self.findings and bool(self.taken or self.answered)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Return every decision that the file proves, of accepted messages first."""
        of_messages = tuple(one.decision for one in self.taken)
        return (*of_messages, *(one.decision for one in self.answered))

    @property
    def codes(self) -> frozenset[Code]:
        """Return the codes of the findings."""
        return frozenset(finding.code for finding in self.findings)
