"""Rule packs in the running exchange: each message by those of its arrival, and the record says."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.directory import RulesInForce
from contracts.identifiers import new_reference
from contracts.records import Outcome
from contracts.rules import GuardRule, RulePack, shipped_packs
from contracts.seal import Sealed, peek
from tests import messages as m
from tests.live.exchanging import Exchange, exchange_at, working

pytestmark = pytest.mark.live

BOARD = RulePack(
    format=2,
    id="board",
    version="1",
    title="The board's",
    source="Board",
    guards=(
        GuardRule(
            id="nobody-acknowledges",
            title="Nobody acknowledges",
            applies_to=("message.acknowledged",),
            check="never",
            refuses="message.role-may-not",
            citation="Board",
        ),
    ),
)


def identity(sealed: Sealed) -> str:
    """The id of a sealed message."""
    return peek(sealed).id  # type: ignore[union-attr]


def change_rules(exchange: Exchange) -> None:
    """The root signs a directory in which the board's pack holds from now on."""
    document = exchange.area.document
    change = RulesInForce(since=datetime.now(UTC), packs=(), own=(BOARD,))
    update = {"version": document.version + 1, "rule_changes": (change,)}
    exchange.area.document = document.model_copy(update=update)


async def test_a_held_message_is_judged_by_the_rules_of_its_arrival(nats_url: str) -> None:
    """A change of rules reaches what arrives after it, and nothing that lay waiting before."""
    usual, child, other = shipped_packs().names, new_reference(), new_reference()
    async with exchange_at(nats_url) as exchange:
        area = exchange.area
        first, second = m.referral(area, child), m.referral(area, other)
        early = m.acknowledged(area, child, identity(first))
        late = m.acknowledged(area, other, identity(second))
        worker = exchange.worker(hold=timedelta(hours=1), directory=lambda: area.directory)
        async with working(worker):
            await exchange.send(early)
            assert (await exchange.held(early)).outcome is Outcome.HELD
            change_rules(exchange)
            assert (await exchange.decided(first)).packs == (*usual, BOARD.name)
            held = await exchange.final(early)
            assert (await exchange.decided(second)).outcome is Outcome.ACCEPTED
            fresh = await exchange.decided(late)
    assert (held.outcome, held.packs) == (Outcome.ACCEPTED, usual)
    assert (fresh.outcome, fresh.packs) == (Outcome.REFUSED, (*usual, BOARD.name))
    assert {r.code for r in fresh.reasons} == {"message.role-may-not"}
