"""What is for somebody who left is taken, and who countersigns in a manager's place."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.desks import Seen, Why, seen_by
from contracts.directory import Cover, Practitioner
from contracts.event import Recipient, Signer
from contracts.roles import Capacity
from contracts.seal import Sealed
from tests import messages as m
from tests.area import (
    CAF_MANAGER,
    DOCTOR,
    DUTY,
    DUTY_MANAGER,
    FRONT,
    GP,
    HEAD,
    SCHOOL,
    TEACHER,
    Area,
)
from tests.unit.test_decision import Play

LEFT = f"{FRONT}.left"
DAY = timedelta(days=1)


@pytest.fixture
def play() -> Play:
    """A play in which somebody has left First Response and named a deputy."""
    area = Area()
    gone = Practitioner(id=LEFT, name="left", deputy=DUTY_MANAGER, left_at=area.now - DAY)
    people = (*area.document.practitioners, gone)
    area.document = area.document.model_copy(update={"practitioners": people})
    return Play(area)


def change(area: Area, entry: str, **update: Any) -> None:
    """Give other members to the entry of a person or an agency."""
    made = {
        name: tuple(
            one.model_copy(update=update) if one.id == entry else one
            for one in getattr(area.document, name)
        )
        for name in ("practitioners", "agencies")
    }
    area.document = area.document.model_copy(update=made)


def test_a_message_to_somebody_who_left_is_taken_and_shows_for_the_deputy(play: Play) -> None:
    """It is neither refused nor lost: the directory knows who stands in."""
    to = Recipient(agency=FRONT, practitioner=LEFT)
    play.accept(m.referral(play.area, play.child, recipients=(to,)))

    seen = seen_by(play.area.directory, to, play.area.now)
    assert seen == (Seen(DUTY_MANAGER, Why.STANDS_IN, LEFT),)


@pytest.mark.parametrize("stranger", [f"{FRONT}.nobody", DOCTOR])
def test_a_message_to_somebody_who_never_was_there_is_refused(play: Play, stranger: str) -> None:
    """A name that the agency never had is a mistake that the sender has to correct."""
    to = Recipient(agency=FRONT, practitioner=stranger)
    sent = m.referral(play.area, play.child, recipients=(to,))
    assert play.refused(sent) == {"practitioner.unknown"}


def test_a_message_to_a_role_is_taken(play: Play) -> None:
    """A sender who knows no name addresses the role."""
    to = Recipient(agency=FRONT, capacity="duty_worker")
    play.accept(m.referral(play.area, play.child, recipients=(to,)))
    assert seen_by(play.area.directory, to, play.area.now) == (Seen(DUTY, Why.ROLE),)


def overriding(area: Area, author: str, countersigner: str, child: str) -> Sealed:
    """A referral that sets consent aside, countersigned as line manager by `countersigner`."""
    return m.referral(
        area,
        child,
        author=author,
        statements=[area.statement("concern.what_happened", by=author)],
        basis={"kind": "consent_override", "ground": "seeking_increases_risk"},
        countersigners=(Signer(id=countersigner, capacity=Capacity.LINE_MANAGER),),
    )


def test_a_lone_doctors_override_is_countersigned_by_the_safeguarding_lead(play: Play) -> None:
    """The person whom the partnership names for the surgery, of another agency, may (ADR 0015)."""
    change(play.area, GP, safeguarding_lead=CAF_MANAGER)
    other = overriding(play.area, DOCTOR, HEAD, play.child)
    assert "override.line-manager" in play.refused(other)
    play.accept(overriding(play.area, DOCTOR, CAF_MANAGER, play.child))


def test_without_a_safeguarding_lead_a_lone_doctors_override_is_refused(play: Play) -> None:
    """Nobody approves their own override, and nobody else is named."""
    change(play.area, DOCTOR, line_manager=DOCTOR)
    sent = overriding(play.area, DOCTOR, CAF_MANAGER, play.child)
    assert "override.line-manager" in play.refused(sent)


def test_who_covers_the_head_countersigns_while_the_cover_lasts(play: Play) -> None:
    """A school whose head is away can still act, through the colleague whom it named."""
    area = play.area
    key = area.keys[CAF_MANAGER]  # any key will do for a colleague of the test's own
    colleague = f"{SCHOOL}.colleague"
    person = Practitioner(id=colleague, name="colleague", keys=(_key_of(area, CAF_MANAGER),))
    people = tuple(p for p in area.document.practitioners if p.id != CAF_MANAGER)
    area.keys[colleague] = key
    update = {"practitioners": (*people, person)}
    area.document = area.document.model_copy(update=update)
    sent = overriding(area, TEACHER, colleague, play.child)

    assert "override.line-manager" in play.refused(sent)
    cover = Cover(by=colleague, since=area.now - DAY, until=area.now + DAY)
    change(area, HEAD, cover=(cover,))
    play.accept(sent)


def _key_of(area: Area, person: str) -> Any:
    return next(p.keys[0] for p in area.document.practitioners if p.id == person)
