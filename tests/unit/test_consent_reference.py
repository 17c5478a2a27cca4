"""The consent decision against a second evaluator, written apart and naively, on generated cases.

The reference goes statement by statement and consent by consent, follows the sentences of the
guidance one after another and shares no code with `consent`.
"""

from dataclasses import dataclass, replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from consent import RULES, KeptStatement, ReadRequest, Share, ShareRequest, decide, decide_read
from contracts.consents import (
    Basis,
    ConsentBasis,
    ConsentHeld,
    CourtOrderBasis,
    Covers,
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
from tests.unit.consent_cases import (
    AUTHOR,
    CAF_TEAM,
    DAY,
    DEPUTY,
    FIRST,
    FRONT_DOOR,
    MANAGER,
    NOW,
    SCHOOL,
    SECOND,
    consent,
)


@dataclass
class Expected:
    """What the reference answers: which statements, or for which reasons none."""

    shown: tuple[bool, ...] | None
    codes: set[str]


def expected(asked: ShareRequest) -> Expected:
    """Decide naively."""
    codes: set[str] = set()
    if asked.recipient_role is None:
        codes.add("agency.unknown")
    shown: tuple[bool, ...] = tuple(True for _ in asked.categories)
    match asked.basis:
        case NoticeBasis():
            if len(asked.categories) > 0:
                codes.add("statements.not-allowed")
        case ProtectionBasis():
            if not asked.protection:
                codes.add("basis.not-entitled")
        case OverrideBasis():
            codes |= _against_override(asked, asked.basis)
        case ConsentBasis():
            shown, against = _by_consent(asked, asked.basis.consents)
            codes |= against
    return Expected(None, codes) if codes else Expected(shown, codes)


def _against_override(asked: ShareRequest, basis: OverrideBasis) -> set[str]:
    codes = {"override.ground", "override.line-manager"}
    both_limbs = basis.not_possible_to_obtain and basis.delay_detrimental
    if basis.ground is OverrideGround.SEEKING_INCREASES_RISK:
        codes.discard("override.ground")
    if basis.ground is OverrideGround.NOT_POSSIBLE_AND_DELAY and both_limbs:
        codes.discard("override.ground")
    for person in asked.line_managers:
        for signer in asked.countersigners:
            signed = signer.id == person and signer.capacity is Capacity.LINE_MANAGER
            if signed and person != asked.author and asked.author.startswith(asked.sender + "."):
                codes.discard("override.line-manager")
    return codes


def _by_consent(asked: ShareRequest, named: tuple[str, ...]) -> tuple[tuple[bool, ...], set[str]]:
    against: set[str] = set()
    good: list[str] = []
    for name in named:
        wrong = _against_name(asked, name)
        against |= wrong
        if not wrong:
            good.append(name)
    if not good:
        return (), against
    shown = tuple(
        any(_agreed(asked, n, c) and not _unsaid(asked, n, c) for n in good)
        for c in asked.categories
    )
    if shown == (False,) * len(asked.categories) and shown != ():
        for c in asked.categories:
            agreed = any(_agreed(asked, name, c) for name in good)
            against.add("consent.refused" if agreed else "consent.out-of-scope")
        return shown, against
    return shown, set()


def _against_name(asked: ShareRequest, name: str) -> set[str]:
    if name not in [one.consent.id for one in asked.consents]:
        return {"consent.unknown"}
    found: set[str] = set()
    for one in asked.consents:
        if one.consent.id == name:
            found |= _against_consent(asked, one)
    return found


def _agreed(asked: ShareRequest, name: str, category: Category) -> bool:
    for one in asked.consents:
        if one.consent.id == name and category not in one.consent.categories:
            return False
    return True


def _unsaid(asked: ShareRequest, name: str, category: Category) -> bool:
    """Say whether that was taken back, of another consent, after any copy of this one."""
    copies = [one for one in asked.consents if one.consent.id == name]
    return any(category in _taken_back(asked, one) for one in copies)


def _taken_back(asked: ShareRequest, one: ConsentHeld) -> set[Category]:
    found: set[Category] = set()
    for other in asked.consents:
        if other.withdrawn_at is None or other.consent.id == one.consent.id:
            continue
        if other.consent.covers is Covers.SERVICE or one.consent.covers is Covers.SERVICE:
            continue
        to = asked.recipient in other.consent.recipients
        if not to and asked.recipient_role not in other.consent.roles:
            continue
        if one.consent.given_at <= other.withdrawn_at:
            found |= set(other.consent.categories)
    return found


def _against_consent(asked: ShareRequest, one: ConsentHeld) -> set[str]:
    codes = set()
    if one.consent.covers is Covers.SERVICE:
        codes.add("consent.missing")
    if one.withdrawn_at is not None:
        codes.add("consent.withdrawn")
    if one.consent.categories and _taken_back(asked, one).issuperset(one.consent.categories):
        codes.add("consent.withdrawn")
    begun = one.consent.given_at <= asked.now
    ended = one.consent.expires_at is not None and not asked.now < one.consent.expires_at
    if ended or not begun:
        codes.add("consent.expired")
    by_name = [r for r in one.consent.recipients if r == asked.recipient]
    by_role = [r for r in one.consent.roles if r is asked.recipient_role]
    if not by_name and not by_role:
        codes.add("consent.out-of-scope")
    return codes


def expected_read(asked: ReadRequest, kept: KeptStatement) -> bool:
    """Decide naively whether a statement is read."""
    if asked.reader_role is None:
        return False
    if asked.reader == kept.sender and kept.own:
        return True
    if asked.reader not in kept.recipients:
        return False
    if isinstance(kept.basis, OverrideBasis) and not kept.protection:
        ground = kept.basis.ground is OverrideGround.SEEKING_INCREASES_RISK
        return ground or (kept.basis.not_possible_to_obtain and kept.basis.delay_detrimental)
    return expected(towards(asked, kept)).shown == (True,)


def towards(asked: ReadRequest, kept: KeptStatement) -> ShareRequest:
    """Return the sharing of one kept statement with its reader."""
    protected = kept.protection and not isinstance(kept.basis, NoticeBasis)
    return ShareRequest(
        ProtectionBasis() if protected else kept.basis,
        kept.sender,
        AUTHOR,
        (),
        frozenset(),
        asked.reader,
        asked.reader_role,
        (kept.category,),
        asked.consents,
        asked.now,
        kept.protection,
    )


# Small pools in which good values come often: only then do requests and consents meet.
AGENCIES = st.sampled_from([FRONT_DOOR, FRONT_DOOR, CAF_TEAM, SCHOOL])
ROLES = st.sampled_from([Role.FIRST_RESPONSE] * 3 + [Role.CAF_TEAM])
KNOWN_OR_NOT = st.sampled_from([Role.FIRST_RESPONSE] * 6 + [Role.CAF_TEAM, None])
CATEGORIES = st.sampled_from([Category.HEALTH, Category.NEEDS, Category.VIEWS, Category.SAFETY])
NAMES = st.sampled_from([FIRST, FIRST, SECOND])
INSTANTS = st.sampled_from([NOW - DAY, NOW, NOW + DAY])
PEOPLE = st.sampled_from([MANAGER, MANAGER, DEPUTY, AUTHOR, "demo.front-door.duty"])


@st.composite
def held_consents(draw: st.DrawFn) -> ConsentHeld:
    """Generate a consent as a journey holds it, two of three without a lapse."""
    categories = draw(st.lists(CATEGORIES, max_size=3, unique=True))
    changes: dict[str, object] = {"categories": tuple(categories)}
    withdrawn_at = None
    if draw(st.sampled_from([False, False, True])):
        changes["covers"] = draw(st.sampled_from(Covers))
        changes["given_at"] = draw(INSTANTS)
        changes["expires_at"] = draw(st.none() | INSTANTS)
        changes["roles"] = draw(st.lists(ROLES, max_size=2).map(tuple))
        changes["recipients"] = draw(st.lists(AGENCIES, max_size=2).map(tuple))
        withdrawn_at = draw(st.sampled_from([None, None, NOW]))
    return ConsentHeld(consent=consent(draw(NAMES), **changes), withdrawn_at=withdrawn_at)


CONSENT_BASES = st.lists(NAMES, min_size=1, max_size=2, unique=True).map(
    lambda names: ConsentBasis(consents=tuple(names))
)
OVERRIDES = st.builds(
    OverrideBasis,
    ground=st.sampled_from(OverrideGround),
    not_possible_to_obtain=st.booleans(),
    delay_detrimental=st.booleans(),
)
BASES = st.one_of(
    CONSENT_BASES,
    OVERRIDES,
    st.builds(StatutoryBasis, provision=st.sampled_from(StatutoryProvision)),
    st.just(CourtOrderBasis(order="FD26P00001")),
    st.just(ProtectionBasis()),
    st.just(NoticeBasis()),
)
SIGNERS = st.builds(
    Signer, id=PEOPLE, capacity=st.sampled_from([Capacity.LINE_MANAGER] * 3 + [Capacity.CAF_WORKER])
)


def requests(bases: st.SearchStrategy[Basis] = BASES) -> st.SearchStrategy[ShareRequest]:
    """Generate requests to share."""
    return st.builds(
        ShareRequest,
        basis=bases,
        sender=st.sampled_from([SCHOOL, SCHOOL, SCHOOL, CAF_TEAM]),
        author=st.just(AUTHOR),
        countersigners=st.lists(SIGNERS, max_size=2).map(tuple),
        line_managers=st.frozensets(PEOPLE, max_size=2),
        recipient=AGENCIES,
        recipient_role=KNOWN_OR_NOT,
        categories=st.lists(CATEGORIES, max_size=5).map(tuple),
        consents=st.lists(held_consents(), min_size=1, max_size=4).map(tuple),
        now=st.just(NOW),
        protection=st.booleans(),
    )


KEPT = st.builds(
    KeptStatement,
    category=CATEGORIES,
    basis=BASES,
    sender=st.sampled_from([SCHOOL, CAF_TEAM]),
    recipients=st.frozensets(AGENCIES, max_size=3),
    protection=st.booleans(),
    own=st.booleans(),
)
READS = st.builds(
    ReadRequest,
    reader=AGENCIES,
    reader_role=KNOWN_OR_NOT,
    statements=st.lists(KEPT, max_size=4).map(tuple),
    consents=st.lists(held_consents(), min_size=1, max_size=4).map(tuple),
    now=INSTANTS,
)


def seen_by(asked: ShareRequest) -> tuple[bool, ...]:
    """Return which statements the recipient gets, none where all is withheld."""
    answer = decide(asked)
    return answer.shown if isinstance(answer, Share) else (False,) * len(asked.categories)


@settings(max_examples=1500)
@given(st.one_of(requests(), requests(CONSENT_BASES), requests(OVERRIDES)))
def test_the_decision_is_that_of_the_reference(asked: ShareRequest) -> None:
    """Both evaluators show the same statements, or withhold for the same reasons."""
    answer, reference = decide(asked), expected(asked)
    event(f"{asked.basis.kind} {type(answer).__name__}")

    if isinstance(answer, Share):
        assert (answer.shown, set()) == (reference.shown, reference.codes)
    else:
        assert reference.shown is None
        assert {reason.code for reason in answer.reasons} == reference.codes
    assert set(answer.rules) <= RULES.keys()
    assert answer.rules


@settings(max_examples=500)
@given(READS)
def test_a_read_is_decided_as_by_the_reference(asked: ReadRequest) -> None:
    """Both evaluators let the reader see the same statements."""
    seen = decide_read(asked)

    assert [s.shown for s in seen] == [expected_read(asked, k) for k in asked.statements]
    assert all(s.rules and set(s.rules) <= RULES.keys() for s in seen)


@given(requests(CONSENT_BASES), st.data())
def test_a_withdrawal_never_shows_more(asked: ShareRequest, data: st.DataObject) -> None:
    """Whatever else is agreed, withdrawing one consent opens nothing."""
    place = data.draw(st.integers(0, len(asked.consents) - 1))
    after = list(asked.consents)
    after[place] = ConsentHeld(consent=after[place].consent, withdrawn_at=NOW)
    shown_before = seen_by(asked)
    shown_after = seen_by(replace(asked, consents=tuple(after)))

    assert all(before or not now for before, now in zip(shown_before, shown_after, strict=True))


@given(requests())
def test_child_protection_and_duty_do_not_depend_on_consents(asked: ShareRequest) -> None:
    """Without its consents a request on a basis other than consent has the same answer."""
    if isinstance(asked.basis, ConsentBasis):
        return

    assert decide(asked) == decide(replace(asked, consents=()))


@given(requests(CONSENT_BASES))
def test_what_is_shared_by_consent_is_read_the_same_way(asked: ShareRequest) -> None:
    """Sharing and reading at the same instant show the same statements to a recipient."""
    if asked.recipient == asked.sender:
        return
    statements = tuple(
        KeptStatement(c, asked.basis, asked.sender, frozenset({asked.recipient}))
        for c in asked.categories
    )
    read = ReadRequest(asked.recipient, asked.recipient_role, statements, asked.consents, asked.now)

    assert tuple(s.shown for s in decide_read(read)) == seen_by(asked)


def test_the_reference_itself_tells_both_outcomes_apart() -> None:
    """The reference is no constant: a covering consent shares and its withdrawal withholds."""
    covering = ConsentHeld(consent=consent(recipients=(FRONT_DOOR,)))
    asked = ShareRequest(
        ConsentBasis(consents=(FIRST,)),
        SCHOOL,
        AUTHOR,
        (),
        frozenset(),
        FRONT_DOOR,
        Role.FIRST_RESPONSE,
        (Category.HEALTH, Category.SAFETY),
        (covering,),
        NOW,
    )
    withdrawn = covering.model_copy(update={"withdrawn_at": NOW})

    assert expected(asked) == Expected((True, False), set())
    assert expected(replace(asked, consents=(withdrawn,))) == Expected(None, {"consent.withdrawn"})
