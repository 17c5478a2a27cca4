"""Two references that are one child: joined without a second lead, and parted again (ADR 0021)."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump, load
from contracts.messages import KINDS, linking
from contracts.roles import Capacity
from contracts.seal import Sealed
from services.exchange.decision import Accepted, Refused, decide
from tests import messages as m
from tests.area import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    DOCTOR,
    DUTY,
    DUTY_MANAGER,
    FRONT,
    GP,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
    codes,
)

RETIRED, SURVIVOR = "RETIRED0000000000000", "SURVIVOR000000000000"
SIGNS = (Signer(id=CAF_MANAGER, capacity=Capacity.TEAM_MANAGER),)


@dataclass
class Two:
    """Two references, decided as the exchange decides: each message beside the other's journey."""

    area: Area = field(default_factory=Area)
    journeys: dict[str, Journey] = field(default_factory=dict)

    def decide(self, sealed: Sealed) -> Accepted | Refused:
        """Decide a message and move its journey on."""
        opened = self.area.open(sealed)
        child, other = opened.event.subject, getattr(opened.content, "other", "")
        verdict = decide(
            opened,
            self.area.directory,
            self.journeys.get(child),
            self.area.now,
            other=self.journeys.get(other),
        )
        assert isinstance(verdict, Accepted | Refused)
        if isinstance(verdict, Accepted):
            self.journeys[child] = verdict.journey
            assert load(orjson.loads(dump(verdict.journey))) == verdict.journey
        return verdict

    def accept(self, sealed: Sealed) -> str:
        """Decide a message that must be accepted and return its id."""
        verdict = self.decide(sealed)
        assert isinstance(verdict, Accepted), verdict
        return self.area.open(sealed).event.id

    def refused(self, sealed: Sealed) -> set[str]:
        """Decide a message that must be refused and return its codes."""
        before = dict(self.journeys)
        verdict = self.decide(sealed)
        assert isinstance(verdict, Refused), verdict
        assert self.journeys == before
        return codes(verdict.reasons)

    def leads(self) -> list[str]:
        """Who leads any of the references now."""
        return [j.lead.practitioner for j in self.journeys.values() if j.lead]

    def retire(self, **changes: Any) -> Sealed:
        """The CAF team retires the one reference into the other."""
        return linked(self.area, RETIRED, SURVIVOR, **{"to": (GP,), **changes})

    def complete(self, first: str, **changes: Any) -> Sealed:
        """The CAF team tells the surviving reference."""
        return linked(
            self.area, SURVIVOR, RETIRED, **{"to": (SCHOOL,), "answers": first, **changes}
        )


def linked(area: Area, child: str, other: str, **changes: Any) -> Sealed:
    """That `child` and `other` are one; the school's teacher goes on leading the survivor."""
    content = {
        "other": other,
        "survivor": SURVIVOR,
        "lead": TEACHER,
        "because": "same_identifier",
        **changes.pop("content", {}),
    }
    made = {"countersigners": SIGNS, **changes}
    return area.sealed(
        "child.linked",
        child,
        made.pop("by", CAF_WORKER),
        made.pop("to", ()),
        content=content,
        **made,
    )


def unlinked(
    area: Area, child: str, other: str, to: tuple[str, ...] = (), **changes: Any
) -> Sealed:
    """That `child` and `other` are two children after all."""
    content = {"other": other, "because": "different_children"}
    made = {"countersigners": SIGNS, **changes}
    return area.sealed("child.unlinked", child, CAF_WORKER, to, content=content, **made)


@pytest.fixture
def two() -> Two:
    """A child led by a doctor under one reference and by a teacher under another."""
    made = Two()
    made.accept(m.opened_before(made.area, RETIRED, lead=DOCTOR))
    made.accept(m.opened_before(made.area, SURVIVOR, lead=TEACHER))
    return made


def test_one_lead_is_left_from_the_first_message_on(two: Two) -> None:
    """The retired reference's lead ends with the first message; the second changes no lead."""
    assert set(two.leads()) == {DOCTOR, TEACHER}
    first = two.accept(two.retire())
    assert two.leads() == [TEACHER]
    assert two.journeys[RETIRED].linked_into == SURVIVOR
    assert two.journeys[RETIRED].linked_by == first
    assert two.journeys[SURVIVOR].linked == ()

    two.accept(two.complete(first))
    assert two.leads() == [TEACHER]
    assert two.journeys[SURVIVOR].linked == (RETIRED,)


def test_the_survivor_is_never_told_first(two: Two) -> None:
    """Without the retirement, or as an answer to another message, nothing is joined."""
    assert two.refused(two.complete(new_reference())) == {"child.not-linked"}
    two.accept(two.retire())
    assert two.refused(two.complete(new_reference())) == {"child.not-linked"}


def test_the_lead_that_goes_on_is_the_survivors(two: Two) -> None:
    """A join that names anybody else, or nobody, is refused on either side."""
    for lead in (DOCTOR, WORKER, None):
        assert two.refused(two.retire(content={"lead": lead})) == {"child.other-lead"}
    first = two.accept(two.retire())
    assert two.refused(two.complete(first, content={"lead": DOCTOR})) == {"child.other-lead"}


def test_the_only_lead_is_never_retired(two: Two) -> None:
    """Where the other reference is led by nobody, the join is made the other way round."""
    ended = m.caf_ended(two.area, SURVIVOR, to=(SCHOOL,), by=CAF_WORKER)
    two.accept(ended)
    assert two.leads() == [DOCTOR]
    refused = two.refused(two.retire(content={"lead": None}))
    assert "child.wrong-survivor" in refused
    assert two.leads() == [DOCTOR]


def test_a_child_loses_neither_level_nor_open_case() -> None:
    """The reference at the higher level of help survives."""
    two = Two()
    two.accept(m.care_opened_before(two.area, RETIRED))
    two.accept(m.opened_before(two.area, SURVIVOR, lead=TEACHER))
    assert two.refused(two.retire(to=(CARE,))) == {"child.wrong-survivor"}


def test_nothing_begins_under_a_retired_reference(two: Two) -> None:
    """A message about it is refused with the reference that survives, whoever sends it."""
    two.accept(two.retire())
    area = two.area
    for sealed in (
        m.referral(area, RETIRED),
        m.lead_proposed(area, RETIRED, WORKER, CAF_WORKER, (CARE, GP)),
        area.sealed("story.added", RETIRED, TEACHER, (), [area.statement("views.child")]),
        m.care_opened_before(area, RETIRED),
    ):
        verdict = two.decide(sealed)
        assert isinstance(verdict, Refused)
        assert ("child.linked-to", SURVIVOR) in {(r.code, r.detail) for r in verdict.reasons}


def test_child_protection_is_taken_under_either_reference(two: Two) -> None:
    """A concern about a retired reference is delivered, and what it begins can be decided there."""
    two.accept(two.retire())
    verdict = two.decide(m.protection(two.area, RETIRED))
    assert isinstance(verdict, Accepted)
    assert [d.agency for d in verdict.deliveries] == [FRONT]
    request = two.journeys[RETIRED].requests[-1].id
    decided = two.area.sealed(
        "referral.decided",
        RETIRED,
        DUTY,
        [SCHOOL, CARE],
        capacity=Capacity.DUTY_WORKER,
        answers=request,
        content={"outcome": "section_47"},
    )
    two.accept(decided)
    assert two.leads() == [TEACHER]


def test_what_was_asked_before_the_join_is_still_answered(two: Two) -> None:
    """An open request under the retired reference is acknowledged and decided there."""
    request = two.accept(m.referral(two.area, RETIRED))
    two.accept(two.retire(to=(GP, SCHOOL, FRONT)))
    two.accept(m.acknowledged(two.area, RETIRED, request, by=DUTY, to=SCHOOL))


def test_only_caf_team_and_first_response_join_and_never_one_person_alone(two: Two) -> None:
    """The sender's role and a team manager's signature are both asked for."""
    assert two.refused(two.retire(countersigners=())) == {"countersign.missing"}
    by_school = two.retire(by=TEACHER, to=(GP, CAF), countersigners=())
    assert two.refused(by_school) == {"message.role-may-not"}
    signs = (Signer(id=DUTY_MANAGER, capacity=Capacity.TEAM_MANAGER),)
    two.accept(two.retire(by=DUTY, to=(GP, CAF), countersigners=signs))


def test_whoever_has_a_part_is_told(two: Two) -> None:
    """No agency of the retired reference goes on writing to it unawares."""
    assert two.refused(two.retire(to=())) == {"recipient.missing"}


def test_no_ring_and_no_second_survivor(two: Two) -> None:
    """A retired reference is neither survivor nor retired again; a chain of joins is one way."""
    third = "THIRD000000000000000"
    two.accept(m.opened_before(two.area, third, lead=CAF_WORKER))
    first = two.accept(two.retire())
    assert two.refused(two.retire()) == {"child.linked-already"}
    back = linked(
        two.area, SURVIVOR, RETIRED, to=(SCHOOL,), content={"survivor": RETIRED, "lead": None}
    )
    assert "child.linked-to" in two.refused(back)
    two.accept(two.complete(first))
    onward = linked(
        two.area, SURVIVOR, third, to=(SCHOOL,), content={"survivor": third, "lead": CAF_WORKER}
    )
    two.accept(onward)
    assert two.leads() == [CAF_WORKER]


def test_a_join_names_two_references_that_exist(two: Two) -> None:
    """Itself, a third reference as survivor, and one without a journey are refused."""
    for wrong in ({"other": RETIRED}, {"survivor": new_reference()}):
        assert "message.wrong-content" in two.refused(two.retire(content=wrong))
    unknown = new_reference()
    named = {"other": unknown, "survivor": unknown}
    assert two.refused(two.retire(content=named)) == {"child.other-unknown"}


def test_parted_children_go_on_alone_and_the_lead_stays(two: Two) -> None:
    """The released reference has no lead until somebody is proposed and accepts."""
    first = two.accept(two.retire())
    two.accept(two.complete(first))
    early = unlinked(two.area, SURVIVOR, RETIRED, (SCHOOL,))
    assert two.refused(early) == {"child.still-linked"}

    two.accept(unlinked(two.area, RETIRED, SURVIVOR, (GP,)))
    assert two.leads() == [TEACHER]
    two.accept(unlinked(two.area, SURVIVOR, RETIRED, (SCHOOL,)))
    assert two.journeys[SURVIVOR].linked == ()
    assert two.journeys[RETIRED].linked_into == ""

    proposal = two.accept(m.lead_proposed(two.area, RETIRED, DOCTOR, CAF_WORKER, (GP,)))
    two.accept(m.lead_answered(two.area, RETIRED, proposal, DOCTOR, (CAF,)))
    assert sorted(two.leads()) == sorted([DOCTOR, TEACHER])
    assert two.refused(unlinked(two.area, RETIRED, SURVIVOR, (GP,))) == {"child.not-linked"}


def test_a_join_rewrites_nothing(two: Two) -> None:
    """Consents, answers and requests of the retired reference stay in its journey."""
    two.accept(m.referral(two.area, RETIRED))
    before = two.journeys[RETIRED]
    two.accept(two.retire(to=(GP, SCHOOL, FRONT)))
    after = two.journeys[RETIRED]
    assert (after.consents, after.answered, after.requests) == (
        before.consents,
        before.answered,
        before.requests,
    )
    assert after.entries == before.entries + 1


def test_what_may_still_be_said_of_a_retired_reference_is_a_kind() -> None:
    """Every kind that is still taken exists, and none of them asks, opens or makes a lead."""
    assert set(KINDS) >= linking.STILL_TAKEN
    for kind in (KINDS[name] for name in linking.STILL_TAKEN):
        assert not kind.opening
        assert not kind.name.startswith(("lead.", "case.", "stepup.", "referral."))


def test_a_family_can_withdraw_its_consent_under_a_retired_reference(two: Two) -> None:
    """A withdrawal counts at once, wherever the consent is held (003 §3.3)."""
    agreed = m.consent(two.area, taken_by=DOCTOR)
    two.accept(two.area.sealed("consent.recorded", RETIRED, DOCTOR, consents=(agreed,)))
    two.accept(two.retire())
    withdrawn = {"consent": agreed.id}
    two.accept(two.area.sealed("consent.withdrawn", RETIRED, DOCTOR, content=withdrawn))
    assert two.journeys[RETIRED].consents[0].withdrawn_at is not None
