"""Who may have what was said erased, on whose word, and what the journey then forgets."""

import pytest

from contracts.event import Signer
from contracts.roles import Capacity, Level
from contracts.seal import Sealed
from tests import messages as m
from tests.area import CAF_MANAGER, CAF_WORKER, DOCTOR, DUTY_MANAGER, HEAD, SCHOOL, TEACHER
from tests.unit.kinds_playing import at, state
from tests.unit.test_decision import Play

AS_LINE_MANAGER = ((HEAD, Capacity.LINE_MANAGER),)
OFFICER, MANAGER = Capacity.DATA_PROTECTION, Capacity.TEAM_MANAGER


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
    before = state(play).answered
    one, *others = sorted(before)
    assert others

    play.accept(erased(play, of=play.last, clears=[int(one)]))
    assert set(state(play).answered) == set(others)
    assert one not in state(play).told

    play.accept(erased(play))
    assert (state(play).answered, state(play).told) == ({}, {})


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
