"""The same moves as messages of the contract, put to the exchange's own decision."""

from datetime import datetime
from functools import cache
from typing import Any

import orjson

from contracts.consents import (
    Consent,
    ConsentBasis,
    CourtOrderBasis,
    OverrideBasis,
    ProtectionBasis,
    StatutoryBasis,
)
from contracts.event import TYPE_PREFIX, Data, Event, Recipient, Signer, source_of
from contracts.journey import Journey
from contracts.kinds import Opened
from contracts.messages import KINDS
from contracts.roles import Capacity
from contracts.rules import RulePacks
from contracts.statements import Disclosed, Statement
from services.exchange.decision import Verdict, decide
from tests.area import HEAD, Area
from tests.model.facts import Message, Word
from tests.model.moves import AUTHORS, CARE, Dice

NO_RULES = RulePacks(packs=())
ELSEWHERE = "ANOTHERCHILD00000001"
_KIND = {"coordination": "story.added", "assessment": "child.seen"}


class Exchange:
    """The decision, with a partnership to decide for and the journey of one child."""

    def __init__(self, area: Area, child: str, dice: Dice) -> None:
        self.area, self.child, self._dice = area, child, dice
        self.journey: Journey | None = None

    def put(self, kind: str, author: str, now: datetime, **data: Any) -> Verdict:
        """Decide a message without statements, and move the journey on where it is accepted."""
        return self._decide(self._opened(kind, author, now, (), data), now)

    def send(self, message: Message) -> tuple[Verdict, tuple[str, ...]]:
        """Decide a message; give the digests of its statements as well."""
        author = AUTHORS[message.sender]
        told = tuple(
            Disclosed(f"{self._dice.name():0<43}", "", _statement(s.question, author, message.at))
            for s in message.statements
        )
        kind = "referral.submitted" if message.alarm else _KIND[message.purpose]
        signs = message.basis == "consent_override" and message.manager_signs
        data: dict[str, Any] = {
            "recipients": tuple(_recipient(agency) for agency in message.to),
            "basis": _basis(message),
            "consents": tuple(consent(w, author, self.child) for w in message.brings),
            "countersigners": (_MANAGER,) if signs else (),
        }
        if message.sender == CARE:
            data["capacity"] = Capacity.SOCIAL_WORKER
        if message.alarm:
            data["content"] = {"concern": "child_protection", "source": "2A"}
        opened = self._opened(kind, author, message.at, told, data)
        return self._decide(opened, message.at), tuple(d.digest for d in told)

    def _opened(
        self,
        kind: str,
        author: str,
        now: datetime,
        told: tuple[Disclosed, ...],
        data: dict[str, Any],
    ) -> Opened:
        capacity = data.pop("capacity", Capacity.PRACTITIONER)
        event = Event(
            id=self._dice.name(),
            source=source_of(author.rpartition(".")[0]),
            type=f"{TYPE_PREFIX}{kind}",
            subject=self.child,
            time=now,
            data=Data(author=Signer(id=author, capacity=capacity), **data),
        )
        found = KINDS[kind]
        content = found.content.model_validate_json(orjson.dumps(data.get("content", {})))
        return Opened(event, found, content, told, "", "")

    def _decide(self, opened: Opened, now: datetime) -> Verdict:
        verdict = decide(opened, self.area.directory, self.journey, now, NO_RULES)
        journey = getattr(verdict, "journey", None)
        if journey is not None:
            self.journey = journey
        return verdict


_MANAGER = Signer(id=HEAD, capacity=Capacity.LINE_MANAGER)


def consent(word: Word, taken_by: str, child: str) -> Consent:
    """Give a word as the contract has it."""
    young = word.by == "young_person" and word.fault != "consent.understanding"
    return Consent.model_validate(
        {
            "id": word.id,
            "covers": "service" if word.service else "sharing",
            "decision": "refused" if word.refuses else "given",
            "given_by": word.by,
            "taken_by": taken_by,
            "given_at": word.given,
            "expires_at": word.ends,
            "recipients": word.agencies,
            "roles": word.roles,
            "categories": word.categories,
            "about": word.people,
            "purposes": word.purposes,
            "may_not_see": tuple(
                {"agencies": a, "roles": r, "categories": c} for a, r, c in word.hidden
            ),
            "assessed_by": taken_by if young else None,
            "child": ELSEWHERE if word.fault == "consent.other-child" else child,
        }
    )


def _basis(message: Message) -> object:
    if message.alarm:
        return ProtectionBasis()
    match message.basis:
        case "consent":
            return ConsentBasis(consents=message.names)
        case "consent_override":
            possible, delay = message.limbs
            return OverrideBasis.model_validate(
                {
                    "ground": message.ground,
                    "not_possible_to_obtain": possible,
                    "delay_detrimental": delay,
                }
            )
        case "statutory_duty":
            return StatutoryBasis.model_validate({"provision": "CA1989-s17"})
    return CourtOrderBasis(order="ZC24C00123")


@cache
def _recipient(agency: str) -> Recipient:
    return Recipient(agency=agency)


@cache
def _statement(question: str, author: str, now: datetime) -> Statement:
    return Statement(
        question=question, value="as told", said_by="parent", recorded_by=author, recorded_at=now
    )
