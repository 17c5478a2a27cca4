"""A sequencer over a test's exchange, and every record of the log read and checked again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from contracts import base64url
from contracts.log import Head, digest_of, leaf_of, open_head
from contracts.merkle import Tree
from contracts.subjects import TREE_GROUP, TREE_HEAD
from services.exchange.ledger import Ledger
from services.exchange.tree_answers import LogAnswers
from services.exchange.tree_heads import Sequencer
from services.exchange.tree_store import TreeStore
from tests.live.exchanging import Exchange
from tests.logs import EXCHANGE


@asynccontextmanager
async def sequencing(exchange: Exchange, file: Path) -> AsyncIterator[Sequencer]:
    """Give a sequencer whose index lies in `file`; each step of it is the test's to make."""
    store = TreeStore(f"sqlite:///{file}")
    try:
        yield Sequencer(
            Ledger(exchange.client, exchange.js),
            store,
            exchange=EXCHANGE,
            key=exchange.area.services["exchange"],
            directory=lambda: exchange.area.directory,
        )
    finally:
        await store.close()


def answering(exchange: Exchange, sequencer: Sequencer) -> LogAnswers:
    """Return what the exchange answers out of a sequencer's tree."""
    ledger = Ledger(exchange.client, exchange.js)
    return LogAnswers(sequencer, ledger, EXCHANGE, lambda: exchange.area.directory)


async def groups(exchange: Exchange) -> list[str]:
    """The signed groups, in the order of the ledger."""
    return [data.decode() for _, data in await exchange.all(TREE_GROUP)]


async def heads(exchange: Exchange) -> list[Head]:
    """The heads in the order of the ledger; each must be signed by the exchange."""
    found = [data.decode() for _, data in await exchange.all(TREE_HEAD)]
    opened = [open_head(token, exchange.area.directory, EXCHANGE) for token in found]
    assert None not in opened
    return [head for head in opened if head is not None]


async def attested(exchange: Exchange) -> set[str]:
    """The digests of all groups that receipts and deliveries name."""
    found: set[str] = set()
    for subject in ("receipt.>", "inbox.>"):
        found |= {digest_of(orjson.loads(data)["group"]) for _, data in await exchange.all(subject)}
    return found


async def check(exchange: Exchange) -> tuple[int, int]:
    """Assert that one log holds all that was decided; return how many groups and heads there are.

    Every head is the root over the beginning of the groups, sizes grow and time never runs back.
    """
    made, signed = await groups(exchange), await heads(exchange)
    assert len(set(made)) == len(made)
    assert await attested(exchange) <= {digest_of(group) for group in made}
    for head in signed:
        tree = Tree([leaf_of(group) for group in made[: head.size]])
        assert (tree.size, base64url.encode(tree.root)) == (head.size, head.root)
    sizes, times = [h.size for h in signed], [h.at for h in signed]
    assert sizes == sorted(set(sizes))
    assert times == sorted(times)
    assert not signed or signed[-1].size == len(made)
    return len(made), len(signed)
