"""A ledger in the making: real messages, decided as the exchange decides, as ledger records."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import Engine, select

from contracts import subjects
from contracts.identifiers import new_reference
from contracts.journey import Journey
from contracts.journey_json import dump
from contracts.kinds import Opened, iso
from contracts.records import shown_digest
from contracts.seal import Sealed
from contracts.worktime import WorkingCalendar
from services.exchange.decision import Accepted, decide
from services.runtime.subscribing import Record
from services.tracker.following import follow
from services.tracker.rulebook import Rulebook, rulebook
from services.tracker.store import LIVE, OUTBOX, Tables
from tests import messages as m
from tests.area import CAF, CAF_WORKER, CARE, SCHOOL, TEACHER, WORKER, Area


@dataclass
class LedgerWriter:
    """Decides messages at `area.now` and writes down what the exchange would put in the ledger."""

    area: Area
    journeys: dict[str, Journey] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    @property
    def book(self) -> Rulebook:
        """The shipped rules, England's calendar and the area's directory."""
        return rulebook(self.area.directory, WorkingCalendar())

    def later(self, **length: float) -> None:
        """Let time pass."""
        self.area.now += timedelta(**length)

    def accept(self, sealed: Sealed) -> str:
        """Decide a message that must be accepted, add its entry and return its id."""
        now = self.area.now
        opened = self.area.open(sealed, now)
        child = opened.event.subject
        verdict = decide(opened, self.area.directory, self.journeys.get(child), now)
        assert isinstance(verdict, Accepted), verdict
        return self._write(opened, verdict)

    def take(self, sealed: Sealed) -> str:
        """Add the entry of a message as if it had been accepted, whatever is against it."""
        opened = self.area.open(sealed, self.area.now)
        child = opened.event.subject
        before = self.journeys.get(child) or Journey(child=child)
        after = replace(before, entries=before.entries + 1, now=iso(self.area.now))
        return self._write(opened, Accepted(after, (), (), (), protection=False))

    def _write(self, opened: Opened, verdict: Accepted) -> str:
        event, child = opened.event, opened.event.subject
        self.journeys[child] = verdict.journey
        decision = {
            "exchange": "demo.exchange",
            "outcome": "accepted",
            "agency": event.agency,
            "lane": subjects.submit_stream(event.agency),
            "sequence": len(self.records) + 1,
            "submission": opened.digest,
            "sealed": opened.digest,
            "message": event.id,
            "child": child,
            "kind": event.kind,
            "basis": event.data.basis.kind,
            "rules": verdict.rules,
            "to": [
                {"agency": one.agency, "shown": shown_digest(one.shown)}
                for one in verdict.deliveries
            ],
            "entry": verdict.journey.entries,
            "now": iso(self.area.now),
        }
        body = {
            "seal": opened.sealed,
            "decision": orjson.dumps(decision).decode(),
            "answered": verdict.answered,
            "told": verdict.told,
            "asked_again": verdict.asked_again,
            "statements": len(opened.statements),
            "carried": verdict.carried,
            "journey": orjson.Fragment(dump(verdict.journey)),
        }
        self.add(subjects.journey(child), body)
        return event.id

    def quarantine(self, agency: str = SCHOOL, code: str = "seal.unreadable") -> None:
        """Add the record of a submission that could not be opened."""
        number = len(self.records) + 1
        digest = f"{number:064x}"
        body = {
            "lane": subjects.submit_stream(agency),
            "sequence": number,
            "digest": digest,
            "reasons": [{"code": code, "detail": ""}],
            "at": iso(self.area.now),
        }
        self.add(subjects.quarantine(agency, digest), body)

    def add(self, subject: str, body: dict[str, Any]) -> None:
        """Add a record, stored a second after it was decided."""
        self.records.append(
            Record(
                stream=subjects.LEDGER,
                subject=subject,
                sequence=len(self.records) + 1,
                stored_at=self.area.now + timedelta(seconds=1),
                delivery=1,
                data=orjson.dumps(body),
                headers={},
            )
        )

    def follow(self, database: Engine, records: list[Record] | None = None) -> None:
        """Have the live tables follow `records`, or all that were written."""
        with database.begin() as connection:
            follow(connection, LIVE, records or self.records, self.book)

    def stepped_up(self, child: str | None = None) -> str:
        """Play a step up from a Team Around the Child until the social worker leads."""
        child = child or new_reference()
        area = self.area
        self.accept(m.opened_before(area, child))
        self.later(hours=1)
        request = self.accept(m.step_up(area, child))
        self.later(minutes=20)
        self.accept(m.acknowledged(area, child, request))
        self.later(minutes=20)
        self.accept(m.step_up_decided(area, child, request))
        self.later(hours=1)
        self.accept(m.assessment(area, child))
        self.later(hours=1)
        self.accept(m.assessment(area, child, concluded="child_in_need"))
        self.led_by(child, WORKER, WORKER, (SCHOOL, CARE))
        return child

    def stepped_down(self, child: str) -> None:
        """Play the step down of a child in need until the case is closed to social care."""
        area = self.area
        self.later(hours=1)
        request = self.accept(m.step_down(area, child))
        self.later(minutes=20)
        self.accept(m.acknowledged(area, child, request, by=CAF_WORKER, to=CARE))
        self.accept(m.step_down_decided(area, child, request))
        self.led_by(child, TEACHER, CAF_WORKER, (SCHOOL, CARE))
        self.later(minutes=20)
        self.accept(m.closed(area, child, to=(SCHOOL, CAF)))

    def led_by(self, child: str, who: str, by: str, to: tuple[str, ...]) -> None:
        """Propose a lead professional, who accepts."""
        self.later(minutes=20)
        proposal = self.accept(m.lead_proposed(self.area, child, who, by, to))
        self.later(minutes=20)
        self.accept(m.lead_answered(self.area, child, proposal, who, (SCHOOL, CARE, CAF)))


def rows(database: Engine, tables: Tables = LIVE) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, and of the outbox, in the order of their keys."""
    with database.begin() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in (*tables.all, OUTBOX)
        }
