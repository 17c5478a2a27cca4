"""Whether the ledger still holds what the log's groups attest: every decision, every entry.

A group names how many leaves it has and their root. Its decisions stand in receipts, deliveries and
journeys, its lanes in cursors; whatever is taken out leaves a hole, and nothing else fills it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from contracts import base64url
from contracts.merkle import Tree, is_hash, leaf_hash
from contracts.records import Group, LaneLeaf

WHOLE_FOR: Final = timedelta(days=399)
"""How long everything about a group is in the ledger: receipts and deliveries stay 400 days."""
_GONE: Final = {"inbox": "log.delivery-gone", "receipt": "log.receipt-gone"}

Rows = Iterable[tuple[int, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong, as a code, and the ledger sequence of the record that it was found at."""

    code: str
    sequence: int


@dataclass(slots=True)
class _Attests:
    """A group, where it stands, and the hashes of those of its leaves that were found."""

    sequence: int
    group: Group
    leaves: dict[int, bytes] = field(default_factory=dict[int, bytes])


@dataclass(slots=True)
class _Journey:
    """How far a child's journey was read, and how far decisions say that it goes."""

    entries: int = 0
    last: str = ""
    decided: int = 0
    at: int = 0


@dataclass
class Decisions:
    """What was found of each group's leaves, and of each journey; give groups first.

    `unsure` counts groups that end with a lane of which no receipt tells, and whose leaf cannot be
    made again from the cursors: all their decisions are there, by number.
    """

    now: datetime
    entries: int = 0
    unsure: int = 0
    wrong: list[Wrong] = field(default_factory=list[Wrong])
    _groups: dict[str, _Attests] = field(default_factory=dict[str, _Attests])
    _lanes: dict[str, list[tuple[int, bytes]]] = field(
        default_factory=dict[str, list[tuple[int, bytes]]]
    )
    _cursors: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    _named: set[str] = field(default_factory=set[str])
    _beside: dict[str, int] = field(default_factory=dict[str, int])
    _journeys: dict[str, _Journey] = field(default_factory=dict[str, _Journey])

    def add(self, sequence: int, digest: str, group: Group) -> None:
        """Take a group of the log, named by the digest of its text."""
        self._groups[digest] = _Attests(sequence, group)

    def read_cursors(self, rows: Rows) -> None:
        """Take all cursors in order: each says which lane's leaf its group ends with."""
        for sequence, told in rows:
            lane, last, root = str(told["lane"]), int(told["last"]), str(told["root"])
            before = self._cursors.get(lane, (0, ""))
            leaf = LaneLeaf(lane=lane, first=before[0] + 1, last=last, before=before[1])
            text = leaf.model_dump_json(exclude={"waits"})
            self._lanes.setdefault(root, []).append((sequence, leaf_hash(text.encode())))
            self._cursors[lane] = (last, root)

    def read_journeys(self, rows: Rows) -> None:
        """Take journey entries: each child's are numbered from one and name the one before."""
        for sequence, told in rows:
            journey = self._journeys.setdefault(str(told["of"]), _Journey())
            number, expected = int(told["entry"]), journey.entries + 1
            if number not in (0, expected):
                self.wrong.append(Wrong("log.entry-gone", sequence))
            elif told["before"] != journey.last or told["child"] != told["of"]:
                self.wrong.append(Wrong("log.entry-changed", sequence))
            journey.entries, journey.last = number or expected, str(told["hash"])
            self.entries += 1
            self.read_attested([(sequence, told)])

    def read_attested(self, rows: Rows) -> None:
        """Take receipts, deliveries or entries: the leaves of their groups that they hold."""
        for _, told in rows:
            of = self._groups.get(str(told["group"]))
            if of is None:
                continue
            for index, text in told["leaves"]:
                made = base64url.decode(str(text))
                if made is not None and is_hash(made):
                    of.leaves.setdefault(int(index), made)
            self._named.add(str(told["name"]))
            if of.group.at > self.now - WHOLE_FOR:
                self._beside |= dict.fromkeys(map(str, told["beside"]), of.sequence)
            if told["entry"]:
                journey = self._journeys.setdefault(str(told["child"]), _Journey())
                if int(told["entry"]) > journey.decided:
                    journey.decided, journey.at = int(told["entry"]), of.sequence

    def finish(self) -> list[Wrong]:
        """Return all that is wrong, once everything has been taken."""
        for of in self._groups.values():
            code = self._judge(of) if of.group.at > self.now - WHOLE_FOR else ""
            if code:
                self.wrong.append(Wrong(code, of.sequence))
        for journey in self._journeys.values():
            if journey.decided > journey.entries:
                self.wrong.append(Wrong("log.entry-gone", journey.at))
        self.wrong += [
            Wrong(_GONE[name.partition(".")[0]], sequence)
            for name, sequence in self._beside.items()
            if name not in self._named
        ]
        return self.wrong

    def _judge(self, of: _Attests) -> str:
        size, lanes = of.group.size, self._lanes_of(of)
        if any(index not in of.leaves for index in range(size - len(lanes))):
            return "log.decision-gone"
        unseen = False
        for index, leaf in enumerate(lanes, size - len(lanes)):
            unseen = unseen or index not in of.leaves
            of.leaves.setdefault(index, leaf)
        root = Tree([of.leaves[index] for index in range(size)]).root
        if base64url.encode(root) == of.group.root:
            return ""
        self.unsure += unseen
        return "" if unseen else "log.decision-changed"

    def _lanes_of(self, of: _Attests) -> list[bytes]:
        """Return the leaves of the lanes whose cursors were written right after the group."""
        found: list[bytes] = []
        for sequence, leaf in self._lanes.get(of.group.root, ()):
            if sequence == of.sequence + len(found) + 1:
                found.append(leaf)
        return found[: of.group.size]
