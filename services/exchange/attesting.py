"""Attesting a group: one Merkle root over its decisions and lanes, signed once (design §5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from contracts import base64url, jws
from contracts.kinds import iso
from contracts.merkle import Tree, leaf_hash
from contracts.records import GROUP_TYP


@dataclass(frozen=True, slots=True)
class LaneStep:
    """How far a group takes a lane: from `first` to `last`, after the root `before`.

    `waits` is the first of these that is not decided, because it is no message; 0 for none.
    """

    lane: str
    first: int
    last: int
    before: str
    waits: int = 0

    @property
    def cursor(self) -> int:
        """Return the last sequence before which nothing waits."""
        return self.waits - 1 if self.waits else self.last


@dataclass(slots=True)
class Leaves:
    """The texts of a group's leaves, in order."""

    texts: list[str] = field(default_factory=list[str])

    def add(self, text: str) -> int:
        """Add a leaf and return its index."""
        self.texts.append(text)
        return len(self.texts) - 1


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signed group: the token, the tree, and where each lane's leaf stands.

    `quoted` is the token as JSON, for it stands in every record of the group.
    """

    token: str
    quoted: orjson.Fragment
    tree: Tree
    lanes: Mapping[str, tuple[str, int]]
    _places: dict[int, orjson.Fragment] = field(default_factory=dict[int, orjson.Fragment])

    @property
    def root(self) -> str:
        """Return the group's root as base64url."""
        return base64url.encode(self.tree.root)

    def place(self, index: int) -> orjson.Fragment:
        """Return where the leaf at `index` stands, as JSON; worked out once."""
        found = self._places.get(index)
        if found is None:
            path = [base64url.encode(h) for h in self.tree.path(index)]
            found = orjson.Fragment(orjson.dumps({"index": index, "path": path}))
            self._places[index] = found
        return found


def attest(
    leaves: Leaves, steps: Sequence[LaneStep], exchange: str, key: jws.Signer, at: datetime
) -> Attestation:
    """Return the attestation of `leaves` and of one more leaf for each lane of `steps`.

    `at` is the instant of the group; each lane's leaf names the root before it on that lane.
    """
    lanes: dict[str, tuple[str, int]] = {}
    for step in steps:
        body: dict[str, object] = {
            "v": 1,
            "lane": step.lane,
            "first": step.first,
            "last": step.last,
            "before": step.before,
        }
        if step.waits:
            body["waits"] = step.waits
        text = orjson.dumps(body).decode()
        lanes[step.lane] = (text, leaves.add(text))
    tree = Tree([leaf_hash(text.encode()) for text in leaves.texts])
    signed = {
        "v": 1,
        "exchange": exchange,
        "root": base64url.encode(tree.root),
        "size": tree.size,
        "at": iso(at),
    }
    token = jws.sign(orjson.dumps(signed), key, GROUP_TYP).decode("ascii")
    return Attestation(token, orjson.Fragment(orjson.dumps(token)), tree, lanes)
