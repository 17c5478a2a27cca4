"""What a guest's own root cannot give it here: our words, our alerts, and the time it was away."""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from contracts.calendars import calendar_for
from contracts.directory import (
    Break,
    Closure,
    Directory,
    DirectoryDocument,
    Guest,
    Practitioner,
    open_directory,
    sign_directory,
)
from contracts.directory_checks import faults
from contracts.errors import HandrailError
from contracts.event import Signer
from contracts.kinds import Opened
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from contracts.rules.packs import Person
from contracts.rules.people import agencies_of
from contracts.seal import Sealed, open_seal
from contracts.worktime import Unit, WorkingCalendar
from services.agency.personal import AccessRequest, ErasureRequest
from services.agency.reading import Asked
from services.exchange.alerts import alert_for
from services.exchange.deciding import Decided
from services.exchange.decision import Refused, decide
from services.exchange.lanes import Arrived
from services.story import planning
from services.story.access import entitled
from services.story.breaking import named_person
from services.story.reading import Inquiry
from tests.area import FRONT, HEAD, SCHOOL, TEACHER, Area, codes
from tests.unit.test_guests import (
    AREA,
    HOUR,
    JO,
    MOOR,
    NOW,
    OTHER_KEY,
    THEIR_KEY,
    jo,
    key,
    ours,
    school,
    theirs,
    trusting,
)

OFFICER, MANAGER = Capacity.DATA_PROTECTION, Capacity.TEAM_MANAGER
BOSS = "moor.moor-school.boss"
CHILD = "0123456789abcdef"


def officers(*capacities: Capacity) -> DirectoryDocument:
    """Return the other partnership's directory, whose root gives both its people `capacities`."""
    boss = Practitioner(id=BOSS, name="Boss", keys=(key(OTHER_KEY),), capacities=capacities)
    return theirs(practitioners=(jo(capacities=capacities), boss))


def inquiry(request: Any, by: str = JO) -> Inquiry:
    """Return a verified request by somebody of the guest."""
    made = request(child=CHILD, purpose="asked", at=NOW, nonce="n" * 24)
    return Inquiry(Asked(by, made), MOOR, Role.UNIVERSAL)


def test_no_officer_of_a_guest_is_ours() -> None:
    """Every capacity of a guest's people counts but the data protection officer's, and a service's.

    The officer reads and erases what every agency said.
    """
    directory = ours(trusting(officers(*Capacity)))

    for person in (JO, BOSS):
        held = set(directory.practitioners[person].capacities)
        assert held == set(Capacity) - {OFFICER, Capacity.SERVICE}


def test_an_officer_of_a_guest_gets_no_copy_of_what_our_agencies_said() -> None:
    """As an officer alone they get none; as a team manager what consent lets their agency read."""
    with pytest.raises(HandrailError) as told:
        entitled(inquiry(AccessRequest), ours(trusting(officers(OFFICER))), NOW)
    assert told.value.code == "access.not-entitled"
    asked = entitled(inquiry(AccessRequest), ours(trusting(officers(OFFICER, MANAGER))), NOW)
    assert not asked.officer


def test_an_erasure_by_a_guest_s_officer_is_planned_for_its_own_words_only() -> None:
    """The plan of an erasure covers what the guest said itself."""
    directory = ours(trusting(officers(OFFICER, MANAGER)))

    assert planning._their_own(inquiry(ErasureRequest), directory, NOW) == MOOR


def _erasure(area: Area, capacity: Capacity) -> Sealed:
    area.keys |= {JO: THEIR_KEY, BOSS: OTHER_KEY}
    by = (Signer(id=BOSS, capacity=capacity),)
    content = {"because": "request"}
    return area.sealed(
        "story.erased", CHILD, JO, capacity=capacity, countersigners=by, content=content
    )


@pytest.mark.parametrize("capacity", [OFFICER, MANAGER])
def test_nothing_is_erased_by_two_officers_of_a_guest(capacity: Capacity) -> None:
    """Nobody of theirs may sign as an officer, and without one they erase their own words only."""
    directory = ours(trusting(officers(OFFICER, MANAGER)))
    opened = open_seal(_erasure(Area(NOW), capacity), directory, NOW)
    assert isinstance(opened, Opened)
    verdict = decide(opened, directory, None, NOW)

    assert isinstance(verdict, Refused)
    assert ("practitioner.capacity" in codes(verdict.reasons)) is (capacity is OFFICER)
    assert ("erasure.needs-officer" in codes(verdict.reasons)) is (capacity is MANAGER)


def _alerted(directory: Directory, sender: str) -> list[str]:
    subject = f"submit.{sender}.{CHILD}"
    arrived = Arrived("URGENT_any", 1, subject, NOW, b"{}")
    verdict = Refused((Refusal("seal.unknown-key"),))
    signer = AREA.services["exchange"]
    decided = Decided(arrived, None, verdict, NOW)
    alert = alert_for(decided, verdict, directory, "demo.exchange", signer, lambda _: 0)
    if alert is None:
        return []
    assert [one["agency"] for one in orjson.loads(alert.decision)["to"]] == list(alert.to)
    return list(alert.to)


def _front(**changed: Any) -> Directory:
    """Return our directory with a guest that our root has named as First Response."""
    guests = (Guest(agency=MOOR, role=Role.FIRST_RESPONSE),)
    return ours(trusting(theirs(), guests=guests, **changed))


def test_a_guest_first_response_hears_of_no_alert_of_ours() -> None:
    """A child-protection message that failed is told to our own First Response and the sender."""
    assert _alerted(_front(), SCHOOL) == [FRONT, SCHOOL]
    assert _alerted(_front(), MOOR) == [FRONT, MOOR]


def test_nobody_who_has_left_hears_of_an_alert() -> None:
    """After the end of a trust its agencies are told nothing more; nor is an agency of ours."""
    assert _alerted(_front(ended_at=NOW), MOOR) == [FRONT]
    document = AREA.document
    agencies = tuple(
        a.model_copy(update={"left_at": NOW}) if a.id == FRONT else a for a in document.agencies
    )
    assert _alerted(Directory(document.model_copy(update={"agencies": agencies})), SCHOOL) == [
        SCHOOL
    ]


def test_where_the_only_first_response_is_a_guest_it_is_told() -> None:
    """A partnership that has its neighbour for First Response does not lose an alert."""
    document = _front().document
    agencies = tuple(a for a in document.agencies if a.id != FRONT)
    directory = Directory(document.model_copy(update={"agencies": agencies}))

    assert _alerted(directory, SCHOOL) == [MOOR, SCHOOL]
    assert directory.answering(Role.FIRST_RESPONSE, NOW)[0].id == MOOR


def test_a_guest_is_not_told_of_glass_broken_here_nor_has_it_our_deadlines() -> None:
    """Whom to tell of a role, and who owes by it, are ours while there is one of ours."""
    guests = (Guest(agency=MOOR, role=Role.FIRST_RESPONSE),)
    document = _front().document.model_copy(
        update={"trusted": (trusting(theirs(agencies=(school(duty_desk=JO),)), guests=guests),)}
    )
    desks = tuple(
        a.model_copy(update={"duty_desk": None}) if a.id == FRONT else a for a in document.agencies
    )
    directory = Directory(document.model_copy(update={"agencies": desks}))
    event, _ = AREA.event("concern.shared", CHILD, TEACHER, [])

    assert named_person(directory, TEACHER, (HEAD,), NOW) is None
    assert agencies_of(Person.FIRST_RESPONSE, None, event, directory, NOW) == {FRONT}


def _codes(directory: Directory, arrived: Any, time: Any) -> set[str]:
    area = Area(NOW)
    area.keys[JO] = THEIR_KEY
    opened = open_seal(
        area.sealed("concern.shared", CHILD, JO, [FRONT], time=time), directory, arrived
    )
    return {one.code for one in opened if "key" in one.code} if isinstance(opened, tuple) else set()


def test_what_a_guest_sealed_or_sent_while_it_was_away_never_counts() -> None:
    """After a trust begins again, what is of the time between counts as little as it did then."""
    away = Break(since=NOW - 3 * HOUR, until=NOW - HOUR)
    guests = (Guest(agency=MOOR, role=Role.UNIVERSAL, breaks=(away,)),)
    directory = ours(trusting(theirs(), guests=guests))
    before, between = NOW - 4 * HOUR, NOW - 2 * HOUR

    assert _codes(directory, before, before) == set()
    assert _codes(directory, between, before) == {"seal.key-revoked"}
    assert _codes(directory, NOW, between) == {"seal.key-not-valid"}
    assert _codes(directory, NOW, NOW) == set()
    assert _codes(directory, NOW - HOUR, NOW - HOUR) == set()


def test_a_key_that_two_hold_is_told_before_it_is_signed() -> None:
    """Whoever would sign a directory in which a guest brings another's key is told whose entry."""
    stolen = AREA.keys[TEACHER]
    taken = trusting(theirs(practitioners=(jo(keys=(key(stolen),)),)))
    document = AREA.document.model_copy(update={"trusted": (taken,)})

    found = {(one.code, one.entry) for one in faults(document, NOW)}
    assert ("key.held-twice", JO) in found
    held = Directory(document).holder(stolen.kid)
    assert held is not None
    assert held.holder == TEACHER


def test_a_guest_key_ended_by_a_trust_is_still_the_guest_s() -> None:
    """A partnership that comes later takes no key of a guest whose trust has ended."""
    marsh = trusting(
        theirs(
            partnership="marsh",
            agencies=(school(id="marsh.school", duty_desk=None),),
            practitioners=(Practitioner(id="marsh.school.al", name="Al", keys=(key(THEIR_KEY),)),),
        ),
        partnership="marsh",
        guests=(Guest(agency="marsh.school", role=Role.UNIVERSAL),),
        gateway="marsh",
    )
    ended = trusting(theirs(), ended_at=NOW - timedelta(days=1))
    document = AREA.document.model_copy(update={"trusted": (ended, marsh)})

    held = Directory(document).holder(THEIR_KEY.kid)
    assert held is not None
    assert held.holder == JO
    assert {one.entry for one in faults(document, NOW)} == {"marsh.school.al"}


SUMMER = Closure(first=date(2027, 7, 20), last=date(2027, 8, 31))
FOR_DECADES = Closure(first=date(2026, 11, 24), last=date(2090, 1, 1))


def chain(days_open: int) -> tuple[Closure, ...]:
    """Return closures of 400 days each, about as many as an entry holds, so many days apart."""
    first, made = date(2026, 11, 24), []
    for _ in range(63):
        last = first + timedelta(days=399)
        made.append(Closure(first=first, last=last))
        first = last + timedelta(days=1 + days_open)
    return tuple(made)


def closing(*closures: Closure) -> DirectoryDocument:
    """Return our directory's document with the guest closed so by its own root."""
    taken = trusting(theirs(agencies=(school(closures=closures),)))
    return AREA.document.model_copy(update={"trusted": (taken,)})


@pytest.mark.parametrize("closures", [(FOR_DECADES,), chain(0), chain(3), chain(30)])
def test_no_root_of_a_guest_stops_its_clocks_here(closures: tuple[Closure, ...]) -> None:
    """A directory signed so still opens; what is owed falls due once 400 days are over."""
    signed = sign_directory(closing(SUMMER, *closures), AREA.root)
    guest = open_directory(signed, AREA.root.x).agencies[MOOR]

    due = calendar_for(WorkingCalendar(), guest).add(NOW, 45, Unit.WORKING_DAYS)
    assert due < NOW + timedelta(days=400 + 90)
    assert set(guest.closures) <= {SUMMER, *closures}


def test_a_guest_s_usual_closures_count() -> None:
    """Its holidays are its own, up to the 400 days that one of ours may have."""
    rebuilt = Closure(first=date(2029, 1, 1), last=date(2030, 2, 4))
    document = closing(SUMMER, rebuilt)

    assert Directory(document).agencies[MOOR].closures == (SUMMER, rebuilt)
    assert faults(document, NOW) == frozenset()


@pytest.mark.parametrize("closures", [(FOR_DECADES,), chain(0), chain(30)])
def test_a_guest_closed_for_too_long_is_refused_at_signing(closures: tuple[Closure, ...]) -> None:
    """Whoever would sign it is told which guest; one that has left stops no change."""
    document = closing(*closures)
    assert {(one.code, one.entry) for one in faults(document, NOW)} == {
        ("closure.guest-too-long", MOOR)
    }
    (taken,) = document.trusted
    ended = taken.model_copy(update={"ended_at": NOW})
    assert faults(document.model_copy(update={"trusted": (ended,)}), NOW) == frozenset()
