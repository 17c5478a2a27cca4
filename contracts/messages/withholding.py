"""What is kept back on purpose: sharing decided against, an address, people who must not learn."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.consents import SHARING_BASES, BasisKind
from contracts.identifiers import AgencyId, MessageId, PractitionerId
from contracts.journey import MOST_NOT_SHARED, MOST_NOT_TO_KNOW, Journey
from contracts.keeping_back import with_not_shared, without_not_shared
from contracts.kinds import Kind, NoContent, Situation, Step
from contracts.messages.guards import needs_statement
from contracts.messages.standing import has_a_part
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category
from contracts.reasons import Refusal
from contracts.roles import Capacity, Role
from contracts.rules.packs import Person
from contracts.values import Value


class WhyWithheld(StrEnum):
    """Why it was decided not to share (Children Act 2004 s.16LA(2), (3))."""

    MORE_DETRIMENTAL = "more_detrimental"
    IDENTIFIES_SOURCE = "identifies_source"
    PREJUDICES_ENQUIRY = "prejudices_enquiry"
    NOT_NEEDED = "not_needed"


class SharingWithheld(Value):
    """A decision not to share: of what, from whom, and why; the reason in words is a statement.

    `of` empty means all of it. `asked` is the request that it is about, where there was one. From
    then on the agency's messages show none of it to those agencies, until it says by `ended` that
    the decision is over; what went before stays where it is.
    """

    of: Annotated[tuple[Category, ...], Field(max_length=16)] = ()
    withheld_from: Annotated[tuple[AgencyId, ...], Field(min_length=1, max_length=32)]
    because: WhyWithheld | None = None
    asked: MessageId | None = None
    ended: bool = False

    @model_validator(mode="after")
    def _says_why(self) -> "SharingWithheld":
        if not self.ended and self.because is None:
            raise PydanticCustomError("no_reason", "does not say why it is not shared")
        return self


class AddressProtected(Value):
    """That the child's address is protected, and who may learn it: `agencies`, and by `roles`."""

    by: ProtectedBy
    agencies: Annotated[tuple[AgencyId, ...], Field(max_length=32)] = ()
    roles: Annotated[tuple[Role, ...], Field(max_length=8)] = ()


class MustNotKnow(Value):
    """Who must not learn of a referral; `ended` says of them that it is over.

    Anybody else is named in the statement `safety.who_must_not_know`.
    """

    practitioners: Annotated[tuple[PractitionerId, ...], Field(max_length=8)] = ()
    people: Annotated[tuple[Person, ...], Field(max_length=8)] = ()
    ended: bool = False

    @model_validator(mode="after")
    def _names_somebody(self) -> "MustNotKnow":
        if not (self.practitioners or self.people):
            raise PydanticCustomError("nobody_named", "names neither practitioners nor people")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Return whom it names as a journey holds them; an id has a full stop, a group none."""
        return (*self.practitioners, *(person.value for person in self.people))


_MAY_END = frozenset(
    {
        Capacity.LINE_MANAGER,
        Capacity.TEAM_MANAGER,
        Capacity.SOCIAL_WORKER,
    }
)


def _never_protection(s: Situation) -> Iterator[Refusal]:
    """Refuse a decision against sharing what a child-protection message asks for (003 §2.2)."""
    asked = s.message.content.asked
    request = s.journey.request(asked) if s.journey and asked else None
    if request is not None and request.protection and not s.message.content.ended:
        yield Refusal("sharing.protection-goes")


def _agencies_known(s: Situation) -> Iterator[Refusal]:
    content = s.message.content
    named = getattr(content, "withheld_from", ()) or getattr(content, "agencies", ())
    for agency in named:
        if agency not in s.directory.agencies:
            yield Refusal("agency.unknown", agency)


def _may_change(s: Situation) -> Iterator[Refusal]:
    """Refuse whoever neither protected the address nor may: a court's word is social care's."""
    held = s.journey.protected if s.journey else None
    if held is None:
        return
    care = s.role_of(s.event.agency) is Role.SOCIAL_CARE
    own = held.recorded_by == s.event.agency and held.by is ProtectedBy.FAMILY
    if not (care or own):
        yield Refusal("address.not-yours")


def _is_protected(s: Situation) -> Iterator[Refusal]:
    if s.journey is not None and s.journey.protected is None:
        yield Refusal("address.not-protected")


def _is_not_about_the_author(s: Situation) -> Iterator[Refusal]:
    if s.event.data.author.id in s.message.content.practitioners:
        yield Refusal("message.wrong-content", "content.practitioners")


def _a_manager_ends(s: Situation) -> Iterator[Refusal]:
    """Ask for a manager's or a social worker's signature, the author's or beside it."""
    signed = any(signer.capacity in _MAY_END for signer in s.event.signers)
    if s.message.content.ended and not signed:
        yield Refusal("countersign.missing", Capacity.LINE_MANAGER.value)


def _has_room(s: Situation) -> Iterator[Refusal]:
    content, held = s.message.content, s.journey.must_not_know if s.journey else ()
    if not content.ended and len({*held, *content.named}) > MOST_NOT_TO_KNOW:
        yield Refusal("journey.full")


def _has_room_to_withhold(s: Situation) -> Iterator[Refusal]:
    content, agency = s.message.content, s.event.agency
    held = {n.to for n in s.journey.not_shared if n.by == agency} if s.journey else set[str]()
    if not content.ended and len(held.union(content.withheld_from)) > MOST_NOT_SHARED:
        yield Refusal("journey.full")


def _is_withheld(s: Situation) -> Iterator[Refusal]:
    """Refuse to end what this agency has not decided."""
    content, kept = s.message.content, s.journey.not_shared if s.journey else ()
    held = {n.to for n in kept if n.by == s.event.agency}
    if content.ended and not held.issuperset(content.withheld_from):
        yield Refusal("sharing.not-withheld")


def _fold_withheld(journey: Journey, step: Step) -> Journey:
    content, by = step.content, step.event.agency
    change = without_not_shared if content.ended else with_not_shared
    kept = change(journey.not_shared, by, content.withheld_from, content.of)
    return replace(journey, not_shared=kept).with_involved(by)


def _fold_protected(journey: Journey, step: Step) -> Journey:
    content = step.content
    protected = ProtectedAddress(content.by, step.event.agency, content.agencies, content.roles)
    return replace(journey, protected=protected)


def _fold_unprotected(journey: Journey, _step: Step) -> Journey:
    return replace(journey, protected=None)


def _fold_not_to_know(journey: Journey, step: Step) -> Journey:
    named, held = step.content.named, journey.must_not_know
    if step.content.ended:
        return replace(journey, must_not_know=tuple(one for one in held if one not in named))
    return replace(journey, must_not_know=tuple(dict.fromkeys((*held, *named))))


WITHHELD = Kind(
    name="sharing.withheld",
    title="It was decided not to share",
    cites="Children Act 2004 s.16LA(3)",
    content=SharingWithheld,
    fold=_fold_withheld,
    bases=SHARING_BASES,
    addressed=False,
    guards=(
        has_a_part,
        _agencies_known,
        _never_protection,
        _is_withheld,
        _has_room_to_withhold,
        needs_statement("decision.reason"),
    ),
)

PROTECTED = Kind(
    name="address.protected",
    title="The child's address is protected",
    cites="Family Procedure Rules 2010 r.29.1; domain, trap 14",
    content=AddressProtected,
    fold=_fold_protected,
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(has_a_part, _agencies_known, _may_change),
)

UNPROTECTED = Kind(
    name="address.unprotected",
    title="The child's address is protected no longer",
    cites="Family Procedure Rules 2010 r.29.1; domain, trap 14",
    content=NoContent,
    fold=_fold_unprotected,
    bases=frozenset({BasisKind.NOTICE}),
    addressed=False,
    guards=(has_a_part, _is_protected, _may_change),
)

NOT_TO_KNOW = Kind(
    name="people.must-not-know",
    title="Who must not learn of a referral",
    cites="003 §2.3; domain, trap 12",
    content=MustNotKnow,
    fold=_fold_not_to_know,
    addressed=False,
    guards=(has_a_part, _is_not_about_the_author, _a_manager_ends, _has_room),
)

KINDS = (WITHHELD, PROTECTED, UNPROTECTED, NOT_TO_KNOW)
