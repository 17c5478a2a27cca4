"""Checking the whole log from its records: the tree made again here, and every head compared."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts import base64url
from contracts.directory import Directory
from contracts.log import digest_of, leaf_of, open_cosignature, open_head
from contracts.merkle import grow, root_of
from contracts.records import signed_group
from services.cli.log_decisions import Decisions, Rows, Wrong


@dataclass
class Check:
    """What has been read of a log so far, and what is wrong with it; give records in order.

    `check_all` gives them in the right order. `before` counts what was decided before the log
    began; `absent` names gateways that have witnessed nothing.
    """

    directory: Directory
    exchange: str
    now: datetime
    groups: int = 0
    heads: int = 0
    newest: int = 0
    compared: int = 0
    before: int = 0
    witnesses: int = 0
    absent: tuple[str, ...] = ()
    wrong: list[Wrong] = field(default_factory=list[Wrong])
    _begin: int = 0
    _end: int = 0
    _known: set[str] = field(default_factory=set[str])
    _nodes: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])
    _roots: dict[int, str] = field(default_factory=dict[int, str])
    _asked: dict[int, list[tuple[int, str]]] = field(
        default_factory=dict[int, list[tuple[int, str]]]
    )
    _last_at: str = ""

    def __post_init__(self) -> None:
        """Begin with no decisions."""
        self._decisions = Decisions(self.now)

    @property
    def entries(self) -> int:
        """Return how many journey entries were read."""
        return self._decisions.entries

    def read_heads(self, records: Iterable[tuple[int, str]]) -> None:
        """Take signed heads: each must be the exchange's, larger and not earlier than the last."""
        for sequence, token in records:
            head = open_head(token, self.directory, self.exchange)
            if head is None:
                self.wrong.append(Wrong("log.head-untrusted", sequence))
                continue
            at = head.at.isoformat()
            if head.size <= self.newest or at < self._last_at:
                self.wrong.append(Wrong("log.head-backwards", sequence))
            self.heads, self.newest, self._last_at = self.heads + 1, head.size, at
            self._asked.setdefault(head.size, []).append((sequence, head.root))

    def read_groups(self, records: Iterable[tuple[int, str]]) -> None:
        """Take groups, after all heads: the tree grows and is compared at each head's size."""
        for sequence, token in records:
            self._begin, self._end = self._begin or sequence, sequence
            digest, group = digest_of(token), signed_group(token, self.directory, self.exchange)
            if group is None:
                self.wrong.append(Wrong("log.group-untrusted", sequence))
            elif digest in self._known:
                self.wrong.append(Wrong("log.group-twice", sequence))
            else:
                self._decisions.add(sequence, digest, group)
            self._known.add(digest)
            for made in grow(self.groups, leaf_of(token), self._node):
                self._nodes[made.level, made.position] = made.hash
            self.groups += 1
            for at, root in self._asked.pop(self.groups, ()):
                if base64url.encode(root_of(self.groups, self._node)) != root:
                    self.wrong.append(Wrong("log.other-root", at))

    def finish_groups(self) -> None:
        """Say of which heads the groups are not all there."""
        for heads in self._asked.values():
            self.wrong += [Wrong("log.shorter", sequence) for sequence, _ in heads]
        self._asked.clear()

    @property
    def unsure(self) -> int:
        """Return how many groups end with a lane that cannot be made again."""
        return self._decisions.unsure

    def read_cursors(self, records: Rows) -> None:
        """Take the cursors of all lanes."""
        self._decisions.read_cursors(records)

    def read_journeys(self, records: Rows) -> None:
        """Take the entries of all journeys; each child's follow one another without a gap."""
        rows = list(records)
        self._decisions.read_journeys(rows)
        for sequence, told in rows:
            if told["group"]:
                self._judge(sequence, str(told["group"]))

    def read_attested(self, records: Rows) -> None:
        """Take receipts or deliveries: the group of each is a leaf of the log.

        A group stands after its own receipts and deliveries, so what is beyond the last group is
        too new to tell.
        """
        rows = list(records)
        self._decisions.read_attested(rows)
        for sequence, told in rows:
            self.compared += self._judge(sequence, str(told["group"]))

    def _judge(self, sequence: int, digest: str) -> bool:
        if digest in self._known:
            return True
        if sequence < self._begin:
            self.before += 1
        elif sequence < self._end:
            self.wrong.append(Wrong("log.missing", sequence))
        return False

    def finish_decisions(self) -> None:
        """Say of which groups the ledger does not hold every decision, and which journeys end."""
        self.wrong += self._decisions.finish()

    def read_witnesses(self, records: Rows) -> None:
        """Take everything that witnesses signed: each must be for a root that this log has.

        `absent` are the gateways of the directory's agencies that have signed nothing.
        """
        signed: set[str] = set()
        newest: dict[str, tuple[int, bool]] = {}
        for sequence, told in records:
            said = open_cosignature(str(told["cosignature"]), self.directory)
            newest[str(told["agency"])] = (sequence, said is not None)
            if said is None:
                continue
            signed.add(said.witness)
            if said.size > self.groups or said.root != self._root(said.size):
                self.wrong.append(Wrong("log.witness-other-head", sequence))
        self.witnesses = len(signed)
        agencies = self.directory.agencies
        self.wrong += [
            Wrong("log.witness-untrusted", sequence)
            for agency, (sequence, opens) in newest.items()
            if not opens and agency in agencies
        ]
        present = {one.gateway for name, one in agencies.items() if self._takes_part(name)}
        self.absent = tuple(sorted(present - signed))

    def _takes_part(self, agency: str) -> bool:
        return self.directory.agency(agency, self.now) is not None

    def _root(self, size: int) -> str:
        found = self._roots.get(size)
        if found is None:
            found = self._roots[size] = base64url.encode(root_of(size, self._node))
        return found

    def _node(self, level: int, position: int) -> bytes:
        return self._nodes[level, position]


def check_all(found: Check, pages: Callable[[str], Iterable[list[tuple[int, Any]]]]) -> Check:
    """Give `found` every record of the log; `pages` yields those of one sort, in order.

    What is read first is compared with what is read after it: a running log grows meanwhile.
    """
    witnesses = [row for page in pages("witnesses") for row in page]
    for page in pages("heads"):
        found.read_heads(page)
    for page in pages("groups"):
        found.read_groups(page)
    found.finish_groups()
    for page in pages("cursors"):
        found.read_cursors(page)
    for page in pages("journeys"):
        found.read_journeys(page)
    for what in ("receipts", "deliveries"):
        for page in pages(what):
            found.read_attested(page)
    found.finish_decisions()
    found.read_witnesses(witnesses)
    return found
