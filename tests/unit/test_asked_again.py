"""Told once: who is refused for asking again, who is only counted, and that no refusal tells."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from contracts.consents import Consent, ConsentHeld, Covers, GivenBy
from contracts.event import Event
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump, load
from contracts.kinds import iso
from contracts.questions import Category, questions
from contracts.records import Entry
from contracts.roles import Role
from contracts.seal import Sealed, peek
from contracts.statements import Again, Answer, Statement
from contracts.told_once import MOST_MARKS, marks_of, with_told
from services.exchange.decision import Accepted, Refused, decide
from services.exchange.refolding import refold
from tests import messages as m
from tests.area import CARE, DOCTOR, DUTY, FRONT, GP, SCHOOL, TEACHER, Area

HOUSEHOLD = "family.household"
NUMBER = questions()[HOUSEHOLD].number
ON_DUTY = {"kind": "statutory_duty", "provision": "CA1989-s17"}
TOLD = "story.already-told"


@dataclass
class Play:
    """One child's messages, decided one after another as days go by."""

    area: Area = field(default_factory=Area)
    child: str = field(default_factory=new_reference)
    journey: Journey | None = None
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.area.now

    def later(self, days: int) -> None:
        """Let days pass."""
        self.now += timedelta(days=days)

    def statement(self, by: str, **said: Any) -> Statement:
        """What `by` recorded now about the household, unless said otherwise."""
        made = {
            "question": HOUSEHOLD,
            "value": "mother, two brothers",
            "said_by": "mother",
            "recorded_by": by,
            "recorded_at": self.now,
            **said,
        }
        return Statement.model_validate(made)

    def added(
        self, by: str, *statements: Statement, to: tuple[str, ...] = (), **data: Any
    ) -> Sealed:
        """Something is added to the story by `by`."""
        made = statements or (self.statement(by),)
        data.setdefault("basis", ON_DUTY)
        return self.area.sealed(
            "story.added", self.child, by, to or (FRONT,), made, time=self.now, **data
        )

    def verdict(self, sealed: Sealed, *, story_up: bool = True) -> Any:
        """Decide a message now."""
        opened = self.area.open(sealed, self.now)
        return decide(opened, self.area.directory, self.journey, self.now, story_up=story_up)

    def accept(self, sealed: Sealed, *, story_up: bool = True) -> Accepted:
        """Decide a message that must be accepted, and move the journey on."""
        verdict = self.verdict(sealed, story_up=story_up)
        assert isinstance(verdict, Accepted), verdict
        self.journey = verdict.journey
        assert load(orjson.loads(dump(verdict.journey))) == verdict.journey
        return verdict

    def refused(self, sealed: Sealed) -> list[tuple[str, str]]:
        """Decide a message that must be refused, and give its codes and details."""
        verdict = self.verdict(sealed)
        assert isinstance(verdict, Refused), verdict
        return [(r.code, r.detail.partition(",")[0]) for r in verdict.reasons]

    def id_of(self, sealed: Sealed) -> str:
        """Return the id of a message."""
        event = peek(sealed)
        assert isinstance(event, Event)
        return event.id

    def consented(self, **more: Any) -> Consent:
        """Let the journey hold a consent of the family to share with the GP."""
        said = {"recipients": (GP,), "categories": (Category.FAMILY,), **more}
        consent = Consent(
            id=new_reference(),
            covers=Covers.SHARING,
            given_by=GivenBy.PARENT,
            taken_by=TEACHER,
            given_at=self.area.now,
            **said,
        )
        assert self.journey is not None
        held = ConsentHeld(consent=consent)
        self.journey = replace(self.journey, consents=(*self.journey.consents, held))
        return consent


@pytest.fixture
def play() -> Play:
    """A child of whom the school referred, with both front-door agencies and the GP involved."""
    made = Play()
    made.accept(
        made.area.sealed(
            "referral.submitted",
            made.child,
            TEACHER,
            (FRONT,),
            [made.statement(TEACHER, question="concern.what_happened", value="hungry")],
            basis=ON_DUTY,
            content={"concern": "child_in_need", "source": "2A"},
        )
    )
    assert made.journey is not None
    made.journey = replace(made.journey, involved=(SCHOOL, FRONT, GP, CARE))
    return made


def by_consent(play: Play) -> None:
    """The school writes down the household on the family's consent to the front door."""
    consent = play.consented(recipients=(FRONT,))
    basis = {"kind": "consent", "consents": [consent.id]}
    play.accept(play.added(TEACHER, basis=basis))


def test_who_told_it_does_not_ask_again(play: Play) -> None:
    """An agency that holds a fresh answer of its own is refused, with the question named."""
    play.accept(play.added(TEACHER))
    play.later(2)

    assert play.refused(play.added(TEACHER)) == [(TOLD, HOUSEHOLD)]


def test_the_refusal_says_where_the_answer_is(play: Play) -> None:
    """Which question, on which day it was told, and which agency wrote it down."""
    play.accept(play.added(TEACHER))
    day = iso(play.now)[:10]
    play.later(2)
    verdict = play.verdict(play.added(TEACHER))

    assert [r.detail for r in verdict.reasons] == [f"{HOUSEHOLD}, told on {day} by {SCHOOL}"]


def test_what_the_family_lets_an_agency_know_is_not_asked_again(play: Play) -> None:
    """Consent in force to that agency and category refuses, though the answer went elsewhere."""
    by_consent(play)
    play.consented()
    play.later(2)

    assert play.refused(play.added(DOCTOR)) == [(TOLD, HOUSEHOLD)]


@pytest.mark.parametrize(
    "more",
    [
        {"categories": (Category.HEALTH,)},
        {"recipients": (CARE,)},
        {"covers": Covers.SERVICE},
        {"recipients": (), "roles": (Role.SOCIAL_CARE,)},
    ],
)
def test_what_the_sender_may_not_read_is_accepted_and_only_counted(
    play: Play, more: dict[str, Any]
) -> None:
    """Without a consent that reaches the sender nothing is refused; the journey's entry counts."""
    by_consent(play)
    if "covers" in more:
        consent = play.consented()
        assert play.journey is not None
        service = consent.model_copy(update=more)
        others = play.journey.consents[:-1]
        play.journey = replace(play.journey, consents=(*others, ConsentHeld(consent=service)))
    else:
        play.consented(**more)
    play.later(2)

    assert play.accept(play.added(DOCTOR)).asked_again == (NUMBER,)


def test_a_withdrawn_consent_lets_the_question_be_asked_again(play: Play) -> None:
    """What was readable yesterday and is not today is asked, and counted."""
    by_consent(play)
    consent = play.consented()
    play.later(2)
    assert play.refused(play.added(DOCTOR)) == [(TOLD, HOUSEHOLD)]
    assert play.journey is not None
    gone = ConsentHeld(consent=consent, withdrawn_at=play.now)
    play.journey = replace(play.journey, consents=(*play.journey.consents[:-1], gone))

    assert play.accept(play.added(DOCTOR)).asked_again == (NUMBER,)


def test_what_went_on_duty_is_known_to_its_recipients_alone(play: Play) -> None:
    """A family's consent does not reach what travelled without it; whoever was sent it can read."""
    play.accept(play.added(TEACHER))
    play.consented()
    play.later(2)

    assert play.refused(play.added(DUTY, to=(SCHOOL,))) == [(TOLD, HOUSEHOLD)]
    assert play.accept(play.added(DOCTOR)).asked_again == (NUMBER,)


@pytest.mark.parametrize(
    "said",
    [
        {"again": Again.UPDATE, "because": "a brother moved out"},
        {"again": Again.FAMILY_WISH},
        {"again": Again.CORRECTION},
        {"answer": Answer.NOT_ASKED, "value": None, "because": "no time"},
        {"answer": Answer.NOT_KNOWN, "value": None, "because": "mother was not sure"},
        {"question": "views.child", "value": "I like school"},
    ],
)
def test_saying_why_or_asking_nobody_is_not_asking_again(play: Play, said: dict[str, Any]) -> None:
    """A correction, an update, the family's wish, no asking, and what never grows stale pass."""
    first = play.added(
        TEACHER,
        play.statement(TEACHER),
        play.statement(TEACHER, question="views.child", value="school is fine"),
    )
    play.accept(first)
    if said.get("again") is Again.CORRECTION:
        wrong = [s for s in play.area.open(first).statements if s.statement.question == HOUSEHOLD]
        said = {**said, "corrects": wrong[0].digest}
    play.later(2)

    assert play.accept(play.added(TEACHER, play.statement(TEACHER, **said))).asked_again == ()


def test_an_answer_that_is_no_longer_fresh_is_asked_again_freely(play: Play) -> None:
    """On the last day it is held; on the day after it is not, and nothing is counted."""
    play.accept(play.added(TEACHER))
    play.later(questions()[HOUSEHOLD].fresh_days)
    assert play.refused(play.added(TEACHER)) == [(TOLD, HOUSEHOLD)]
    play.later(1)

    assert play.accept(play.added(TEACHER)).asked_again == ()


def test_carrying_an_answer_on_neither_asks_nor_makes_it_newer(play: Play) -> None:
    """A carried statement passes, is counted as carried, and the mark keeps its day and agency."""
    first = play.added(TEACHER)
    play.accept(first)
    recorded = play.statement(TEACHER)
    play.later(100)
    carried = recorded.model_copy(update={"carried_from": play.id_of(first)})
    verdict = play.accept(play.added(DUTY, carried, to=(SCHOOL,)))

    assert (verdict.asked_again, verdict.carried) == ((), 1)
    assert play.journey is not None
    (mark,) = marks_of(play.journey, questions()[HOUSEHOLD], iso(play.now)[:10])
    assert (mark.day, mark.agency) == (iso(play.area.now)[:10], SCHOOL)


@pytest.mark.parametrize("later", [0, 10])
def test_what_another_agency_told_since_does_not_hide_an_agencys_own_answer(
    play: Play, later: int
) -> None:
    """It is refused as if it were alone, so that it does not find out that there is another."""
    play.accept(play.added(TEACHER))
    play.later(later)
    play.accept(play.added(DOCTOR, play.statement(DOCTOR, again=Again.FAMILY_WISH), to=(CARE,)))
    play.later(1)

    assert play.refused(play.added(TEACHER)) == [(TOLD, HOUSEHOLD)]
    assert play.refused(play.added(DOCTOR)) == [(TOLD, HOUSEHOLD)]


def test_an_answer_between_two_others_is_held_against_the_older_one(play: Play) -> None:
    """Recorded before another agency's and sent after it, it asks its own agency's again."""
    play.accept(play.added(TEACHER))
    play.later(5)
    between = play.statement(TEACHER)
    play.later(5)
    play.accept(play.added(DOCTOR, play.statement(DOCTOR), to=(CARE,)))
    both = (between, play.statement(TEACHER, said_by="father", recorded_at=play.area.now))

    assert play.refused(play.added(TEACHER, *both)) == [(TOLD, HOUSEHOLD)]
    assert play.refused(play.added(TEACHER, *reversed(both))) == [(TOLD, HOUSEHOLD)]


def test_carrying_a_newer_answer_on_does_not_ask_for_the_agencys_older_one(play: Play) -> None:
    """It is held against the newest of all, and becomes nobody's own answer by it."""
    play.accept(play.added(TEACHER))
    play.later(5)
    newer = play.statement(DOCTOR, again=Again.FAMILY_WISH)
    sealed = play.added(DOCTOR, newer, to=(SCHOOL,))
    play.accept(sealed)
    carried = newer.model_copy(update={"again": None, "carried_from": play.id_of(sealed)})
    before = play.journey.told if play.journey else {}
    play.accept(play.added(TEACHER, carried))

    assert play.journey is not None
    assert play.journey.told == before
    assert [mark[1] for mark in before[str(NUMBER)]] == [GP, SCHOOL]


@pytest.mark.parametrize(("days", "late"), [(7, False), (8, True)])
def test_dating_it_back_does_not_pass_off_a_new_asking(
    play: Play, days: int, *, late: bool
) -> None:
    """Notes are written up within a week; history is as old as it says."""
    play.accept(play.added(TEACHER))
    play.later(days)
    backdated = play.statement(TEACHER, recorded_at=play.area.now)

    if late:
        assert play.refused(play.added(TEACHER, backdated)) == [(TOLD, HOUSEHOLD)]
    else:
        assert play.accept(play.added(TEACHER, backdated)).asked_again == ()


def test_nothing_was_recorded_that_is_still_to_come(play: Play) -> None:
    """A few minutes are left for clocks that differ; the question is named."""
    soon, later = (play.now + timedelta(minutes=m) for m in (5, 6))

    play.accept(play.added(TEACHER, play.statement(TEACHER, recorded_at=soon)))
    tomorrow = play.statement(DOCTOR, recorded_at=later)
    assert play.refused(play.added(DOCTOR, tomorrow)) == [("message.in-future", HOUSEHOLD)]


def test_a_journey_knows_the_newest_answers_of_a_few_agencies(play: Play) -> None:
    """One of each, the newest first; the oldest is let go, and an older one of the same is not."""
    assert play.journey is not None
    told = play.journey
    for day in range(1, MOST_MARKS + 2):
        found = [(NUMBER, f"2026-10-{day:02}")]
        told = replace(told, told=with_told(told, found, f"demo.agency-{day}", "consent"))
        told = replace(told, answered={str(NUMBER): ("2026-10-01", SCHOOL)})
    again = with_told(told, [(NUMBER, "2026-10-01")], f"demo.agency-{MOST_MARKS}", "consent")

    assert [mark[0][-2:] for mark in told.told[str(NUMBER)]] == ["05", "04", "03", "02"]
    assert again == told.told


def test_a_journey_of_one_mark_a_question_reads_as_before() -> None:
    """What was written before each agency had a mark of its own has one."""
    made = {"v": 4, "child": new_reference(), "told": {"7": ["2026-10-01", SCHOOL, "consent"]}}

    assert load(made).told == {"7": (("2026-10-01", SCHOOL, "consent"),)}


def test_calling_it_carried_does_not_pass_off_a_new_asking(play: Play) -> None:
    """A statement that was recorded long after what is held asks again, whatever it claims."""
    play.accept(play.added(TEACHER))
    play.later(5)
    claimed = play.statement(TEACHER, carried_from=new_reference())

    assert play.refused(play.added(TEACHER, claimed)) == [(TOLD, HOUSEHOLD)]


def test_nothing_is_refused_while_the_story_does_not_answer(play: Play) -> None:
    """What cannot be read now is asked; it is counted, and the decision says how it was judged."""
    play.accept(play.added(TEACHER))
    play.later(2)
    verdict = play.accept(play.added(TEACHER), story_up=False)

    assert (verdict.asked_again, verdict.story_up) == ((NUMBER,), False)


@pytest.mark.parametrize("basis", [None, {"kind": "statutory_duty", "provision": "CA1989-s47"}])
def test_child_protection_is_counted_and_never_refused(
    play: Play, basis: dict[str, Any] | None
) -> None:
    """A concern about child protection, and an enquiry under section 47, ask what they need."""
    play.accept(play.added(TEACHER))
    play.later(2)
    if basis is None:
        urgent = play.area.sealed(
            "referral.submitted",
            play.child,
            TEACHER,
            (FRONT,),
            [play.statement(TEACHER)],
            basis={"kind": "child_protection"},
            content={"concern": "child_protection", "source": "2A"},
            time=play.now,
        )
    else:
        urgent = play.added(TEACHER, basis=basis)

    assert play.accept(urgent).asked_again == (NUMBER,)


def test_who_must_not_learn_of_it_is_not_told_by_a_refusal(play: Play) -> None:
    """A person who must not know of a referral sends as if nothing were held."""
    play.accept(play.added(DOCTOR))
    assert play.journey is not None
    play.journey = replace(play.journey, must_not_know=(DOCTOR,))
    play.later(2)
    said = [play.area.statement("concern.what_happened", by=DOCTOR), play.statement(DOCTOR)]
    again = m.referral(play.area, play.child, author=DOCTOR, statements=said, time=play.now)

    assert play.accept(again).asked_again == (NUMBER,)


def test_an_erased_answer_is_not_held(play: Play) -> None:
    """Once its mark is gone the question is asked freely, and the new answer is held."""
    play.accept(play.added(TEACHER))
    assert play.journey is not None
    play.journey = replace(play.journey, answered={})
    play.later(2)

    assert play.accept(play.added(DOCTOR)).asked_again == ()
    assert [mark[:2] for mark in play.journey.told[str(NUMBER)]] == [(iso(play.now)[:10], GP)]


def test_a_journey_refolds_to_the_same_marks(play: Play) -> None:
    """What an entry keeps of disclosures is enough to know again what was told when."""
    play.journey = None
    opened = play.area.sealed(
        "referral.submitted",
        play.child,
        TEACHER,
        (FRONT,),
        [
            play.statement(TEACHER, question="concern.what_happened", value="hungry"),
            play.statement(TEACHER, question="family.siblings", value="two brothers"),
        ],
        basis=ON_DUTY,
        content={"concern": "child_in_need", "source": "2A"},
    )
    sealed = play.added(TEACHER)
    first = play.accept(opened)
    second = play.accept(sealed)
    entries = [
        Entry(
            seal=one.text,
            decision=orjson.dumps(
                {
                    "exchange": "demo.exchange",
                    "outcome": "accepted",
                    "agency": "-",
                    "lane": "-",
                    "sequence": 1,
                    "submission": "0" * 64,
                    "now": iso(play.now),
                }
            ).decode(),
            answered=verdict.answered,
            told=verdict.told,
            journey={},
        )
        for one, verdict in ((opened, first), (sealed, second))
    ]

    again = refold(entries)

    assert again is not None
    assert again.told == second.journey.told != {}


def test_the_day_of_birth_is_asked_though_the_expected_one_is_held() -> None:
    """What is held of an unborn child is the day expected: the birth itself is news."""
    play = Play()
    due = play.statement(TEACHER, question="identity.born_on", value=f"{play.now:%Y}-12-24")
    play.accept(
        play.area.sealed(
            "referral.submitted",
            play.child,
            TEACHER,
            [FRONT],
            [due, play.statement(TEACHER, question="concern.what_happened", value="as told")],
            content={"concern": "child_in_need", "source": "2A", "unborn": True},
            basis=ON_DUTY,
            time=play.now,
        )
    )
    play.later(40)
    day = f"{play.now:%Y-%m-%d}"
    on = play.statement(TEACHER, question="identity.born_on", value=day)
    play.accept(
        play.area.sealed(
            "child.born", play.child, TEACHER, [FRONT], [on], basis=ON_DUTY, time=play.now
        )
    )
    play.later(1)
    again = play.statement(TEACHER, question="identity.born_on", value=day)
    assert play.refused(play.added(TEACHER, again)) == [(TOLD, "identity.born_on")]


def test_a_decision_is_the_same_however_often_it_is_made(play: Play) -> None:
    """The same message, journey, instant and health of the story give the same verdict."""
    play.accept(play.added(TEACHER))
    play.later(2)
    sealed = play.added(DOCTOR)

    assert play.verdict(sealed) == play.verdict(sealed)
