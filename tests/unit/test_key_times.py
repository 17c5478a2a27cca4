"""Keys in time: what a retired key can still do, what a stolen one cannot, and what ends soon."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from contracts import base64url, jws
from contracts.directory import Directory, DirectoryDocument, Gateway, Service, SigningKey
from contracts.event import MAX_AGE
from contracts.identifiers import new_reference
from contracts.key_times import Ending, Expiring, KeyState, expiring, signs, state
from contracts.merkle import Tree, leaf_hash
from contracts.records import GROUP_TYP, signed_group
from contracts.submission import INTAKE_TYP, open_intake_key
from services.runtime.nkeys import NKey
from tests.area import TEACHER, Area
from tests.messages import referral

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
AREA = Area(NOW)
EXCHANGE = "demo.exchange"


def changed(area: Area, holder: str, **changes: object) -> None:
    """Change the only key of a practitioner or a service in the directory."""

    def of(one: object) -> object:
        if getattr(one, "id", "") != holder:
            return one
        keys = (one.keys[0].model_copy(update=changes),)  # type: ignore[attr-defined]
        return one.model_copy(update={"keys": keys})  # type: ignore[attr-defined]

    document = area.document
    area.document = document.model_copy(
        update={
            "practitioners": tuple(map(of, document.practitioners)),
            "services": tuple(map(of, document.services)),
        }
    )


def area_with(holder: str, **changes: object) -> Area:
    """Return an area in which the key of `holder` has other times."""
    area = Area(NOW)
    changed(area, holder, **changes)
    return area


@pytest.mark.parametrize("claimed_before", [SECOND, DAY, MAX_AGE - SECOND])
def test_a_retired_key_signs_nothing_that_arrives_a_month_later(claimed_before: timedelta) -> None:
    """Backdating is bounded by arrival: thirty days after its retirement a key signs nothing."""
    area = area_with(TEACHER, retired_at=NOW)
    sealed = referral(area, new_reference(), time=NOW - claimed_before)

    assert area.codes(sealed, NOW - claimed_before + MAX_AGE) == set()
    assert area.codes(sealed, NOW + MAX_AGE) == {"seal.too-old"}
    assert area.codes(referral(area, new_reference(), time=NOW), NOW) == {"seal.key-not-valid"}


def test_a_seal_from_the_future_is_refused_beyond_five_minutes() -> None:
    """A key about to end cannot be used ahead of its time either."""
    ahead = timedelta(minutes=5)
    area = Area(NOW)

    assert area.codes(referral(area, new_reference(), time=NOW + ahead), NOW) == set()
    late = referral(area, new_reference(), time=NOW + ahead + SECOND)
    assert area.codes(late, NOW) == {"seal.future"}


@pytest.mark.parametrize("claimed_before", [SECOND, DAY, MAX_AGE])
def test_a_revoked_key_signs_nothing_that_arrives_later_whatever_it_claims(
    claimed_before: timedelta,
) -> None:
    """A message sealed before and arriving after the revocation is refused; one before stands."""
    area = area_with(TEACHER, compromised_at=NOW)
    sealed = referral(area, new_reference(), time=NOW - claimed_before)

    assert area.codes(sealed, NOW) == {"seal.key-revoked"}
    assert area.codes(sealed, NOW - SECOND) == set()


def _group(area: Area, at: datetime) -> str:
    tree = Tree([leaf_hash(b"a decision")])
    body = {
        "v": 1,
        "exchange": EXCHANGE,
        "root": base64url.encode(tree.root),
        "size": 1,
        "at": at.isoformat(),
    }
    return jws.sign(orjson.dumps(body), area.services["exchange"], GROUP_TYP).decode()


def test_an_attestation_by_a_revoked_key_counts_only_if_it_arrived_before() -> None:
    """Whoever stole the exchange's key cannot backdate past the server's own time of storing."""
    area = area_with(EXCHANGE, compromised_at=NOW)
    token = _group(area, NOW - DAY)

    assert signed_group(token, area.directory, EXCHANGE, NOW - SECOND) is not None
    assert signed_group(token, area.directory, EXCHANGE, NOW) is None
    assert signed_group(_group(area, NOW), area.directory, EXCHANGE) is None


def test_an_attestation_by_a_retired_key_counts_for_a_month_after_it() -> None:
    """A retired key of the exchange attests nothing that arrives thirty days after its end."""
    area = area_with(EXCHANGE, retired_at=NOW)
    token = _group(area, NOW - SECOND)

    assert signed_group(token, area.directory, EXCHANGE, NOW + MAX_AGE - SECOND) is not None
    assert signed_group(token, area.directory, EXCHANGE, NOW + MAX_AGE) is None
    assert signed_group(_group(area, NOW), area.directory, EXCHANGE, NOW) is None


def test_a_retired_key_of_the_exchange_hands_out_no_intake_key() -> None:
    """Nobody encrypts to an intake key that is signed with a key whose time is over."""
    area = area_with(EXCHANGE, retired_at=NOW)
    body = {
        "service": EXCHANGE,
        "month": "2026-11",
        "x": base64url.encode(b"x" * 32),
        "expires_at": NOW.isoformat(),
    }
    token = jws.sign(orjson.dumps(body), area.services["exchange"], INTAKE_TYP)

    assert open_intake_key(token, area.directory, EXCHANGE, NOW - SECOND) is not None
    assert open_intake_key(token, area.directory, EXCHANGE, NOW) is None


STATES = {
    KeyState.VALID: {},
    KeyState.NOT_YET: {"valid_from": NOW + SECOND},
    KeyState.RETIRING: {"retired_at": NOW + SECOND},
    KeyState.RETIRED: {"retired_at": NOW},
    KeyState.EXPIRED: {"valid_to": NOW},
    KeyState.REVOKED: {"compromised_at": NOW, "retired_at": NOW},
}


@pytest.mark.parametrize("expected", STATES)
def test_the_state_of_a_key_follows_from_its_times(expected: KeyState) -> None:
    """Every end, and a beginning still to come, is told apart; only two states may sign."""
    made = jws.PrivateKey.generate()
    key = SigningKey(kid=made.kid, x=made.x, valid_from=NOW).model_copy(update=STATES[expected])

    assert state(key, NOW) is expected
    assert signs(key, NOW) == (expected in (KeyState.VALID, KeyState.RETIRING))


def test_what_ends_soon_with_nothing_to_follow_is_told_soonest_first() -> None:
    """Directory, people, services, witnesses and delivery keys are told; what goes on is not."""
    area = area_with(TEACHER, retired_at=NOW + 2 * DAY)
    changed(area, EXCHANGE, valid_to=NOW + DAY)
    witness, more, third = (jws.PrivateKey.generate() for _ in range(3))
    ends = SigningKey(kid=witness.kid, x=witness.x, valid_from=NOW, valid_to=NOW + 3 * DAY)
    nkeys = [NKey.generate().public for _ in range(2)]
    gateway = Gateway(id="schools", service_nkey=nkeys[0], desk_nkey=nkeys[1], witness=(ends,))
    follows = SigningKey(kid=more.kid, x=more.x, valid_from=NOW)
    short = SigningKey(kid=third.kid, x=third.x, valid_from=NOW, valid_to=NOW + DAY)
    story = Service(id="demo.story", keys=(short, follows))
    services = tuple(story if s.id == story.id else s for s in area.document.services)
    document = area.document.model_copy(
        update={
            "gateways": (gateway,),
            "services": services,
            "expires_at": NOW + 4 * DAY,
            "agencies": area.document.agencies[:1],
        }
    )

    assert expiring(Directory(document), NOW, 30 * DAY) == (
        Expiring(Ending.SERVICE, EXCHANGE, NOW + DAY),
        Expiring(Ending.PRACTITIONER, TEACHER, NOW + 2 * DAY),
        Expiring(Ending.WITNESS, "schools", NOW + 3 * DAY),
        Expiring(Ending.DIRECTORY, "demo", NOW + 4 * DAY),
        Expiring(Ending.DELIVERY, document.agencies[0].id, datetime(2026, 12, 1, tzinfo=UTC)),
    )
    assert expiring(Directory(document), NOW, timedelta(hours=1)) == ()


def test_a_december_key_ends_with_the_year() -> None:
    """The last month of a year is followed by the first of the next."""
    agency = AREA.document.agencies[0]
    keys = (agency.delivery_keys[0].model_copy(update={"month": "2026-12"}),)
    document = DirectoryDocument(
        partnership="demo",
        version=1,
        issued_at=NOW,
        expires_at=NOW + 400 * DAY,
        agencies=(agency.model_copy(update={"delivery_keys": keys}),),
    )

    (found,) = expiring(Directory(document), NOW, 100 * DAY)
    assert found.at == datetime(2027, 1, 1, tzinfo=UTC)
