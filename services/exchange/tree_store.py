"""The log's tree in SQL: the hashes of its complete subtrees, made from the ledger's groups.

It is an index: lost, damaged or behind, it is made again from the ledger. What it holds that the
ledger cannot give is the newest head that this exchange has signed, to compare a ledger with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
)

from contracts import merkle
from contracts.errors import HandrailError
from contracts.log import digest_of, leaf_of
from contracts.subjects import TREE_GROUP
from services.runtime.sql import (
    POSITIONS,
    SqlRunner,
    create_tables,
    engine,
    read_position,
    write_position,
)

METADATA = MetaData()
LEAVES = Table(
    "tree_leaves",
    METADATA,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Index("tree_leaves_by_digest", "digest"),
)
NODES = Table(
    "tree_nodes",
    METADATA,
    Column("level", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)
PROMISE = Table(
    "tree_promise",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("head", String(4096), nullable=False),
)
_AT_ONCE = 400
_MOST_SEEN = 100_000
# Asked some twenty times for one proof: building the statement took four fifths of the time.
_HASH = "SELECT hash FROM tree_nodes WHERE level = ? AND position = ?"


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the tree has grown: its leaves, and where in the ledger the last one stands."""

    size: int = 0
    sequence: int = 0
    last: str = ""


class TreeStore:
    """The tree of the log; every method is one transaction."""

    def __init__(self, url: str) -> None:
        """Open the SQLite database at `url` and make the tables that it lacks."""
        database = engine(url)
        create_tables(database, METADATA)
        self._sql = SqlRunner(database)
        self._seen: dict[tuple[int, int], bytes] = {}

    def _nodes(self, connection: Connection) -> "_Nodes":
        """Return the hashes, with those that were read before: none ever changes."""
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        return _Nodes(connection, self._seen)

    async def close(self) -> None:
        """Finish what has been asked for and close the file."""
        await self._sql.close()

    async def reached(self) -> Reached:
        """Return how far the tree has grown; `last` is the digest of the last group."""
        return await self._sql.run(_reached)

    async def append(self, after: int, groups: Sequence[tuple[int, str]]) -> Reached:
        """Add groups, with their ledger sequences, that follow the sequence `after`.

        Where the tree has grown beyond `after` already, by another process, nothing is added.
        """

        def work(connection: Connection) -> Reached:
            before = _reached(connection)
            if before.sequence == after and groups:
                _append(connection, before.size, groups)
            return _reached(connection)

        return await self._sql.run(work)

    async def holds(self, position: int, groups: Sequence[tuple[int, str]]) -> bool:
        """Tell whether exactly these groups, with their sequences, stand from `position` on."""

        def work(connection: Connection) -> bool:
            there = connection.execute(
                select(LEAVES.c.digest, NODES.c.hash)
                .join(NODES, (NODES.c.level == 0) & (NODES.c.position == LEAVES.c.position))
                .where(LEAVES.c.position >= position)
                .where(LEAVES.c.position < position + len(groups))
                .where(LEAVES.c.sequence.between(groups[0][0], groups[-1][0]))
                .order_by(LEAVES.c.position)
            )
            wanted = [(digest_of(group), leaf_of(group)) for _, group in groups]
            return [(row.digest, row.hash) for row in there] == wanted

        return await self._sql.run(work)

    async def clear(self) -> None:
        """Forget the tree, to make it again; the promise stays."""

        def work(connection: Connection) -> None:
            self._seen.clear()
            for table in (LEAVES, NODES):
                connection.execute(delete(table))
            connection.execute(delete(POSITIONS).where(POSITIONS.c.name == TREE_GROUP))

        await self._sql.run(work)

    async def root(self, size: int) -> bytes | None:
        """Return the root over the first `size` leaves; None where the tree is smaller.

        Raises `log.index-damaged` where a hash is missing; so do `inclusions` and `consistency`.
        """

        def work(connection: Connection) -> bytes | None:
            if not 0 < size <= _reached(connection).size:
                return None
            return merkle.root_of(size, self._nodes(connection))

        return await self._sql.run(work)

    async def inclusions(
        self, digests: Iterable[str], size: int
    ) -> Mapping[str, tuple[int, tuple[bytes, ...]]]:
        """Return index and inclusion path of those groups that are among the first `size`."""
        asked = list(dict.fromkeys(digests))

        def work(connection: Connection) -> Mapping[str, tuple[int, tuple[bytes, ...]]]:
            node = self._nodes(connection)
            found = _positions(connection, asked, size)
            return {d: (p, merkle.inclusion(p, size, node)) for d, p in found.items()}

        return await self._sql.run(work)

    async def consistency(self, first: int, second: int) -> tuple[bytes, ...] | None:
        """Return the proof that `second` leaves begin with `first`; None where it has not both."""

        def work(connection: Connection) -> tuple[bytes, ...] | None:
            if not 0 < first <= second <= _reached(connection).size:
                return None
            return merkle.consistency(first, second, self._nodes(connection))

        return await self._sql.run(work)

    async def promise(self) -> str:
        """Return the newest head that was signed, or the empty text."""

        def work(connection: Connection) -> str:
            return str(connection.scalar(select(PROMISE.c.head)) or "")

        return await self._sql.run(work)

    async def keep_promise(self, head: str) -> None:
        """Remember a head that was signed and published."""

        def work(connection: Connection) -> None:
            connection.execute(delete(PROMISE))
            connection.execute(insert(PROMISE).values(id=1, head=head))

        await self._sql.run(work)


class _Nodes:
    """Hashes of complete subtrees by level and position, read once each."""

    def __init__(
        self, connection: Connection, known: dict[tuple[int, int], bytes] | None = None
    ) -> None:
        self._connection = connection
        self._known = {} if known is None else known

    def __call__(self, level: int, position: int) -> bytes:
        found = self._known.get((level, position))
        if found is None:
            read = self._connection.exec_driver_sql(_HASH, (level, position)).scalar()
            if read is None or not merkle.is_hash(read):
                raise HandrailError(
                    "log.index-damaged",
                    "the index of the log lacks a hash that it should hold",
                    "start the exchange again: it makes the index anew from the ledger",
                )
            found = self._known[level, position] = bytes(read)
        return found

    def learn(self, made: Iterable[merkle.Made]) -> None:
        """Know what was made in this transaction."""
        for one in made:
            self._known[one.level, one.position] = one.hash


def _reached(connection: Connection) -> Reached:
    last = connection.execute(
        select(LEAVES.c.position, LEAVES.c.digest).order_by(LEAVES.c.position.desc()).limit(1)
    ).first()
    if last is None:
        return Reached()
    sequence = read_position(connection, TREE_GROUP)
    return Reached(last.position + 1, sequence, last.digest)


def _append(connection: Connection, size: int, groups: Sequence[tuple[int, str]]) -> None:
    node = _Nodes(connection)
    leaves, nodes = [], []
    for number, (sequence, group) in enumerate(groups, size):
        leaves.append({"position": number, "digest": digest_of(group), "sequence": sequence})
        made = merkle.grow(number, leaf_of(group), node)
        node.learn(made)
        nodes += [{"level": m.level, "position": m.position, "hash": m.hash} for m in made]
    connection.execute(insert(LEAVES), leaves)
    connection.execute(insert(NODES), nodes)
    write_position(connection, TREE_GROUP, groups[-1][0])


def _positions(connection: Connection, digests: list[str], size: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(digests), _AT_ONCE):
        some = digests[start : start + _AT_ONCE]
        rows = connection.execute(
            select(LEAVES.c.digest, func.min(LEAVES.c.position).label("position"))
            .where(LEAVES.c.digest.in_(some), LEAVES.c.position < size)
            .group_by(LEAVES.c.digest)
        )
        found |= {row.digest: row.position for row in rows}
    return found
