"""What is refused when a directory is signed, and what is not."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts.directory import Agency, Closure, Cover, Directory, DirectoryDocument, Practitioner
from contracts.directory_checks import Fault, faults
from tests.area import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    DOCTOR,
    GP,
    HEAD,
    MANAGER,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AREA = Area(NOW)
DAY = timedelta(days=1)
LEFT = f"{CARE}.left"


def document(
    people: dict[str, dict[str, Any]] | None = None,
    agencies: dict[str, dict[str, Any]] | None = None,
) -> DirectoryDocument:
    """The area's directory with members of some entries replaced, and somebody who has left."""
    gone = Practitioner(id=LEFT, name="left", left_at=NOW - DAY)
    return AREA.document.model_copy(
        update={
            "practitioners": tuple(
                p.model_copy(update=(people or {}).get(p.id, {}))
                for p in (*AREA.document.practitioners, gone)
            ),
            "agencies": tuple(
                a.model_copy(update=(agencies or {}).get(a.id, {})) for a in AREA.document.agencies
            ),
        }
    )


def cover(by: str, since: datetime = NOW, until: datetime = NOW + DAY) -> Cover:
    """A cover for a day."""
    return Cover(by=by, since=since, until=until)


def test_the_usual_directory_is_right() -> None:
    """Nothing is wrong with people, desks and managers as a partnership usually has them."""
    assert faults(document(), NOW) == frozenset()


@pytest.mark.parametrize(
    ("covers", "code"),
    [
        ((cover(CAF_WORKER),), "cover.other-agency"),
        ((cover(f"{CARE}.nobody"),), "cover.unknown"),
        ((cover(WORKER),), "cover.oneself"),
        ((cover(MANAGER, NOW + DAY, NOW),), "cover.bad-times"),
        ((cover(MANAGER, NOW, NOW),), "cover.bad-times"),
        ((cover(MANAGER), cover(MANAGER, NOW + DAY / 2, NOW + 2 * DAY)), "cover.overlaps"),
    ],
)
def test_cover_that_does_not_hold_is_refused(covers: tuple[Cover, ...], code: str) -> None:
    """Cover is by another person of the agency, begins before it ends, and is one at a time."""
    assert Fault(code, WORKER) in faults(document({WORKER: {"cover": covers}}), NOW)


def test_cover_that_follows_cover_is_right_and_so_is_cover_by_somebody_who_left() -> None:
    """One cover may begin as another ends; nobody is kept from leaving because they cover."""
    following = (cover(MANAGER), cover(MANAGER, NOW + DAY, NOW + 2 * DAY))
    for covers in (following, (cover(LEFT),)):
        assert faults(document({WORKER: {"cover": covers}}), NOW) == frozenset()


@pytest.mark.parametrize(("shift", "circle"), [(DAY / 2, True), (-DAY / 2, True), (DAY, False)])
def test_cover_in_a_circle_is_refused(shift: timedelta, circle: bool) -> None:
    """Two who cover for each other at any instant are both away; one after the other is right."""
    there = {"cover": (cover(MANAGER),)}
    back = {"cover": (cover(WORKER, NOW + shift, NOW + shift + DAY),)}
    codes = {fault.code for fault in faults(document({WORKER: there, MANAGER: back}), NOW)}
    assert codes == ({"cover.circle"} if circle else set())


@pytest.mark.parametrize(
    ("person", "change", "code"),
    [
        (WORKER, {"deputy": CAF_WORKER}, "deputy.unknown"),
        (WORKER, {"deputy": WORKER}, "deputy.unknown"),
        (WORKER, {"deputy": f"{CARE}.nobody"}, "deputy.unknown"),
        (WORKER, {"line_manager": CAF_MANAGER}, "line-manager.unknown"),
        (WORKER, {"line_manager": f"{CARE}.nobody"}, "line-manager.unknown"),
    ],
)
def test_deputies_and_managers_are_of_the_same_agency(
    person: str, change: dict[str, Any], code: str
) -> None:
    """Nobody of another agency stands in, nobody for themselves, and nobody who never was."""
    assert faults(document({person: change}), NOW) == {Fault(code, person)}


@pytest.mark.parametrize(
    ("agency", "change", "code"),
    [
        (SCHOOL, {"duty_desk": WORKER}, "duty-desk.other-agency"),
        (SCHOOL, {"safeguarding_lead": f"{CARE}.nobody"}, "safeguarding-lead.unknown"),
        (SCHOOL, {"safeguarding_lead": CAF_MANAGER}, "safeguarding-lead.other-agency"),
        (
            SCHOOL,
            {"closures": (Closure(first=date(2026, 8, 31), last=date(2026, 7, 20)),)},
            "closure.bad-dates",
        ),
        (
            SCHOOL,
            {
                "closures": (
                    Closure(first=date(2026, 7, 20), last=date(2026, 8, 31)),
                    Closure(first=date(2026, 8, 31), last=date(2026, 9, 1)),
                )
            },
            "closure.bad-dates",
        ),
        (
            SCHOOL,
            {"closures": (Closure(first=date(2026, 7, 20), last=date(2027, 8, 24)),)},
            "closure.too-long",
        ),
        (
            SCHOOL,
            {
                "closures": (
                    Closure(first=date(2026, 7, 20), last=date(2027, 8, 23)),
                    Closure(first=date(2027, 8, 25), last=date(2027, 8, 25)),
                )
            },
            "closure.too-long",
        ),
    ],
)
def test_an_agencys_entry_that_does_not_hold_is_refused(
    agency: str, change: dict[str, Any], code: str
) -> None:
    """Desks are of the agency, leads are there, closures follow one another and come to an end."""
    assert faults(document(agencies={agency: change}), NOW) == {Fault(code, agency)}


def test_what_a_lone_practitioner_may_have_is_right() -> None:
    """A single-handed surgery has a safeguarding lead elsewhere, and a school its own."""
    agencies = {GP: {"safeguarding_lead": CAF_MANAGER}, SCHOOL: {"safeguarding_lead": HEAD}}
    assert faults(document({DOCTOR: {"line_manager": DOCTOR}}, agencies), NOW) == frozenset()


def test_who_has_left_is_not_checked() -> None:
    """Entries of people and agencies that have left stop no change."""
    wrong = {"left_at": NOW - DAY, "deputy": CAF_WORKER}
    gone = {"left_at": NOW - DAY, "duty_desk": TEACHER}
    made = document({CAF_WORKER: wrong, CAF_MANAGER: {"left_at": NOW}}, {CAF: gone})
    assert faults(made, NOW) == frozenset()


def test_every_fault_says_what_to_do_and_readers_take_the_directory_all_the_same() -> None:
    """A fault is an error with a code of ours and a remedy; reading raises nothing."""
    made = document({WORKER: {"cover": (cover(CAF_WORKER),)}})
    (fault,) = faults(made, NOW)
    assert fault.error.code == "directory.cover.other-agency"
    assert fault.error.remedy
    assert WORKER in fault.error.message
    assert Directory(made).line_managers(TEACHER, NOW) == {HEAD}
    assert isinstance(made.agencies[0], Agency)
