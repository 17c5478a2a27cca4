"""A referral from a professional where there is no CAF (003 §§1.1-1.2)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from contracts.codes.referral import ReferralSource
from contracts.consents import SHARING_BASES
from contracts.identifiers import PractitionerId
from contracts.journey import Assessment, Journey, Request
from contracts.kinds import Kind, Situation, Step
from contracts.messages.family import may_be_unborn, unborn_after
from contracts.messages.guards import answers_request, needs_statement
from contracts.messages.standing import not_declined
from contracts.reasons import Refusal
from contracts.roles import Capacity, Level, Role
from contracts.values import Instant, Value


class Concern(StrEnum):
    """How serious the concern is: child protection is never delayed (003 §2.2)."""

    CHILD_PROTECTION = "child_protection"
    CHILD_IN_NEED = "child_in_need"


class Discussion(Value):
    """That the sender discussed another concern with the line manager first (003 §2.2)."""

    line_manager: PractitionerId
    at: Instant


class ReferralSubmitted(Value):
    """A first or further referral to First Response.

    `source` is the DfE referral source; `recorded_for` is set when First Response, social care or
    the CAF team writes down what a person said who has no agency of their own, or whose agency
    has not joined; `unborn` while the child is not born yet.
    """

    concern: Concern
    source: ReferralSource | None = None
    recorded_for: ReferralSource | None = None
    unborn: bool = False
    discussed: Discussion | None = None


class ReferralOutcome(StrEnum):
    """What First Response decided on a referral (003 §1.1; Working Together)."""

    NOT_MET = "not_met"
    ASSESS = "assess"
    SECTION_47 = "section_47"


class ReferralDecided(Value):
    """The decision on a referral; `caf_encouraged` only where appropriate (003 §1.1)."""

    outcome: ReferralOutcome
    caf_encouraged: bool = False
    social_worker: PractitionerId | None = None


def is_protection(s: Situation) -> bool:
    """Tell whether the message raises a child-protection concern, on whatever basis."""
    return bool(s.message.content.concern is Concern.CHILD_PROTECTION)


def reaches_first_response(s: Situation) -> Iterator[Refusal]:
    """Refuse a request to social care that does not go to First Response (003 §§2.2, 2.4).

    Child protection may go straight to a social care agency: any of them must act on it.
    """
    roles = {Role.FIRST_RESPONSE, Role.SOCIAL_CARE} if is_protection(s) else {Role.FIRST_RESPONSE}
    to_front_door = any(s.role_of(a) in roles for a in s.recipients)
    recorded_there = s.role_of(s.event.agency) is Role.FIRST_RESPONSE
    if not to_front_door and not recorded_there:
        yield Refusal("recipient.role", Role.FIRST_RESPONSE.value)


def has_something_to_act_on(s: Situation) -> Iterator[Refusal]:
    """Refuse child protection only below its floor: one statement or a number to call."""
    call = getattr(s.event.data.basis, "call", None)
    if is_protection(s) and not s.message.statements and call is None:
        yield Refusal("protection.floor")


def says_what_happened(s: Situation) -> Iterator[Refusal]:
    """Refuse a referral that does not say why it is made; child protection and history may."""
    if is_protection(s):
        return
    if s.message.content.source is None:
        yield Refusal("message.wrong-content", "content.source")
    if s.event.data.history is None:
        yield from needs_statement("concern.what_happened")(s)


def written_down_for_another(s: Situation) -> Iterator[Refusal]:
    """Refuse a referral in somebody else's name from an agency that takes none down (003 §1.1)."""
    takes_down = (Role.FIRST_RESPONSE, Role.SOCIAL_CARE, Role.CAF_TEAM)
    if s.message.content.recorded_for is not None and s.role_of(s.event.agency) not in takes_down:
        yield Refusal("referral.on-behalf")


def _steps_up_instead(s: Situation) -> Iterator[Refusal]:
    """Refuse a referral by the lead of a supported child, who steps up (003 §§2.4-2.5).

    A referral needs neither the four parts nor a word with the manager, and is for whoever does
    not lead. Child protection goes either way, and what somebody else said may be written down.
    """
    if s.journey is None or is_protection(s) or s.message.content.recorded_for is not None:
        return
    lead, supported = s.journey.lead, s.journey.level is not Level.UNIVERSAL
    if supported and lead is not None and lead.practitioner == s.event.data.author.id:
        yield Refusal("referral.step-up-instead")


def _encourages_whom_it_may(s: Situation) -> Iterator[Refusal]:
    """Refuse to encourage a CAF after the family's no (003 §§1.1, 3.3)."""
    if s.message.content.caf_encouraged:
        yield from not_declined(s)


MOST_ASKED = 16


def ask(journey: Journey, step: Step, kind: str, *, protection: bool) -> Journey:
    """Return the journey with this message as an open request to those who have received it.

    Whoever asks takes part, and whom somebody with a part asks.
    """
    event = step.event
    to = step.to[:MOST_ASKED] or (event.agency,)
    request = Request(
        id=event.id,
        kind=kind,
        agency=event.agency,
        author=event.data.author.id,
        to=to,
        at=step.at,
        protection=protection,
    )
    return journey.with_request(request).with_involved(event.agency, *to)


def _fold_submitted(journey: Journey, step: Step) -> Journey:
    protection = step.content.concern is Concern.CHILD_PROTECTION
    asked = ask(journey, step, SUBMITTED.name, protection=protection)
    return replace(asked, unborn=unborn_after(journey, said=step.content.unborn))


def decide_request(journey: Journey, step: Step, outcome: str) -> Journey:
    """Return the journey with the answered request decided as `outcome`, and who is told in it."""
    request = journey.request(step.event.data.answers or "")
    if request is None:
        return journey
    return journey.with_request(replace(request, outcome=outcome)).with_involved(*step.to)


def start_assessing(journey: Journey, step: Step, outcome: str) -> Journey:
    """Return the journey decided as `outcome`, with an assessment to come where it says so."""
    decided = decide_request(journey, step, outcome)
    if outcome not in (ReferralOutcome.ASSESS, ReferralOutcome.SECTION_47):
        return decided
    new = Assessment(request=step.event.data.answers or "", by=step.event.agency)
    # A case that opens is about a family that lives here, wherever it had moved before.
    moved_to = journey.moved_to if journey.case_open else ""
    assessment = journey.assessment or new
    holder = journey.case_holder or step.event.agency
    return replace(
        decided, assessment=assessment, case_open=True, moved_to=moved_to, case_holder=holder
    )


def _fold_decided(journey: Journey, step: Step) -> Journey:
    return start_assessing(journey, step, step.content.outcome.value)


SUBMITTED = Kind(
    name="referral.submitted",
    title="Referral from a professional",
    cites="003 §1.1, §2.2, §2.5",
    content=ReferralSubmitted,
    fold=_fold_submitted,
    bases=SHARING_BASES,
    guards=(
        reaches_first_response,
        has_something_to_act_on,
        says_what_happened,
        written_down_for_another,
        may_be_unborn,
        _steps_up_instead,
    ),
    opening=True,
    asks=True,
)

DECIDED = Kind(
    name="referral.decided",
    title="Decision on a referral",
    cites="003 §1.1",
    content=ReferralDecided,
    fold=_fold_decided,
    senders=frozenset({Role.FIRST_RESPONSE, Role.SOCIAL_CARE}),
    authors=frozenset({Capacity.DUTY_WORKER, Capacity.SOCIAL_WORKER, Capacity.TEAM_MANAGER}),
    guards=(answers_request(SUBMITTED.name), _encourages_whom_it_may),
)

KINDS = (SUBMITTED, DECIDED)
