"""The exchange's decision on one opened message, without any I/O."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump, load
from contracts.roles import Level
from contracts.seal import Sealed
from services.exchange.decision import Accepted, Refused, decide
from tests import messages as m
from tests.area import CAF, CARE, DUTY, FRONT, PACK, SCHOOL, TEACHER, WORKER, Area, codes


@dataclass
class Play:
    """Messages about one child decided one after another."""

    area: Area
    child: str = field(default_factory=new_reference)
    journey: Journey | None = None
    last: str = ""

    @property
    def leads(self) -> str:
        """Who holds the lead, or nobody."""
        lead = self.journey.lead if self.journey else None
        return lead.practitioner if lead else ""

    def refused(self, sealed: Sealed) -> set[str]:
        """Decide a message that must be refused and return its codes."""
        verdict = decide(self.area.open(sealed), self.area.directory, self.journey, self.area.now)
        assert isinstance(verdict, Refused), verdict
        return codes(verdict.reasons)

    def accept(self, sealed: Sealed) -> Accepted:
        """Decide a message that must be accepted, and move the journey on."""
        opened = self.area.open(sealed)
        verdict = decide(opened, self.area.directory, self.journey, self.area.now)
        assert isinstance(verdict, Accepted), verdict
        self.journey, self.last = verdict.journey, opened.event.id
        assert load(orjson.loads(dump(verdict.journey))) == verdict.journey
        return verdict


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


def test_a_step_up_moves_the_lead_only_on_acceptance(play: Play) -> None:
    """From request to a social worker who leads, there is one lead at every step."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    request = play.last
    play.accept(m.acknowledged(area, child, request))
    play.accept(m.step_up_decided(area, child, request))
    play.accept(m.assessment(area, child))
    play.accept(m.assessment(area, child, concluded="child_in_need"))
    play.accept(m.lead_proposed(area, child, WORKER, WORKER, (SCHOOL, CARE)))
    assert play.leads == TEACHER
    play.accept(m.lead_answered(area, child, play.last, WORKER, (SCHOOL,)))
    assert play.leads == WORKER
    assert play.journey is not None
    assert play.journey.level is Level.CHILD_IN_NEED


def test_a_refused_step_up_leaves_everything_as_it_was(play: Play) -> None:
    """Below the threshold the TAC goes on, the lead does not move, and it may be asked again."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    play.accept(m.step_up(area, child))
    play.accept(m.step_up_decided(area, child, play.last, "not_accepted"))
    journey = play.journey
    assert journey is not None
    assert play.leads == TEACHER
    assert (journey.level, journey.case_open, journey.assessment) == (Level.EARLY_HELP, False, None)
    play.accept(m.step_up(area, child))


def test_a_step_down_closes_only_after_a_lead_accepted(play: Play) -> None:
    """A family that chose support is never left without a lead professional."""
    area, child = play.area, play.child
    play.accept(m.care_opened_before(area, child))
    play.accept(m.step_down(area, child))
    request = play.last
    play.accept(m.step_down_decided(area, child, request))
    assert play.refused(m.closed(area, child, to=(SCHOOL, CARE))) == {"case.needs-lead"}
    play.accept(m.lead_proposed(area, child, TEACHER, WORKER, (SCHOOL,)))
    play.accept(m.lead_answered(area, child, play.last, TEACHER, (CARE,)))
    play.accept(m.closed(area, child))
    assert play.leads == TEACHER
    assert play.journey is not None
    assert play.journey.level is Level.EARLY_HELP


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("monitoring", "stepdown.for-monitoring"),
        ("onward_referral", "stepdown.for-onward-referral"),
    ],
)
def test_a_step_down_for_a_forbidden_reason_is_refused(play: Play, reason: str, code: str) -> None:
    """003 §4.2: not so that the case can be monitored, nor to make an onward referral."""
    play.accept(m.care_opened_before(play.area, play.child))
    content = {"reason": reason, "unmet_need_manageable": True}
    assert play.refused(m.step_down(play.area, play.child, content=content)) == {code}


def test_every_reason_is_given_at_once(play: Play) -> None:
    """A message with several faults is refused with all of them together."""
    play.accept(m.care_opened_before(play.area, play.child))
    content = {"reason": "monitoring", "unmet_need_manageable": False}
    found = play.refused(
        m.step_down(play.area, play.child, content=content, countersigners=(), consents=())
    )
    assert found == {
        "stepdown.for-monitoring",
        "stepdown.unmet-need",
        "countersign.missing",
        "stepdown.consent-service",
        "stepdown.consent-sharing",
        "consent.unknown",
    }


@pytest.mark.parametrize("part", PACK)
def test_a_step_up_without_a_part_of_its_pack_is_refused(play: Play, part: str) -> None:
    """003 §2.4: all step up requests carry the four parts."""
    play.accept(m.opened_before(play.area, play.child))
    assert play.refused(m.step_up(play.area, play.child, without=part)) == {"pack.part-missing"}


def test_child_protection_is_held_to_its_floor_only(play: Play) -> None:
    """A concern without a journey, a pack, a consent or a capacity goes through."""
    content: dict[str, Any] = {"concern": "child_protection"}
    verdict = play.accept(
        m.step_up(
            play.area,
            play.child,
            content=content,
            basis={"kind": "child_protection"},
            consents=(),
            without=PACK[0],
        )
    )
    assert verdict.protection
    assert [d.agency for d in verdict.deliveries] == [FRONT]


def test_withdrawn_consent_refuses_the_next_sharing(play: Play) -> None:
    """After a withdrawal nothing more is shared on that consent."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    agreed = m.consent(area)
    play.accept(area.sealed("consent.recorded", child, TEACHER, consents=(agreed,)))
    withdrawn = area.sealed("consent.withdrawn", child, TEACHER, content={"consent": agreed.id})
    play.accept(withdrawn)
    basis = {"kind": "consent", "consents": (agreed.id,)}
    assert "consent.withdrawn" in play.refused(m.step_up(area, child, basis=basis, consents=()))


def test_a_child_without_a_journey_is_refused_where_the_kind_opens_none(play: Play) -> None:
    """Only a first referral or an already open case may name an unknown child."""
    found = play.refused(m.step_up(play.area, play.child))
    assert "message.unknown-child" in found


def test_an_outcome_that_leaves_out_the_referrer_is_refused(play: Play) -> None:
    """003 §1.1: the outcome is made known to whoever referred."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    told = area.sealed(
        "referral.decided",
        child,
        DUTY,
        [CARE],
        capacity="duty_worker",
        answers=play.last,
        content={"outcome": "assess"},
    )
    assert play.refused(told) == {"recipient.missing"}


def test_deciding_again_gives_the_same_answer(play: Play) -> None:
    """The decision is a pure function of its arguments."""
    opened = play.area.open(m.referral(play.area, play.child))
    first = decide(opened, play.area.directory, None, play.area.now)
    assert first == decide(opened, play.area.directory, None, play.area.now)
    assert isinstance(first, Accepted)
    assert CAF not in {d.agency for d in first.deliveries}


def test_a_journey_never_grows_beyond_what_one_record_holds(play: Play) -> None:
    """However many consents are sent, a record stays small and child protection goes through."""
    area, child = play.area, play.child
    play.accept(m.opened_before(area, child))
    recipients = (CARE, FRONT, CAF, SCHOOL) * 8
    many = tuple(m.consent(area, recipients=recipients) for _ in range(16))
    play.accept(area.sealed("consent.recorded", child, TEACHER, consents=many))
    more = tuple(m.consent(area) for _ in range(9))
    full = area.sealed("consent.recorded", child, TEACHER, consents=more)
    assert play.refused(full) == {"journey.full"}
    for _ in range(300):
        play.accept(m.protection(area, child))
    assert play.journey is not None
    assert len(dump(play.journey)) < 384 * 1024
