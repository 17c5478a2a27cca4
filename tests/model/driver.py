"""Drive families step by step, and hold the real decision to the reference and to what never is.

A step is one thing that happens: something said, taken back or protected, a message, a read.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import orjson

from consent import BrokenGlass, KeptStatement, ReadRequest, decide_broken_glass, decide_read
from contracts.consents import (
    Basis,
    ConsentBasis,
    OverrideBasis,
    OverrideGround,
    StatutoryBasis,
    StatutoryProvision,
)
from contracts.journey_json import dump, load
from contracts.protecting import BreakGlassReason
from contracts.questions import questions
from contracts.roles import Role
from contracts.whose import Purpose
from services.exchange.decision import Accepted, Refused, Verdict
from tests.area import Area
from tests.model.facts import Facts, Message, Told, Word
from tests.model.moves import AUTHORS, CARE, NOT_TO_KNOW, READERS, SCHOOL, Dice, message, word
from tests.model.real import Exchange, consent
from tests.model.reference import ROLES, answer, may_break, may_read

STEPS_OF_A_FAMILY = 40


class DisagreementError(AssertionError):
    """The real decision and the reference differ, or something is that never may be."""


@dataclass
class Family:
    """One family: what happened to it, and the exchange that decides for it."""

    seed: int
    area: Area
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = Dice(self.seed)
        # A journey writes instants to the millisecond.
        self.now = self.area.now.replace(microsecond=0)
        self.facts = Facts()
        self.exchange = Exchange(self.area, self.dice.name(), self.dice)
        self.taken_back: set[str] = set()
        # Both agencies have a part from the first day; nothing about the family is said yet.
        duty = {"kind": "statutory_duty", "provision": "CA1989-s17"}
        opens = self.exchange.put("incident.known", AUTHORS[CARE], self.now, basis=duty)
        self._must(opens, "opens")
        tells = {"basis": duty, "recipients": ({"agency": SCHOOL},)}
        self._must(self.exchange.put("story.added", AUTHORS[CARE], self.now, **tells), "tells")

    def _must(self, verdict: Verdict, said: object) -> None:
        if not isinstance(verdict, Accepted):
            raise DisagreementError(self.seed, said, verdict)

    def step(self) -> str:
        """Let one thing happen and check what comes of it; gives what it was."""
        self.now += timedelta(minutes=self.dice.random.choice((1, 5, 60, 60 * 12)))
        move = self.dice.one(
            (
                *(self._send,) * 8,
                *(self._read,) * 4,
                self._break_glass,
                *(self._take_back,) * 2,
                self._say,
                self._refuse,
                self._protect,
                self._keep_from,
            )
        )
        name: str = move.__name__.strip("_")
        self.counts[name] += 1
        move()
        return name

    def _differs(self, what: object, real: object, expected: object) -> None:
        if real != expected:
            raise DisagreementError(self.seed, what, real, expected)

    def _say(self) -> None:
        self._record(refuses=False)

    def _refuse(self) -> None:
        self._record(refuses=True)

    def _record(self, *, refuses: bool) -> None:
        if len(self.facts.words) >= 14:
            return
        made = word(self.dice, self.now, refuses=refuses)
        author = AUTHORS[self.dice.one((SCHOOL, CARE))]
        kind = "consent.refused" if refuses else "consent.recorded"
        carried = (consent(made, author, self.exchange.child),)
        verdict = self.exchange.put(kind, author, self.now, basis=NOTICE, consents=carried)
        expected = {made.fault} if made.fault else set()
        self._differs(made, codes(verdict), expected)
        if not made.fault:
            self._hold(made, author.rpartition(".")[0])

    def _hold(self, made: Word, taker: str) -> None:
        made.taken_by = taker
        made.gone = self.facts.gone_before.get(made.id)
        self.facts.words.append(made)

    def _take_back(self) -> None:
        """Withdraw a word that is known, or now and then one that has not arrived yet."""
        teller = self.dice.one((SCHOOL, CARE))
        # A school hears of what it took or is named in; of the rest, social care may be told.
        known = [
            w
            for w in self.facts.words
            if w.gone is None
            and (teller in (CARE, w.taken_by) or teller in w.agencies or ROLES[teller] in w.roles)
        ]
        ahead = not known or self.dice.chance(10)
        if ahead and len(self.facts.gone_before) >= 8:
            return
        if ahead:
            teller = CARE
        name = self.dice.name() if ahead else self.dice.one(known).id
        lifts = self.dice.chance(30)
        content = {"consent": name, "lifts": lifts}
        verdict = self.exchange.put(
            "consent.withdrawn", AUTHORS[teller], self.now, basis=NOTICE, content=content
        )
        self._must(verdict, name)
        self.taken_back.add(name)
        if ahead:
            self.facts.gone_before.setdefault(name, self.now)
        for held in self.facts.words:
            if held.id == name:
                held.gone, held.lifted = held.gone or self.now, held.lifted or lifts

    def _protect(self) -> None:
        """Protect the address, or end that."""
        author = AUTHORS[CARE]
        if self.facts.may_know_where is not None:
            verdict = self.exchange.put("address.unprotected", author, self.now, basis=NOTICE)
            self.facts.may_know_where = None
        else:
            roles = self.dice.some(("first_response", "social_care"), 1)
            agencies = self.dice.some((SCHOOL, "demo.caf-team"), 1)
            content = {"by": "court", "agencies": list(agencies), "roles": list(roles)}
            verdict = self.exchange.put(
                "address.protected", author, self.now, basis=NOTICE, content=content
            )
            self.facts.may_know_where = (agencies, roles)
        self._must(verdict, "address")

    def _keep_from(self) -> None:
        """Name somebody who must not know, or end that."""
        ended = bool(self.facts.not_to_know)
        content = {"practitioners": [NOT_TO_KNOW], "ended": ended}
        verdict = self.exchange.put(
            "people.must-not-know",
            AUTHORS[CARE],
            self.now,
            basis=NOTICE,
            content=content,
            capacity="social_worker",
        )
        self._must(verdict, "must not know")
        self.facts.not_to_know = set() if ended else {NOT_TO_KNOW}

    def _send(self) -> None:
        made = message(self.dice, self.facts, self.now)
        if self.facts.gone_before and made.brings and self.dice.chance(50):
            self._overtaken(made)
        expected = answer(self.facts, made)
        verdict, digests = self.exchange.send(made)
        shown, against = expected
        self._differs(made, codes(verdict), against)
        if isinstance(verdict, Accepted):
            real = {d.agency: tuple(one in d.shown for one in digests) for d in verdict.deliveries}
            self._differs(made, real, shown)
            self._never(made, verdict, digests)
            for brought in () if made.alarm else made.brings:
                self._hold(brought, made.sender)
            self.facts.told += made.statements
            self.counts["delivered"] += sum(map(sum, real.values()))
            self._survives()
        else:
            self.counts["refused"] += 1
        if made.alarm and not isinstance(verdict, Accepted):
            raise DisagreementError(self.seed, "child protection was stopped", verdict)

    def _overtaken(self, made: Message) -> None:
        """Let the message bring a consent whose withdrawal came first."""
        free = self.facts.gone_before.keys() - {w.id for w in self.facts.words}
        if not free:
            return
        brought, name = made.brings[0], self.dice.one(sorted(free))
        made.names = tuple(name if n == brought.id else n for n in made.names)
        for said in made.statements:
            said.names = made.names
        brought.id, brought.gone = name, self.facts.gone_before[name]
        self.counts["overtaken"] += 1

    def _never(self, made: Message, verdict: Accepted, digests: tuple[str, ...]) -> None:
        """Check on what was delivered what holds whatever any rule says."""
        held = {w.id: w for w in (*self.facts.words, *made.brings)}
        for delivery in verdict.deliveries:
            seen = [s for s, d in zip(made.statements, digests, strict=True) if d in delivery.shown]
            if made.alarm:
                if len(seen) < len(made.statements):
                    raise DisagreementError(self.seed, "child protection was cut short", made)
                continue
            if made.basis != "consent":
                continue
            live = [held[n] for n in made.names if n in held and n not in self.taken_back]
            if not live:
                raise DisagreementError(self.seed, "delivered without a basis", made)
            for said in seen:
                if not any(said.category in w.categories for w in live):
                    raise DisagreementError(self.seed, "out of scope or withdrawn", made, said)

    def _survives(self) -> None:
        """A journey reads back from its compact form as it was written."""
        journey = self.exchange.journey
        if journey is not None and self.dice.chance(3):
            self._differs("compact form", load(orjson.loads(dump(journey))), journey)

    def _asked(self) -> tuple[str, ReadRequest]:
        person = self.dice.one(READERS)
        agency = person.rpartition(".")[0]
        journey = self.exchange.journey
        if journey is None:
            raise DisagreementError(self.seed, "no journey")
        return agency, ReadRequest(
            reader=agency,
            reader_role=Role(ROLES[agency]),
            statements=tuple(map(_kept, self.facts.told)),
            consents=journey.consents,
            now=self.now,
            practitioner=person,
            must_not_know=journey.must_not_know,
            protected=journey.protected,
        )

    def _read(self) -> None:
        agency, asked = self._asked()
        real = [seen.shown for seen in decide_read(asked)]
        expected = [
            may_read(self.facts, told, agency, asked.practitioner, self.now)
            for told in self.facts.told
        ]
        self._differs(asked, real, expected)
        for told, seen in zip(self.facts.told, real, strict=True):
            by_consent = told.basis == "consent" and agency != told.sender and not told.alarm
            if seen and by_consent and self.taken_back.issuperset(told.names):
                raise DisagreementError(self.seed, "read after withdrawal", told)
        self.counts["read.shown"] += sum(real)

    def _break_glass(self) -> None:
        agency, asked = self._asked()
        reason = self.dice.one(tuple(BreakGlassReason))
        protects = reason is BreakGlassReason.CHILD_PROTECTION
        involved = self.exchange.journey.involved if self.exchange.journey else ()
        real = [seen.shown for seen in decide_broken_glass(BrokenGlass(asked, reason, involved))]
        expected = [
            agency in involved
            and may_break(self.facts, told, agency, asked.practitioner, protects=protects)
            for told in self.facts.told
        ]
        self._differs(asked, real, expected)


NOTICE = {"kind": "notice"}


def codes(verdict: Verdict) -> set[str]:
    """Give the codes of a refusal, none for what was accepted."""
    return {r.code for r in verdict.reasons} if isinstance(verdict, Refused) else set()


def _kept(told: Told) -> KeptStatement:
    question = questions()[told.question]
    return KeptStatement(
        category=question.category,
        basis=_basis(told),
        sender=told.sender,
        recipients=frozenset(told.to),
        protection=told.alarm,
        question=question.number,
        purpose=Purpose(told.purpose),
        own=True,
    )


def _basis(told: Told) -> Basis:
    if told.basis == "consent":
        return ConsentBasis(consents=told.names)
    if told.basis == "consent_override":
        return OverrideBasis(
            ground=OverrideGround.NOT_POSSIBLE_AND_DELAY,
            not_possible_to_obtain=True,
            delay_detrimental=told.both_limbs,
        )
    return StatutoryBasis(provision=StatutoryProvision.CHILDREN_ACT_1989_S17)


def drive(steps: int, seed: int = 1) -> Counter[str]:
    """Drive families until `steps` steps have been checked; give what happened and how often.

    Raises DisagreementError, with the seed of the family, at the first difference.
    """
    area, counts = Area(), Counter[str]()
    done = 0
    while done < steps:
        family = Family(seed, area, counts)
        counts["families"] += 1
        for _ in range(min(STEPS_OF_A_FAMILY, steps - done)):
            family.step()
            done += 1
        seed += 1
    counts["steps"] = done
    return counts
