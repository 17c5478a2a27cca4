"""A log of groups kept in memory, with its exchange and its witnesses, for tests."""

from datetime import datetime, timedelta

from contracts import base64url, jws
from contracts.directory import Gateway, SigningKey
from contracts.log import (
    Cosignature,
    Head,
    Inclusion,
    LogProof,
    Witnessed,
    cosign,
    digest_of,
    leaf_of,
    sign_head,
)
from contracts.merkle import consistency, grow, inclusion, root_of
from services.runtime.nkeys import NKey
from tests.area import Area

EXCHANGE = "demo.exchange"


def with_witnesses(area: Area) -> dict[str, jws.PrivateKey]:
    """Give every gateway of the area's agencies a witness key, and return the keys by gateway."""
    names = dict.fromkeys(agency.gateway for agency in area.document.agencies)
    keys = {name: jws.PrivateKey.generate() for name in names}
    since = area.now - timedelta(days=365)
    gateways = tuple(
        Gateway(
            id=name,
            service_nkey=NKey.generate().public,
            desk_nkey=NKey.generate().public,
            witness=(SigningKey(kid=key.kid, x=key.x, valid_from=since),),
        )
        for name, key in keys.items()
    )
    area.document = area.document.model_copy(update={"gateways": gateways})
    return keys


class MemoryLog:
    """The groups of a log, in order, and every proof that can be made of them."""

    def __init__(self, area: Area) -> None:
        self.area = area
        self.groups: list[str] = []
        self.heads: dict[int, str] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}

    def node(self, level: int, position: int) -> bytes:
        """The hash of a complete subtree."""
        return self._nodes[level, position]

    def add(self, *groups: str) -> None:
        """Append the texts of signed groups."""
        for group in groups:
            for made in grow(len(self.groups), leaf_of(group), self.node):
                self._nodes[made.level, made.position] = made.hash
            self.groups.append(group)

    def root(self, size: int) -> str:
        """The root over the first `size` groups."""
        return base64url.encode(root_of(size, self.node))

    def head(self, size: int = 0, at: datetime | None = None, key: jws.Signer | None = None) -> str:
        """The signed head over the first `size` groups, all of them without one."""
        size = size or len(self.groups)
        if size not in self.heads or at or key:
            head = Head(
                log=EXCHANGE, size=size, root=self.root(size), at=at or self.area.now, ledger=size
            )
            self.heads[size] = sign_head(head, key or self.area.services["exchange"])
        return self.heads[size]

    def path(self, first: int, second: int) -> tuple[str, ...]:
        """The consistency path between two sizes, in either order."""
        first, second = sorted((first, second))
        return tuple(base64url.encode(s) for s in consistency(first, second, self.node))

    def witnessed(
        self, agency: str, key: jws.Signer, size: int = 0, under: int = 0, **changes: object
    ) -> Witnessed:
        """A witness's signature over the head of `size`, and the path to the head `under`."""
        size, under = size or len(self.groups), under or len(self.groups)
        head = self.head(size)
        gateway = self.area.directory.agencies[agency].gateway
        said = {
            "witness": gateway,
            "agency": agency,
            "log": EXCHANGE,
            "head": digest_of(head),
            "size": size,
            "root": self.root(size),
            "at": self.area.now,
            **changes,
        }
        signed = cosign(Cosignature.model_validate(said), key)
        return Witnessed(cosignature=signed, head=head, path=self.path(size, under))

    def proof(self, *groups: str, size: int = 0, witnesses: tuple[Witnessed, ...] = ()) -> LogProof:
        """The proof that these groups are in the log, under the head of `size`."""
        size = size or len(self.groups)
        return LogProof(
            head=self.head(size),
            included=tuple(self.included(group, size) for group in groups),
            witnesses=witnesses,
        )

    def included(self, group: str, size: int = 0) -> Inclusion:
        """Where one group stands under the head of `size`."""
        index = self.groups.index(group)
        path = inclusion(index, size or len(self.groups), self.node)
        return Inclusion(
            group=digest_of(group), index=index, path=tuple(base64url.encode(s) for s in path)
        )
