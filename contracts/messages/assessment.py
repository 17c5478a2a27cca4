"""Assessment by social care, and what it found (003 §§2.7-2.8, 3.1; 000 l.77)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.journey import Assessment, Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.plans import found_at_risk, placed
from contracts.messages.standing import CARE, IN_NEED, has_a_part
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Value


class AssessmentKind(StrEnum):
    """Which assessment (003 §2.7; 000 ll.73, 109; Working Together)."""

    CHILD_AND_FAMILY = "child_and_family"
    SECTION_47 = "section_47"
    INITIAL = "initial"
    CORE = "core"


class AssessmentStarted(Value):
    """That an assessment has started; TAC provision continues meanwhile (003 §2.7)."""

    assessment: AssessmentKind


class Finding(StrEnum):
    """What an assessment found (003 §§2.8, 3.1)."""

    CHILD_IN_NEED = "child_in_need"
    CHILD_PROTECTION = "child_protection"
    NOT_IN_NEED = "not_in_need"


class AssessmentConcluded(Value):
    """The conclusion: from it on, and not before, social care provides a service (003 §2.8)."""

    finding: Finding
    assessment: AssessmentKind | None = None


class ConferenceHeld(Value):
    """That an initial child protection conference was held; the day is a statement (003 §2.8)."""


def _assessment_open(s: Situation) -> Iterator[Refusal]:
    """Refuse an assessment that nobody decided on.

    In an open case a core assessment follows the initial one (000 l.109), and a section 47 enquiry
    a concern that arises, without a further request.
    """
    further = s.message.content.assessment in (AssessmentKind.CORE, AssessmentKind.SECTION_47)
    if further and s.journey is not None and s.journey.case_open and s.has_part:
        return
    if s.journey is None or s.journey.assessment is None:
        yield Refusal("assessment.none-open")


def _not_over_social_care(s: Situation) -> Iterator[Refusal]:
    """Refuse First Response an assessment in a case that social care holds, or its conclusion.

    Who assesses is answerable for what is found (003 principles: accountability); one team of
    social care may conclude what another has begun.
    """
    journey = s.journey
    if journey is None or s.event.data.history is not None:
        return
    if s.role_of(s.event.agency) is not Role.FIRST_RESPONSE:
        return
    begun = journey.assessment is not None and journey.assessment.started
    holders = {journey.case_holder} if journey.case_open else set[str]()
    holders |= {journey.assessment.by} if begun and journey.assessment else set()
    others = holders - {"", s.event.agency}
    if any(s.role_of(agency) is Role.SOCIAL_CARE for agency in others):
        yield Refusal("case.other-agency")


def _takes_part(s: Situation) -> Iterator[Refusal]:
    """Refuse an agency without a part; history may come from social care as it is now."""
    if s.event.data.history is None:
        yield from has_a_part(s)


def _assessment_started(s: Situation) -> Iterator[Refusal]:
    """Refuse a conclusion of an assessment that nobody said had started (000 l.77)."""
    assessment = s.journey.assessment if s.journey else None
    if assessment is None or not assessment.started:
        yield Refusal("assessment.none-open")


def _fold_started(journey: Journey, step: Step) -> Journey:
    agency = step.event.agency
    open_one = journey.assessment or Assessment(request="", by=agency)
    # Who assesses holds the case; a further assessment in an open case takes it from nobody.
    holder = (journey.case_holder if journey.level in IN_NEED else "") or agency
    started = replace(open_one, by=agency, started=True)
    return replace(journey, assessment=started, case_holder=holder).with_involved(agency)


def _fold_concluded(journey: Journey, step: Step) -> Journey:
    """Fold a finding; none of them ends a child protection plan (003 §5.1)."""
    concluded = replace(journey, assessment=None).with_involved(step.event.agency)
    done, finding = placed(concluded, journey.level), step.content.finding
    if finding is Finding.CHILD_PROTECTION:
        return found_at_risk(done)
    if finding is Finding.NOT_IN_NEED or journey.level is Level.CHILD_PROTECTION:
        return done
    since = journey.child_in_need_since or step.at
    in_need = placed(done, Level.CHILD_IN_NEED)
    return replace(in_need, case_open=True, child_in_need_since=since)


def _fold_held(journey: Journey, step: Step) -> Journey:
    return journey.with_involved(step.event.agency)


_SOCIAL_WORKERS = frozenset({Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER})

STARTED = Kind(
    name="assessment.started",
    title="An assessment has started",
    cites="003 §2.7; 000 l.77",
    content=AssessmentStarted,
    fold=_fold_started,
    senders=CARE,
    authors=_SOCIAL_WORKERS,
    guards=(_assessment_open, _not_over_social_care),
)

CONCLUDED = Kind(
    name="assessment.concluded",
    title="What an assessment found",
    cites="003 §§2.8, 3.1",
    content=AssessmentConcluded,
    fold=_fold_concluded,
    senders=CARE,
    authors=_SOCIAL_WORKERS,
    guards=(has_a_part, _assessment_started, _not_over_social_care),
)

HELD = Kind(
    name="conference.held",
    title="An initial child protection conference was held",
    cites="003 §2.8",
    content=ConferenceHeld,
    fold=_fold_held,
    addressed=False,
    senders=CARE,
    guards=(_takes_part,),
)

KINDS = (STARTED, CONCLUDED, HELD)
