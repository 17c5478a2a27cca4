"""Messages judged by rule packs: policy is data, and what the form of a journey asks is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.consents import Covers
from contracts.event import Event, Signer
from contracts.journey import Journey, Lead, Meeting, Request
from contracts.messages.checks import CHECKS
from contracts.messages.guards import must_be_told
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from contracts.rules import (
    SHIPPED,
    GuardRule,
    PartsRule,
    Person,
    RulePack,
    RulePacks,
    TellRule,
    combine,
    shipped,
)
from contracts.rules.people import agencies_of
from contracts.seal import Sealed
from services.exchange.decision import Accepted, Refused, decide
from tests import messages as m
from tests.area import (
    CAF,
    CARE,
    DOCTOR,
    DUTY,
    FRONT,
    GP,
    MANAGER,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
    codes,
)
from tests.unit.test_decision import Play

NO_RULES = combine([])
CITED = "Board, 2026"


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


def packs(*rules: GuardRule | PartsRule | TellRule) -> RulePacks:
    """Packs of these rules alone."""
    return combine(
        [
            RulePack(
                format=2,
                id="board",
                version="1",
                title="Board",
                source="Board",
                guards=tuple(r for r in rules if isinstance(r, GuardRule)),
                parts=tuple(r for r in rules if isinstance(r, PartsRule)),
                tells=tuple(r for r in rules if isinstance(r, TellRule)),
            )
        ]
    )


def guard(check: str, kind: str, refuses: str, **said: Any) -> GuardRule:
    """A guard that asks for `check` of messages of `kind`."""
    made = {"id": "rule", "title": "Rule", "citation": CITED, "applies_to": (kind,)}
    return GuardRule.model_validate({**made, "check": check, "refuses": refuses, **said})


def found(play: Play, sealed: Sealed, rules: RulePacks) -> set[str]:
    """The codes for which a message is refused under `rules`, empty when it is accepted."""
    opened, area = play.area.open(sealed), play.area
    verdict = decide(opened, area.directory, play.journey, area.now, rules)
    if isinstance(verdict, Accepted):
        return set()
    assert isinstance(verdict, Refused)
    assert verdict.packs == rules.names
    return codes(verdict.reasons)


def bare_step_down(play: Play) -> Sealed:
    """A step down that breaks every rule of the guidance and nothing of the contract."""
    sharing = m.consent(play.area, taken_by=WORKER, roles=(), recipients=(CAF,))
    content = {"reason": "monitoring", "unmet_need_manageable": False}
    return m.step_down(
        play.area,
        play.child,
        content=content,
        consents=(sharing,),
        basis={"kind": "consent", "consents": (sharing.id,)},
    )


def test_what_the_guidance_asks_is_data(play: Play) -> None:
    """003 §§4.1, 4.2, 5.2: asked while the guidance is in force, and by nothing else."""
    play.accept(m.care_opened_before(play.area, play.child))
    sealed = bare_step_down(play)

    assert found(play, sealed, NO_RULES) == set()
    assert found(play, sealed, combine([shipped("rochdale-2013")])) == {
        "stepdown.for-monitoring",
        "stepdown.unmet-need",
        "stepdown.consent-service",
    }


def test_what_a_journey_asks_is_no_rule_of_a_pack(play: Play) -> None:
    """003 §5.1: never straight from child protection, whatever packs are in force."""
    play.accept(m.care_opened_before(play.area, play.child, level="child_protection"))
    refused = found(play, bare_step_down(play), NO_RULES)
    assert refused == {"stepdown.not-child-in-need"}


def test_the_caf_is_never_a_condition_of_closing(play: Play) -> None:
    """003 §3.3: no pack that ships asks for anything of a CAF before a case is closed."""
    for name in SHIPPED:
        for rule in shipped(name).guards:
            if "case.closed" in rule.applies_to and not rule.when:
                assert rule.check in {"countersigned", "time_at_child_in_need"}, rule.id
    now = play.area.now.isoformat()
    ended = {"child_in_need_since": now, "protection_plan_ended": now}
    play.accept(m.care_opened_before(play.area, play.child, **ended))
    play.accept(m.closed(play.area, play.child, support="declined", to=(CARE,)))


@pytest.mark.parametrize(("days", "refused"), [(88, True), (93, False)])
def test_the_months_at_child_in_need_are_counted(play: Play, days: int, refused: bool) -> None:
    """003 §5.1: three months from the end of the plan; an overridden length counts instead."""
    ended = play.area.now - timedelta(days=days)
    since = {"child_in_need_since": ended.isoformat(), "protection_plan_ended": ended.isoformat()}
    play.accept(m.care_opened_before(play.area, play.child, **since))
    sealed = m.step_down(play.area, play.child)
    rule = next(g for g in shipped("rochdale-2013").guards if g.length)
    shorter = rule.model_copy(update={"length": 1})

    assert found(play, sealed, packs(rule)) == ({"stepdown.too-soon"} if refused else set())
    assert found(play, sealed, packs(shorter)) == set()


def test_the_time_is_counted_from_the_later_of_both_days(play: Play) -> None:
    """003 §5.1: a plan that ended long ago does not shorten the time at child in need."""
    now = play.area.now
    since = {
        "child_in_need_since": (now - timedelta(days=20)).isoformat(),
        "protection_plan_ended": (now - timedelta(days=200)).isoformat(),
    }
    play.accept(m.care_opened_before(play.area, play.child, **since))
    play.accept(m.family_choice(play.area, play.child, "wishes_support"))
    assert play.refused(m.step_down(play.area, play.child)) == {"stepdown.too-soon"}


@pytest.mark.parametrize("part", ["pack.caf", "pack.last_tac_meeting"])
def test_child_protection_waits_for_no_part(play: Play, part: str) -> None:
    """003 §§2.2, 2.4: the pack is asked of other concerns only."""
    play.accept(m.opened_before(play.area, play.child))
    sealed = m.step_up(play.area, play.child, without=part)
    urgent = m.step_up(play.area, play.child, without=part, content={"concern": "child_protection"})
    assert play.refused(sealed) == {"pack.part-missing"}
    play.accept(urgent)


def test_one_of_several_parts_can_be_enough(play: Play) -> None:
    """000 l.63: the views of the child, or the reason why there are none."""
    rule = PartsRule(
        id="views",
        title="Views",
        citation=CITED,
        applies_to=("referral.submitted",),
        questions=("concern.what_happened", "identity.name"),
        any_one=True,
    )
    both = rule.model_copy(update={"any_one": False})
    neither = rule.model_copy(update={"questions": ("identity.name", "identity.sex")})
    sealed = m.referral(play.area, play.child)

    assert found(play, sealed, packs(rule)) == set()
    assert found(play, sealed, packs(both)) == {"statements.required"}
    assert found(play, sealed, packs(neither)) == {"statements.required"}


def test_a_part_is_not_asked_of_history(play: Play) -> None:
    """What happened years ago was written down under other rules."""
    rule = PartsRule(
        id="name",
        title="Name",
        citation=CITED,
        applies_to=("referral.submitted",),
        questions=("identity.name",),
    )
    history = {"occurred_on": "2001-01-01", "source": "cin-census"}
    assert found(play, m.referral(play.area, play.child), packs(rule)) == {"statements.required"}
    assert found(play, m.referral(play.area, play.child, history=history), packs(rule)) == set()


def test_a_rule_is_narrowed_by_content_and_basis(play: Play) -> None:
    """A rule is kept of the messages that it is about, and of no others."""

    def never(**when: tuple[str, ...]) -> RulePacks:
        return packs(guard("never", "referral.submitted", "consent.missing", when=when))

    sealed = m.referral(play.area, play.child)
    assert found(play, sealed, never(basis=("statutory_duty",))) == {"consent.missing"}
    assert found(play, sealed, never(basis=("consent",))) == set()
    assert found(play, sealed, never(concern=("child_in_need",))) == {"consent.missing"}
    assert found(play, sealed, never(concern=("child_protection",))) == set()


def test_child_protection_is_stopped_by_no_rule(play: Play) -> None:
    """003 §2.2: whatever a pack asks, a child-protection concern goes through."""
    rules = packs(guard("never", "referral.submitted", "consent.missing"))
    assert found(play, m.protection(play.area, play.child), rules) == set()


@pytest.mark.parametrize(
    ("signer", "capacity", "refused"),
    [(MANAGER, Capacity.TEAM_MANAGER, set()), (None, None, {"countersign.missing"})],
)
def test_a_decision_can_need_a_countersignature(
    play: Play, signer: str | None, capacity: Capacity | None, refused: set[str]
) -> None:
    """York matrix: key decisions are countersigned, where a partnership asks for that."""
    play.accept(m.care_opened_before(play.area, play.child))
    rules = packs(
        guard("countersigned", "case.closed", "countersign.missing", codes=("team_manager",))
    )
    signers = (Signer(id=signer, capacity=capacity),) if signer and capacity else ()
    sealed = play.area.sealed(
        "case.closed",
        play.child,
        WORKER,
        (),
        [play.area.statement("closure.reason", "RC7", by=WORKER)],
        capacity=Capacity.SOCIAL_WORKER,
        basis={"kind": "statutory_duty", "provision": "CA1989-s17"},
        content={"support": "declined"},
        countersigners=signers,
    )
    assert found(play, sealed, rules) == refused


def test_agency_checks_are_asked_and_answered_first(play: Play) -> None:
    """004 §4.6: in child protection other agencies are asked, and all have answered."""
    play.accept(m.opened_before(play.area, play.child))
    play.accept(m.step_up(play.area, play.child))
    play.accept(m.step_up_decided(play.area, play.child, play.last))
    play.accept(m.assessment(play.area, play.child))
    sealed = m.assessment(play.area, play.child, concluded="child_protection")
    rules = packs(guard("agency_checks_answered", "assessment.concluded", "request.unknown"))
    assert play.journey is not None
    asked = Request("A" * 20, "agency-check.requested", CARE, WORKER, (GP,), play.journey.now)
    old = replace(asked, at="2001-01-01T00:00:00.000Z", outcome="answered")

    def after(*requests: Request) -> set[str]:
        before = play.journey
        assert before is not None
        play.journey = before
        for request in requests:
            play.journey = play.journey.with_request(request)
        refused = found(play, sealed, rules)
        play.journey = before
        return refused

    done = replace(asked, outcome="answered")
    assert after() == after(old) == {"request.unknown"}
    assert after(asked) == {"request.unknown"}
    assert after(done) == set()


def test_a_lead_within_social_care_is_none_for_support(play: Play) -> None:
    """003 §§5.3, 5.5: support after closing is led from outside social care."""
    play.accept(m.care_opened_before(play.area, play.child))
    assert "case.needs-lead" in play.refused(m.closed(play.area, play.child, to=(SCHOOL, CARE)))


def test_a_consent_that_names_nobody_is_no_consent(play: Play) -> None:
    """003 §4.1: explicit consent, to the CAF team by role or by name."""
    play.accept(m.care_opened_before(play.area, play.child))
    rule = next(g for g in shipped("rochdale-2013").guards if g.id == "consent-to-support")

    def given(**scope: Any) -> set[str]:
        sharing = m.consent(play.area, taken_by=WORKER)
        support = m.consent(play.area, Covers.SERVICE, taken_by=WORKER, **scope)
        basis = {"kind": "consent", "consents": (sharing.id,)}
        consents = (sharing, support)
        sealed = m.step_down(play.area, play.child, consents=consents, basis=basis)
        return found(play, sealed, packs(rule))

    assert given(roles=(Role.CAF_TEAM,)) == set()
    assert given(roles=(), recipients=(CAF,)) == set()
    assert given(roles=(Role.UNIVERSAL,)) == {"stepdown.consent-service"}
    assert given(expires_at=play.area.now) == {"stepdown.consent-service"}


def test_every_check_is_asked_for_by_a_rule() -> None:
    """The list of checks is closed, and each is there for a rule that ships."""
    used = {g.check for name in SHIPPED for g in shipped(name).guards}
    assert used <= set(CHECKS)
    assert set(CHECKS) == used


def people(journey: Journey | None, area: Area, event: Event) -> dict[Person, frozenset[str]]:
    """Whom every person stands for in a message."""
    return {p: agencies_of(p, journey, event, area.directory, area.now) for p in Person}


def message(area: Area, kind: str, child: str, author: str, *args: Any, **data: Any) -> Event:
    """A message's envelope."""
    return area.event(kind, child, author, *args, **data)[0]


def test_people_are_agencies_of_the_journey(play: Play) -> None:
    """003 §§1.1, 2.6, 2.7: who asked, who leads and who has a part; a family is no agency."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, author=DOCTOR))
    request = play.last
    play.accept(m.opened_before(area, child))
    sealed = message(area, "referral.decided", child, DUTY, [SCHOOL], answers=request,
                         content={"outcome": "assess"})  # fmt: skip
    told = people(play.journey, area, sealed)

    assert told[Person.REFERRER] == {GP}
    assert told[Person.LEAD_PROFESSIONAL] == {SCHOOL}
    assert told[Person.PARTNER_AGENCIES] == {GP, SCHOOL, CAF}
    assert told[Person.INVITEES] == {SCHOOL}
    assert told[Person.CAF_TEAM] == {CAF}
    assert told[Person.FIRST_RESPONSE] == frozenset()
    assert told[Person.FAMILY] == told[Person.MANAGER] == frozenset()
    assert set(must_be_told(play.journey, request)) == {GP, SCHOOL}


def test_an_agency_that_left_stands_for_nobody(play: Play) -> None:
    """Nobody has to tell an agency that takes part no more."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child, author=DOCTOR))
    decided = message(area, "referral.decided", child, DUTY, [CARE], answers=play.last,
                          content={"outcome": "assess"})  # fmt: skip
    agencies = tuple(
        a.model_copy(update={"left_at": area.now}) if a.id == GP else a
        for a in area.document.agencies
    )
    area.document = area.document.model_copy(update={"agencies": agencies})
    assert people(play.journey, area, decided)[Person.REFERRER] == frozenset()


def test_the_referrer_is_found_behind_an_assessment_and_behind_a_request(play: Play) -> None:
    """003 §§1.2, 3.3: what social care asks of the CAF team goes back to who referred."""
    area, child = play.area, play.child
    by_doctor = Request("A" * 20, "referral.submitted", GP, DOCTOR, (FRONT,), "", outcome="assess")
    to_caf = Request("B" * 20, "caf.information-sent", FRONT, DUTY, (CAF,), "")
    journey = Journey(child=child, requests=(by_doctor, to_caf), involved=(GP, FRONT))
    found = message(area, "assessment.concluded", child, WORKER, content={"finding": "not_in_need"})
    contact = message(area, "caf.contact-made", child, TEACHER, answers=to_caf.id)
    taken = message(area, "message.acknowledged", child, TEACHER, answers=to_caf.id)
    unknown = message(area, "people.told", child, TEACHER, answers="C" * 20)

    assert people(journey, area, found)[Person.REFERRER] == {GP}
    assert people(journey, area, contact)[Person.REFERRER] == {GP, FRONT}
    assert people(journey, area, taken)[Person.REFERRER] == {FRONT}
    assert people(journey, area, unknown)[Person.REFERRER] == frozenset()
    assert people(None, area, found)[Person.REFERRER] == frozenset()


def test_those_invited_are_told_what_a_meeting_came_to(play: Play) -> None:
    """000 l.137: everybody who was invited, found by the meeting's reference."""
    area, child = play.area, play.child
    called = Meeting("A" * 20, "child_in_need", "R" * 20, CARE, (SCHOOL, GP))
    journey = Journey(child=child, meetings=(called,), lead=Lead(WORKER, CARE, "", ""))
    held = message(area, "meeting.held", child, WORKER, content={"ref": "R" * 20})
    assert people(journey, area, held)[Person.INVITEES] == {SCHOOL, GP}


def test_any_agency_of_a_role_will_do(play: Play) -> None:
    """Where a rule names a role, one agency of it is told and the others need not be."""
    tell = TellRule(
        id="team",
        title="The CAF team hears of it",
        citation=CITED,
        applies_to=("referral.submitted",),
        people=(Person.CAF_TEAM,),
        on_message=True,
    )
    area = play.area
    second = next(a for a in area.document.agencies if a.id == CAF).model_copy(
        update={"id": "demo.other-caf", "duty_desk": None}
    )
    agencies = (*area.document.agencies, second)
    area.document = area.document.model_copy(update={"agencies": agencies})

    assert found(play, m.referral(area, play.child), packs(tell)) == {"recipient.missing"}
    assert found(play, m.referral(area, play.child, to=[FRONT, CAF]), packs(tell)) == set()


def test_a_refusal_names_whom_to_add(play: Play) -> None:
    """The sender reads which agency to add, and no name of a person."""
    area, child = play.area, play.child
    play.accept(m.referral(area, child))
    sealed = area.sealed("referral.decided", child, DUTY, [CARE], capacity=Capacity.DUTY_WORKER,
                         answers=play.last, content={"outcome": "assess"})  # fmt: skip
    verdict = decide(area.open(sealed), area.directory, play.journey, area.now)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == (Refusal("recipient.missing", SCHOOL),)
