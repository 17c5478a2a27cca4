"""Consents, refusals, withdrawals and what is kept back, as messages put to the exchange."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from contracts.consents import Answered, Consent, Covers, GivenBy, MayNotSee
from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.journey import MOST_AHEAD, MOST_AHEAD_OF_ONE, Journey
from contracts.journey_json import dump, load
from contracts.kinds import iso
from contracts.messages import KINDS
from contracts.protecting import ProtectedAddress, ProtectedBy
from contracts.questions import Category, questions
from contracts.roles import Capacity, Role
from contracts.whose import locating, purpose_of, whose_information
from services.exchange.decision import Accepted, decide
from tests import messages as m
from tests.area import CAF, CARE, DUTY, FRONT, GP, HEAD, SCHOOL, TEACHER, WORKER
from tests.unit.kinds_playing import state
from tests.unit.test_decision import Play, play

__all__ = ["play"]

FORM = "ab" * 32


def said(play: Play, taken_by: str = TEACHER, **changes: object) -> Consent:
    """Return a consent to share with the front door, given a minute ago."""
    given = {"given_at": play.area.now - timedelta(minutes=1)}
    return m.consent(play.area, taken_by=taken_by).model_copy(update={**given, **changes})


def record(play: Play, *consents: Consent, kind: str = "consent.recorded") -> Any:
    """Seal what records consents."""
    return play.area.sealed(kind, play.child, TEACHER, consents=consents)


def withdraw(play: Play, consent: str, **content: object) -> Any:
    """Seal the withdrawal of a consent."""
    said = {"consent": consent, **content}
    return play.area.sealed("consent.withdrawn", play.child, TEACHER, content=said)


def by_consent(play: Play, *consents: Consent, carried: bool = False) -> Any:
    """Seal something for the front door that rests on consents."""
    area = play.area
    statements = [area.statement("health.general"), area.statement("identity.address")]
    return area.sealed(
        "story.added",
        play.child,
        TEACHER,
        [FRONT],
        statements,
        basis={"kind": "consent", "consents": [c.id for c in consents]},
        consents=consents if carried else (),
    )


@pytest.fixture
def opened(play: Play) -> Play:
    """Give a child of whose journey the school has a part."""
    play.accept(m.opened_before(play.area, play.child))
    return play


def test_a_refusal_stops_what_an_older_consent_granted_and_is_recorded(opened: Play) -> None:
    """The refusal is an entry of its own, and a consent given since goes back on it."""
    agreed = said(opened)
    opened.accept(record(opened, agreed))
    opened.accept(by_consent(opened, agreed))
    no = said(opened, decision=Answered.REFUSED, given_at=opened.area.now, roles=(), recipients=())
    opened.accept(record(opened, no, kind="consent.refused"))

    assert opened.refused(by_consent(opened, agreed)) == {"consent.refused"}
    again = said(opened, given_at=opened.area.now + timedelta(seconds=1))
    opened.area.now += timedelta(seconds=2)
    opened.accept(by_consent(opened, again, carried=True))


def test_recording_a_refusal_needs_one(opened: Play) -> None:
    """An agreement is not recorded as a refusal."""
    assert opened.refused(record(opened, said(opened), kind="consent.refused")) == {
        "message.wrong-content"
    }


def test_a_withdrawal_that_overtakes_its_consent_takes_effect_when_that_arrives(
    opened: Play,
) -> None:
    """What brings the consent afterwards is refused, and the consent is held as withdrawn."""
    agreed = said(opened)
    opened.accept(withdraw(opened, agreed.id))

    assert opened.refused(by_consent(opened, agreed, carried=True)) == {"consent.withdrawn"}
    opened.accept(record(opened, agreed))
    assert opened.journey is not None
    (held,) = [c for c in opened.journey.consents if c.consent.id == agreed.id]
    assert held.withdrawn_at is not None
    assert opened.refused(by_consent(opened, agreed)) == {"consent.withdrawn"}


def test_the_first_withdrawal_that_came_ahead_counts_and_there_is_room_for_some(
    opened: Play,
) -> None:
    """A journey remembers a number of them; what is more waits like any unknown consent."""
    others = {new_reference(): (iso(opened.area.now), CARE) for _ in range(MOST_AHEAD)}
    opened.journey = replace(state(opened), ahead=others)
    assert opened.refused(withdraw(opened, new_reference())) == {"consent.unknown"}
    opened.accept(withdraw(opened, next(iter(others))))
    assert state(opened).ahead == others


def test_one_agency_fills_its_own_places_only(opened: Play) -> None:
    """Withdrawals of consents that never come leave room for what another agency is told."""
    for _ in range(MOST_AHEAD_OF_ONE):
        opened.accept(withdraw(opened, new_reference()))
    assert opened.refused(withdraw(opened, new_reference())) == {"consent.unknown"}
    opened.journey = replace(
        state(opened), ahead={name: (at, CARE) for name, (at, _) in state(opened).ahead.items()}
    )
    opened.accept(withdraw(opened, new_reference()))


def test_a_consent_that_comes_frees_the_place_of_its_withdrawal(opened: Play) -> None:
    """It is held as withdrawn, so nothing more needs to be remembered, however often it comes."""
    agreed = [said(opened) for _ in range(MOST_AHEAD_OF_ONE)]
    for one in agreed:
        opened.accept(withdraw(opened, one.id))
    opened.accept(record(opened, *agreed))

    assert state(opened).ahead == {}
    opened.accept(record(opened, *agreed))
    assert opened.refused(by_consent(opened, agreed[0])) == {"consent.withdrawn"}
    opened.accept(withdraw(opened, new_reference()))


def test_a_journey_of_yesterday_remembers_withdrawals_without_whose_word_they_were() -> None:
    """An instant alone is read as one, and nobody's place is taken by it."""
    older = load({"v": 2, "child": "C" * 20, "ahead": {"A" * 20: "2026-01-01T00:00:00.000Z"}})
    assert older.ahead == {"A" * 20: ("2026-01-01T00:00:00.000Z", "")}


def test_a_withdrawal_ends_what_may_not_be_seen_only_if_it_says_so(opened: Play) -> None:
    """The end of a consent shows nobody more."""
    hides = (MayNotSee(agencies=(FRONT,), categories=(Category.HEALTH,)),)
    agreed, hiding = said(opened), said(opened, may_not_see=hides, categories=())
    opened.accept(record(opened, agreed, hiding))
    opened.accept(withdraw(opened, hiding.id))
    first = opened.accept(by_consent(opened, agreed))
    opened.accept(withdraw(opened, hiding.id, lifts=True))
    second = opened.accept(by_consent(opened, agreed))

    assert (len(first.deliveries[0].shown), len(second.deliveries[0].shown)) == (1, 2)
    assert not {"consent.may-not-see-some", "consent.may-not-see"} & set(first.rules)


def test_a_withdrawn_consent_is_not_brought_back_under_another_reference(opened: Play) -> None:
    """The same agreement recorded again is taken back; a new one, given since, is not."""
    agreed = said(opened, evidence=FORM)
    opened.accept(by_consent(opened, agreed, carried=True))
    opened.accept(withdraw(opened, agreed.id))
    again = agreed.model_copy(update={"id": new_reference()})
    since = said(opened, given_at=opened.area.now + timedelta(seconds=1))
    opened.area.now += timedelta(seconds=2)

    assert opened.refused(by_consent(opened, again, carried=True)) == {"consent.withdrawn"}
    opened.accept(by_consent(opened, since, carried=True))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"given_by": GivenBy.OTHER}, "consent.given-by"),
        ({"given_by": GivenBy.YOUNG_PERSON}, "consent.understanding"),
        (
            {"given_by": GivenBy.YOUNG_PERSON, "assessed_by": "demo.hilltop-school.nobody"},
            "consent.understanding",
        ),
        ({"child": "ANOTHERCHILD00000001"}, "consent.other-child"),
        ({"recipients": ("demo.nobody-knows",)}, "consent.unknown-agency"),
        ({"may_not_see": (MayNotSee(agencies=("demo.nobody-knows",)),)}, "consent.unknown-agency"),
        ({"taken_by": WORKER}, "consent.taken-by"),
    ],
)
def test_a_consent_that_cannot_have_been_given_is_refused(
    opened: Play, changes: dict[str, Any], code: str
) -> None:
    """Somebody outside the household, another child, an unknown agency, no assessment."""
    assert opened.refused(record(opened, said(opened, **changes))) == {code}
    refusal = said(opened, decision=Answered.REFUSED, **changes)
    assert opened.refused(record(opened, refusal, kind="consent.refused")) == {code}


def test_a_young_person_of_understanding_consents_alone(opened: Play) -> None:
    """Who judged it is named."""
    agreed = said(opened, given_by=GivenBy.YOUNG_PERSON, assessed_by=TEACHER, child=opened.child)
    opened.accept(record(opened, agreed))


def test_a_consent_is_explained_before_it_is_given(opened: Play) -> None:
    """Somebody who is told afterwards what it means has not agreed."""
    given = opened.area.now - timedelta(minutes=1)

    def explained(at: datetime) -> Any:
        word = {"how": "interpreter", "at": at}
        made = said(opened, given_at=given).model_dump() | {"explained": word}
        return record(opened, Consent.model_validate(made))

    opened.accept(explained(given))
    late = explained(given + timedelta(seconds=1))
    assert opened.refused(late) == {"consent.not-explained"}


def test_one_signed_form_is_one_persons_word(opened: Play) -> None:
    """A forged parent who leans on somebody else's form is refused; two purposes are not."""
    form = said(opened, evidence=FORM, given_by=GivenBy.CARER)
    opened.accept(record(opened, form))
    forged = said(opened, evidence=FORM, given_by=GivenBy.PARENT)
    other_day = said(opened, evidence=FORM, given_by=GivenBy.CARER, given_at=opened.area.now)
    both = said(opened, evidence=FORM, given_by=GivenBy.CARER, covers=Covers.SERVICE)

    assert opened.refused(record(opened, forged)) == {"consent.form-differs"}
    assert opened.refused(record(opened, other_day)) == {"consent.form-differs"}
    opened.accept(record(opened, both))


def test_a_consent_that_ran_out_yesterday_carries_nothing(opened: Play) -> None:
    """It may be recorded, and is no basis."""
    day = timedelta(days=1)
    old = said(opened, given_at=opened.area.now - 2 * day, expires_at=opened.area.now - day)

    assert opened.refused(by_consent(opened, old, carried=True)) == {"consent.expired"}


def test_a_decision_not_to_share_is_recorded_and_stops_no_child_protection(opened: Play) -> None:
    """It says of what, from whom and why; the reason in words is a statement."""
    area, child = opened.area, opened.child
    content = {"of": ["health"], "withheld_from": [GP], "because": "more_detrimental"}
    duty = {"kind": "statutory_duty", "provision": "CA2004-s16LA"}

    def decided(*statements: Any, **more: object) -> Any:
        said = {**content, **more}
        return area.sealed(
            "sharing.withheld", child, TEACHER, [], statements, basis=duty, content=said
        )

    reason = area.statement("decision.reason")
    opened.accept(decided(reason))
    assert opened.refused(decided()) == {"statements.required"}
    assert opened.refused(decided(reason, withheld_from=["demo.nobody-knows"])) == {
        "agency.unknown"
    }
    opened.accept(m.protection(area, child, author=TEACHER))
    assert opened.refused(decided(reason, asked=opened.last)) == {"sharing.protection-goes"}


def test_an_address_is_protected_until_who_may_says_otherwise(opened: Play) -> None:
    """Nobody but the agency itself or social care takes the family's protection away."""
    area, child = opened.area, opened.child
    agreed = said(opened)
    opened.accept(record(opened, agreed))
    opened.accept(m.protection(area, child, author=TEACHER))

    def sealed(kind: str, author: str, **content: object) -> Any:
        return area.sealed(kind, child, author, content=content)

    opened.accept(sealed("address.protected", TEACHER, by="family", roles=["social_care"]))
    shown = opened.accept(by_consent(opened, agreed)).deliveries[0].shown
    assert len(shown) == 1
    assert opened.journey is not None
    assert opened.journey.protected == ProtectedAddress(
        ProtectedBy.FAMILY, SCHOOL, (), (Role.SOCIAL_CARE,)
    )
    assert opened.refused(sealed("address.unprotected", DUTY)) >= {"address.not-yours"}
    opened.accept(sealed("address.unprotected", TEACHER))
    assert len(opened.accept(by_consent(opened, agreed)).deliveries[0].shown) == 2
    assert opened.refused(sealed("address.unprotected", TEACHER)) == {"address.not-protected"}
    assert opened.refused(
        sealed("address.protected", TEACHER, by="court", agencies=["demo.nobody-knows"])
    ) == {"agency.unknown"}


def test_to_whoever_must_not_know_the_child_is_unknown(opened: Play) -> None:
    """What such a person writes gets the answer of a child without a journey, and no other."""
    area, child = opened.area, opened.child
    opened.accept(m.step_up(area, child))
    told = m.acknowledged(area, child, opened.last, by=DUTY, to=SCHOOL)
    content = {"practitioners": [DUTY]}
    opened.accept(area.sealed("people.must-not-know", child, TEACHER, content=content))

    assert "message.unknown-child" in opened.refused(told)
    assert opened.refused(told) == Play(area).refused(told)
    before = state(opened).entries
    opened.accept(m.protection(area, child, author=DUTY))
    assert state(opened).entries == before + 1


def test_nobody_is_told_or_written_to_who_must_not_know(opened: Play) -> None:
    """Neither a group of people nor a named practitioner; a manager's word ends it."""
    area, child = opened.area, opened.child

    def named(beside: tuple[Signer, ...] = (), **content: object) -> Any:
        return area.sealed(
            "people.must-not-know", child, TEACHER, content=content, countersigners=beside
        )

    opened.accept(m.step_up(area, child))
    referral = opened.last
    assert opened.refused(named(practitioners=[TEACHER])) == {"message.wrong-content"}
    opened.accept(named(practitioners=[DUTY], people=["family"]))
    told = {"people": ["family"], "of": referral, "form": "outcome"}
    telling = area.sealed("people.told", child, TEACHER, content=told)
    assert opened.refused(telling) == {"telling.must-not-know"}
    agreed = said(opened)
    written = area.sealed(
        "story.added",
        child,
        TEACHER,
        basis={"kind": "consent", "consents": [agreed.id]},
        consents=(agreed,),
        recipients=({"agency": FRONT, "practitioner": DUTY},),
    )
    assert opened.refused(written) == {"recipient.must-not-know"}
    over: dict[str, Any] = {"practitioners": [DUTY], "people": ["family"], "ended": True}
    assert opened.refused(named(**over)) == {"countersign.missing"}
    manager = Signer(id=HEAD, capacity=Capacity.LINE_MANAGER)
    opened.accept(named((manager,), **over))
    opened.accept(telling)
    opened.accept(written)


def test_what_is_kept_back_survives_in_the_compact_form(opened: Play) -> None:
    """A journey reads back as it was; one of yesterday keeps nothing back."""
    protected = ProtectedAddress(ProtectedBy.COURT, CARE, (CAF,), (Role.SOCIAL_CARE,))
    made = Journey(
        child="C" * 20,
        ahead={"A" * 20: ("2026-01-01T00:00:00.000Z", CARE)},
        protected=protected,
        must_not_know=(DUTY, "family"),
    )

    assert load(orjson.loads(dump(made))) == made
    yesterday = load({"v": 2, "child": "C" * 20})
    assert (yesterday.ahead, yesterday.protected, yesterday.must_not_know) == ({}, None, ())


def test_a_consent_of_yesterday_reads_as_before() -> None:
    """What older forms did not ask sets no limit and keeps nothing from anybody."""
    made = Consent.model_validate_json(
        '{"id":"AAAAAAAAAAAAAAAAAAAA","covers":"sharing","given_by":"carer",'
        '"taken_by":"demo.hilltop-school.teacher","given_at":"2026-01-01T09:00:00Z"}'
    )

    assert (made.decision, made.about, made.purposes, made.may_not_see) == ("given", (), (), ())


def test_every_kind_that_travels_by_consent_has_a_purpose() -> None:
    """A consent for stated purposes must be able to tell whether it carries a message."""
    by_consent = [k.name for k in KINDS.values() if "consent" in {b.value for b in k.bases}]

    assert by_consent
    assert [name for name in by_consent if purpose_of(name) is None] == []
    assert purpose_of("nobody.knows-it") is None


def test_every_question_says_whose_information_it_is_and_the_listed_ones_exist() -> None:
    """No key is mistyped: what tells where a child lives, and what is about parents, is found."""
    keys = {q.number: q.key for q in questions().values()}
    others = {keys[n] for n, whose in whose_information().items() if "child" not in whose}

    assert set(whose_information()) == set(keys)
    assert {keys[number] for number in locating()} == {
        "identity.address",
        "identity.postcode",
        "identity.other_addresses",
        "family.contact",
        "education.setting",
        "health.gp",
        "health.visitor_or_nurse",
    }
    assert others >= {"family.parents", "family.siblings", "views.parents", "needs.parenting"}


def test_deciding_needs_no_more_than_it_is_given(opened: Play) -> None:
    """The same message on the same journey has the same answer."""
    agreed = said(opened)
    opened.accept(record(opened, agreed))
    sealed = by_consent(opened, agreed)
    message = opened.area.open(sealed)
    twice = [decide(message, opened.area.directory, opened.journey, opened.area.now)] * 2

    assert isinstance(twice[0], Accepted)
    assert twice[0] == twice[1]
