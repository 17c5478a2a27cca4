"""Who is told of a missed clock, and the notice that tells them."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from contracts.clocks import Clock
from contracts.directory import Agency, Cover, Directory, Practitioner
from contracts.identifiers import is_reference, new_reference
from contracts.roles import Capacity
from contracts.rules import Told
from contracts.seal import seal
from services.tracker.notices import (
    Addressees,
    addressees,
    left_id,
    left_notice,
    manager_for,
    missed_notice,
    notice_id,
    responsible_for,
    warned_notice,
    warning_id,
)
from tests.area import (
    CARE,
    DUTY,
    DUTY_MANAGER,
    FRONT,
    GP,
    HEAD,
    MANAGER,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
One = TypeVar("One", Agency, Practitioner)


def clock(message: str = "MESSAGE0000000000001", **changes: str) -> Clock:
    """Return a clock of First Response that ran out."""
    made: dict[str, Any] = {
        "id": f"decide-request:{message}",
        "rule": "decide-request",
        "message": message,
        "child": "CHILD000000000000001",
        "agency": FRONT,
        "told": Told.RECEIVING_MANAGER,
        "told_agency": FRONT,
        "started_at": NOW - timedelta(days=2),
        "started_arrived_at": NOW - timedelta(days=2),
        "due_at": NOW - timedelta(days=1),
        "original_due_at": NOW - timedelta(days=1),
    }
    return Clock.model_validate(made | changes)


def covered_by(who: str, days: int) -> tuple[Cover, ...]:
    """Return that `who` stands in, until so many days from now."""
    return (Cover(by=who, since=NOW - timedelta(days=9), until=NOW + timedelta(days=days)),)


def directory(**people: dict[str, Any]) -> Directory:
    """Return the area's directory with changes to agencies and people, named without `demo.`."""
    document = Area(NOW).document

    def changed(one: One) -> One:
        name = one.id.removeprefix("demo.").replace(".", "_").replace("-", "_")
        return one.model_copy(update=people.get(name, {}))

    return Directory(
        document.model_copy(
            update={
                "agencies": tuple(map(changed, document.agencies)),
                "practitioners": tuple(map(changed, document.practitioners)),
            }
        )
    )


def test_the_line_manager_of_the_duty_desk_is_told() -> None:
    """Where the message names nobody it is the manager of who sits at the duty desk."""
    assert manager_for(directory(), FRONT, None, NOW) == DUTY_MANAGER


def test_the_line_manager_of_the_person_addressed_comes_first() -> None:
    """A proposal to a teacher is the head's to look after, whoever sits at the desk."""
    here = directory(hilltop_school={"duty_desk": None})

    assert manager_for(here, SCHOOL, TEACHER, NOW) == HEAD


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"first_response_duty": {"line_manager": None}}, DUTY),
        ({"first_response_manager": {"left_at": NOW}}, DUTY),
        ({"first_response_duty": {"line_manager": MANAGER}}, DUTY),
        ({"first_response": {"duty_desk": None}}, DUTY_MANAGER),
        (
            {
                "first_response_duty": {
                    "left_at": NOW - timedelta(days=1),
                    "line_manager": None,
                }
            },
            DUTY_MANAGER,
        ),
    ],
)
def test_somebody_of_the_agency_is_found(changes: dict[str, Any], told: str) -> None:
    """Without a manager the desk is told, without a desk any manager, never another agency's."""
    assert manager_for(directory(**changes), FRONT, None, NOW) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"first_response": {"left_at": NOW}},
        {
            "first_response": {"duty_desk": None},
            "first_response_manager": {"capacities": (Capacity.DUTY_WORKER,)},
        },
    ],
)
def test_nobody_is_made_up(changes: dict[str, Any]) -> None:
    """An agency that has left, or has no one to tell, has no manager."""
    assert manager_for(directory(**changes), FRONT, None, NOW) is None


def test_an_unknown_agency_has_no_manager() -> None:
    """A clock of an agency that the directory does not hold finds nobody."""
    assert manager_for(directory(), "demo.nowhere", None, NOW) is None
    assert manager_for(directory(), GP, "demo.nowhere.nobody", NOW) == f"{GP}.doctor"


def test_the_id_follows_from_the_clock() -> None:
    """The same clock always has the same id, and any other clock another."""
    same = notice_id(clock(), 3)
    others = [
        notice_id(clock(), 4),
        notice_id(clock(child=new_reference()), 3),
        notice_id(clock(message=new_reference()), 3),
        notice_id(clock(id="acknowledge-request:MESSAGE0000000000001"), 3),
    ]

    assert same == notice_id(clock(), 3) == "NCR3Y3BM1FZ2EVRYVKQ7KTDHCJ"
    others += [warning_id(clock(), 3), left_id(clock().child, TEACHER, 3)]
    assert same not in others
    assert len(set(others)) == len(others)
    assert all(is_reference(one) and len(one) == 26 for one in (same, *others))


def test_the_notice_opens_as_the_trackers() -> None:
    """The sealed notice is readable under the service's key, names the manager and says no more."""
    area = Area(NOW)
    event = missed_notice(clock(), 3, "demo.tracker", Addressees(DUTY_MANAGER, DUTY), NOW)

    opened = area.open(seal(event, area.services["tracker"]), NOW)

    recipients = opened.event.data.recipients
    assert [(r.agency, r.practitioner) for r in recipients] == [
        (FRONT, DUTY_MANAGER),
        (FRONT, DUTY),
    ]
    assert opened.content.manager == DUTY_MANAGER
    assert opened.content.due_at == NOW - timedelta(days=1)
    assert opened.statements == ()
    assert opened.event.agency == "demo.tracker"
    assert CARE not in str(opened.event)


def test_a_miss_is_told_to_the_manager_and_to_who_owes() -> None:
    """The manager whom the rule names hears of it, and at the agency that owes the one it is of."""
    mine = clock(told_agency=SCHOOL, told_practitioner=TEACHER, practitioner=DUTY)

    assert addressees(directory(), mine, NOW) == Addressees(HEAD, DUTY)
    assert addressees(directory(), clock(), NOW) == Addressees(DUTY_MANAGER, DUTY)


def test_a_manager_who_owes_is_told_once() -> None:
    """One person is one recipient, and nobody to ask for a reason is no reason to be silent."""
    alone = missed_notice(clock(), 3, "demo.tracker", Addressees(DUTY_MANAGER, DUTY_MANAGER), NOW)
    nobody = missed_notice(clock(), 3, "demo.tracker", Addressees(DUTY_MANAGER), NOW)

    assert len(alone.data.recipients) == len(nobody.data.recipients) == 1


@pytest.mark.parametrize(
    ("who", "changes", "asked"),
    [
        (DUTY_MANAGER, {}, DUTY_MANAGER),
        (None, {}, DUTY),
        (DUTY_MANAGER, {"first_response_manager": {"left_at": NOW}}, DUTY),
        (DUTY_MANAGER, {"first_response_manager": {"cover": covered_by(DUTY, 1)}}, DUTY),
        (DUTY_MANAGER, {"first_response_manager": {"cover": covered_by(DUTY, -1)}}, DUTY_MANAGER),
        (WORKER, {}, DUTY),
        (None, {"first_response": {"duty_desk": None}}, None),
        (None, {"first_response": {"left_at": NOW}}, None),
    ],
)
def test_who_owes_is_the_person_their_cover_or_the_desk(
    who: str | None, changes: dict[str, Any], asked: str | None
) -> None:
    """The person named, whoever covers for them now, or the duty desk; never another agency's."""
    assert responsible_for(directory(**changes), FRONT, who, NOW) == asked


def test_a_warning_names_who_is_expected_to_act() -> None:
    """The sealed warning goes to the one who owes and opens as the tracker's."""
    area = Area(NOW)
    event = warned_notice(clock(), 3, "demo.tracker", DUTY, NOW)

    opened = area.open(seal(event, area.services["tracker"]), NOW)

    assert opened.event.kind == "standard.warned"
    assert [r.practitioner for r in opened.event.data.recipients] == [DUTY]
    assert opened.content.practitioner == DUTY
    assert opened.event.id == warning_id(clock(), 3)


def test_a_lead_who_left_is_told_by_name_to_one_manager() -> None:
    """The sealed notice goes to the manager at the lead's agency and names the lead alone."""
    area = Area(NOW)
    event = left_notice(clock().child, TEACHER, 2, "demo.tracker", HEAD, NOW)

    opened = area.open(seal(event, area.services["tracker"]), NOW)

    assert opened.event.kind == "lead.left"
    assert [r.practitioner for r in opened.event.data.recipients] == [HEAD]
    assert opened.content.practitioner == TEACHER
