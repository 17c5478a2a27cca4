"""The raw records of the ledger, read for what can be counted; none of the services' reading."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.faults.checks_trust import Trust

Key = tuple[str, str]
"""An agency and a message (or the digest of bytes) of it."""

Lying = tuple[str, str, str, int]
"""An agency, the digest of bytes of it, and the lane and the sequence at which they lie."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says that the checks need: never a word of a family."""

    author: str
    answers: str
    outcome: str
    concern: str
    finding: str
    proposed: str
    withdraws: str
    basis: str
    named: tuple[str, ...]
    brought: tuple[str, ...]
    recipients: tuple[str, ...]
    due_at: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One journey entry; `linked` tells that it names the hash of the entry before it.

    `attested` tells that its decision stands in the group that it holds itself.
    """

    sequence: int
    child: str
    number: int
    message: str
    agency: str
    kind: str
    lane: str
    lane_sequence: int
    sealed: str
    to: tuple[str, ...]
    statements: int
    lead: str
    linked: bool
    genuine: bool
    decision: str
    decided_at: str
    attested: bool
    said: Said


@dataclass(frozen=True, slots=True)
class Answer:
    """One receipt: what was decided on which bytes; `proved` by the exchange's group."""

    sequence: int
    outcome: str
    sealed: str
    submission: str
    lane: str
    lane_sequence: int
    decision: str
    proved: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """One record in an inbox; `record` is the digest of all that it says.

    Without an entry it is to be a `notice` of the exchange's own to that agency.
    """

    sequence: int
    child: str
    sealed: str
    entry: int
    proved: bool
    record: str
    notice: bool


@dataclass
class Reading:
    """Everything of the ledger that is counted, taken in record by record, in its order."""

    trust: Trust
    journeys: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    receipts: dict[Key, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    by_bytes: dict[Key, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    inbox: dict[Key, list[Delivered]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[Key, str] = field(default_factory=dict)
    ever_held: set[Key] = field(default_factory=set)
    set_aside: Counter[Lying] = field(default_factory=Counter[Lying])
    guarded: set[Key] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    cursors: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    tree: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    witnesses: list[tuple[str, str]] = field(default_factory=list)
    records: int = 0
    _last: dict[str, str] = field(default_factory=dict)

    def entries(self) -> Iterator[Entry]:
        """Yield every journey entry, child by child."""
        for journey in self.journeys.values():
            yield from journey

    def take(self, sequence: int, subject: str, data: bytes) -> None:
        """Take in the next record of the ledger."""
        self.records += 1
        head, _, rest = subject.partition(".")
        if head == "journey":
            self._take_entry(sequence, rest, data)
        elif head == "receipt":
            self._take_receipt(sequence, rest, data)
        elif head == "inbox":
            self._take_delivery(sequence, rest, data)
        elif head == "held":
            child, _, message = rest.partition(".")
            self.ever_held.add((child, message))
            self.waiting[child, message] = orjson.loads(data)["state"]
        elif head == "cursor":
            self.cursors[rest].append(orjson.loads(data)["sequence"])
        elif head == "quarantine":
            self._take_set_aside(rest, data)
        elif head == "check":
            agency, _, message = rest.rpartition(".")
            self.guarded.add((agency, message))
        elif not self._is_of_the_tree(subject, data):
            self.unknown.append(subject)

    def _is_of_the_tree(self, subject: str, data: bytes) -> bool:
        """Take in a record of the log, and tell whether it was one."""
        agency = subject.removeprefix("tree.witness.")
        if subject == "tree.group":
            self.tree.append(data.decode())
        elif subject == "tree.head":
            self.heads.append(data.decode())
        elif agency != subject:
            self.witnesses.append((agency, orjson.loads(data)["cosignature"]))
        else:
            return False
        return True

    def _take_set_aside(self, rest: str, data: bytes) -> None:
        """Take in that bytes lie in quarantine; what came of a release stands there as well."""
        body, (agency, _, digest) = orjson.loads(data), rest.rpartition(".")
        if "because" not in body:
            self.set_aside[agency, digest, body["lane"], body["sequence"]] += 1

    def _take_entry(self, sequence: int, child: str, data: bytes) -> None:
        body = orjson.loads(data)
        decision, journey = orjson.loads(body["decision"]), body["journey"]
        event, genuine = self.trust.said(body["seal"])
        before, self._last[child] = self._last.get(child, ""), _digest(data)
        lead = journey.get("lead") or {}
        one = Entry(
            sequence=sequence,
            child=child,
            number=journey.get("entries", 0),
            message=event.get("id", ""),
            agency=".".join(event.get("source", "").split(":")[2:4]),
            kind=event.get("type", "").removeprefix("handrail."),
            lane=decision["lane"],
            lane_sequence=decision["sequence"],
            sealed=_digest(body["seal"].encode()),
            to=tuple(to["agency"] for to in decision.get("to", ())),
            statements=body.get("statements", 0),
            lead=lead.get("practitioner", ""),
            linked=body.get("before", "") == before,
            genuine=genuine and event.get("subject") == child == decision["child"],
            decision=_digest(body["decision"].encode()),
            decided_at=decision["now"],
            attested=self.trust.attested(body["decision"], body["group"], body["place"]),
            said=said_in(event),
        )
        self.journeys[child].append(one)

    def _take_receipt(self, sequence: int, rest: str, data: bytes) -> None:
        body = orjson.loads(data)
        decision = orjson.loads(body["decision"])
        tokens = rest.split(".")
        agency, name = ".".join(tokens[:2]), tokens[2]
        attested = self.trust.attested(body["decision"], body["group"], body["place"])
        lane = self.trust.attested(body["lane"], body["group"], body["lane_place"])
        one = Answer(
            sequence=sequence,
            outcome=decision["outcome"],
            sealed=decision.get("sealed") or "",
            submission=decision["submission"],
            lane=decision["lane"],
            lane_sequence=decision["sequence"],
            decision=_digest(body["decision"].encode()),
            proved=attested and lane,
        )
        if name == "bytes":
            self.by_bytes[agency, tokens[3]].append(one)
        elif len(tokens) == 3:
            self.receipts[agency, name].append(one)

    def _take_delivery(self, sequence: int, rest: str, data: bytes) -> None:
        body = orjson.loads(data)
        decision = orjson.loads(body["decision"])
        agency, _, message = rest.rpartition(".")
        sealed = _digest(body["seal"].encode())
        attested = self.trust.attested(body["decision"], body["group"], body["place"])
        proved = attested and decision["sealed"] == sealed and decision["message"] == message
        entry = decision.get("entry", 0)
        one = Delivered(
            sequence,
            decision["child"],
            sealed,
            entry,
            proved,
            digest_of_delivery(data),
            notice=not entry and self._is_notice(agency, body["seal"]),
        )
        self.inbox[agency, message].append(one)

    def _is_notice(self, agency: str, seal: str) -> bool:
        """Tell whether the exchange itself sealed this, for that agency."""
        event, genuine = self.trust.said(seal)
        said = said_in(event)
        return genuine and said.author == self.trust.exchange and agency in said.recipients


def said_in(event: dict[str, Any]) -> Said:
    """Return what a sealed event says, as far as it is counted."""
    data = event.get("data", {})
    content, basis = data.get("content", {}), data.get("basis", {})
    return Said(
        author=data.get("author", {}).get("id", ""),
        answers=data.get("answers") or "",
        outcome=content.get("outcome") or "",
        concern=content.get("concern") or "",
        finding=content.get("finding") or "",
        proposed=content.get("practitioner") or content.get("lead") or "",
        withdraws=content.get("consent") or "",
        basis=basis.get("kind", ""),
        named=tuple(basis.get("consents", ())),
        brought=tuple(one["id"] for one in data.get("consents", ())),
        recipients=tuple(one["agency"] for one in data.get("recipients", ())),
        due_at=content.get("due_at") or "",
    )


def digest_of_delivery(data: bytes | str) -> str:
    """Return the digest of a delivery's members, however its JSON is laid out.

    Empty for what is no delivery.
    """
    try:
        body = orjson.loads(data)
        members = {name: value for name, value in body.items() if value not in (None, [], "")}
    except (orjson.JSONDecodeError, AttributeError):
        return ""
    return _digest(orjson.dumps(members, option=orjson.OPT_SORT_KEYS))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
