"""Shorter ways through a journey, for the tests of what stays forbidden on every detour."""

from contracts.consents import Consent, Covers
from contracts.roles import Level
from contracts.seal import Sealed
from tests import messages as m
from tests.area import CARE, GP, TEACHER, WORKER
from tests.unit.kinds_playing import ALL, led, others
from tests.unit.test_decision import Play

U, E, N, P = Level.UNIVERSAL, Level.EARLY_HELP, Level.CHILD_IN_NEED, Level.CHILD_PROTECTION
CONFERENCE = "child_protection_conference"


def agreed(play: Play, *covers: Covers, by: str = WORKER) -> tuple[Consent, ...]:
    """Record the family's wish for support, and consents taken by `by`."""
    area, child = play.area, play.child
    agency = by.rsplit(".", 1)[0]
    consents = tuple(m.consent(area, one, taken_by=by) for one in covers or (Covers.SERVICE,))
    play.accept(m.family_choice(area, child, "wishes_support", by=by, to=others(agency)))
    play.accept(area.sealed("consent.recorded", child, by, consents=consents))
    return consents


def plan_over(play: Play) -> None:
    """The plan of a child at child protection ends today."""
    play.accept(m.plan_ended(play.area, play.child, others(CARE)))


def proposed(play: Play, who: str = TEACHER, by: str = WORKER) -> Sealed:
    """Propose `who`, and return the yes, not sent yet."""
    play.accept(m.lead_proposed(play.area, play.child, who, by, (*ALL, GP)))
    return m.lead_answered(play.area, play.child, play.last, who, (*ALL, GP))


def stepped_down(play: Play) -> None:
    """The CAF team takes the family on, and the teacher leads."""
    area, child = play.area, play.child
    play.accept(m.step_down(area, child))
    play.accept(m.step_down_decided(area, child, play.last))
    led(play)
