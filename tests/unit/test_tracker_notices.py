"""Who is told of a missed clock, and the notice that tells them."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from contracts.clocks import Clock
from contracts.directory import Agency, Directory, Practitioner
from contracts.identifiers import is_reference, new_reference
from contracts.roles import Capacity
from contracts.rules import Told
from contracts.seal import seal
from services.tracker.notices import manager_for, missed_notice, notice_id
from tests.area import CARE, DUTY, DUTY_MANAGER, FRONT, GP, HEAD, MANAGER, SCHOOL, TEACHER, Area

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
        "started_at": NOW - timedelta(days=2),
        "due_at": NOW - timedelta(days=1),
    }
    return Clock.model_validate(made | changes)


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
    assert same not in others
    assert len(set(others)) == len(others)
    assert all(is_reference(one) and len(one) == 26 for one in (same, *others))


def test_the_notice_opens_as_the_trackers() -> None:
    """The sealed notice is readable under the service's key, names the manager and says no more."""
    area = Area(NOW)
    event = missed_notice(clock(), 3, "demo.tracker", DUTY_MANAGER, NOW)

    opened = area.open(seal(event, area.services["tracker"]), NOW)

    assert opened.event.data.recipients[0].agency == FRONT
    assert opened.event.data.recipients[0].practitioner == DUTY_MANAGER
    assert opened.content.manager == DUTY_MANAGER
    assert opened.content.due_at == NOW - timedelta(days=1)
    assert opened.statements == ()
    assert opened.event.agency == "demo.tracker"
    assert CARE not in str(opened.event)
