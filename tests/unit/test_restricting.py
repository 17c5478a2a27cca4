"""What is kept back under one of a child's references is kept back under all of them (ADR 0021)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.limits import kept_from
from consent.request import ShareRequest
from contracts.consents import (
    Answered,
    Consent,
    ConsentBasis,
    ConsentHeld,
    Covers,
    GivenBy,
    MayNotSee,
    takes_back,
)
from contracts.journey import Journey
from contracts.keeping_back import NotShared
from contracts.kinds import iso
from contracts.messages import KINDS
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category
from contracts.restricting import guarded, lost
from contracts.roles import Role
from tests.area import CARE, DOCTOR, DUTY, FRONT, GP, SCHOOL, TEACHER
from tests.unit.test_kinds_linking import RETIRED, SURVIVOR, Two, two

__all__ = ["two"]

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BARE = Journey(child=SURVIVOR)


def answer(name: str = "A", **more: Any) -> Consent:
    """What a parent agreed to, or refused, two hours ago."""
    made = {
        "id": name * 20,
        "covers": Covers.SHARING,
        "given_by": GivenBy.PARENT,
        "taken_by": TEACHER,
        "given_at": NOW - timedelta(hours=2),
        "recipients": (FRONT,),
        "categories": (Category.FAMILY,),
    }
    return Consent(**{**made, **more})


def refusal(name: str = "R", **more: Any) -> Consent:
    """What a parent refused."""
    return answer(name, decision=Answered.REFUSED, **more)


def hiding(name: str = "M", **more: Any) -> Consent:
    """What a parent agreed to, keeping the family from social care."""
    kept = MayNotSee(**{"agencies": (CARE,), "categories": (Category.FAMILY,), **more})
    return answer(name, may_not_see=(kept,))


def holding(*consents: Consent | ConsentHeld, child: str = RETIRED, **more: Any) -> Journey:
    """A journey that holds these."""
    held = (c if isinstance(c, ConsentHeld) else ConsentHeld(consent=c) for c in consents)
    return Journey(child=child, consents=tuple(held), **more)


def court(*agencies: str, roles: tuple[Role, ...] = ()) -> ProtectedAddress:
    """An address that a court protects."""
    return ProtectedAddress(ProtectedBy.COURT, CARE, agencies, roles)


LATER = NOW - timedelta(hours=1)
SOON = NOW + timedelta(days=1)
YOUNG = GivenBy.YOUNG_PERSON
GONE = ConsentHeld(consent=answer("G"), withdrawn_at=LATER)
BY_FAMILY = ProtectedAddress(ProtectedBy.FAMILY, SCHOOL, (FRONT,))
ONLY_FAMILY = NotShared(SCHOOL, FRONT, (Category.FAMILY,))


@pytest.mark.parametrize(
    ("retired", "survivor", "what"),
    [
        (holding(protected=court(FRONT)), BARE, "address"),
        (holding(protected=court(FRONT)), holding(protected=court(FRONT, GP)), "address"),
        (
            holding(protected=court(FRONT)),
            holding(protected=court(roles=(Role.UNIVERSAL,))),
            "address",
        ),
        (holding(protected=court(FRONT)), holding(protected=BY_FAMILY), "address"),
        (holding(must_not_know=(TEACHER,)), holding(must_not_know=(DOCTOR,)), "people"),
        (holding(refusal()), BARE, "refusal"),
        (holding(refusal()), holding(answer()), "refusal"),
        (holding(refusal()), holding(refusal(recipients=(GP,))), "refusal"),
        (holding(refusal()), holding(refusal(categories=(Category.HEALTH,))), "refusal"),
        (holding(refusal(recipients=())), holding(refusal()), "refusal"),
        (holding(refusal()), holding(refusal(given_at=NOW - timedelta(days=1))), "refusal"),
        (holding(refusal()), holding(refusal(expires_at=SOON)), "refusal"),
        (holding(refusal(given_by=YOUNG)), holding(refusal()), "refusal"),
        (holding(refusal()), holding(refusal(covers=Covers.SERVICE)), "refusal"),
        (
            holding(refusal()),
            holding(ConsentHeld(consent=refusal(), withdrawn_at=NOW)),
            "refusal",
        ),
        (holding(hiding()), BARE, "may-not-see"),
        (holding(hiding()), holding(hiding(agencies=(GP,))), "may-not-see"),
        (holding(hiding(categories=())), holding(hiding()), "may-not-see"),
        (holding(hiding()), holding(ConsentHeld(consent=hiding(), lifted=True)), "may-not-see"),
        (holding(GONE), holding(answer("G")), "withdrawal"),
        (holding(ahead={"G" * 20: (iso(LATER), SCHOOL)}), BARE, "withdrawal"),
        (holding(not_shared=(ONLY_FAMILY,)), BARE, "sharing"),
        (
            holding(not_shared=(NotShared(SCHOOL, FRONT),)),
            holding(not_shared=(ONLY_FAMILY,)),
            "sharing",
        ),
    ],
)
def test_what_the_survivor_keeps_back_less_strictly_is_lost(
    retired: Journey, survivor: Journey, what: str
) -> None:
    """Each restriction that is missing, narrower, shorter or easier to end is named by its word."""
    assert list(lost(retired, survivor, NOW)) == [what]


@pytest.mark.parametrize(
    ("retired", "survivor"),
    [
        (BARE, holding(answer(), protected=court())),
        (holding(protected=court(FRONT, GP)), holding(protected=court(FRONT))),
        (holding(protected=BY_FAMILY), holding(protected=court())),
        (holding(must_not_know=(TEACHER,)), holding(must_not_know=(DOCTOR, TEACHER))),
        (holding(refusal()), holding(refusal("S"))),
        (
            holding(refusal(about=("child",))),
            holding(refusal("S", recipients=(), categories=(), given_by=YOUNG, given_at=LATER)),
        ),
        (holding(refusal(expires_at=SOON)), holding(refusal("S", expires_at=SOON))),
        (holding(refusal(expires_at=LATER)), BARE),
        (holding(ConsentHeld(consent=refusal(), withdrawn_at=NOW)), BARE),
        (holding(hiding()), holding(hiding("N", agencies=(), roles=(), categories=("family",)))),
        (holding(ConsentHeld(consent=hiding(), lifted=True)), BARE),
        (holding(answer()), BARE),
        (holding(GONE), BARE),
        (holding(GONE), holding(GONE)),
        (
            holding(ahead={"G" * 20: (iso(LATER), SCHOOL)}),
            holding(ahead={"G" * 20: (iso(NOW), SCHOOL)}),
        ),
        (holding(ahead={"G" * 20: (iso(LATER), SCHOOL)}), holding(GONE)),
        (holding(not_shared=(ONLY_FAMILY,)), holding(not_shared=(NotShared(SCHOOL, FRONT),))),
    ],
)
def test_what_the_survivor_keeps_back_as_strictly_is_not_lost(
    retired: Journey, survivor: Journey
) -> None:
    """The same or more kept back, and what has ended, is nothing that a join would lose."""
    assert list(lost(retired, survivor, NOW)) == []


def test_what_was_withdrawn_under_another_reference_stays_a_no_here() -> None:
    """An agreement of the same person until then carries nothing under the other reference."""
    other = ConsentHeld(consent=answer("W"), withdrawn_at=LATER)
    made = guarded(holding(answer("G"), child=SURVIVOR), (holding(other),))
    assert [c.withdrawn_at for c in made.consents] == [None, LATER]
    assert takes_back(made.consents[1], made.consents[0].consent)


def test_everything_that_another_reference_keeps_back_guards_this_one() -> None:
    """People, address, refusals, who may not see, and withdrawals hold here too."""
    own = holding(answer("G"), answer("K"), child=SURVIVOR, must_not_know=(DOCTOR,))
    own = replace(own, protected=court(FRONT, GP))
    other = holding(
        refusal(),
        hiding(),
        must_not_know=(TEACHER,),
        ahead={"G" * 20: (iso(LATER), SCHOOL)},
        protected=court(GP, CARE, roles=(Role.UNIVERSAL,)),
        not_shared=(ONLY_FAMILY,),
    )
    made = guarded(own, (other,))

    assert made.must_not_know == (DOCTOR, TEACHER)
    assert made.protected == court(GP)
    assert made.not_shared == (ONLY_FAMILY,)
    gone, kept, refused, hidden = made.consents
    assert (gone.withdrawn_at, kept.withdrawn_at) == (LATER, None)
    assert refused == ConsentHeld(consent=refusal())
    assert hidden.consent.may_not_see == hiding().may_not_see
    asked = ShareRequest(
        basis=ConsentBasis(consents=(kept.consent.id,)),
        sender=SCHOOL,
        author="",
        countersigners=(),
        line_managers=frozenset(),
        recipient=CARE,
        recipient_role=Role.SOCIAL_CARE,
        categories=(Category.FAMILY,),
        consents=made.consents,
        now=NOW,
    )
    assert kept_from(asked) == {Category.FAMILY}


def test_no_consent_is_carried_over_to_another_reference() -> None:
    """Of what others hold, nothing that could permit is held: consent is never guessed."""
    own = holding(child=SURVIVOR)
    made = guarded(own, (holding(answer(), hiding()),))
    (only,) = made.consents
    assert (only.consent.recipients, only.consent.roles, only.consent.categories) == ((), (), ())
    assert only.consent.may_not_see == hiding().may_not_see
    assert guarded(own, ()) is own


PROTECTING: dict[str, Any] = {"by": "family", "agencies": [], "roles": []}


@pytest.mark.parametrize(
    ("kind", "content", "what"),
    [
        ("address.protected", PROTECTING, "address"),
        ("people.must-not-know", {"practitioners": [DUTY]}, "people"),
    ],
)
def test_a_reference_is_not_retired_while_it_keeps_more_back(
    two: Two, kind: str, content: dict[str, Any], what: str
) -> None:
    """The join waits until the survivor keeps it back as well, and says what is missing."""
    assert kind in KINDS
    two.accept(two.area.sealed(kind, RETIRED, DOCTOR, content=content))
    (refused,) = two.decide(two.retire()).reasons  # type: ignore[union-attr]
    assert (refused.code, refused.detail) == ("child.restriction-lost", what)
    two.accept(two.area.sealed(kind, SURVIVOR, TEACHER, content=content))
    two.accept(two.complete(two.accept(two.retire())))


def test_a_refusal_of_the_family_waits_to_be_recorded_under_the_survivor(two: Two) -> None:
    """What a family refused under the retired reference is refused under the other before."""
    for child, by in ((RETIRED, DOCTOR), (SURVIVOR, TEACHER)):
        said = refusal(given_at=two.area.now, taken_by=by)
        sealed = two.area.sealed("consent.refused", child, by, consents=(said,))
        two.accept(sealed)
        if child == RETIRED:
            assert two.refused(two.retire()) == {"child.restriction-lost"}
    two.accept(two.complete(two.accept(two.retire())))


def test_who_must_not_learn_of_a_referral_is_not_told_what_keeps_them_out(two: Two) -> None:
    """Where the author is kept out, the child is unknown, and nothing is named."""
    signer = two.area.open(two.retire()).event.data.author.id
    content = {"practitioners": [signer]}
    two.accept(two.area.sealed("people.must-not-know", RETIRED, DOCTOR, content=content))
    verdict = two.decide(two.retire())
    codes = {r.code for r in verdict.reasons}  # type: ignore[union-attr]
    assert "message.unknown-child" in codes
    assert "child.restriction-lost" not in codes
