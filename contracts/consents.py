"""Consent of a family and the bases on which a message may be shared (003 §§2.3, 3.3, 4.1).

Consent to the *service* and consent to *sharing* are two facts and are kept apart.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.identifiers import AgencyId, ChildRef, MessageId, PractitionerId
from contracts.questions import Category
from contracts.roles import Role
from contracts.values import Instant, Value
from contracts.whose import Purpose, Whose


class Covers(StrEnum):
    """What the family agreed to (003 §4.1: the support, and information being shared)."""

    SERVICE = "service"
    SHARING = "sharing"


class GivenBy(StrEnum):
    """In what capacity somebody agreed."""

    PARENT = "parent_with_responsibility"
    YOUNG_PERSON = "young_person"
    CARER = "carer"
    OTHER = "other"


class Answered(StrEnum):
    """What the family said when it was asked."""

    GIVEN = "given"
    REFUSED = "refused"


class How(StrEnum):
    """How it was explained what would be shared, and why."""

    IN_PERSON = "in_person"
    TELEPHONE = "telephone"
    VIDEO = "video"
    INTERPRETER = "interpreter"
    SIGNER = "signer"
    WRITING = "writing"
    EASY_READ = "easy_read"


class Explained(Value):
    """How and when it was explained to who answered; `at` is an instant."""

    how: How
    at: Instant


class MayNotSee(Value):
    """What is kept from whom, whatever else is agreed to.

    Where neither `agencies` nor `roles` are named it is kept from everybody; where no `categories`
    are named, all of it is kept from those who are.
    """

    agencies: Annotated[tuple[AgencyId, ...], Field(max_length=8)] = ()
    roles: Annotated[tuple[Role, ...], Field(max_length=4)] = ()
    categories: Annotated[tuple[Category, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _names_something(self) -> "MayNotSee":
        if not (self.agencies or self.roles or self.categories):
            raise PydanticCustomError("may_not_see_nothing", "names nobody and nothing")
        return self


Evidence = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""The SHA-256 of the form that was signed, in hex."""


class Consent(Value):
    """One answer of a family: an agreement, or a refusal where `decision` says so.

    Of an agreement, empty `recipients`, `roles` or `categories` cover nothing of their kind:
    consent is never guessed. Of a refusal they cover everything. `roles` covers every agency of
    that role. Empty `about` or `purposes` set no limit: forms that do not ask are older than they.
    `given_at`, `expires_at` and `review_at` are instants; `review_at` ends nothing. One person with
    parental responsibility suffices; `assessed_by` is who judged that a young person understands.
    `child` is whom the form is about, where it says so.
    """

    id: MessageId
    covers: Covers
    given_by: GivenBy
    taken_by: PractitionerId
    given_at: Instant
    expires_at: Instant | None = None
    recipients: Annotated[tuple[AgencyId, ...], Field(max_length=32)] = ()
    roles: Annotated[tuple[Role, ...], Field(max_length=8)] = ()
    categories: Annotated[tuple[Category, ...], Field(max_length=16)] = ()
    decision: Answered = Answered.GIVEN
    about: Annotated[tuple[Whose, ...], Field(max_length=4)] = ()
    purposes: Annotated[tuple[Purpose, ...], Field(max_length=8)] = ()
    may_not_see: Annotated[tuple[MayNotSee, ...], Field(max_length=4)] = ()
    explained: Explained | None = None
    assessed_by: PractitionerId | None = None
    evidence: Evidence | None = None
    review_at: Instant | None = None
    child: ChildRef | None = None


class ConsentHeld(Value):
    """A consent as the journey holds it: the agreement and when it was withdrawn, if it was.

    `lifted`: the family also took back what the consent said that somebody may not see; nothing
    else ends that, neither withdrawal nor expiry.
    """

    consent: Consent
    withdrawn_at: Instant | None = None
    lifted: bool = False

    def expired(self, now: datetime) -> bool:
        """Tell whether its time is over at the instant `now`."""
        return self.consent.expires_at is not None and self.consent.expires_at <= now

    def spent(self, now: datetime) -> bool:
        """Tell whether it permits nothing any more: withdrawn, or over at the instant `now`."""
        return self.withdrawn_at is not None or self.expired(now)

    @property
    def refuses(self) -> bool:
        """Tell whether it is a refusal, whatever became of it."""
        return self.consent.decision is not Answered.GIVEN

    def kept_back(self) -> "ConsentHeld | None":
        """Return what of it keeps anything back, and grants nothing; None where nothing does.

        A refusal, what was withdrawn, and who may not see.
        """
        if self.refuses or self.withdrawn_at is not None:
            return self
        if not self.consent.may_not_see or self.lifted:
            return None
        nothing = {"recipients": (), "roles": (), "categories": ()}
        return ConsentHeld(consent=self.consent.model_copy(update=nothing))

    def gives_way(self, now: datetime) -> bool:
        """Tell whether it need not be held at `now`: over, and keeps nothing back.

        An agreement that was withdrawn keeps back what was agreed to under another reference.
        """
        hides = bool(self.consent.may_not_see) and not self.lifted
        return self.expired(now) and not hides and not _withdrawn(self)


def overcomes(consent: Consent, refusal: Consent) -> bool:
    """Tell whether `consent` was given after `refusal`, by somebody who may change that answer.

    What a young person refused only the young person can agree to later (domain §8, trap 13).
    """
    young = GivenBy.YOUNG_PERSON
    may = consent.given_by == young or refusal.given_by != young
    return may and consent.given_at > refusal.given_at


def stands(held: ConsentHeld, now: datetime) -> bool:
    """Tell whether a refusal has neither been withdrawn nor run out at `now`.

    It stands from when it is recorded, whatever its own instant: clocks of machines differ.
    """
    consent = held.consent
    ended = consent.expires_at is not None and consent.expires_at <= now
    return consent.decision != Answered.GIVEN and held.withdrawn_at is None and not ended


def takes_back(held: ConsentHeld, consent: Consent) -> bool:
    """Tell whether the withdrawal of an agreement stands against another, as far as both reach.

    Taking back what one agreed to is a no from then on: to all that the same person agreed to until
    then, under whatever reference, and a young person's to what anybody else agreed to (domain §8,
    trap 13). The end of the agreement does not end it.
    """
    gone, at = held.consent, held.withdrawn_at
    if at is None or not _withdrawn(held) or gone.id == consent.id:
        return False
    if (consent.covers, consent.decision) != (gone.covers, Answered.GIVEN):
        return False
    if gone.given_by == consent.given_by:
        return consent.given_at <= at
    return gone.given_by == GivenBy.YOUNG_PERSON


def unsays(held: ConsentHeld, consent: Consent) -> bool:
    """Tell whether a withdrawal takes all of another agreement back, whoever they name.

    Of consent to the service only who may give it matters, which is not asked here.
    """
    gone = held.consent
    if not takes_back(held, consent) or gone.covers == Covers.SERVICE:
        return takes_back(held, consent)
    whose, purposes = set(consent.about), set(consent.purposes)
    return (
        set(consent.categories) <= set(gone.categories)
        and (not gone.about or (bool(whose) and whose <= set(gone.about)))
        and (not gone.purposes or (bool(purposes) and purposes <= set(gone.purposes)))
    )


def _withdrawn(held: ConsentHeld) -> bool:
    return held.withdrawn_at is not None and held.consent.decision == Answered.GIVEN


class OverrideGround(StrEnum):
    """The two grounds on which consent may be set aside (003 §2.3)."""

    NOT_POSSIBLE_AND_DELAY = "not_possible_and_delay_detrimental"
    SEEKING_INCREASES_RISK = "seeking_increases_risk"


class StatutoryProvision(StrEnum):
    """The duties that are a basis in their own right, by Act and section."""

    CHILDREN_ACT_1989_S17 = "CA1989-s17"
    CHILDREN_ACT_1989_S47 = "CA1989-s47"
    CHILDREN_ACT_2004_S10 = "CA2004-s10"
    CHILDREN_ACT_2004_S11 = "CA2004-s11"
    CHILDREN_ACT_2004_S16LA = "CA2004-s16LA"


class ConsentBasis(Value):
    """Shared because the family agreed; names the consents, held by the journey or carried here."""

    kind: Literal["consent"] = "consent"
    consents: tuple[MessageId, ...] = Field(min_length=1, max_length=16)


class OverrideBasis(Value):
    """Shared without consent (003 §2.3); the first ground needs both its limbs stated."""

    kind: Literal["consent_override"] = "consent_override"
    ground: OverrideGround
    not_possible_to_obtain: bool = False
    delay_detrimental: bool = False


class StatutoryBasis(Value):
    """Shared because a statute requires or empowers it."""

    kind: Literal["statutory_duty"] = "statutory_duty"
    provision: StatutoryProvision


class CourtOrderBasis(Value):
    """Shared because a court ordered it; `order` is the court's case number, as ZC24C00123."""

    kind: Literal["court_order"] = "court_order"
    order: Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z][0-9]{5}$")]


class ProtectionBasis(Value):
    """Shared to protect a child from harm, without delay (003 §2.2)."""

    kind: Literal["child_protection"] = "child_protection"
    call: Annotated[str, Field(pattern=r"^\+?[0-9 ]{5,20}$")] | None = None


class NoticeBasis(Value):
    """About the process only: carries no statements."""

    kind: Literal["notice"] = "notice"


Basis = Annotated[
    ConsentBasis | OverrideBasis | StatutoryBasis | CourtOrderBasis | ProtectionBasis | NoticeBasis,
    Field(discriminator="kind"),
]


class BasisKind(StrEnum):
    """The names of the bases."""

    CONSENT = "consent"
    OVERRIDE = "consent_override"
    STATUTORY = "statutory_duty"
    COURT_ORDER = "court_order"
    PROTECTION = "child_protection"
    NOTICE = "notice"


SHARING_BASES = frozenset(BasisKind) - {BasisKind.NOTICE}
ALL_BASES = frozenset(BasisKind)
