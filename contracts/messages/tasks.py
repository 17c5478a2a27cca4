"""Work that somebody has to do, and who does it: tasks, work handed on, a child seen, an incident.

Handing work on moves no lead: the lead moves by proposal and acceptance alone (003 principles).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from contracts.consents import SHARING_BASES, BasisKind
from contracts.identifiers import PractitionerId, agency_of
from contracts.journey import Journey
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.guards import answers_request, needs_statement, tells_referrer
from contracts.messages.partners import goes_to_one_agency
from contracts.messages.referral import ask, decide_request
from contracts.messages.standing import CARE, has_a_part
from contracts.reasons import Refusal
from contracts.roles import Capacity
from contracts.values import Instant, Value


class TaskSet(Value):
    """A task for `practitioner`, due at an instant; what is to be done is a statement."""

    due_at: Instant
    practitioner: PractitionerId


class WorkHandedOn(Value):
    """That what is open with one practitioner is now with another of the same agency."""

    from_practitioner: PractitionerId
    to_practitioner: PractitionerId


def _goes_to_whom_it_names(s: Situation) -> Iterator[Refusal]:
    content = s.message.content
    if s.directory.practitioner(content.practitioner, s.now) is None:
        yield Refusal("practitioner.unknown", "content.practitioner")
    if agency_of(content.practitioner) not in s.recipients:
        yield Refusal("recipient.missing", agency_of(content.practitioner))
    if not s.now < content.due_at <= s.now + LONGEST:
        yield Refusal("message.wrong-content", "content.due_at")


def _may_hand_on(s: Situation) -> Iterator[Refusal]:
    """Refuse all but the person's own word, a manager's or the manager's deputy's.

    Who has left hands nothing on any more, so the manager is looked up in the directory as it was.
    """
    leaves, author = s.message.content.from_practitioner, s.event.data.author
    person = s.directory.practitioners.get(leaves)
    if person is None or agency_of(leaves) != s.event.agency:
        yield Refusal("work.other-agency", "content.from_practitioner")
        return
    manager = s.directory.practitioner(person.line_manager or "", s.now)
    managers = {manager.id, manager.deputy} if manager else set[str | None]()
    by_capacity = author.capacity is Capacity.TEAM_MANAGER
    if author.id not in {leaves, *managers} and not by_capacity:
        yield Refusal("work.not-yours")


def _taken_on_here(s: Situation) -> Iterator[Refusal]:
    content = s.message.content
    takes = content.to_practitioner
    if agency_of(takes) != s.event.agency or takes == content.from_practitioner:
        yield Refusal("work.other-agency", "content.to_practitioner")
    elif s.directory.practitioner(takes, s.now) is None:
        yield Refusal("practitioner.unknown", "content.to_practitioner")
    if s.event.agency not in s.recipients:
        yield Refusal("recipient.missing", s.event.agency)


def _fold_task(journey: Journey, step: Step) -> Journey:
    return ask(journey, step, TASK_SET.name, protection=False)


def _fold_done(journey: Journey, step: Step) -> Journey:
    return decide_request(journey, step, "done")


def _fold_known(journey: Journey, step: Step) -> Journey:
    """Leave it with the agency that knows to notify, whomever else it tells."""
    asked = ask(journey, step, INCIDENT_KNOWN.name, protection=False)
    known = asked.request(step.event.id)
    return asked.with_request(replace(known, to=(step.event.agency,))) if known else asked


def _fold_notified(journey: Journey, step: Step) -> Journey:
    return decide_request(journey, step, "notified")


def _fold_involved(journey: Journey, step: Step) -> Journey:
    return journey.with_involved(step.event.agency)


LONGEST = timedelta(days=366)
"""How far ahead a task may be due."""

_SOCIAL_WORKERS = frozenset({Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER, Capacity.DUTY_WORKER})

TASK_SET = Kind(
    name="task.set",
    title="A task is set",
    cites="004 §7.8",
    content=TaskSet,
    fold=_fold_task,
    bases=SHARING_BASES,
    guards=(has_a_part, goes_to_one_agency, _goes_to_whom_it_names, needs_statement("task.what")),
    asks=True,
)

TASK_DONE = Kind(
    name="task.done",
    title="A task is done",
    cites="004 §7.8",
    content=NoContent,
    fold=_fold_done,
    guards=(answers_request(TASK_SET.name), tells_referrer),
)

HANDED_ON = Kind(
    name="work.handed-on",
    title="Work is handed on to a colleague",
    cites="003 principles: clear roles, responsibilities and accountability",
    content=WorkHandedOn,
    fold=_fold_involved,
    bases=frozenset({BasisKind.NOTICE}),
    guards=(has_a_part, _may_hand_on, _taken_on_here),
)

CHILD_SEEN = Kind(
    name="child.seen",
    title="The child was seen",
    cites="Children Act 1989 s.47; local practice: within 24 hours",
    content=NoContent,
    fold=_fold_involved,
    senders=CARE,
    authors=_SOCIAL_WORKERS,
    addressed=False,
    guards=(has_a_part,),
)

INCIDENT_KNOWN = Kind(
    name="incident.known",
    title="The authority knows of a serious incident",
    cites="Working Together 2023: serious incident notification",
    content=NoContent,
    fold=_fold_known,
    senders=CARE,
    addressed=False,
    opening=True,
)

INCIDENT_NOTIFIED = Kind(
    name="incident.notified",
    title="The national panel has been notified of a serious incident",
    cites="Working Together 2023: serious incident notification",
    content=NoContent,
    fold=_fold_notified,
    senders=CARE,
    authors=frozenset({Capacity.TEAM_MANAGER}),
    addressed=False,
    guards=(answers_request(INCIDENT_KNOWN.name),),
)

KINDS = (TASK_SET, TASK_DONE, HANDED_ON, CHILD_SEEN, INCIDENT_KNOWN, INCIDENT_NOTIFIED)
