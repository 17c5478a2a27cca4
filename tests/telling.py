"""Who must be told, by rules of a partnership's own, and the evidence that they were."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from contracts.directory import RulesInForce
from contracts.identifiers import new_reference
from contracts.rules import Person, RulePack, Span, TellRule
from contracts.rules.loader import USUAL
from contracts.seal import Sealed
from contracts.worktime import Unit
from services.tracker import asking
from tests import messages as m
from tests.area import WORKER, Area
from tests.tracking import LedgerWriter

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
DUTY_BASIS = {"kind": "statutory_duty", "provision": "CA1989-s17"}


def tell(name: str, on: str, *people: Person, days: int | None = None, **more: Any) -> TellRule:
    """A rule of the partnership's own: `people` are told of messages of the kind `on`."""
    return TellRule(
        id=name,
        title=name,
        citation="agreed locally",
        applies_to=(on,),
        people=people,
        within=Span(length=days, unit=Unit.WORKING_DAYS) if days else None,
        **more,
    )


def with_rules(ledger: LedgerWriter, *rules: TellRule) -> LedgerWriter:
    """Put rules of the partnership's own in force, after the usual packs."""
    own = RulePack(
        format=2, id="own", version="1", title="Our own", source="Agreed locally", tells=rules
    )
    change = RulesInForce(since=MONDAY - timedelta(days=1), packs=USUAL, own=(own,))
    area = ledger.area
    area.document = area.document.model_copy(update={"rule_changes": (change,)})
    return ledger


def assessed(ledger: LedgerWriter) -> tuple[str, str]:
    """Play a step up until the assessment is concluded; return the child and that message."""
    child, area = new_reference(), ledger.area
    ledger.accept(m.opened_before(area, child))
    request = ledger.accept(m.step_up(area, child))
    ledger.accept(m.step_up_decided(area, child, request))
    ledger.accept(m.assessment(area, child))
    return child, ledger.accept(m.assessment(area, child, concluded="child_in_need"))


def evidence(
    area: Area, child: str, of: str, *people: str, to: tuple[str, ...] = (), **data: Any
) -> Sealed:
    """A social worker records that people were told."""
    content = {"people": people, "of": of, "form": data.pop("form", "outcome")}
    return area.sealed("people.told", child, WORKER, to, content=content, **data)


def reasoned(area: Area, child: str, of: str, *people: str) -> Sealed:
    """A social worker records why people were not told."""
    return area.sealed(
        "people.not-told",
        child,
        WORKER,
        (),
        [area.statement("telling.reason", by=WORKER)],
        basis=DUTY_BASIS,
        content={"people": people, "of": of, "because": "unsafe_for_child"},
    )


def rows_of(
    database: Engine, ledger: LedgerWriter, child: str, message: str
) -> dict[str, dict[str, Any]]:
    """Follow the ledger; return who must be told of a message, by person."""
    ledger.follow(database)
    with database.begin() as connection:
        answer = asking.track(connection, child, ledger.book.packs, ledger.area.now)
    return {one["person"]: one for one in answer["telling"] if one["message"] == message}
