"""Decided against: what an agency decided not to share it does not share by mistake afterwards."""

from typing import Any

import orjson
import pytest

from contracts.journey import MOST_NOT_SHARED, Journey
from contracts.journey_json import dump, load
from contracts.keeping_back import NotShared, with_not_shared
from contracts.questions import Category
from tests import messages as m
from tests.area import CAF, CARE, DOCTOR, DUTY, FRONT, GP, SCHOOL, TEACHER
from tests.unit.test_asked_again import HOUSEHOLD, TOLD, by_consent
from tests.unit.test_asked_again import Play as Telling
from tests.unit.test_asked_again import play as telling
from tests.unit.test_decision import Play, play

__all__ = ["play", "telling"]

AGAINST = "sharing.decided-against"
DUTY_TO_SHARE = {"kind": "statutory_duty", "provision": "CA2004-s16LA"}


@pytest.fixture
def opened(play: Play) -> Play:
    """Give a child of whose journey the school has a part."""
    play.accept(m.opened_before(play.area, play.child))
    return play


def decided(play: Play, **changes: Any) -> Any:
    """Seal the school's decision not to share health with First Response, unless changed."""
    content = {"of": ["health"], "withheld_from": [FRONT], "because": "more_detrimental", **changes}
    reason = [play.area.statement("decision.reason")]
    return play.area.sealed(
        "sharing.withheld", play.child, TEACHER, [], reason, basis=DUTY_TO_SHARE, content=content
    )


def over(play: Play, *of: str) -> Any:
    """Seal that the decision is over, of all where nothing is named."""
    return decided(play, of=of, because=None, ended=True)


def telling_of(play: Play, *questions: str, to: tuple[str, ...] = (FRONT,)) -> Any:
    """Seal the school's telling of something, on its duty."""
    statements = [play.area.statement(question) for question in questions]
    return play.area.sealed("story.added", play.child, TEACHER, to, statements, basis=DUTY_TO_SHARE)


def test_what_an_agency_decided_not_to_share_it_does_not_share_by_mistake(opened: Play) -> None:
    """A later message that would show it is refused; others, and to others, go on."""
    opened.accept(telling_of(opened, "health.general"))
    opened.accept(decided(opened))

    assert opened.refused(telling_of(opened, "health.general", "identity.name")) == {AGAINST}
    assert opened.refused(telling_of(opened, "health.general", to=(CAF, FRONT))) == {AGAINST}
    opened.accept(telling_of(opened, "identity.name"))
    opened.accept(telling_of(opened, "health.general", to=(CAF,)))


def test_a_decision_against_sharing_anything_leaves_only_notices(opened: Play) -> None:
    """Naming no category means all of it."""
    opened.accept(decided(opened, of=[]))

    assert opened.refused(telling_of(opened, "identity.name")) == {AGAINST}
    opened.accept(
        opened.area.sealed(
            "people.must-not-know", opened.child, TEACHER, [FRONT], content={"people": ["family"]}
        )
    )


def test_a_decision_not_to_share_is_the_agencys_own(opened: Play) -> None:
    """Another agency shares what it may."""
    opened.accept(m.step_up(opened.area, opened.child))
    opened.accept(decided(opened, withheld_from=[CARE]))
    area = opened.area
    statements = [area.statement("health.general", by=DUTY)]
    told = area.sealed("story.added", opened.child, DUTY, (CARE,), statements, basis=DUTY_TO_SHARE)

    opened.accept(told)


def test_a_decision_not_to_share_stands_until_the_agency_ends_it(opened: Play) -> None:
    """What is ended may be shared from then on, the rest not; what is not held cannot be ended."""
    assert opened.refused(over(opened)) == {"sharing.not-withheld"}
    opened.accept(decided(opened, of=["health", "identity"]))
    opened.accept(over(opened, "health"))

    opened.accept(telling_of(opened, "health.general"))
    assert opened.refused(telling_of(opened, "identity.name")) == {AGAINST}
    opened.accept(over(opened))
    opened.accept(telling_of(opened, "identity.name"))
    assert opened.journey is not None
    assert opened.journey.not_shared == ()


def test_ending_part_of_a_decision_about_everything_leaves_the_rest(opened: Play) -> None:
    """Of all, only what is named may be shared again."""
    opened.accept(decided(opened, of=[]))
    opened.accept(decided(opened, of=["health"]))
    opened.accept(over(opened, "health"))

    opened.accept(telling_of(opened, "health.general"))
    assert opened.refused(telling_of(opened, "identity.name")) == {AGAINST}


def test_a_decision_not_to_share_says_why_unless_it_ends_one(opened: Play) -> None:
    """The reason is one of the law's."""
    with pytest.raises(AssertionError, match="wrong-content"):
        opened.accept(decided(opened, because=None))


@pytest.mark.parametrize("basis", [None, {"kind": "statutory_duty", "provision": "CA1989-s47"}])
def test_child_protection_is_never_stopped_by_a_decision_not_to_share(
    opened: Play, basis: dict[str, Any] | None
) -> None:
    """Neither a concern nor what an enquiry under section 47 needs."""
    opened.accept(decided(opened, of=[]))
    area, child = opened.area, opened.child
    if basis is None:
        urgent = m.protection(area, child, author=TEACHER)
    else:
        statements = [area.statement("health.general")]
        urgent = area.sealed("story.added", child, TEACHER, [FRONT], statements, basis=basis)

    (delivery,) = opened.accept(urgent).deliveries
    assert delivery.shown


def test_decisions_not_to_share_are_bounded_and_survive_in_the_compact_form(
    opened: Play,
) -> None:
    """An agency that would name more is told so; a journey of yesterday holds none."""
    held = with_not_shared((), SCHOOL, (f"demo.school-{n}" for n in range(MOST_NOT_SHARED)), ())
    journey = Journey(child="C" * 20, not_shared=(*held, NotShared(GP, CAF, (Category.HEALTH,))))
    assert load(orjson.loads(dump(journey))) == journey
    assert load({"v": 4, "child": "C" * 20}).not_shared == ()

    opened.journey = Journey(child=opened.child, involved=(SCHOOL,), not_shared=held)
    assert opened.refused(decided(opened)) == {"journey.full"}


def test_who_it_is_kept_from_is_not_refused_for_asking_again(telling: Telling) -> None:
    """It could not have read the answer, so the question is counted and no more."""
    by_consent(telling)
    telling.consented()
    telling.later(2)
    assert telling.refused(telling.added(DOCTOR)) == [(TOLD, HOUSEHOLD)]
    reason = [telling.statement(TEACHER, question="decision.reason", value="harm")]
    telling.accept(
        telling.area.sealed(
            "sharing.withheld",
            telling.child,
            TEACHER,
            [],
            reason,
            basis=DUTY_TO_SHARE,
            content={"of": ["family"], "withheld_from": [GP], "because": "more_detrimental"},
            time=telling.now,
        )
    )

    assert telling.accept(telling.added(DOCTOR)).asked_again != ()
