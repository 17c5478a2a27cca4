"""From decisions to the ledger records of one batch, attested by one signature (design §5).

Leaves of the Merkle tree are the decisions and one leaf per lane; the signed group is itself a leaf
of the log. Cursor records come last, so that whoever has read one has seen every entry of that lane
before it.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from contracts import base64url, jws
from contracts.directory import Directory
from contracts.journey_json import dump
from contracts.keeping_back import people_of
from contracts.kinds import Opened, iso
from contracts.records import Outcome, entry_hash, shown_digest
from contracts.seal import Disclosures
from contracts.subjects import inbox, journey, parse_submission
from contracts.submission import digest_of_bytes, encrypt
from services.exchange.alerts import Alert, alert_for, tells_of
from services.exchange.attesting import Attestation, LaneStep, Leaves, attest
from services.exchange.deciding import Decided, Repeated
from services.exchange.decision import Accepted, Held, Refused, ToDeliver
from services.exchange.drafts import (
    Draft,
    alert_records,
    beside_of,
    check_of,
    cursor_of,
    grounds,
    held_of,
    leaf_of,
    quarantined,
    receipt_of,
    settled_of,
)
from services.exchange.lanes import Woken
from services.exchange.ledger import Known, Ledger
from services.exchange.opening import Unopenable


class Writer:
    """Turns the decisions of one group into the drafts of one batch."""

    def __init__(self, exchange: str, key: jws.Signer, directory: Directory) -> None:
        """Attest as the service `exchange` with its directory key."""
        self._exchange, self._key, self._directory = exchange, key, directory

    def write(
        self, group: Sequence[Decided], steps: Sequence[LaneStep], ledger: Ledger
    ) -> tuple[list[Draft], str]:
        """Return the drafts in the order in which they are written, and the group's root."""
        leaves = Leaves()
        texts = [self._decision(d, leaves) for d in group]
        alerts = [self._alert(d, leaves, n) for d, n in zip(group, tells_of(group), strict=True)]
        attestation = attest(leaves, steps, self._exchange, self._key, latest(group))
        drafts: list[Draft] = []
        written: set[str] = set()
        for decided, text, alert in zip(group, texts, alerts, strict=True):
            if text is not None:
                drafts += self._records(decided, text, attestation, ledger, written)
            if decided.arrived.woken is not None:
                drafts += settled_of(decided, written)
            if alert is not None:
                drafts += alert_records(alert, attestation)
        drafts.append(leaf_of(attestation))
        at = iso(latest(group))
        drafts += [cursor_of(step, attestation.root, at) for step in steps]
        return drafts, attestation.root

    def _decision(self, decided: Decided, leaves: Leaves) -> tuple[str, int] | None:
        waits_on = isinstance(decided.verdict, Held) and decided.arrived.woken is not None
        if waits_on or isinstance(decided.verdict, Repeated):
            return None  # what was answered before stands
        text = orjson.dumps(self._decision_body(decided)).decode()
        return text, leaves.add(text)

    def _decision_body(self, decided: Decided) -> dict[str, Any]:
        verdict, arrived, message = decided.verdict, decided.arrived, decided.message
        address = parse_submission(arrived.subject)
        body: dict[str, Any] = {
            "v": 1,
            "exchange": self._exchange,
            "outcome": _outcome(verdict),
            "agency": address[0] if address else arrived.lane,
            "lane": arrived.lane,
            "sequence": arrived.sequence,
            "submission": digest_of_bytes(arrived.data),
            **_instants(decided),
        }
        if message is not None:
            body |= _about(message)
        elif arrived.woken is not None and arrived.woken.held is not None:
            body |= _about_held(arrived.woken)
        elif isinstance(verdict, Unopenable) and verdict.sealed:
            body["sealed"] = verdict.sealed
        if isinstance(verdict, Accepted):
            body |= _accepted(verdict)
        elif isinstance(verdict, Held):
            body |= {"reasons": grounds(verdict.waits_for), "until": iso(verdict.until)}
        elif isinstance(verdict, Refused | Unopenable):
            body["reasons"] = grounds(verdict.reasons)
        if isinstance(verdict, Accepted | Refused):
            body["packs"] = verdict.packs
            if verdict.story_up:
                body["story_up"] = True
        return body

    def _alert(self, decided: Decided, leaves: Leaves, count: int | None) -> Alert | None:
        verdict = decided.verdict
        if isinstance(verdict, Accepted) and verdict.alerts:
            verdict = Refused(verdict.alerts, protection=True)
        if not isinstance(verdict, Refused | Unopenable):
            return None
        return alert_for(
            decided,
            verdict,
            self._directory,
            self._exchange,
            self._key,
            leaves.add,
            count,
        )

    def _records(
        self,
        decided: Decided,
        text: tuple[str, int],
        attestation: Attestation,
        ledger: Ledger,
        written: set[str],
    ) -> list[Draft]:
        verdict, message = decided.verdict, decided.message
        answer = receipt_of(decided, text, attestation)
        if isinstance(verdict, Accepted) and message is not None:
            entry = _entry(message, verdict, text, attestation, ledger, written)
            sent = [
                self._delivery(d, message, verdict, text, attestation) for d in verdict.deliveries
            ]
            return [entry, *beside_of(message, written), *sent, answer]
        if isinstance(verdict, Held) and message is not None:
            return [held_of(message, verdict, decided), check_of(message, written), answer]
        if isinstance(verdict, Refused):
            stood_on = [check_of(message, written), *beside_of(message, written)] if message else []
            return [*stood_on, answer]
        return [quarantined(decided), answer]

    def _delivery(
        self,
        to: ToDeliver,
        message: Opened,
        verdict: Accepted,
        text: tuple[str, int],
        attestation: Attestation,
    ) -> Draft:
        body: dict[str, Any] = {
            "v": 1,
            "seal": message.sealed,
            "decision": text[0],
            "group": attestation.quoted,
            "place": attestation.place(text[1]),
            "shown": to.shown,
            "not_to_know": people_of(verdict.journey.must_not_know, to.agency),
        }
        if verdict.protection and to.shown:
            box = self._to_agency(to, message, verdict)
            if box is not None:
                body["disclosures"] = box
        return Draft(inbox(to.agency, message.event.id), orjson.dumps(body))

    def _to_agency(
        self, to: ToDeliver, message: Opened, verdict: Accepted
    ) -> dict[str, str] | None:
        """Encrypt what may be seen to the agency itself, so that it opens without the story."""
        agency = self._directory.agencies.get(to.agency)
        month = verdict.journey.now[:7]
        keys = {k.month: k.x for k in agency.delivery_keys} if agency else {}
        if month not in keys:
            return None
        shown = tuple(d.disclosure for d in message.statements if d.digest in to.shown)
        plain = Disclosures(base64url.encode(secrets.token_bytes(16)), shown)
        try:
            return encrypt(plain, message.digest, month, keys[month]).model_dump()
        except ValueError:  # a key of low order; the story still opens the delivery
            return None


def _instants(decided: Decided) -> dict[str, str]:
    """Return when it was decided and, where that was another instant, when it had arrived."""
    now, arrived = iso(decided.now), iso(decided.arrived.stored_at)
    return {"now": now} if arrived == now else {"now": now, "arrived": arrived}


def _about(message: Opened) -> dict[str, Any]:
    event = message.event
    return {
        "sealed": message.digest,
        "message": event.id,
        "child": event.subject,
        "kind": event.kind,
        "basis": event.data.basis.kind,
    }


def _accepted(verdict: Accepted) -> dict[str, Any]:
    return {
        "rules": verdict.rules,
        "entry": verdict.journey.entries,
        "protection": verdict.protection,
        "to": [{"agency": d.agency, "shown": shown_digest(d.shown)} for d in verdict.deliveries],
    }


def _about_held(woken: Woken) -> dict[str, Any]:
    """Return what is known of a held message whose submission cannot be opened any more."""
    held = woken.held
    if held is None:
        return {}
    return {
        "submission": held.submission,
        "sealed": held.sealed,
        "message": woken.message,
        "child": woken.child,
    }


def _outcome(verdict: object) -> Outcome:
    if isinstance(verdict, Accepted):
        return Outcome.ACCEPTED
    return Outcome.HELD if isinstance(verdict, Held) else Outcome.REFUSED


def _entry(
    message: Opened,
    verdict: Accepted,
    text: tuple[str, int],
    attestation: Attestation,
    ledger: Ledger,
    written: set[str],
) -> Draft:
    child = message.event.subject
    known = ledger.journey(child)
    body = {
        "v": 1,
        "seal": message.sealed,
        "decision": text[0],
        "group": attestation.quoted,
        "place": attestation.place(text[1]),
        "answered": verdict.answered,
        "told": verdict.told,
        "asked_again": verdict.asked_again,
        "statements": len(message.statements),
        "carried": verdict.carried,
        "journey": orjson.Fragment(dump(verdict.journey)),
        "before": known.entry_hash,
    }
    data = orjson.dumps(body)
    ledger.hold(child, Known(known.journey, entry_hash(data)))
    subject = journey(child)
    guard = "" if subject in written else subject
    written.add(subject)
    return Draft(subject, data, guard=guard, expires=False)


def latest(group: Sequence[Decided]) -> datetime:
    """Return the latest instant by which the group was decided."""
    return max(d.now for d in group)
