"""Whatever signed question the story refuses is recorded, and says no more than before."""

import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts import jws
from contracts.errors import HandrailError
from services.agency.attachments import FETCH, FetchRequest
from services.agency.attachments import TYPES as ATTACHED
from services.agency.breaking import GLASS_TYP, GlassRequest
from services.agency.filling import FORM_TYP, FormRequest
from services.agency.personal import TYPES as PERSONAL
from services.agency.personal import AccessRequest, ErasureRequest, FamilyRequest
from services.agency.reading import READ_TYP, ReadRequest
from services.agency.same import FINDING, PossibleRequest
from services.agency.same import TYPES as SAME
from services.story.app import open_store
from services.story.breaking_tables import REFUSED_READS
from tests.area import CARE, TEACHER, WORKER
from tests.live.conftest import ServerFactory
from tests.live.story_world import World, world_on

pytestmark = pytest.mark.live

PURPOSE: Final = "to see what is there"
SIGNED: Final[Mapping[str, tuple[type[ReadRequest], str, dict[str, Any]]]] = {
    "read": (ReadRequest, READ_TYP, {}),
    "break-glass": (GlassRequest, GLASS_TYP, {"reason": "missing_child"}),
    "missing": (FormRequest, FORM_TYP, {"form": "stepup.requested", "what": "missing"}),
    "prefill": (FormRequest, FORM_TYP, {"form": "stepup.requested", "what": "prefill"}),
    "family": (FamilyRequest, PERSONAL[FamilyRequest], {}),
    "access": (AccessRequest, PERSONAL[AccessRequest], {}),
    "erasable": (ErasureRequest, PERSONAL[ErasureRequest], {}),
    FETCH: (FetchRequest, ATTACHED[FetchRequest], {"digest": "d" * 43}),
    "match": (
        FINDING["match"],
        SAME[FINDING["match"]],
        {"kind": "story.added", "month": "2026-11", "box": "b"},
    ),
    "possible": (PossibleRequest, SAME[PossibleRequest], {}),
    "different": (FINDING["different"], SAME[FINDING["different"]], {"other": "O" * 26}),
}


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a story service and the gateways that ask it."""
    async with world_on(server_factory, tmp_path / "state") as made:
        yield made


def signed(world: World, verb: str, child: str, *, who: str = WORKER) -> bytes:
    """Sign the question that `verb` answers."""
    form, typ, said = SIGNED[verb]
    made = form(
        child=child,
        purpose=PURPOSE,
        at=datetime.now(UTC),
        nonce=secrets.token_urlsafe(18),
        **said,
    )
    return jws.sign(made.model_dump_json().encode(), world.exchange.area.keys[who], typ)


async def refused(world: World, verb: str, data: bytes) -> str:
    """Ask in vain, and give the code that was answered."""
    with pytest.raises(HandrailError) as caught:
        await world.forward(CARE, data, verb)
    return caught.value.code


async def recorded(world: World) -> list[tuple[str, ...]]:
    """Give what is recorded of refusals, in order."""
    columns = (REFUSED_READS.c.practitioner, REFUSED_READS.c.agency, REFUSED_READS.c.child)
    wanted = select(*columns, REFUSED_READS.c.purpose, REFUSED_READS.c.code)
    store = open_store(world.partnership)
    rows = await store.run(lambda c: c.execute(wanted.order_by(REFUSED_READS.c.id)).all())
    await store.close()
    return [tuple(row) for row in rows]


async def test_every_signed_question_that_is_refused_is_recorded(world: World) -> None:
    """Who asked, through whom, about whom, what for, and the code, whichever question it was."""
    child = f"CHILD{secrets.token_hex(10).upper()}"
    async with world.service():
        codes = [await refused(world, verb, signed(world, verb, child)) for verb in SIGNED]

    assert await recorded(world) == [(WORKER, CARE, child, PURPOSE, code) for code in codes]
    assert "internal.error" not in codes


async def test_a_question_that_nobody_is_proven_to_ask_is_recorded_without_its_claims(
    world: World,
) -> None:
    """A key of another agency, and bytes that are no request: the account alone is known."""
    child = f"CHILD{secrets.token_hex(10).upper()}"
    async with world.service():
        asked = (signed(world, "family", child, who=TEACHER), b"anything")
        codes = [await refused(world, "family", data) for data in asked]

    assert codes == ["read.not-practitioner", "read.unreadable"]
    assert await recorded(world) == [("", CARE, "", "", code) for code in codes]
