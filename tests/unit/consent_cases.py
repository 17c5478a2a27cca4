"""A school that shares about one child, and what its requests and consents look like."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from consent import ShareRequest
from contracts.consents import (
    Consent,
    ConsentBasis,
    ConsentHeld,
    CourtOrderBasis,
    Covers,
    GivenBy,
    NoticeBasis,
    OverrideBasis,
    OverrideGround,
    ProtectionBasis,
    StatutoryBasis,
    StatutoryProvision,
)
from contracts.event import Signer
from contracts.questions import Category
from contracts.roles import Capacity, Role

NOW = datetime(2026, 11, 13, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SCHOOL = "demo.hilltop-school"
AUTHOR = "demo.hilltop-school.amara"
MANAGER = "demo.hilltop-school.head"
DEPUTY = "demo.hilltop-school.deputy"
FRONT_DOOR = "demo.front-door"
CAF_TEAM = "demo.caf-team"
FIRST, SECOND = "0" * 20, "1" * 20

NOTICE = NoticeBasis()
BY_CONSENT = ConsentBasis(consents=(FIRST,))
BY_BOTH = ConsentBasis(consents=(FIRST, SECOND))
OVERRIDE = OverrideBasis(ground=OverrideGround.SEEKING_INCREASES_RISK)
STATUTORY = StatutoryBasis(provision=StatutoryProvision.CHILDREN_ACT_1989_S47)
COURT_ORDER = CourtOrderBasis(order="FD26P00001")
PROTECTION = ProtectionBasis()
WITHOUT_CONSENT = (OVERRIDE, STATUTORY, COURT_ORDER, PROTECTION)

LINE_MANAGER = Signer(id=MANAGER, capacity=Capacity.LINE_MANAGER)
SOME = (Category.HEALTH, Category.NEEDS, Category.SAFETY)


def consent(name: str = FIRST, **changes: object) -> Consent:
    """Return a consent to share health and needs with every front door, given yesterday."""
    given = Consent(
        id=name,
        covers=Covers.SHARING,
        given_by=GivenBy.PARENT,
        taken_by=AUTHOR,
        given_at=NOW - DAY,
        expires_at=NOW + DAY,
        roles=(Role.FIRST_RESPONSE,),
        categories=(Category.HEALTH, Category.NEEDS),
    )
    return given.model_copy(update=changes)


def held(
    name: str = FIRST, *, withdrawn_at: datetime | None = None, **changes: object
) -> ConsentHeld:
    """Return `consent` as the journey holds it."""
    return ConsentHeld(consent=consent(name, **changes), withdrawn_at=withdrawn_at)


def request(**changes: object) -> ShareRequest:
    """Return a request of the school towards the front door that every basis would carry."""
    made = ShareRequest(
        basis=BY_CONSENT,
        sender=SCHOOL,
        author=AUTHOR,
        countersigners=(LINE_MANAGER,),
        line_managers=frozenset({MANAGER, DEPUTY}),
        recipient=FRONT_DOOR,
        recipient_role=Role.FIRST_RESPONSE,
        categories=(Category.HEALTH, Category.NEEDS),
        consents=(held(),),
        now=NOW,
        protection=True,
    )
    return replace(made, **cast("dict[str, Any]", changes))
