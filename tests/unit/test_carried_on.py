"""Carried on: what claims to come from an earlier message, and when that is not believed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.identifiers import new_reference
from contracts.kinds import Opened, Situation
from contracts.reasons import Refusal
from contracts.statements import Statement
from services.exchange.hearing import is_carried, not_carried
from tests.area import CARE, DOCTOR, DUTY, FRONT, GP, SCHOOL, TEACHER
from tests.unit.test_asked_again import HOUSEHOLD, Play, by_consent, play

__all__ = ["play"]

NOT_CARRIED = "story.not-carried"


def told(play: Play, **added: Any) -> tuple[str, Statement]:
    """The school writes down the household; give the message's id and what it said."""
    said, sealed = play.statement(TEACHER), play.added(TEACHER, **added)
    play.accept(sealed)
    return play.id_of(sealed), said


def carrying(play: Play, by: str, said: Statement, first: str, **data: Any) -> Any:
    """Somebody sends it on as carried from the message `first`."""
    to = (SCHOOL,) if by == DUTY else (FRONT,)
    return play.added(by, said.model_copy(update={"carried_from": first}), to=to, **data)


def carried(play: Play, by: str, said: Statement, first: str) -> int:
    """Count what is believed to be carried on; the message is accepted."""
    return play.accept(carrying(play, by, said, first)).carried


def acknowledgement(play: Play) -> str:
    """First Response takes the school's referral, without a statement; give the message's id."""
    assert play.journey is not None
    request = play.journey.requests[0].id
    sealed = play.area.sealed(
        "message.acknowledged", play.child, DUTY, (SCHOOL,), answers=request, time=play.now
    )
    play.accept(sealed)
    return play.id_of(sealed)


def other_answer(play: Play) -> str:
    """The school tells First Response the name, which is not the household; give the id."""
    sealed = play.added(TEACHER, play.statement(TEACHER, question="identity.name", value="Ida"))
    play.accept(sealed)
    return play.id_of(sealed)


def test_what_an_agencys_own_message_did_not_answer_is_not_carried_from_it(play: Play) -> None:
    """The claim is refused with the question named, once the journey knows the message."""
    _, said = told(play)
    name, empty = other_answer(play), acknowledgement(play)

    assert play.refused(carrying(play, TEACHER, said, name)) == [(NOT_CARRIED, HOUSEHOLD)]
    assert play.refused(carrying(play, TEACHER, said, empty)) == [(NOT_CARRIED, HOUSEHOLD)]


def test_the_refusal_does_not_tell_a_recipient_what_was_withheld_from_it(play: Play) -> None:
    """Whether a message that another sent answered a question is not told by refusing the claim."""
    first, said = told(play)
    name = other_answer(play)
    play.later(1)

    assert carried(play, DUTY, said, name) == 0
    assert carried(play, DUTY, said, first) == 1


@pytest.mark.parametrize("known", [False, True])
def test_an_outsider_cannot_tell_a_message_it_may_not_know_from_none(
    play: Play, known: bool
) -> None:
    """Of either the claim is accepted, is not counted, and spares nothing."""
    first, said = told(play)
    named = first if known else new_reference()

    verdict = play.accept(carrying(play, DOCTOR, said, named))
    assert (verdict.carried, verdict.asked_again) == (0, ())


def test_what_consent_lets_an_agency_know_may_be_carried_from_a_message_to_others(
    play: Play,
) -> None:
    """A form filled in by the family's consent names a message that the agency was never sent."""
    by_consent(play)
    assert play.journey is not None
    first, said = play.journey.recent[-1].id, play.statement(TEACHER)
    assert carried(play, DOCTOR, said, first) == 0

    play.journey = replace(play.journey, recent=play.journey.recent[:-1])
    play.consented()
    assert carried(play, DOCTOR, said, first) == 1


def test_an_answer_keeps_its_first_message_through_any_number_of_hops(play: Play) -> None:
    """Who was sent a copy carries it on from the message that said it first."""
    first, said = told(play)
    play.later(1)
    copy = said.model_copy(update={"carried_from": first})
    assert play.accept(play.added(DUTY, copy, to=(CARE, GP))).carried == 1

    assert carried(play, DOCTOR, said, first) == 1


def test_no_slack_between_clocks_is_given_to_a_claim_that_is_not_believed(play: Play) -> None:
    """Recorded a day after what is held, it asks again; only what is truly carried may differ."""
    first, _ = told(play)
    play.later(1)
    later = play.statement(TEACHER)

    assert play.refused(carrying(play, TEACHER, later, new_reference())) == [
        ("story.already-told", HOUSEHOLD)
    ]
    assert carried(play, TEACHER, later, first) == 1


def test_what_is_carried_from_a_message_long_let_go_counts_if_it_is_no_newer(play: Play) -> None:
    """A journey knows its latest messages only; then the answer that is held has to do."""
    first, said = told(play)
    assert play.journey is not None
    play.journey = replace(play.journey, recent=play.journey.recent[:-1])
    newer = said.model_copy(update={"recorded_at": said.recorded_at + timedelta(days=1)})
    play.later(1)

    assert carried(play, TEACHER, said, first) == 1
    assert play.refused(carrying(play, TEACHER, newer, first)) == [
        ("story.already-told", HOUSEHOLD)
    ]


@pytest.mark.parametrize("joined", [{"linked": ("O" * 20,)}, {"linked_into": "O" * 20}])
def test_of_joined_references_the_claim_is_taken_as_it_is(
    play: Play, joined: dict[str, Any]
) -> None:
    """Part of what was told was sealed under the other reference, which this journey lacks."""
    _, said = told(play)
    name = other_answer(play)
    assert play.journey is not None
    play.journey = replace(play.journey, **joined)
    opened = play.area.open(carrying(play, TEACHER, said, name), play.now)

    assert list(_refused(play, opened)) == []


def _refused(play: Play, opened: Opened) -> Iterator[Refusal]:
    s = Situation(opened, play.journey, play.area.directory, play.now)
    assert is_carried(s, opened.statements[0].statement)
    return not_carried(s, protection=False)


@pytest.mark.parametrize("basis", [None, {"kind": "statutory_duty", "provision": "CA1989-s47"}])
def test_child_protection_is_never_refused_for_where_a_statement_comes_from(
    play: Play, basis: dict[str, Any] | None
) -> None:
    """A concern, and an enquiry under section 47, go whatever their statements claim."""
    _, said = told(play)
    name = other_answer(play)
    if basis is not None:
        sealed = carrying(play, TEACHER, said, name, basis=basis)
    else:
        sealed = play.area.sealed(
            "referral.submitted",
            play.child,
            TEACHER,
            (FRONT,),
            [said.model_copy(update={"carried_from": name})],
            basis={"kind": "child_protection"},
            content={"concern": "child_protection", "source": "2A"},
            time=play.now,
        )

    assert play.accept(sealed).carried == 0


def test_who_must_not_learn_of_it_is_not_told_by_this_refusal_either(play: Play) -> None:
    """A person who must not know of a referral is answered as if nothing were known."""
    _, said = told(play)
    name = other_answer(play)
    assert play.journey is not None
    play.journey = replace(play.journey, must_not_know=(TEACHER,))

    assert play.refused(carrying(play, TEACHER, said, name)) == [("message.unknown-child", "")]
