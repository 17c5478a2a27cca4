"""Finding the same child through the real story service: verdicts, the desk's list, and limits."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nats.errors import Error as NatsError

from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.matching import Sought
from contracts.seal import Sealed
from contracts.submission import IntakeKey, raw_public
from services.agency.same import sign_different, sign_match, sign_possible
from services.runtime.subscribing import ask
from services.story import finding
from services.story.app import open_store
from services.story.erasing import erase_child
from tests.area import DUTY, FRONT, SCHOOL, TEACHER
from tests.live.conftest import ServerFactory
from tests.live.story_world import GATEWAYS, World, until, words, world_on

pytestmark = pytest.mark.live

NHS, OTHER_NHS, UPN = "943 476 5919", "401 023 2137", "T80120003200A"
NAME, BORN = "Zofia Kowalska", "2015-03-04"
WHO = (("identity.name", NAME), ("identity.born_on", BORN), ("identity.nhs_number", NHS))


@pytest_asyncio.fixture
async def world(server_factory: ServerFactory, tmp_path: Path) -> AsyncIterator[World]:
    """Give a world in which the story service runs."""
    async with world_on(server_factory, tmp_path / "state") as made, made.service():
        yield made


async def told(world: World, child: str, said: Any = WHO, involved: tuple[str, ...] = ()) -> Sealed:
    """Accept a referral that says who a child is, and wait until the index knows."""
    journey = world.exchange.journeys.get(child, Journey(child=child))
    world.exchange.journeys[child] = replace(journey, involved=involved or journey.involved)
    sealed = world.exchange.referral(child, words=said)
    stored = (await world.admin("status"))["statements"] + len(said)
    await world.tell(sealed)

    async def there() -> bool:
        return bool((await world.admin("status"))["statements"] == stored)

    await until(there)
    return sealed


async def asked(world: World, agency: str, verb: str, data: bytes) -> dict[str, Any]:
    """Ask the story as the gateway of `agency` does."""
    gateway = next(name for name, carried in GATEWAYS.items() if agency in carried)
    client = world.clients[f"{gateway}-service"]
    return orjson.loads(await ask(client, f"story.{agency}.{verb}", data))  # type: ignore[no-any-return]


def question(
    world: World, who: str = TEACHER, kind: str = "referral.submitted", **said: Any
) -> bytes:
    """A signed question; without a number the reason is that it is not known."""
    if "nhs_number" not in said:
        said = {"nhs_number_absent": "unknown_would_delay", **said}
    exchange, now = world.exchange, datetime.now(UTC)
    intake = IntakeKey(
        service="demo.exchange", month=exchange.month, x=raw_public(exchange.intake), expires_at=now
    )
    key = exchange.area.keys[who]
    return sign_match(key, Sought(**said), new_reference(), kind, intake, now)


async def verdict(world: World, agency: str = SCHOOL, **said: Any) -> tuple[str, list[str]]:
    """What a practitioner of the school, or of the front door, is told."""
    who = {SCHOOL: TEACHER, FRONT: DUTY}[agency]
    answer = await asked(world, agency, "match", question(world, who, **said))
    return answer["verdict"], answer["references"]


async def pairs(world: World) -> list[set[str]]:
    """The pairs on the desk's list, as First Response sees them."""
    data = sign_possible(world.exchange.area.keys[DUTY], new_reference(), datetime.now(UTC))
    return [set(p["references"]) for p in (await asked(world, FRONT, "possible", data))["pairs"]]


async def refused(world: World, agency: str, verb: str, data: bytes) -> str:
    """Fail to ask, and give the code."""
    with pytest.raises(HandrailError) as caught:
        await asked(world, agency, verb, data)
    return caught.value.code


async def test_a_known_child_is_told_by_its_reference_and_nothing_else(world: World) -> None:
    """A strong identifier tells the reference; what agrees less tells that a person must look."""
    child = new_reference()
    await told(world, child, involved=(SCHOOL, FRONT))

    assert await verdict(world, nhs_number="9434765919") == ("known_here", [child])
    assert await verdict(world, name="KOWALSKA, Zosia", born_on="04/03/2015") == (
        "possibly",
        [child],
    )
    assert await verdict(world, name="Adam Nowak", born_on=BORN) == ("not_known", [])
    answer = await asked(world, SCHOOL, "match", question(world, nhs_number=NHS))
    assert set(answer) == {"verdict", "references"}


async def test_who_has_no_part_is_told_no_possible_reference(world: World) -> None:
    """`possibly` names a reference to nobody but an agency with a part in that journey."""
    child = new_reference()
    await told(world, child, involved=(FRONT,))
    said = {"name": NAME, "born_on": BORN}
    assert await verdict(world, **said) == ("possibly", [])
    assert await verdict(world, FRONT, **said) == ("possibly", [child])


async def test_who_must_not_learn_of_a_child_is_told_it_is_not_known(world: World) -> None:
    """For a person whom the family keeps out the index does not hold the child."""
    child = new_reference()
    world.exchange.journeys[child] = Journey(child=child, must_not_know=(TEACHER,))
    await told(world, child)
    assert await verdict(world, nhs_number=NHS) == ("not_known", [])
    assert await verdict(world, FRONT, nhs_number=NHS) == ("known_here", [child])


async def test_identifiers_from_several_messages_are_one_child(world: World) -> None:
    """A name told first and a birth date told later are found together."""
    child = new_reference()
    await told(world, child, WHO[:1])
    assert await verdict(world, name=NAME, born_on=BORN) == ("not_known", [])
    await told(world, child, (WHO[1], ("identity.address", "1 Mill Lane, Rochdale OL16 1XU")))
    said = {"name": NAME, "born_on": BORN, "postcode": "OL161XU"}
    assert await verdict(world, **said) == ("known_here", [child])


async def test_possible_matches_go_to_a_person_who_may_part_them(world: World) -> None:
    """Two references that may be one child stand on the desk's list until somebody has looked."""
    one, other, third = (new_reference() for _ in range(3))
    await told(world, one)
    await told(world, other, (("identity.name", "Z Kowalska"), ("identity.born_on", "2015-04-03")))
    await told(world, third, (("identity.name", "Adam Nowak"), ("identity.born_on", BORN)))
    assert await pairs(world) == [{one, other}]

    keys, now = world.exchange.area.keys, datetime.now(UTC)
    mine = sign_possible(keys[TEACHER], new_reference(), now)
    assert await refused(world, SCHOOL, "possible", mine) == "match.not-your-desk"

    apart = sign_different(keys[DUTY], other, one, now)
    await asked(world, FRONT, "different", apart)
    assert await pairs(world) == []
    again = sign_different(keys[DUTY], other, one, now)
    assert await refused(world, FRONT, "different", again) == "match.no-pair"


async def test_a_joined_child_is_known_under_the_reference_that_survives(world: World) -> None:
    """Both references lead to the survivor, whose story is read whole; the list is empty."""
    retired, survivor = new_reference(), new_reference()
    first = await told(world, retired, (*WHO, ("views.child", "I like school")))
    await told(world, survivor, (*WHO, ("views.child", "I like maths")))
    assert await pairs(world) == [{retired, survivor}]
    assert await verdict(world, nhs_number=NHS) == ("possibly", [])

    journeys = world.exchange.journeys
    journeys[retired] = replace(journeys[retired], linked_into=survivor)
    journeys[survivor] = replace(journeys[survivor], linked=(retired,))
    for child in (retired, survivor):
        await world.tell(world.exchange.referral(child, words=()))

    assert await pairs(world) == []
    assert await verdict(world, nhs_number=NHS) == ("known_here", [survivor])
    whole = await world.read(FRONT, survivor)
    assert {"I like school", "I like maths"} <= set(words(whole))
    assert "I like maths" not in words(await world.read(FRONT, retired))
    reads = (await world.admin("status"))["reads"]
    assert reads == 3
    assert first.digest


async def test_a_join_that_only_one_side_knows_shows_nothing(world: World) -> None:
    """Until both journeys name each other the survivor's readers see nothing of the other."""
    retired, survivor = new_reference(), new_reference()
    await told(world, retired, (("views.child", "I like school"),))
    journeys = world.exchange.journeys
    journeys[survivor] = Journey(child=survivor, linked=(retired,))
    await told(world, survivor, (("views.child", "I like maths"),))
    assert words(await world.read(FRONT, survivor)) == ["I like maths"]


async def test_only_who_is_about_to_refer_may_ask(world: World) -> None:
    """A question before another kind, without a reason, of too little or unreadable is refused."""
    cases = {
        "match.not-referring": question(world, kind="story.added", nhs_number=NHS),
        "match.no-reason": question(world, nhs_number=None, name=NAME, born_on=BORN),
        "match.too-little": question(world, name=NAME),
        "read.not-practitioner": question(world, DUTY, nhs_number=NHS),
    }
    for code, data in cases.items():
        assert await refused(world, SCHOOL, "match", data) == code

    kept, world.exchange.intake = world.exchange.intake, X25519PrivateKey.generate()
    unreadable = question(world, nhs_number=NHS)
    world.exchange.intake = kept
    assert await refused(world, SCHOOL, "match", unreadable) == "match.unreadable"
    good = question(world, nhs_number=NHS)
    await asked(world, SCHOOL, "match", good)
    assert await refused(world, SCHOOL, "match", good) == "read.replayed"


async def test_nobody_can_fish(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has asked too often in an hour is refused, and so is who never refers; others go on."""
    for _ in range(finding.MOST_PER_HOUR):
        await verdict(world, nhs_number=NHS)
    more = question(world, nhs_number=NHS)
    assert await refused(world, SCHOOL, "match", more) == "match.too-many"
    assert (await verdict(world, FRONT, nhs_number=NHS))[0] == "not_known"

    monkeypatch.setattr(finding, "MOST_PER_HOUR", 1000)
    monkeypatch.setattr(finding, "MOST_UNREFERRED", finding.MOST_UNREFERRED - 10)
    assert await refused(world, SCHOOL, "match", more) == "match.nobody-referred"


async def test_an_agency_asks_in_its_own_name_only(world: World) -> None:
    """The server does not carry a question on another agency's subject."""
    client = world.clients["schools-service"]
    data = question(world, DUTY, nhs_number=NHS)
    with pytest.raises((HandrailError, NatsError)) as caught:
        await ask(client, f"story.{FRONT}.match", data, timeout_s=0.5)
    assert getattr(caught.value, "code", "service.no-answer") in {
        "service.no-answer",
        "service.unreachable",
    }


async def test_no_file_of_the_story_holds_an_identifier(world: World, tmp_path: Path) -> None:
    """Neither database holds a name, a number or a date of birth in plain form."""
    await told(world, new_reference())
    await verdict(world, nhs_number=OTHER_NHS, name="Adam Nowak", born_on="2012-01-31")
    held = b"".join(f.read_bytes() for f in (tmp_path / "state/db").iterdir())
    assert held
    for secret in (NAME, BORN, NHS, NHS.replace(" ", ""), "kowalska", OTHER_NHS, "Nowak"):
        assert secret.encode() not in held


async def test_an_erased_child_is_not_known_any_more(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    """With the words go the marks and the pairs, also after the service is started again."""
    one, other = new_reference(), new_reference()
    async with world_on(server_factory, tmp_path / "state") as world:
        async with world.service():
            await told(world, one)
            await told(world, other)
            assert await pairs(world) == [{one, other}]
        store = open_store(world.partnership)
        try:
            await erase_child(store, one)
        finally:
            await store.close()
        async with world.service():
            assert await pairs(world) == []
            assert await verdict(world, nhs_number=NHS) == ("known_here", [other])
