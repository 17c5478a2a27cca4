"""What is kept back, on a real server: told to inboxes, decided against, and never claimed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from contracts.identifiers import new_reference
from contracts.seal import Sealed
from tests import messages as m
from tests.area import CAF, DUTY, FRONT, TEACHER
from tests.crafting import payload_of
from tests.live.refusing import Gate, gate_at

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_DUTY = {"kind": "statutory_duty", "provision": "CA2004-s16LA"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    """One exchange for all cases."""
    async with gate_at(tmp_path_factory.mktemp("gate")) as made:
        yield made


def message_id(sealed: Sealed) -> str:
    """Give the id of a message."""
    return str(payload_of(sealed)["id"])


def said(gate: Gate, child: str, *statements: Any, to: tuple[str, ...] = (FRONT,)) -> Sealed:
    """The school tells something on its duty."""
    return gate.exchange.area.sealed("story.added", child, TEACHER, to, statements, basis=ON_DUTY)


async def test_an_inbox_is_told_of_its_own_people_who_must_not_know_and_of_nobody_else(
    gate: Gate,
) -> None:
    """Child protection brings it along; another agency, and a group of people, are not named."""
    area, child = gate.exchange.area, new_reference()
    await gate.accepted(m.opened_before(area, child))
    named = {"practitioners": [DUTY], "people": ["family"]}
    await gate.accepted(area.sealed("people.must-not-know", child, TEACHER, content=named))
    urgent = m.protection(area, child, to=[FRONT, CAF])
    await gate.accepted(urgent)

    told = [
        (await gate.exchange.delivery(agency, message_id(urgent)))["not_to_know"]
        for agency in (FRONT, CAF)
    ]
    assert told == [[DUTY], []]


async def test_what_was_decided_against_is_refused_at_the_gate_and_child_protection_goes(
    gate: Gate,
) -> None:
    """The agency's own decision stands against its own mistake, and never against help."""
    area, child = gate.exchange.area, new_reference()
    await gate.accepted(m.opened_before(area, child))
    content = {"of": ["health"], "withheld_from": [FRONT], "because": "more_detrimental"}
    reason = [area.statement("decision.reason")]
    await gate.accepted(
        area.sealed("sharing.withheld", child, TEACHER, [], reason, basis=ON_DUTY, content=content)
    )
    health = area.statement("health.general")

    assert await gate.refused(gate.bad(said(gate, child, health))) == {"sharing.decided-against"}
    await gate.accepted(m.protection(area, child, statements=[health]))


async def test_what_was_never_carried_is_refused_at_the_gate(gate: Gate) -> None:
    """A statement that claims its own agency's message, which did not say it."""
    area, child = gate.exchange.area, new_reference()
    await gate.accepted(m.opened_before(area, child))
    first = said(gate, child, area.statement("identity.name"))
    await gate.accepted(first)
    carried = {"carried_from": message_id(first)}
    claimed = area.statement("family.household").model_copy(update=carried)
    true = area.statement("identity.name").model_copy(update=carried)

    assert await gate.refused(gate.bad(said(gate, child, claimed))) == {"story.not-carried"}
    await gate.accepted(said(gate, child, true, to=(FRONT, CAF)))
