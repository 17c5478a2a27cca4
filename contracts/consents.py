"""Consent of a family and the bases on which a message may be shared (003 §§2.3, 3.3, 4.1).

Consent to the *service* and consent to *sharing* are two facts and are kept apart.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.identifiers import AgencyId, MessageId, PractitionerId
from contracts.questions import Category
from contracts.roles import Role
from contracts.values import Instant, Value


class Covers(StrEnum):
    """What the family agreed to (003 §4.1: the support, and information being shared)."""

    SERVICE = "service"
    SHARING = "sharing"


class GivenBy(StrEnum):
    """In what capacity somebody agreed."""

    PARENT = "parent_with_responsibility"
    YOUNG_PERSON = "young_person"
    CARER = "carer"


class Consent(Value):
    """One agreement of a family.

    An empty `recipients`, `roles` or `categories` covers nothing of its kind: consent is never
    guessed. `roles` covers every agency of that role. `given_at` and `expires_at` are instants.
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


class ConsentHeld(Value):
    """A consent as the journey holds it: the agreement and when it was withdrawn, if it was."""

    consent: Consent
    withdrawn_at: Instant | None = None

    def expired(self, now: datetime) -> bool:
        """Tell whether its time is over at the instant `now`."""
        return self.consent.expires_at is not None and self.consent.expires_at <= now

    def spent(self, now: datetime) -> bool:
        """Tell whether it permits nothing any more: withdrawn, or over at the instant `now`."""
        return self.withdrawn_at is not None or self.expired(now)


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
