"""What an agency without a part in a child's journey learns when it is refused: nothing."""

from typing import Any

import pytest

from contracts.event import Recipient
from contracts.identifiers import new_reference
from contracts.messages import KINDS
from contracts.questions import Category
from contracts.seal import Sealed
from services.exchange.decision import Accepted, Held, Refused, decide
from tests import messages as m
from tests import messages_real_life as r
from tests.area import (
    CAF,
    CAF_WORKER,
    DOCTOR,
    DUTY,
    FRONT,
    GP,
    HEAD,
    SCHOOL,
    TEACHER,
    Area,
)
from tests.unit.kinds_playing import not_met, state
from tests.unit.test_decision import Play

TEAM = "team_around_the_child"
DUTY_OF_CARE = {"kind": "statutory_duty", "provision": "CA1989-s17"}


def _probe(area: Area, child: str, kind: str, by: str, contents: dict[str, Any]) -> Sealed:
    statements = () if contents.get("bare") else [area.statement("views.child", by=by)]
    return area.sealed(
        kind,
        child,
        by,
        [CAF],
        statements,
        answers=contents["answers"],
        basis=DUTY_OF_CARE,
        content=contents["content"],
    )


def _contents(area: Area) -> dict[str, dict[str, Any]]:
    """A content of every kind of which an outsider may be refused."""
    some, soon = new_reference(), area.now.isoformat()
    meeting = {"meeting": TEAM, "ref": some, "takes_place_at": soon}
    clock = r.clock(some)
    return {
        "referral.submitted": {"concern": "child_in_need", "source": "2A"},
        "referral.decided": {"outcome": "assess"},
        "stepup.requested": {
            "concern": "child_in_need",
            "why": "needs_changed",
            "beside_tac": "instead_of",
        },
        "stepup.decided": {"outcome": "assess"},
        "assessment.started": {"assessment": "core"},
        "assessment.concluded": {"finding": "child_in_need"},
        "lead.proposed": {"practitioner": HEAD},
        "stepdown.requested": {"reason": "support_still_needed", "unmet_need_manageable": True},
        "stepdown.decided": {"outcome": "accepted"},
        "case.closed": {"support": "not_needed"},
        "case.opened-before": {"level": "early_help", "lead": HEAD},
        "consent.withdrawn": {"consent": some},
        "caf.information-sent": {"because": "family_wishes"},
        "caf.contact-made": {"outcome": "caf_started"},
        "caf.ended": {"reason": "family_decision"},
        "family.choice-recorded": {"choice": "declines"},
        "family.moved": {"area": "E08000003"},
        "meeting.convened": meeting,
        "meeting.held": {"meeting": TEAM, "ref": some, "outcome": "none"},
        "meeting.postponed": {"ref": some, "takes_place_at": soon, "because": "other"},
        "people.told": {"people": ["family"], "of": some, "form": "outcome"},
        "people.not-told": {"people": ["family"], "of": some, "because": "unsafe_for_child"},
        "message.withdrawn": {"message": some, "error": "wrong_child"},
        "request.redirected": {"to": CAF, "because": "not_ours"},
        "message.returned": {"missing": ["views.child"]},
        "standard.explained": {**clock, "cause": "workload"},
        "standard.extended": {**clock, "until": soon, "because": "other"},
        "standard.paused": {**clock, "because": "other"},
        "standard.resumed": clock,
        "disagreement.raised": {"about": some, "stage": 1},
        "disagreement.resolved": {"outcome": "upheld"},
        "enquiry.made": {"by": "email"},
        "child.linked": {
            "other": some,
            "survivor": some,
            "because": "family_confirmed",
        },
        "child.unlinked": {"other": some, "because": "different_children"},
        "sharing.withheld": {"withheld_from": [SCHOOL], "because": "more_detrimental"},
        "address.protected": {"by": "family"},
        "people.must-not-know": {"people": ["family"]},
        "story.erased": {"because": "request"},
        "task.set": {"due_at": soon, "practitioner": CAF_WORKER},
        "work.handed-on": {"from_practitioner": DOCTOR, "to_practitioner": DOCTOR},
    }


BY_PEOPLE = [name for name, kind in KINDS.items() if not kind.by_service]
FREE = {"referral.submitted", "enquiry.made", "story.added"}
"""What anybody may send: a referral asks, and the others give no part."""


@pytest.mark.parametrize("kind", BY_PEOPLE)
def test_an_outsiders_refusal_tells_nothing_of_the_journey(kind: str) -> None:
    """Who works with a child, at what level and with what consent is not told by refusing."""
    area = Area()
    plays = [Play(area) for _ in range(4)]
    plays[0].accept(m.care_opened_before(area, plays[0].child))
    plays[1].accept(m.care_opened_before(area, plays[1].child, level="child_protection"))
    plays[2].accept(m.opened_before(area, plays[2].child))
    plays[2].accept(m.family_choice(area, plays[2].child, by=CAF_WORKER, to=(SCHOOL,)))
    plays[3].accept(m.referral(area, plays[3].child))
    plays[3].accept(not_met(area, plays[3].child, plays[3].last))
    contents = {"content": _contents(area).get(kind, {}), "answers": new_reference()}
    found = set()
    for play in plays:
        assert GP not in state(play).involved
        opened = area.open(_probe(area, play.child, kind, DOCTOR, contents))
        verdict = decide(opened, area.directory, play.journey, area.now)
        assert not isinstance(verdict, Held)
        assert isinstance(verdict, Accepted) <= (kind in FREE)
        reasons = verdict.reasons if isinstance(verdict, Refused) else ()
        found.add(frozenset((reason.code, reason.detail) for reason in reasons))
    assert len(found) == 1, found


@pytest.mark.parametrize("by", [DUTY, CAF_WORKER])
@pytest.mark.parametrize("kind", sorted(set(BY_PEOPLE) - {"case.opened-before"} - FREE))
def test_another_agency_of_the_process_learns_no_more(kind: str, by: str) -> None:
    """First Response and the CAF team without a part are told as little as anybody."""
    area = Area()
    plays = [Play(area) for _ in range(2)]
    plays[0].accept(m.care_opened_before(area, plays[0].child))
    plays[1].accept(m.care_opened_before(area, plays[1].child, level="child_protection"))
    contents = {"content": _contents(area).get(kind, {}), "answers": new_reference()}
    found = set()
    for play in plays:
        opened = area.open(_probe(area, play.child, kind, by, contents))
        verdict = decide(opened, area.directory, play.journey, area.now)
        reasons = verdict.reasons if isinstance(verdict, Refused) else ()
        found.add(frozenset((reason.code, reason.detail) for reason in reasons))
    assert len(found) == 1, found


def _referral(play: Play, practitioner: str) -> Sealed:
    """Seal a doctor's referral to a person of First Response."""
    return play.area.sealed(
        "referral.submitted",
        play.child,
        DOCTOR,
        statements=[play.area.statement("concern.what_happened", by=DOCTOR)],
        basis=DUTY_OF_CARE,
        content={"concern": "child_in_need", "source": "3A"},
        recipients=(Recipient(agency=FRONT, practitioner=practitioner),),
    )


@pytest.mark.parametrize("kept_out", [True, False])
def test_an_outsider_does_not_find_out_who_must_not_know(*, kept_out: bool) -> None:
    """Its message to the person is accepted as any is, and whoever stands in sees it."""
    play = Play(Area())
    play.accept(m.referral(play.area, play.child))
    if kept_out:
        content = {"practitioners": [DUTY]}
        play.accept(play.area.sealed("people.must-not-know", play.child, TEACHER, content=content))

    verdict = play.accept(_referral(play, DUTY))

    assert [to.agency for to in verdict.deliveries] == [FRONT]
    assert play.journey is not None
    assert play.journey.must_not_know == ((DUTY,) if kept_out else ())
    # With its referral the doctor has a part, and may be told.
    again = play.area.sealed(
        "story.added",
        play.child,
        DOCTOR,
        statements=[play.area.statement("views.child", by=DOCTOR)],
        basis=DUTY_OF_CARE,
        recipients=(Recipient(agency=FRONT, practitioner=DUTY),),
    )
    if kept_out:
        assert play.refused(again) == {"recipient.must-not-know"}
    else:
        play.accept(again)


def test_an_outsider_does_not_find_out_that_an_address_is_protected() -> None:
    """Its message goes, without the address; what it may not send at all is refused as ever."""
    play = Play(Area())
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    content = {"by": "family", "agencies": [SCHOOL]}
    play.accept(area.sealed("address.protected", child, TEACHER, content=content))

    def added(by: str, *questions: str, **how: Any) -> Sealed:
        known = [area.statement(question, by=by) for question in questions]
        return area.sealed("story.added", child, by, [FRONT], known, **how)

    lone = play.accept(added(DOCTOR, "identity.address", basis=DUTY_OF_CARE))
    two = play.accept(added(DOCTOR, "identity.address", "views.child", basis=DUTY_OF_CARE))
    narrow = m.consent(area, categories=(Category.HEALTH,), taken_by=DOCTOR)
    unagreed = added(DOCTOR, "identity.address", **m.on_consent(narrow))

    assert [len(one.deliveries[0].shown) for one in (lone, two)] == [0, 1]
    assert lone.rules == ("statutory.duty",)
    assert play.refused(unagreed) == {"consent.out-of-scope"}
    assert play.refused(added(TEACHER, "identity.address", basis=DUTY_OF_CARE)) == {
        "address.protected"
    }
