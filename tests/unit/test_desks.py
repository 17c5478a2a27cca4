"""Who sees a message: the person, the role, the duty desk, and whoever stands in for them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.desks import Handover, Seen, Why, seen_by, who_sees
from contracts.directory import Cover, Directory, Practitioner
from contracts.event import Recipient
from tests.area import CAF_WORKER, CARE, FRONT, HEAD, MANAGER, SCHOOL, TEACHER, WORKER, Area

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AREA = Area(NOW)
DAY = timedelta(days=1)
SECOND, THIRD = f"{CARE}.second", f"{CARE}.third"


def directory(**changes: dict[str, Any]) -> Directory:
    """The area with two more social workers; `changes` are members by handle."""
    everybody = (
        *AREA.document.practitioners,
        Practitioner(id=SECOND, name="second", capacities=("social_worker",)),  # type: ignore[arg-type]
        Practitioner(id=THIRD, name="third"),
    )
    people = tuple(
        p.model_copy(update=changes.get(p.id.rpartition(".")[2], {}))
        if p.id.startswith(f"{CARE}.")
        else p
        for p in everybody
    )
    return Directory(AREA.document.model_copy(update={"practitioners": people}))


def with_desk(held: Directory, desk: str | None) -> Directory:
    """The same directory with another duty desk at social care."""
    agencies = tuple(
        a.model_copy(update={"duty_desk": desk}) if a.id == CARE else a
        for a in held.document.agencies
    )
    return Directory(held.document.model_copy(update={"agencies": agencies}))


def away(by: str, since: datetime = NOW - DAY, until: datetime = NOW + DAY) -> dict[str, Any]:
    """The members of somebody who is covered."""
    return {"cover": (Cover(by=by, since=since, until=until),)}


def to(person: str | None = None, capacity: str | None = None) -> Recipient:
    """A recipient at social care."""
    return Recipient(agency=CARE, practitioner=person, capacity=capacity)  # type: ignore[arg-type]


def test_a_person_a_role_or_the_duty_desk() -> None:
    """The person named, all with the capacity, and for an agency alone its duty desk."""
    held = directory()

    assert seen_by(held, to(THIRD), NOW) == (Seen(THIRD, Why.NAMED),)
    assert seen_by(held, to(capacity="social_worker"), NOW) == (
        Seen(WORKER, Why.ROLE),
        Seen(SECOND, Why.ROLE),
    )
    assert seen_by(held, to(), NOW) == (Seen(WORKER, Why.DUTY_DESK),)
    assert who_sees(held, to(capacity="line_manager"), NOW) == (MANAGER,)


def test_a_role_that_nobody_has_goes_to_the_duty_desk() -> None:
    """A message to a role is not lost where the agency has nobody in it."""
    assert seen_by(directory(), to(capacity="duty_worker"), NOW) == (Seen(WORKER, Why.DUTY_DESK),)


@pytest.mark.parametrize(
    ("at", "who"),
    [
        (NOW - DAY - timedelta(seconds=1), WORKER),
        (NOW - DAY, SECOND),
        (NOW, SECOND),
        (NOW + DAY, WORKER),
    ],
)
def test_cover_holds_from_its_beginning_until_before_its_end(at: datetime, who: str) -> None:
    """Whoever covers sees it exactly while cover is in force; nobody has to change anything."""
    assert who_sees(directory(worker=away(SECOND)), to(WORKER), at) == (who,)


def test_who_covers_sees_for_whom() -> None:
    """The line says that it is covered and for whom, by name, by role and at the duty desk."""
    held = directory(worker=away(THIRD))
    covering = Seen(THIRD, Why.COVERING, WORKER)

    assert seen_by(held, to(WORKER), NOW) == (covering,)
    assert seen_by(held, to(capacity="social_worker"), NOW) == (covering, Seen(SECOND, Why.ROLE))
    assert seen_by(held, to(), NOW) == (covering,)


def test_cover_of_cover_is_followed_and_a_circle_is_not() -> None:
    """Two away in a row reach the third; where all are away in a circle one of them sees it."""
    chain = directory(worker=away(SECOND), second=away(THIRD))
    circle = directory(worker=away(SECOND), second=away(WORKER))

    assert seen_by(chain, to(WORKER), NOW) == (Seen(THIRD, Why.COVERING, WORKER),)
    assert who_sees(circle, to(WORKER), NOW) == (SECOND,)


def test_cover_by_another_agency_is_not_followed() -> None:
    """A message never crosses to another agency, even if a directory said so."""
    assert who_sees(directory(worker=away(CAF_WORKER)), to(WORKER), NOW) == (WORKER,)


def test_what_is_for_somebody_who_left_goes_to_who_stands_in() -> None:
    """The deputy, else the line manager, else the duty desk: in this order (003 principles)."""
    gone: dict[str, Any] = {"left_at": NOW - DAY, "line_manager": None}

    assert seen_by(
        directory(second=gone | {"deputy": THIRD, "line_manager": MANAGER}), to(SECOND), NOW
    ) == (Seen(THIRD, Why.STANDS_IN, SECOND),)
    assert who_sees(directory(second=gone | {"line_manager": MANAGER}), to(SECOND), NOW) == (
        MANAGER,
    )
    assert seen_by(directory(second=gone), to(SECOND), NOW) == (
        Seen(WORKER, Why.STANDS_IN, SECOND),
    )
    deputy_left = directory(second=gone | {"deputy": THIRD}, third={"left_at": NOW})
    assert who_sees(deputy_left, to(SECOND), NOW) == (WORKER,)
    deputy_away = directory(second=gone | {"deputy": THIRD}, third=away(MANAGER))
    assert seen_by(deputy_away, to(SECOND), NOW) == (Seen(MANAGER, Why.STANDS_IN, SECOND),)


def test_without_a_duty_desk_everybody_there_sees_it() -> None:
    """Never nobody while the agency has anybody; those who are away only if all are."""
    held = with_desk(directory(second=away(THIRD)), None)

    assert who_sees(held, to(), NOW) == (WORKER, MANAGER, THIRD)
    assert {one.why for one in seen_by(held, to(), NOW)} == {Why.ANYBODY}


def test_what_was_handed_on_shows_for_who_took_it() -> None:
    """By name and by role, replayed in order, so that handing back ends where it began."""
    held = directory()
    over, back = Handover(WORKER, SECOND), Handover(SECOND, WORKER)

    assert seen_by(held, to(WORKER), NOW, (over,)) == (Seen(SECOND, Why.HANDED_ON, WORKER),)
    assert who_sees(
        held,
        to(capacity="social_worker"),
        NOW,
    ) == (WORKER, SECOND)
    assert [s.practitioner for s in seen_by(held, to(capacity="social_worker"), NOW, (over,))] == [
        SECOND
    ]
    assert seen_by(held, to(WORKER), NOW, (over, back)) == (Seen(WORKER, Why.NAMED),)
    onward = Handover(SECOND, THIRD)
    assert seen_by(held, to(WORKER), NOW, (over, onward)) == (Seen(THIRD, Why.HANDED_ON, WORKER),)
    taker_away = directory(second=away(THIRD))
    assert seen_by(taker_away, to(WORKER), NOW, (over,)) == (Seen(THIRD, Why.COVERING, SECOND),)


def test_one_person_sees_a_message_once() -> None:
    """Whoever has a role and covers for another in it is listed once."""
    held = directory(second=away(WORKER))
    assert who_sees(held, to(capacity="social_worker"), NOW) == (WORKER,)


_PEOPLE = (WORKER, MANAGER, SECOND, THIRD)
_any = st.sampled_from(_PEOPLE) | st.none()


@given(
    st.fixed_dictionaries(
        {
            person.rpartition(".")[2]: st.fixed_dictionaries(
                {
                    "deputy": _any,
                    "line_manager": _any,
                    "left_at": st.sampled_from((None, NOW - DAY)),
                    "cover": _any.map(lambda by: away(by)["cover"] if by else ()),
                }
            )
            for person in _PEOPLE
        }
    ),
    _any,
    st.builds(to, _any) | st.builds(to, st.none(), st.sampled_from(("team_manager", "caf_worker"))),
    st.lists(st.builds(Handover, st.sampled_from(_PEOPLE), st.sampled_from(_PEOPLE)), max_size=4),
)
def test_never_nobody_while_the_agency_has_anybody(
    changes: dict[str, Any], desk: str | None, recipient: Recipient, handed: list[Handover]
) -> None:
    """Whatever circle a directory holds, somebody who works there sees the message."""
    held = with_desk(directory(**changes), desk)
    present = {person.id for person in held.people(CARE, NOW)}
    seen = [one.practitioner for one in seen_by(held, recipient, NOW, handed)]

    assert bool(seen) == bool(present)
    assert set(seen) <= present
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "wrong",
    [
        {"practitioner": TEACHER, "capacity": "line_manager"},
        {"capacity": "service"},
        {"capacity": "lead_professional"},
        {"capacity": "practitioner"},
        {"capacity": "wizard"},
    ],
)
def test_a_recipient_is_a_person_or_a_role_of_the_directory(wrong: dict[str, str]) -> None:
    """Both at once, or a capacity that the directory gives to nobody, is no recipient."""
    with pytest.raises(ValidationError):
        Recipient.model_validate({"agency": SCHOOL, **wrong})


def test_an_agency_that_is_not_known_has_nobody() -> None:
    """Nobody stands in for an agency that the directory does not hold."""
    assert who_sees(directory(), Recipient(agency="demo.nowhere", practitioner=HEAD), NOW) == ()
    assert who_sees(directory(), Recipient(agency=FRONT, practitioner=HEAD), NOW) == (
        f"{FRONT}.duty",
    )
