"""What limits a consent: whose information, purposes, refusals, who may not see, the address."""

from datetime import timedelta
from typing import Any, cast

import pytest

from consent import Share, Withhold, counted, decide, told
from consent.rules import FAILED, UNCOUNTED
from contracts.consents import (
    Answered,
    Basis,
    ConsentHeld,
    Covers,
    GivenBy,
    MayNotSee,
)
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category, questions
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.whose import Purpose, Whose
from tests.unit.consent_cases import (
    BY_BOTH,
    CAF_TEAM,
    COURT_ORDER,
    DAY,
    FIRST,
    FRONT_DOOR,
    NOTICE,
    NOW,
    OVERRIDE,
    PROTECTION,
    SECOND,
    STATUTORY,
    held,
    request,
)

INSTANT = timedelta(microseconds=1)
OUT_OF_SCOPE = Refusal("consent.out-of-scope", FRONT_DOOR)
REFUSED = Refusal("consent.refused")
ALL = tuple(Category)
NUMBER = {key: question.number for key, question in questions().items()}
ADDRESS, NAME = NUMBER["identity.address"], NUMBER["identity.name"]
PROTECTED = ProtectedAddress(ProtectedBy.FAMILY, "demo.hilltop-school")


def refusal(name: str = SECOND, **changes: object) -> ConsentHeld:
    """Return a refusal of everything to everybody, given just after `held`."""
    made: dict[str, object] = {
        "decision": Answered.REFUSED,
        "given_at": NOW - DAY + INSTANT,
        "expires_at": None,
        "roles": (),
        "categories": (),
    }
    return held(name, **cast("dict[str, Any]", {**made, **changes}))


def test_a_refusal_is_no_consent() -> None:
    """Who names a refusal as its basis is told so."""
    answer = decide(request(consents=(held(decision=Answered.REFUSED),)))

    assert answer == Withhold(("consent.is-refusal", "consent.refused"), (REFUSED,))


def test_what_somebody_said_who_may_not_agree_carries_nothing() -> None:
    """Neither a grandparent nor a neighbour agrees for the family."""
    answer = decide(request(consents=(held(given_by=GivenBy.OTHER),)))

    assert answer == Withhold(("consent.not-entitled",), (Refusal("consent.given-by"),))


@pytest.mark.parametrize("by", [GivenBy.PARENT, GivenBy.YOUNG_PERSON, GivenBy.CARER])
def test_each_who_may_agree_suffices_alone(by: GivenBy) -> None:
    """One person with parental responsibility is enough, and so are the other two."""
    assert isinstance(decide(request(consents=(held(given_by=by),))), Share)


def test_a_refusal_stands_against_an_older_consent() -> None:
    """What the family refused since is not shared on what it agreed to before."""
    answer = decide(request(consents=(held(), refusal())))

    assert answer == Withhold(("consent.refused",), (REFUSED,))


@pytest.mark.parametrize(
    "lifted",
    [
        refusal(given_at=NOW - DAY - INSTANT),
        refusal(covers=Covers.SERVICE),
        refusal(expires_at=NOW),
        refusal(recipients=(CAF_TEAM,)),
        refusal(roles=(Role.CAF_TEAM,)),
        refusal(purposes=(Purpose.PLANNING,)),
        refusal(categories=(Category.PLAN,)),
    ],
)
def test_a_refusal_of_something_else_stands_in_nobodys_way(lifted: ConsentHeld) -> None:
    """Older than the consent, over, or about another recipient, purpose or category."""
    answer = decide(request(consents=(held(), lifted), purpose=Purpose.REFERRAL))

    assert answer == Share(("consent.in-force",), (True, True))


def test_a_refusal_that_was_withdrawn_stands_no_longer() -> None:
    """The family may take its refusal back."""
    back = ConsentHeld(consent=refusal().consent, withdrawn_at=NOW)

    assert isinstance(decide(request(consents=(held(), back))), Share)


@pytest.mark.parametrize(
    "standing",
    [
        refusal(given_at=NOW - DAY),
        refusal(given_at=NOW + DAY),
        refusal(expires_at=NOW + INSTANT),
        refusal(recipients=(FRONT_DOOR,)),
        refusal(roles=(Role.FIRST_RESPONSE,)),
        refusal(purposes=(Purpose.REFERRAL,)),
        refusal(categories=(Category.HEALTH, Category.NEEDS)),
        refusal(categories=(Category.HEALTH, Category.NEEDS), about=tuple(Whose)),
    ],
)
def test_a_refusal_that_covers_all_of_it_withholds_all(standing: ConsentHeld) -> None:
    """Given at the same instant or later, for this recipient, this purpose, these categories."""
    answer = decide(request(consents=(held(), standing), purpose=Purpose.REFERRAL))

    assert answer == Withhold(("consent.refused",), (REFUSED,))


def test_a_refusal_for_a_purpose_stands_where_the_purpose_is_not_known() -> None:
    """What a message is for is never guessed in the sender's favour."""
    standing = refusal(purposes=(Purpose.PLANNING,))

    assert isinstance(decide(request(consents=(held(), standing))), Withhold)


def test_a_refusal_of_everything_stops_a_message_without_statements() -> None:
    """To know of a message is to know something."""
    for granted in ((), (Category.HEALTH,)):
        consents = (held(categories=granted), refusal())
        answer = decide(request(categories=(), consents=consents))
        assert answer == Withhold(("consent.refused",), (REFUSED,))


def test_a_refusal_of_one_category_holds_that_category_back() -> None:
    """The rest is still shared."""
    consents = (held(), refusal(categories=(Category.HEALTH,)))

    assert decide(request(consents=consents)) == Share(
        ("consent.in-force", "consent.refused-in-part"), (False, True)
    )
    assert decide(request(consents=consents, categories=(Category.HEALTH,))) == Withhold(
        ("consent.refused-in-part",), (REFUSED,)
    )


def test_two_refusals_take_away_what_each_of_them_names() -> None:
    """Refusals add up."""
    consents = (
        held(categories=ALL),
        refusal(SECOND, categories=(Category.HEALTH,)),
        refusal("2" * 20, categories=(Category.NEEDS,)),
    )
    categories = (Category.HEALTH, Category.NEEDS, Category.PLAN)

    answer = decide(request(consents=consents, categories=categories))
    assert isinstance(answer, Share)
    assert answer.shown == (False, False, True)


def test_a_refusal_is_told_as_such_whichever_of_several_consents_granted_it() -> None:
    """What one consent granted and a refusal took away is not told as never agreed to."""
    consents = (
        held(FIRST, categories=(Category.HEALTH,)),
        held(SECOND, categories=(Category.NEEDS,)),
        refusal("2" * 20, categories=(Category.HEALTH,), about=(Whose.CHILD,)),
    )
    asked = request(basis=BY_BOTH, consents=consents, categories=(Category.HEALTH,))

    assert decide(asked) == Withhold(("consent.refused-in-part",), (REFUSED,))


@pytest.mark.parametrize(
    ("consenting", "refusing", "shared"),
    [
        (GivenBy.PARENT, GivenBy.PARENT, True),
        (GivenBy.PARENT, GivenBy.CARER, True),
        (GivenBy.YOUNG_PERSON, GivenBy.PARENT, True),
        (GivenBy.YOUNG_PERSON, GivenBy.YOUNG_PERSON, True),
        (GivenBy.PARENT, GivenBy.YOUNG_PERSON, False),
        (GivenBy.CARER, GivenBy.YOUNG_PERSON, False),
    ],
)
def test_only_the_young_person_goes_back_on_what_the_young_person_refused(
    consenting: GivenBy, refusing: GivenBy, shared: bool
) -> None:
    """A later consent overcomes a refusal, but nobody else's a young person's."""
    no = refusal(given_at=NOW - DAY - INSTANT, given_by=refusing)
    answer = decide(request(consents=(held(given_by=consenting), no)))

    assert isinstance(answer, Share) is shared


def test_where_a_consent_is_held_twice_every_copy_has_to_overcome_a_refusal() -> None:
    """Carrying a consent again with a later date does not go back on a refusal."""
    later = held(given_at=NOW - INSTANT)
    consents = (held(), later, refusal(categories=(Category.HEALTH,)))

    answer = decide(request(consents=consents))
    assert isinstance(answer, Share)
    assert answer.shown == (False, True)


def gone(name: str = SECOND, **changes: object) -> ConsentHeld:
    """Return another consent like `held`, that the parent has taken back since."""
    return held(name, **cast("dict[str, Any]", {"withdrawn_at": NOW - INSTANT, **changes}))


@pytest.mark.parametrize(
    "back",
    [
        gone(),
        gone(withdrawn_at=NOW - DAY),
        gone(withdrawn_at=NOW + DAY),
        gone(given_at=NOW - 9 * DAY, expires_at=NOW - 8 * DAY),
        gone(roles=(), recipients=(FRONT_DOOR,)),
        gone(categories=ALL),
        gone(purposes=(Purpose.REFERRAL,)),
        gone(given_by=GivenBy.YOUNG_PERSON),
        gone(given_by=GivenBy.YOUNG_PERSON, withdrawn_at=NOW - 2 * DAY),
    ],
)
def test_what_was_taken_back_carries_nothing_under_another_reference(back: ConsentHeld) -> None:
    """Whatever else the same person agreed to until then, and whether that is over or not."""
    answer = decide(request(consents=(held(), back), purpose=Purpose.REFERRAL))

    assert answer == Withhold(("consent.withdrawn",), (Refusal("consent.withdrawn"),))


@pytest.mark.parametrize(
    "back",
    [
        gone(withdrawn_at=NOW - DAY - INSTANT),
        gone(given_by=GivenBy.CARER),
        gone(covers=Covers.SERVICE),
        gone(decision=Answered.REFUSED),
        gone(roles=(Role.CAF_TEAM,), recipients=(CAF_TEAM,)),
        gone(roles=()),
        gone(categories=()),
        gone(categories=(Category.PLAN,)),
        gone(purposes=(Purpose.PLANNING,)),
    ],
)
def test_taking_one_thing_back_leaves_all_others(back: ConsentHeld) -> None:
    """Agreed to since, by another person, or towards others, of other things, for other ends."""
    answer = decide(request(consents=(held(), back), purpose=Purpose.REFERRAL))

    assert answer == Share(("consent.in-force",), (True, True))


def test_a_young_person_who_agrees_again_overcomes_the_withdrawal_and_nobody_else_does() -> None:
    """What the young person took back only the young person can agree to later."""
    back = gone(given_by=GivenBy.YOUNG_PERSON)
    again = held(given_by=GivenBy.YOUNG_PERSON, given_at=NOW)

    assert isinstance(decide(request(consents=(again, back))), Share)
    assert isinstance(decide(request(consents=(held(given_at=NOW), back))), Withhold)


def test_a_part_that_was_taken_back_is_held_back() -> None:
    """Only what the withdrawn consent had granted, of whom and of what, is taken away."""
    part = decide(request(consents=(held(), gone(categories=(Category.HEALTH,)))))
    parent = gone(categories=(Category.VIEWS,), about=(Whose.PARENT,))
    views = (NUMBER["views.child"], NUMBER["views.parents"])
    agreed = held(categories=(Category.VIEWS,), about=(Whose.CHILD, Whose.PARENT, Whose.CARER))
    asked = request(
        consents=(agreed, parent), categories=(Category.VIEWS, Category.VIEWS), questions=views
    )

    assert part == Share(("consent.in-force", "consent.refused-in-part"), (False, True))
    assert decide(asked) == Share(("consent.in-force", "consent.refused-in-part"), (True, False))


def test_a_refusal_and_a_withdrawal_that_together_leave_nothing_are_told_as_a_refusal() -> None:
    """And both are told where each of them leaves nothing."""
    half = gone(categories=(Category.HEALTH,))
    other = refusal("2" * 20, categories=(Category.NEEDS,))
    every = refusal("2" * 20, categories=(Category.HEALTH, Category.NEEDS))

    assert decide(request(consents=(held(), half, other))) == Withhold(
        ("consent.refused",), (REFUSED,)
    )
    assert decide(request(consents=(held(), gone(), other))) == Withhold(
        ("consent.withdrawn",), (Refusal("consent.withdrawn"),)
    )
    assert decide(request(consents=(held(), gone(), every))) == Withhold(
        ("consent.withdrawn", "consent.refused"), (Refusal("consent.withdrawn"), REFUSED)
    )


def test_carrying_a_consent_again_with_a_later_instant_does_not_overcome_a_withdrawal() -> None:
    """Where one id is held twice, every copy must have been given since."""
    part = gone(categories=(Category.HEALTH,))
    copies = (held(), held(given_at=NOW))

    assert decide(request(consents=(*copies, part))) == Share(
        ("consent.in-force", "consent.refused-in-part"), (False, True)
    )


def test_a_withdrawn_agreement_makes_no_room_by_running_out() -> None:
    """It keeps back what was agreed to under another reference; a refusal taken back does not."""
    assert held(expires_at=NOW).gives_way(NOW)
    assert not held(expires_at=NOW, withdrawn_at=NOW).gives_way(NOW)
    assert held(decision=Answered.REFUSED, expires_at=NOW, withdrawn_at=NOW).gives_way(NOW)


def test_a_statement_is_shared_only_if_everybody_it_is_about_is_covered() -> None:
    """A consent for the child's information does not share the parents' or a sibling's."""
    asked = ("views.child", "views.parents", "family.siblings", "family.carers_needs")
    categories = tuple(questions()[key].category for key in asked)
    numbers = tuple(NUMBER[key] for key in asked)
    cases = {
        (): (True, True, True, True),
        (Whose.CHILD,): (True, False, False, False),
        (Whose.CHILD, Whose.PARENT): (True, False, False, False),
        (Whose.PARENT, Whose.CARER): (False, True, False, True),
        (Whose.SIBLING,): (False, False, True, False),
        tuple(Whose): (True, True, True, True),
    }
    for about, shown in cases.items():
        consents = (held(categories=ALL, about=about),)
        answer = decide(request(consents=consents, categories=categories, questions=numbers))
        rules = (
            ("consent.in-force",) if all(shown) else ("consent.in-force", "consent.other-person")
        )
        assert answer == Share(rules, shown), about


def test_carrying_a_consent_again_for_other_people_covers_nobody_more() -> None:
    """Of an id that is held twice, only whose information both copies cover is shared."""
    consents = (held(about=(Whose.PARENT,)), held(about=(Whose.CHILD, Whose.PARENT)))
    numbers = (NUMBER["health.general"], NUMBER["needs.development"])
    answer = decide(request(consents=consents, questions=numbers))

    assert answer == Withhold(("consent.other-person",), (OUT_OF_SCOPE,))


def test_parent_and_carer_may_each_agree_for_themselves() -> None:
    """What two consents cover together, each for some of the people, is shared."""
    consents = (
        held(FIRST, categories=ALL, about=(Whose.PARENT,)),
        held(SECOND, categories=ALL, about=(Whose.CARER,)),
    )
    answer = decide(
        request(
            basis=BY_BOTH,
            consents=consents,
            categories=(Category.VIEWS,),
            questions=(NUMBER["views.parents"],),
        )
    )
    assert answer == Share(("consent.in-force",), (True,))


@pytest.mark.parametrize("numbers", [(), (9_999,), (0,)])
def test_a_statement_of_an_unknown_question_counts_as_about_everybody(
    numbers: tuple[int, ...],
) -> None:
    """What cannot be told apart is held back."""
    consents = (held(about=(Whose.CHILD,)),)
    asked = request(consents=consents, categories=(Category.HEALTH,), questions=numbers)

    assert decide(asked) == Withhold(("consent.other-person",), (OUT_OF_SCOPE,))


def test_questions_that_do_not_fit_the_statements_withhold() -> None:
    """A list of another length cannot say which statement is which."""
    consents = (held(about=(Whose.CHILD,)),)

    answer = decide(request(consents=consents, questions=(NAME,)))
    assert isinstance(answer, Withhold)
    assert answer.rules[0].endswith(".failed")


@pytest.mark.parametrize(
    ("purposes", "purpose", "shared"),
    [
        ((), None, True),
        ((), Purpose.PLANNING, True),
        ((Purpose.PLANNING,), Purpose.PLANNING, True),
        ((Purpose.PLANNING,), Purpose.REFERRAL, False),
        ((Purpose.PLANNING,), None, False),
    ],
)
def test_a_consent_for_a_purpose_carries_that_purpose_only(
    purposes: tuple[Purpose, ...], purpose: Purpose | None, shared: bool
) -> None:
    """Consent given for one thing does not serve another."""
    answer = decide(request(consents=(held(purposes=purposes),), purpose=purpose))

    if shared:
        assert isinstance(answer, Share)
    else:
        assert answer == Withhold(("consent.other-purpose",), (OUT_OF_SCOPE,))


def keeping(*kept: MayNotSee, **changes: object) -> ConsentHeld:
    """Return a second consent that keeps something from somebody, and lets nobody see anything."""
    return held(SECOND, may_not_see=kept, **cast("dict[str, Any]", {"roles": (), **changes}))


@pytest.mark.parametrize(
    "kept",
    [
        MayNotSee(agencies=(FRONT_DOOR,), categories=(Category.HEALTH,)),
        MayNotSee(roles=(Role.FIRST_RESPONSE,), categories=(Category.HEALTH,)),
        MayNotSee(categories=(Category.HEALTH,)),
    ],
)
@pytest.mark.parametrize("ended", [{}, {"withdrawn_at": NOW}, {"expires_at": NOW}])
def test_may_not_see_wins_over_every_consent_that_grants(
    kept: MayNotSee, ended: dict[str, object]
) -> None:
    """By agency, by role or from everybody; the end of the consent that says so changes nothing."""
    answer = decide(request(consents=(held(), keeping(kept, **ended))))

    assert answer == Share(("consent.in-force", "consent.may-not-see-some"), (False, True))


@pytest.mark.parametrize(
    "kept",
    [
        MayNotSee(agencies=(CAF_TEAM,), categories=(Category.HEALTH,)),
        MayNotSee(roles=(Role.CAF_TEAM,)),
        MayNotSee(categories=(Category.PLAN,)),
    ],
)
def test_may_not_see_keeps_nothing_from_others(kept: MayNotSee) -> None:
    """Another agency, another role, another category."""
    assert decide(request(consents=(held(), keeping(kept)))) == Share(
        ("consent.in-force",), (True, True)
    )


def test_may_not_see_ends_when_it_is_lifted() -> None:
    """Only the family's own word ends it."""
    kept = keeping(MayNotSee(categories=(Category.HEALTH,))).consent
    lifted = ConsentHeld(consent=kept, withdrawn_at=NOW, lifted=True)

    assert decide(request(consents=(held(), lifted))) == Share(("consent.in-force",), (True, True))


@pytest.mark.parametrize("categories", [(), (Category.HEALTH,)])
def test_who_may_not_see_anything_is_sent_nothing_and_the_reason_does_not_say_so(
    categories: tuple[Category, ...],
) -> None:
    """Not even that there is a message; the sender is told what a narrow consent would tell."""
    kept = keeping(MayNotSee(agencies=(FRONT_DOOR,)))
    answer = decide(request(consents=(held(), kept), categories=categories))

    assert isinstance(answer, Withhold)
    assert answer.rules[0] == "consent.may-not-see"
    assert answer.reasons == (OUT_OF_SCOPE,)


def test_safety_that_is_agreed_to_and_hidden_is_not_told_as_never_named() -> None:
    """The rule that hides is the one that is named."""
    kept = keeping(MayNotSee(categories=(Category.SAFETY,)))
    asked = request(consents=(held(categories=ALL), kept), categories=(Category.SAFETY,))

    assert decide(asked) == Withhold(("consent.may-not-see-some",), (OUT_OF_SCOPE,))


def test_several_exclusions_add_up() -> None:
    """What two of them keep back, one by one, is kept back."""
    kept = keeping(
        MayNotSee(categories=(Category.HEALTH,)), MayNotSee(categories=(Category.NEEDS,))
    )
    answer = decide(request(consents=(held(), kept)))

    assert answer == Withhold(("consent.may-not-see-some",), (OUT_OF_SCOPE,))


@pytest.mark.parametrize("basis", [OVERRIDE, STATUTORY, COURT_ORDER, PROTECTION])
def test_neither_refusal_nor_exclusion_stops_what_needs_no_consent(basis: Basis) -> None:
    """Protection comes before duty, and duty before consent."""
    consents = (keeping(MayNotSee(categories=ALL)), refusal("2" * 20))

    answer = decide(request(basis=basis, consents=consents))
    assert isinstance(answer, Share)
    assert answer.shown == (True, True)


@pytest.mark.parametrize(
    ("allowed", "shown"),
    [
        (PROTECTED, False),
        (ProtectedAddress(ProtectedBy.COURT, CAF_TEAM, agencies=(CAF_TEAM,)), False),
        (ProtectedAddress(ProtectedBy.COURT, CAF_TEAM, roles=(Role.CAF_TEAM,)), False),
        (ProtectedAddress(ProtectedBy.COURT, CAF_TEAM, agencies=(FRONT_DOOR,)), True),
        (ProtectedAddress(ProtectedBy.COURT, CAF_TEAM, roles=(Role.FIRST_RESPONSE,)), True),
        (None, True),
    ],
)
@pytest.mark.parametrize("basis", [request().basis, OVERRIDE, STATUTORY, COURT_ORDER])
def test_a_protected_address_is_shown_only_to_whom_it_is_allowed(
    basis: Basis, allowed: ProtectedAddress | None, shown: bool
) -> None:
    """Whatever the basis, where the child lives goes to the agencies and roles that are named."""
    asked = request(
        basis=basis,
        consents=(held(categories=ALL),),
        categories=(Category.IDENTITY, Category.IDENTITY),
        questions=(NAME, ADDRESS),
        protected=allowed,
    )
    answer = decide(asked)

    assert isinstance(answer, Share)
    assert answer.shown == (True, shown)
    assert ("address.protected" in answer.rules) is not shown


def test_a_message_of_nothing_but_the_protected_address_is_refused() -> None:
    """The sender, who knows the address, is told why."""
    asked = request(
        basis=STATUTORY,
        categories=(Category.IDENTITY,),
        questions=(ADDRESS,),
        protected=PROTECTED,
    )

    assert decide(asked) == Withhold(("address.protected",), (Refusal("address.protected"),))


def test_child_protection_shows_a_protected_address() -> None:
    """Who acts to protect a child must know where it is."""
    asked = request(
        basis=PROTECTION,
        categories=(Category.IDENTITY,),
        questions=(ADDRESS,),
        protected=PROTECTED,
    )

    assert decide(asked) == Share(("protection.concern",), (True,))


def test_without_its_question_a_statement_may_be_the_protected_address() -> None:
    """What cannot be told apart is held back."""
    assert isinstance(decide(request(basis=STATUTORY, protected=PROTECTED)), Withhold)


def test_a_notice_goes_whatever_is_protected() -> None:
    """It says nothing of the family."""
    asked = request(basis=NOTICE, categories=(), protected=PROTECTED)

    assert decide(asked) == Share(("notice.process",), ())


def test_what_a_recipient_is_told_of_the_rules_does_not_say_what_is_kept_from_it() -> None:
    """The rules in a decision name neither an exclusion nor a protected address."""
    rules = ("consent.in-force", "consent.may-not-see-some", "address.protected")

    assert told(rules) == ("consent.in-force", "consent.other-categories")
    assert told(("statutory.duty",)) == ("statutory.duty",)
    assert told(("statutory.duty", "address.protected")) == ("statutory.duty",)
    assert told(("consent.may-not-see",)) == ("consent.other-categories",)


@pytest.mark.parametrize("rule", sorted(UNCOUNTED))
def test_what_a_private_rule_holds_back_is_not_counted(rule: str) -> None:
    """Nor where others hold it back as well, or the rule could not be worked out."""
    assert not counted((rule,))
    assert not counted((rule + FAILED,))
    assert not counted(("consent.other-person", rule))
    assert counted(("consent.other-person", "consent.withdrawn"))


@pytest.mark.parametrize("rule", ["consent.may-not-see", "address.protected", "read.stays-shut"])
def test_neither_an_exclusion_nor_an_address_nor_a_danger_is_counted(rule: str) -> None:
    """How much is kept back for these reasons would tell that there is something."""
    assert not counted((rule,))


def test_a_private_rule_is_told_as_one_about_consent_beside_any_such() -> None:
    """Another rule beside them changes nothing; without one about consent it is not told at all."""
    kept = "address.protected"

    assert told(("consent.in-force", "protection.form", kept)) == (
        "consent.in-force",
        "protection.form",
        "consent.other-categories",
    )
    assert told(("statutory.duty", kept)) == ("statutory.duty",)


def test_the_end_of_the_service_is_no_end_of_sharing() -> None:
    """What was agreed to of the support, and taken back, is told of no consent to sharing."""
    support = gone(covers=Covers.SERVICE)
    named = held(covers=Covers.SERVICE)

    assert isinstance(decide(request(consents=(held(), support))), Share)
    assert decide(request(consents=(named, support))) == Withhold(
        ("consent.service-only",), (Refusal("consent.missing"),)
    )
