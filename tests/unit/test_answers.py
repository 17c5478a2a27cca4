"""What the catalogue asks of answers, decided with the message: codes, reasons, corrections."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import base64url
from contracts.digests import LET_GO, may_stand, remembered
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump, load
from contracts.kinds import Opened
from contracts.questions import questions
from contracts.reasons import Refusal
from contracts.statements import (
    Again,
    Answer,
    Statement,
    binding,
    digest_of,
    open_disclosures,
    seal_statements,
)
from services.exchange.decision import Accepted, Refused, decide
from tests import messages as m
from tests.area import Area
from tests.unit.test_decision import Play

UNKNOWN = "A" * 43
CODED = [q for q in questions().values() if q.allowed]
ASKING = [(q, answer) for q in questions().values() for answer in sorted(q.reason_when)]
DIGESTS = st.binary(min_size=32, max_size=32).map(base64url.encode)


@pytest.fixture
def play() -> Play:
    """A play on a fresh area."""
    return Play(Area())


def said(area: Area, question: str, value: Any = None, **changes: Any) -> Statement:
    """A statement of the catalogue's form; without a value it says why there is none."""
    made = area.statement(question).model_dump() | {"value": value} | changes
    return Statement.model_validate(made)


def sent(play: Play, *statements: Statement, **changes: Any) -> Any:
    """A referral that says what happened, and these statements."""
    happened = play.area.statement("concern.what_happened")
    return m.referral(play.area, play.child, statements=[happened, *statements], **changes)


def refusals(play: Play, sealed: Any) -> tuple[Refusal, ...]:
    """Every reason for refusing it, with its detail; none where it is accepted."""
    verdict = decide(play.area.open(sealed), play.area.directory, play.journey, play.area.now)
    return verdict.reasons if isinstance(verdict, Refused) else ()


@pytest.mark.parametrize("question", CODED, ids=lambda q: q.key)
def test_a_code_question_is_answered_by_a_code_of_its_set(play: Play, question: Any) -> None:
    """Every code of the set is taken; anything else is refused with the question's key."""
    for code in question.allowed:
        assert refusals(play, sent(play, said(play.area, question.key, code))) == ()
    for wrong in ("as the family says", True, 7):
        found = refusals(play, sent(play, said(play.area, question.key, wrong)))
        assert found == (Refusal("statements.code", question.key),)


def test_several_wrong_answers_are_told_at_once(play: Play) -> None:
    """The sender hears of every question, and of none of the answers."""
    wrong = (said(play.area, "identity.sex", "male"), said(play.area, "needs.primary", "hunger"))

    assert refusals(play, sent(play, *wrong)) == (
        Refusal("statements.code", "identity.sex"),
        Refusal("statements.code", "needs.primary"),
    )


@pytest.mark.parametrize(("question", "answer"), ASKING, ids=lambda one: getattr(one, "key", one))
def test_an_answer_that_needs_a_reason_is_refused_without_one(
    play: Play, question: Any, answer: Answer
) -> None:
    """Devon l.57 and l.159: where it was not asked or is not known, why is recorded."""
    bare = said(play.area, question.key, answer=answer)
    explained = said(play.area, question.key, answer=answer, because="Asleep in hospital.")

    assert refusals(play, sent(play, bare)) == (Refusal("statements.reason", question.key),)
    assert refusals(play, sent(play, explained)) == ()


def test_history_has_no_reasons_to_give(play: Play) -> None:
    """A return of years ago does not say why ethnicity was not asked; its codes are held to."""
    history = {"occurred_on": "2020-06-01", "source": "cin-census"}
    bare = said(play.area, "identity.ethnicity", answer=Answer.NOT_ASKED)
    wrong = said(play.area, "identity.ethnicity", "Martian")

    assert refusals(play, sent(play, bare, history=history)) == ()
    assert refusals(play, sent(play, wrong, history=history)) == (
        Refusal("statements.code", "identity.ethnicity"),
    )


def test_an_update_says_what_has_changed(play: Play) -> None:
    """Only a correction and the family's own wish need no reason of the sender's."""
    told = {"question": "identity.address", "value": "12 Mill Lane"}
    update = said(play.area, **told, again=Again.UPDATE)
    reason = said(play.area, **told, again=Again.UPDATE, because="They moved on Friday.")
    wish = said(play.area, **told, again=Again.FAMILY_WISH)

    assert refusals(play, sent(play, update)) == (Refusal("statements.reason", "identity.address"),)
    assert refusals(play, sent(play, reason)) == refusals(play, sent(play, wish)) == ()


def test_a_correction_names_a_statement_that_a_seal_about_this_child_holds(play: Play) -> None:
    """One made up, one of another child, and one for a child nobody knows are refused."""
    other = Play(play.area)
    foreign = _digest(other, sent(other, said(play.area, "identity.name", "Ada")))
    first = sent(play, said(play.area, "identity.name", "Ida"))
    held = _digest(play, first)
    unknown = (Refusal("statements.corrects-unknown", "identity.name"),)

    assert refusals(play, _correcting(play, held)) == unknown
    play.accept(first)
    assert refusals(play, _correcting(play, UNKNOWN)) == unknown
    assert refusals(play, _correcting(play, foreign)) == unknown
    play.accept(_correcting(play, held))
    assert refusals(play, _correcting(play, held)) == ()


def test_child_protection_is_stopped_by_no_answer(play: Play) -> None:
    """003 §2.2: a wrong code, no reason, a correction of nothing: all may be put right later."""
    faulty = (
        play.area.statement("concern.what_happened"),
        said(play.area, "identity.sex", "male"),
        said(play.area, "views.child", answer=Answer.NOT_ASKED),
        said(play.area, "identity.name", "Ida", again=Again.CORRECTION, corrects=UNKNOWN),
    )
    sealed = m.protection(play.area, play.child, statements=faulty)

    assert refusals(play, sealed) == ()


def test_a_journey_begun_before_digests_were_kept_refuses_no_correction(play: Play) -> None:
    """What was sealed then cannot be shown to be unknown."""
    play.accept(sent(play))
    assert play.journey is not None
    old = orjson.loads(dump(play.journey)) | {"v": 2}
    del old["digests"]
    play.journey = load(old)

    assert refusals(play, _correcting(play, UNKNOWN)) == ()


@given(st.lists(st.lists(DIGESTS, max_size=6), max_size=6), DIGESTS)
def test_exactly_the_digests_that_seals_named_are_remembered(
    messages: list[list[str]], other: str
) -> None:
    """Each digest given is found, and one that was never given is not."""
    kept: tuple[str, ...] = ()
    for digests in messages:
        kept = remembered(kept, digests)
    told = [digest for digests in messages for digest in digests]

    assert all(may_stand(kept, digest) for digest in told)
    assert may_stand(kept, other) == (other[:8] in {digest[:8] for digest in told})


def test_what_is_remembered_stays_bounded_and_admits_that_it_forgot() -> None:
    """However much is sent, a journey stays small, and no correction is lost by that."""
    kept: tuple[str, ...] = ()
    for number in range(200):
        kept = remembered(kept, [f"{number:04}{place:04}" + "x" * 35 for place in range(64)])

    assert sum(map(len, kept)) <= 32_768
    assert kept[0] == LET_GO
    assert kept.count(LET_GO) == 1
    assert may_stand(kept, UNKNOWN)


def test_a_journey_holds_no_whole_digest(play: Play) -> None:
    """The ledger's journey names eight characters of each, and none of the words."""
    sealed = sent(play, said(play.area, "identity.name", "Zebedee"))
    play.accept(sealed)
    assert play.journey is not None
    written = dump(play.journey).decode()

    assert "Zebedee" not in written
    for digest in (d.digest for d in play.area.open(sealed).statements):
        assert digest not in written
        assert digest[:8] in written
    assert load(orjson.loads(written)).digests == play.journey.digests != Journey("x").digests


@pytest.mark.parametrize(
    "changes",
    [
        {"again": "correction"},
        {"corrects": UNKNOWN},
        {"again": "update", "corrects": UNKNOWN},
        {"again": "twice"},
        {"again": "correction", "corrects": "x"},
        {"because": ""},
        {"because": "x" * 201},
        {"carried_from": "x"},
    ],
    ids=str,
)
def test_a_statement_that_contradicts_itself_has_no_form(changes: dict[str, Any]) -> None:
    """A correction names what it corrects, nothing else does, and each member has its form."""
    with pytest.raises(ValueError, match=r"again|correct|because|carried_from"):
        said(Area(), "identity.name", "Ida", **changes)


def test_a_statement_sealed_before_there_were_these_members_opens_as_it_was() -> None:
    """Yesterday's disclosure, byte for byte, is today's statement, wrong code and all."""
    area = Area()
    told: dict[str, Any] = {
        "question": "identity.sex",
        "value": "male",
        "said_by": "parent",
        "recorded_by": "demo.hilltop-school.priya-natt",
        "recorded_at": "2026-11-20T10:00:00Z",
    }
    salt = "0123456789012345678901"
    disclosure = base64url.encode(orjson.dumps([salt, told]))
    digest = digest_of(disclosure)
    opened = open_disclosures([digest], binding(salt, [digest]), salt, [disclosure])

    assert isinstance(opened, tuple)
    statement = opened[0].statement
    assert (statement.value, statement.again, statement.carried_from) == ("male", None, None)
    plain = base64url.decode(seal_statements([area.statement("identity.name")]).disclosures[0])
    assert plain is not None
    assert not {"again", "because", "corrects", "carried_from"} & set(orjson.loads(plain)[1])


def test_provenance_goes_on_with_a_statement_that_is_carried(play: Play) -> None:
    """Who said it, who recorded it when, and whose seal carried it first stay as they were."""
    first = new_reference()
    told = said(play.area, "identity.name", "Ida", said_by="grandmother", carried_from=first)
    opened = play.area.open(sent(play, told))

    assert isinstance(opened, Opened)
    carried = next(d.statement for d in opened.statements if d.statement.carried_from)
    assert carried == told
    assert isinstance(play.accept(sent(play, told)), Accepted)


def _digest(play: Play, sealed: Any) -> str:
    """The digest of the child's name in a message."""
    opened = play.area.open(sealed)
    return next(d.digest for d in opened.statements if d.statement.question == "identity.name")


def _correcting(play: Play, digest: str) -> Any:
    """A referral with another name in place of the one that has this digest."""
    name = said(play.area, "identity.name", "Ada", again=Again.CORRECTION, corrects=digest)
    return sent(play, name)
