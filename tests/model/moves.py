"""Random moves: what families say, what practitioners send, and when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from tests.model.facts import Facts, Message, Told, Word
from tests.model.reference import CATEGORIES, PEOPLE, ROLES

T = TypeVar("T")

AGENCIES = tuple(ROLES)
SCHOOL, CARE = "demo.hilltop-school", "demo.social-care"
FRONT = "demo.first-response"
AUTHORS = {SCHOOL: "demo.hilltop-school.teacher", CARE: "demo.social-care.worker"}
READERS = (
    "demo.hilltop-school.teacher",
    "demo.first-response.duty",
    "demo.social-care.worker",
    "demo.caf-team.worker",
)
NOT_TO_KNOW = "demo.first-response.duty"
QUESTIONS: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("identity.name", "identity", ("child",), False),
    ("identity.address", "identity", ("child",), True),
    ("family.contact", "family", ("child",), True),
    ("family.household", "family", ("child",), False),
    ("family.parents", "family", ("parent", "carer"), False),
    ("family.carers_needs", "family", ("carer",), False),
    ("family.siblings", "family", ("sibling",), False),
    ("health.general", "health", ("child",), False),
    ("education.attendance", "education", ("child",), False),
    ("needs.parenting", "needs", ("parent", "carer"), False),
    ("views.child", "views", ("child",), False),
    ("views.parents", "views", ("parent", "carer"), False),
    ("safety.staff", "safety", ("child",), False),
)
PURPOSES = ("referral", "assessment", "support", "planning", "coordination")
MOST_WORDS = 14
"""Far below what a journey holds of one agency, so that room is never the question."""


class Dice:
    """A source of moves; the same seed gives the same family."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._numbers = 0

    def one(self, of: Sequence[T]) -> T:
        """Pick one."""
        return self.random.choice(of)

    def some(self, of: Sequence[T], most: int) -> tuple[T, ...]:
        """Pick a few, each once, in their order."""
        picked = self.random.sample(range(len(of)), self.random.randint(0, min(most, len(of))))
        return tuple(of[place] for place in sorted(picked))

    def chance(self, of_hundred: int) -> bool:
        """Throw the dice."""
        return self.random.randrange(100) < of_hundred

    def name(self) -> str:
        """Give a reference that has not been used."""
        self._numbers += 1
        return f"{self.random.getrandbits(64):016X}{self._numbers:08d}"


def word(dice: Dice, now: datetime, *, refuses: bool) -> Word:
    """Say something: mostly a whole consent, now and then a narrow or a faulty one."""
    given = now - timedelta(minutes=dice.random.choice((0, 0, 1, 30, 60 * 24)))
    soon, wide = given + timedelta(seconds=1), dice.chance(50)
    narrow_whom = not refuses or dice.chance(50)
    made = Word(
        id=dice.name(),
        refuses=refuses,
        service=dice.chance(8),
        by=dice.one(("parent_with_responsibility",) * 4 + ("young_person", "carer")),
        given=given,
        # It ends after it began, and now and then before it is told of, or at that very moment.
        ends=dice.one((None, None, now + timedelta(days=1), soon, max(now, soon))),
        agencies=dice.some(AGENCIES, 3) if narrow_whom else (),
        roles=dice.some(("first_response", "caf_team", "social_care"), 2) if narrow_whom else (),
        categories=(() if refuses else CATEGORIES) if wide else dice.some(CATEGORIES, 7),
        people=dice.some(PEOPLE, 3) if dice.chance(35) else (),
        purposes=dice.some(PURPOSES, 3) if dice.chance(20) else (),
        hidden=_hidden(dice) if dice.chance(15) else (),
    )
    return _spoilt(dice, made) if dice.chance(4) else made


def _hidden(dice: Dice) -> tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]:
    one = (dice.some(AGENCIES, 2), dice.some(("caf_team", "first_response"), 1))
    categories = dice.some(CATEGORIES, 3)
    return ((*one, categories),) if any((*one, categories)) else ()


def _spoilt(dice: Dice, made: Word) -> Word:
    made.fault = dice.one(
        (
            "consent.given-by",
            "consent.understanding",
            "consent.other-child",
            "consent.unknown-agency",
        )
    )
    if made.fault == "consent.given-by":
        made.by = "other"
    if made.fault == "consent.understanding":
        made.by = "young_person"
    if made.fault == "consent.unknown-agency":
        made.agencies = (*made.agencies, "demo.nobody-knows-it")
    return made


def message(dice: Dice, facts: Facts, now: datetime) -> Message:
    """Write a message, by consent more often than not, with what it brings."""
    sender = dice.one((SCHOOL, SCHOOL, CARE))
    alarm = dice.chance(8)
    others = [a for a in AGENCIES if a != sender]
    to = dict.fromkeys((*([FRONT] if alarm else []), dice.one(others), *dice.some(others, 1)))
    room = len(facts.words) < MOST_WORDS
    brings = (word(dice, now, refuses=dice.chance(10)),) if room and dice.chance(40) else ()
    basis = dice.one(
        ("consent",) * 6 + ("consent_override", "statutory_duty", "court_order")
        if sender == SCHOOL
        else ("consent",) * 4 + ("statutory_duty", "court_order")
    )
    purpose = "coordination" if sender == SCHOOL else dice.one(("coordination", "assessment"))
    names = _names(dice, facts, brings) if basis == "consent" else ()
    limbs = (dice.chance(60), dice.chance(60))
    ground = dice.one(("not_possible_and_delay_detrimental", "seeking_increases_risk"))
    asked = dice.some(QUESTIONS, 6) or QUESTIONS[:1]
    if not alarm and dice.chance(5):
        asked = ()
    stated = ground == "seeking_increases_risk" or limbs == (True, True)
    statements = tuple(
        Told(q, c, p, w, sender, tuple(to), basis, names, stated, alarm, purpose)
        for q, c, p, w in asked
    )
    return Message(
        sender=sender,
        to=tuple(to),
        basis=basis,
        names=names,
        brings=brings,
        ground=ground,
        limbs=limbs,
        manager_signs=dice.chance(75),
        statements=statements,
        purpose="referral" if alarm else purpose,
        alarm=alarm,
        at=now,
    )


def _names(dice: Dice, facts: Facts, brings: tuple[Word, ...]) -> tuple[str, ...]:
    known = [w.id for w in facts.words]
    found = [*dice.some(known, 2), *(w.id for w in brings)]
    if dice.chance(3) or not found:
        found.append(dice.name())
    return tuple(dict.fromkeys(found))
