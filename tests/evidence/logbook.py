"""A log without any exchange: heads, proofs and witnesses as the partnership's keys sign them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from contracts import base64url, jws
from contracts.log import (
    Cosignature,
    Head,
    Inclusion,
    Witnessed,
    cosign,
    digest_of,
    leaf_of,
    sign_head,
)
from contracts.merkle import Tree, consistency, inclusion
from tests.area import CAF, CARE, SCHOOL, Area

EXCHANGE = "demo.exchange"
GATEWAYS = {"schools": SCHOOL, "social-care": CARE, "caf": CAF}
"""The gateways that are witnesses, and the agency for which each asks."""


@dataclass
class Logbook:
    """The log of a partnership: groups in order, of which any head and any proof can be made."""

    area: Area
    texts: list[str] = field(default_factory=list)

    def head(self, size: int | None = None, **changes: Any) -> str:
        """Sign a head of the first `size` groups, or of all."""
        tree = Tree([leaf_of(text) for text in self.texts[: size or len(self.texts)]])
        made = Head(
            log=EXCHANGE,
            size=tree.size,
            root=base64url.encode(tree.root),
            at=self.area.now,
            ledger=tree.size * 10,
        )
        key = changes.pop("key", self.area.services["exchange"])
        return sign_head(made.model_copy(update=changes), key)

    def witnessed(
        self, gateway: str, head: str, size: int, key: jws.PrivateKey, at: datetime | None = None
    ) -> Witnessed:
        """Have a gateway sign the head of `size` groups; proved against the head of all."""
        said = Cosignature(
            witness=gateway,
            agency=GATEWAYS[gateway],
            log=EXCHANGE,
            head=digest_of(head),
            size=size,
            root=_root_in(head),
            at=at or self.area.now,
        )
        path = consistency(size, len(self.texts), self._node)
        return Witnessed(
            cosignature=cosign(said, key), head=head, path=tuple(map(base64url.encode, path))
        )

    def included(self, group: str) -> Inclusion:
        """Prove that a group stands in the head of all."""
        index = self.texts.index(group)
        path = inclusion(index, len(self.texts), self._node)
        return Inclusion(
            group=digest_of(group), index=index, path=tuple(map(base64url.encode, path))
        )

    def _node(self, level: int, index: int) -> bytes:
        leaves = [leaf_of(text) for text in self.texts]
        width = 1 << level
        return Tree(leaves[index * width : (index + 1) * width]).root


def _root_in(head: str) -> str:
    payload = base64url.decode(orjson.loads(head)["payload"]) or b""
    return str(orjson.loads(payload)["root"])
