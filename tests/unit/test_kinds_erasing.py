"""Who may have what was said erased, on whose word, and what the journey then forgets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.questions import questions
from contracts.roles import Capacity, Level
from contracts.seal import Sealed, peek
from services.exchange.decision import Accepted, Held, Refused, decide
from tests import messages as m
from tests.area import CAF, CAF_MANAGER, CAF_WORKER, DOCTOR, DUTY_MANAGER, HEAD, SCHOOL, TEACHER
from tests.unit.kinds_playing import at, state
from tests.unit.test_decision import Play

AS_LINE_MANAGER = ((HEAD, Capacity.LINE_MANAGER),)
OFFICER, MANAGER = Capacity.DATA_PROTECTION, Capacity.TEAM_MANAGER
ON_DUTY = {"kind": "statutory_duty", "provision": "CA1989-s17"}
NAME = str(questions()["identity.name"].number)


@pytest.fixture
def play() -> Play:
    """A child whose school, CAF team and front door all have a part; the CAF manager is officer."""
    found = at(Level.EARLY_HELP)
    document = found.area.document
    people = tuple(
        p.model_copy(update={"capacities": (*p.capacities, OFFICER, MANAGER)})
        if p.id in (CAF_MANAGER, CAF_WORKER)
        else p
        for p in document.practitioners
    )
    found.area.document = document.model_copy(update={"practitioners": people})
    return found


def added(play: Play, *questions: str) -> Sealed:
    """What the CAF team adds to the story, an answer to each question."""
    known = [play.area.statement(question, by=CAF_MANAGER) for question in questions]
    return play.area.sealed("story.added", play.child, CAF_MANAGER, (), known, basis=ON_DUTY)


def added_last(play: Play) -> str:
    """The id of the latest message that added something."""
    return [s.id for s in state(play).recent if s.kind == "story.added"][-1]


def erased(
    play: Play,
    author: str = CAF_MANAGER,
    capacity: Capacity = OFFICER,
    by: tuple[tuple[str, Capacity], ...] = ((CAF_WORKER, OFFICER),),
    **content: object,
) -> Sealed:
    """An erasure as `author` seals it, countersigned by `by`."""
    return play.area.sealed(
        "story.erased",
        play.child,
        author,
        capacity=capacity,
        countersigners=tuple(Signer(id=who, capacity=how) for who, how in by),
        content={"because": "request", **content},
    )


def test_the_marks_of_what_is_erased_are_cleared_and_others_stand(play: Play) -> None:
    """The journey forgets the questions that are named, and all where everything is erased."""
    play.accept(added(play, "identity.name"))
    others = state(play).answered.keys() - {NAME}
    assert others

    play.accept(erased(play, of=play.last))
    assert state(play).answered.keys() == others
    assert NAME not in state(play).told

    play.accept(erased(play))
    assert (state(play).answered, state(play).told) == ({}, {})


def test_what_a_message_answered_is_cleared_whatever_is_named(play: Play) -> None:
    """Naming too little leaves no mark of what is gone, and naming too much takes no other."""
    before = state(play).answered
    play.accept(added(play, "identity.name"))
    first = play.last
    play.accept(added(play, "identity.name"))

    play.accept(erased(play, of=first, clears=[int(n) for n in before]))
    assert state(play).answered.keys() == before.keys() | {NAME}
    play.accept(erased(play, of=added_last(play)))
    assert state(play).answered == before


def test_of_some_of_a_messages_statements_the_named_questions_are_cleared(play: Play) -> None:
    """Fewer statements than it answered questions: what is named, if the message answered it."""
    sealed = added(play, "identity.name", "identity.address")
    play.accept(sealed)
    some = peek(sealed).data.statements[0].digest  # type: ignore[union-attr]
    known = state(play).answered.keys()

    play.accept(erased(play, of=play.last, statements=[some], clears=[int(NAME)]))
    assert state(play).answered.keys() == known - {NAME}


def test_a_statement_that_no_seal_names_is_not_erased(play: Play) -> None:
    """A digest that was made up clears nobody's marks."""
    before = state(play).told
    codes = play.refused(erased(play, statements=["A" * 43], clears=[1]))
    assert codes == {"erasure.unknown"}
    assert state(play).told == before


def test_a_message_that_never_came_is_waited_for(play: Play) -> None:
    """A journey that remembers every message knows that; one that forgot some is not certain."""
    unseen = erased(play, of=new_reference())
    opened, until = play.area.open(unseen), play.area.now + timedelta(hours=1)
    waits = decide(opened, play.area.directory, play.journey, play.area.now, hold_until=until)

    assert isinstance(waits, Held)
    assert play.refused(unseen) == {"erasure.unknown"}
    play.journey = replace(state(play), entries=state(play).entries + 1)
    play.accept(unseen)


def test_an_erasure_clears_no_more_questions_than_statements_go(play: Play) -> None:
    """Each statement answers one question."""
    sealed = added(play, "identity.name")
    play.accept(sealed)
    (one, *_) = (e.digest for e in peek(sealed).data.statements)  # type: ignore[union-attr]
    assert "message.wrong-content" in play.refused(erased(play, statements=[one], clears=[1, 2]))


def test_without_an_officer_only_the_own_marks_are_cleared(play: Play) -> None:
    """Of what the journey has forgotten, a manager's word counts for the own agency's answers."""
    play.accept(added(play, "identity.name"))
    play.journey = replace(state(play), recent=())
    foreign = [int(n) for n, (_, agency) in state(play).answered.items() if agency != CAF]
    before = state(play).answered
    assert foreign

    as_manager = ((CAF_WORKER, MANAGER),)
    said = {"of": new_reference(), "clears": [*foreign, int(NAME)]}
    play.accept(erased(play, CAF_MANAGER, MANAGER, as_manager, **said))
    assert state(play).answered.keys() == before.keys() - {NAME}


@pytest.mark.parametrize(("earlier", "refused"), [(1, True), (0, True), (-1, False)])
def test_what_was_submitted_before_everything_was_erased_is_refused(
    play: Play, earlier: int, *, refused: bool
) -> None:
    """Held, or lying in a lane: what is decided later is judged by when it was submitted."""
    sealed = added(play, "identity.name")
    play.accept(erased(play))
    at = play.area.now - timedelta(milliseconds=earlier)
    later = play.area.now + timedelta(seconds=5)
    found = decide(play.area.open(sealed), play.area.directory, play.journey, later, submitted=at)

    assert isinstance(found, Refused) is refused
    if isinstance(found, Refused):
        assert [r.code for r in found.reasons] == ["erasure.came-first"]


def test_what_carries_no_statement_and_what_asks_for_protection_is_taken(play: Play) -> None:
    """An erasure ends words, never an answer and never a cry for help (003 §2.2)."""
    area, child = play.area, play.child
    urgent = m.protection(area, child)
    silent = area.sealed("consent.recorded", child, TEACHER, consents=(m.consent(area),))
    play.accept(erased(play))
    for sealed in (urgent, silent):
        earlier = area.now - timedelta(hours=1)
        found = decide(area.open(sealed), area.directory, play.journey, area.now, submitted=earlier)
        assert isinstance(found, Accepted), found


def test_an_erasure_leaves_who_leads_and_what_is_open(play: Play) -> None:
    """Lead, level, requests and consents are as they were."""
    before = state(play)
    play.accept(erased(play))
    after = state(play)

    names = ("lead", "level", "requests", "consents", "proposals", "involved")
    assert all(getattr(after, name) == getattr(before, name) for name in names)


@pytest.mark.parametrize(
    ("author", "capacity", "by", "content", "code"),
    [
        (CAF_MANAGER, OFFICER, (), {}, "erasure.one-signature"),
        (DUTY_MANAGER, MANAGER, (), {"of": "last"}, "erasure.one-signature"),
        (CAF_MANAGER, MANAGER, ((CAF_WORKER, MANAGER),), {}, "erasure.needs-officer"),
        (
            TEACHER,
            Capacity.PRACTITIONER,
            ((HEAD, Capacity.LINE_MANAGER),),
            {},
            "practitioner.capacity",
        ),
        (DOCTOR, OFFICER, (), {}, "message.no-part"),
    ],
)
def test_an_erasure_needs_two_who_may_have_it(
    play: Play,
    author: str,
    capacity: Capacity,
    by: tuple[tuple[str, Capacity], ...],
    content: dict[str, str],
    code: str,
) -> None:
    """A manager or officer signs and another countersigns; everything needs an officer."""
    said = {k: play.last if v == "last" else v for k, v in content.items()}
    assert code in play.refused(erased(play, author, capacity, by, **said))


def test_another_agencys_message_needs_an_officer(play: Play) -> None:
    """A manager has the own agency's messages erased; an officer any message of the child."""
    play.accept(m.step_up(play.area, play.child))
    of, as_manager = {"of": play.last}, ((CAF_WORKER, MANAGER),)
    sent = state(play).sent(play.last)
    assert sent is not None
    assert sent.agency == SCHOOL

    refused = play.refused(erased(play, CAF_MANAGER, MANAGER, as_manager, **of))
    assert refused == {"erasure.not-yours"}
    play.accept(erased(play, CAF_MANAGER, MANAGER, ((CAF_WORKER, OFFICER),), **of))
