"""Assessment by social care, and what it found (003 §§2.7-2.8, 3.1; 000 l.77)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.journey import Journey
from contracts.kinds import Kind, Situation, Step
from contracts.messages.guards import tells_lead
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Value


class AssessmentKind(StrEnum):
    """Which assessment (003 §2.7; Working Together's single assessment)."""

    CHILD_AND_FAMILY = "child_and_family"
    SECTION_47 = "section_47"


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


class ConferenceHeld(Value):
    """That an initial child protection conference was held; the day is a statement (003 §2.8)."""


def _assessment_open(s: Situation) -> Iterator[Refusal]:
    if s.journey is None or s.journey.assessment is None:
        yield Refusal("assessment.none-open")


def _assessment_started(s: Situation) -> Iterator[Refusal]:
    """Refuse a conclusion of an assessment that nobody said had started (000 l.77)."""
    assessment = s.journey.assessment if s.journey else None
    if assessment is None or not assessment.started:
        yield Refusal("assessment.none-open")


def _tells_whoever_asked(s: Situation) -> Iterator[Refusal]:
    """Refuse when the agency whose request led here is not told (000 l.75)."""
    assessment = s.journey.assessment if s.journey else None
    request = s.journey.request(assessment.request) if s.journey and assessment else None
    if request is not None and request.agency not in s.recipients | {s.event.agency}:
        yield Refusal("recipient.missing", request.agency)


def _fold_started(journey: Journey, step: Step) -> Journey:
    if journey.assessment is None:
        return journey
    started = replace(journey.assessment, by=step.event.agency, started=True)
    return replace(journey, assessment=started).with_involved(step.event.agency)


def _fold_concluded(journey: Journey, step: Step) -> Journey:
    done = replace(journey, assessment=None).with_involved(step.event.agency)
    finding = step.content.finding
    if finding is Finding.NOT_IN_NEED:
        return done
    if finding is Finding.CHILD_PROTECTION:
        return replace(done, level=Level.CHILD_PROTECTION, case_open=True)
    was_protected = journey.level is Level.CHILD_PROTECTION
    return replace(
        done,
        level=Level.CHILD_IN_NEED,
        case_open=True,
        child_in_need_since=step.at if was_protected else journey.child_in_need_since or step.at,
        protection_plan_ended=step.at if was_protected else journey.protection_plan_ended,
    )


def _fold_held(journey: Journey, step: Step) -> Journey:
    return journey.with_involved(step.event.agency)


_ASSESSORS = frozenset({Role.SOCIAL_CARE, Role.FIRST_RESPONSE})
_SOCIAL_WORKERS = frozenset({Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER})

STARTED = Kind(
    name="assessment.started",
    title="An assessment has started",
    cites="003 §2.7; 000 l.77",
    content=AssessmentStarted,
    fold=_fold_started,
    senders=_ASSESSORS,
    authors=_SOCIAL_WORKERS,
    guards=(_assessment_open, _tells_whoever_asked, tells_lead),
)

CONCLUDED = Kind(
    name="assessment.concluded",
    title="What an assessment found",
    cites="003 §§2.8, 3.1",
    content=AssessmentConcluded,
    fold=_fold_concluded,
    senders=_ASSESSORS,
    authors=_SOCIAL_WORKERS,
    guards=(_assessment_started, _tells_whoever_asked, tells_lead),
)

HELD = Kind(
    name="conference.held",
    title="An initial child protection conference was held",
    cites="003 §2.8",
    content=ConferenceHeld,
    fold=_fold_held,
    addressed=False,
    senders=_ASSESSORS,
)

KINDS = (STARTED, CONCLUDED, HELD)
