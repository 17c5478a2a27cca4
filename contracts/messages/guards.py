"""Guards that several kinds share: who must receive a message, and what it may answer.

They hold whatever rule packs are in force. What a source asks of a kind (parts, consents, times,
people to tell) stands in a rule pack and is judged by `contracts.messages.checks`.
"""

from collections.abc import Iterator

from contracts.journey import Journey, Request
from contracts.kinds import Guard, Situation
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.rules.packs import Person
from contracts.rules.people import agencies_of, referrers

WITHDRAWN = "withdrawn"
"""The outcome of a request that its sender took back."""


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
            yield Refusal(why_answered(request))

    return guard


def why_answered(request: Request) -> str:
    """Return why nobody answers a request whose outcome is known: taken back, or answered."""
    return "request.withdrawn" if request.outcome == WITHDRAWN else "request.already-answered"


def answered_request(s: Situation) -> Request | None:
    """Return the request in the journey that the message answers, or None."""
    answers = s.event.data.answers
    return s.journey.request(answers) if s.journey and answers else None


def tells_referrer(s: Situation) -> Iterator[Refusal]:
    """Refuse an answer that does not reach the agency that asked.

    For the kinds of which no source says so; of the others the rule packs do (003 §1.1).
    """
    people = agencies_of(Person.REFERRER, s.journey, s.event, s.directory, s.now)
    for agency in sorted(people - s.recipients):
        yield Refusal("recipient.missing", agency)


def needs_statement(question: str) -> Guard:
    """Return a guard: the message answers `question`."""

    def guard(s: Situation) -> Iterator[Refusal]:
        if question not in s.message.questions:
            yield Refusal("statements.required", question)

    return guard


def must_be_told(journey: Journey | None, answers: str | None) -> tuple[str, ...]:
    """Return the agencies that an answer to `answers` must reach: who asked, and who leads.

    Senders use it to address an outcome; it looks where the rules about people look, so that what
    they refuse is not sent (003 §§1.1, 2.6, 2.7).
    """
    if journey is None:
        return ()
    asked = tuple(referrers(journey, answers)) if answers else ()
    leads = (journey.lead.agency,) if journey.lead else ()
    return tuple(dict.fromkeys(asked + leads))
