"""Guards that several kinds share: who must receive a message, and what it may answer."""

from collections.abc import Iterator

from contracts.journey import Journey, Request
from contracts.kinds import Guard, Situation
from contracts.reasons import Refusal
from contracts.roles import Role


def to_role(role: Role) -> Guard:
    """Return a guard: at least one recipient is an agency of `role`."""

    def guard(s: Situation) -> Iterator[Refusal]:
        if not any(s.role_of(agency) is role for agency in s.recipients):
            yield Refusal("recipient.role", role.value)

    return guard


def answers_request(*kinds: str) -> Guard:
    """Return a guard: the message answers an undecided request of one of `kinds` made to it."""

    def guard(s: Situation) -> Iterator[Refusal]:
        request = answered_request(s)
        if request is None or request.kind not in kinds:
            yield Refusal("request.unknown")
        elif s.event.agency not in request.to:
            yield Refusal("request.not-recipient")
        elif request.outcome:
            yield Refusal("request.already-answered")

    return guard


def answered_request(s: Situation) -> Request | None:
    """Return the request in the journey that the message answers, or None."""
    answers = s.event.data.answers
    return s.journey.request(answers) if s.journey and answers else None


def tells_referrer(s: Situation) -> Iterator[Refusal]:
    """Refuse when the agency that asked is not told (003 §1.1; 000 l.75)."""
    request = answered_request(s)
    if request is not None and _is_left_out(s, request.agency):
        yield Refusal("recipient.missing", request.agency)


def tells_lead(s: Situation) -> Iterator[Refusal]:
    """Refuse when the lead professional's agency is not told (003 §§2.6, 2.7)."""
    lead = s.journey.lead if s.journey else None
    if lead is not None and _is_left_out(s, lead.agency):
        yield Refusal("recipient.missing", lead.agency)


def needs_statement(question: str) -> Guard:
    """Return a guard: the message answers `question`."""

    def guard(s: Situation) -> Iterator[Refusal]:
        if question not in s.message.questions:
            yield Refusal("statements.required", question)

    return guard


def _is_left_out(s: Situation, agency: str) -> bool:
    """Tell whether an agency that still takes part is neither sender nor recipient."""
    return s.role_of(agency) is not None and agency not in s.recipients | {s.event.agency}


def must_be_told(journey: Journey | None, answers: str | None) -> tuple[str, ...]:
    """Return the agencies that an answer to `answers` must reach: who asked, and who leads.

    Senders use it to address an outcome; the guards above refuse one that leaves somebody out
    (003 §§1.1, 2.6, 2.7).
    """
    if journey is None:
        return ()
    request = journey.request(answers) if answers else None
    asked = (request.agency,) if request else ()
    leads = (journey.lead.agency,) if journey.lead else ()
    return tuple(dict.fromkeys(asked + leads))
