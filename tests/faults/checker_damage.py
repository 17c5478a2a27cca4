"""What may have happened to the evidence: each kind of damage, and the column that must show it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from tests.faults.checker_damage_bytes import BYTES
from tests.faults.checker_evidence import Evidence
from tests.faults.checks_found import (
    BASIS,
    CLOCKS,
    FORGED,
    LEADS,
    LOST,
    ORDER,
    TURNED,
    TWICE,
    UNPROVED,
)


def _no_receipt(e: Evidence) -> None:
    del e.records[e.first("receipt.demo.", lambda body: "accepted" in body["decision"])]


def _no_delivery(e: Evidence) -> None:
    del e.records[e.first("inbox.")]


def _no_entry(e: Evidence) -> None:
    del e.records[e.first("journey.")]


def _never_arrived(e: Evidence) -> None:
    e.sent.append(replace(e.sent[0], message="M" * 26, sealed="0" * 64, submission="0" * 64))


def _lane_unread(e: Evidence) -> None:
    e.records = [one for one in e.records if one[0] != f"cursor.{e.sent[0].stream}"]


def _held_forever(e: Evidence) -> None:
    one = next(s for s in e.sent if s.expect == "accepted")
    e.records.append((f"held.{one.child}.{one.message}", b'{"state":"held"}'))


def _other_bytes_answered(e: Evidence) -> None:
    place = next(n for n, s in enumerate(e.sent) if s.expect == "accepted")
    e.sent[place] = replace(e.sent[place], submission="0" * 64)


def _no_row(e: Evidence) -> None:
    e.stores.deliveries.pop()


def _other_bytes_in_row(e: Evidence) -> None:
    e.stores.deliveries[0] = replace(e.stores.deliveries[0], sealed="0" * 64)


def _not_in_the_story(e: Evidence) -> None:
    e.stores.story.popitem()


def _fewer_statements(e: Evidence) -> None:
    place = next(at for at, told in e.stores.story.items() if told.words)
    e.stores.story[place] = replace(e.stores.story[place], words=())


def _set_aside(e: Evidence) -> None:
    e.stores.set_aside.append(1)


def _not_in_the_tracker(e: Evidence) -> None:
    e.stores.messages.pop()


def _delivered_again(e: Evidence) -> None:
    e.records.append(e.records[e.first("inbox.")])


def _answered_again(e: Evidence) -> None:
    e.records.append(e.records[e.first("receipt.demo.", lambda b: "accepted" in b["decision"])])


def _row_again(e: Evidence) -> None:
    e.stores.deliveries.append(e.stores.deliveries[0])


def _group_again(e: Evidence) -> None:
    token = next(iter(_groups(e)))
    e.records += [("tree.group", token.encode()) for _ in range(2)]


def _entries_swapped(e: Evidence) -> None:
    first = e.first("journey.", lambda body: body["journey"]["entries"] == 1 and _goes_on(e, body))
    subject = e.records[first][0]
    second = next(n for n in range(first + 1, len(e.records)) if e.records[n][0] == subject)
    e.records[first], e.records[second] = e.records[second], e.records[first]


def _goes_on(e: Evidence, body: dict[str, Any]) -> bool:
    child = body["journey"]["child"]
    return sum(subject == f"journey.{child}" for subject, _ in e.records) > 1


def _deliveries_swapped(e: Evidence) -> None:
    seen: dict[tuple[str, str], int] = {}
    for place, (subject, data) in enumerate(e.records):
        decision = orjson.loads(orjson.loads(data)["decision"]) if "inbox." in subject else {}
        if not decision.get("entry"):
            continue
        key = (subject.rpartition(".")[0], decision["child"])
        if key in seen:
            e.records[place], e.records[seen[key]] = e.records[seen[key]], e.records[place]
            return
        seen[key] = place
    raise AssertionError


def _cursor_back(e: Evidence) -> None:
    e.records.append(e.records[e.first("cursor.")])


def _sent_the_other_way_round(e: Evidence) -> None:
    waited = [n for n, s in enumerate(e.sent) if s.waited and s.expect == "accepted"]
    child = next(
        e.sent[n].child
        for n in waited
        if sum(e.sent[m].child == e.sent[n].child for m in waited) > 3
    )
    for n in waited:
        if e.sent[n].child == child:
            e.sent[n] = replace(e.sent[n], order=100 - e.sent[n].order)


def _should_have_been_refused(e: Evidence) -> None:
    place = next(n for n, s in enumerate(e.sent) if s.expect == "accepted")
    e.sent[place] = replace(e.sent[place], expect="refused")


def _withdrawn_before(e: Evidence) -> None:
    """Have the withdrawal stand before what was shared on the consent that it withdraws."""
    gone = e.first("journey.", lambda body: _kind(body) == "consent.withdrawn")
    subject = e.records[gone][0]
    entries = [n for n, (s, _) in enumerate(e.records) if s == subject]
    bodies = [e.records[n] for n in entries]
    last = entries.index(gone)
    moved = [bodies[0], bodies[1], bodies[last], *bodies[2:last], *bodies[last + 1 :]]
    for n, one in zip(entries, moved, strict=True):
        e.records[n] = one


def _row_from_nowhere(e: Evidence) -> None:
    e.stores.deliveries.append(replace(e.stores.deliveries[0], message="M" * 26))


def _forgery_taken_in(e: Evidence) -> None:
    place = next(n for n, s in enumerate(e.sent) if s.expect == "accepted")
    e.sent[place] = replace(e.sent[place], forged=True, expect="refused")


def _seal_of_an_entry_bent(e: Evidence) -> None:
    place = e.first("journey.")
    seal = orjson.loads(orjson.loads(e.records[place][1])["seal"])
    text = seal["signatures"][0]["signature"]
    seal["signatures"][0]["signature"] = ("B" if text[0] == "A" else "A") + text[1:]
    e.bend(place, seal=orjson.dumps(seal).decode())


def _sent_by_nobody(e: Evidence) -> None:
    accepted = next(s for s in e.sent if s.expect == "accepted" and s.order == 2)
    e.sent = [s for s in e.sent if s.sealed != accepted.sealed]


def _nobody_leads(e: Evidence) -> None:
    place = e.first("journey.", lambda body: bool(body["journey"].get("lead")))
    journey = {**orjson.loads(e.records[place][1])["journey"], "lead": None}
    e.bend(place, journey=journey)


def _custody_lost(e: Evidence) -> None:
    e.stores.custody.pop()


def _two_lead(e: Evidence) -> None:
    place = next(n for n, led in enumerate(e.stores.custody) if led.until and led.number == 1)
    e.stores.custody[place] = replace(e.stores.custody[place], until="")


def _accepted_without_proposal(e: Evidence) -> None:
    del e.records[e.first("journey.", lambda body: _kind(body) == "lead.proposed")]


def _clock_lost(e: Evidence) -> None:
    e.stores.clocks.pop()


def _clock_runs_on(e: Evidence) -> None:
    place = next(n for n, clock in enumerate(e.stores.clocks) if clock.stopped_by)
    e.stores.clocks[place] = replace(e.stores.clocks[place], stopped_by="")


def _clock_from_nowhere(e: Evidence) -> None:
    e.stores.clocks.append(replace(e.stores.clocks[0], entry=99))


def _rebuilt_otherwise(e: Evidence) -> None:
    e.stores.rebuilt.append("clocks")


def _decision_rewritten(e: Evidence) -> None:
    place = e.first("receipt.demo.", lambda body: "refused" in body["decision"])
    text = orjson.loads(e.records[place][1])["decision"]
    e.bend(place, decision=text.replace("refused", "held"))


def _delivery_rewritten(e: Evidence) -> None:
    place = e.first("inbox.")
    proof = orjson.loads(e.records[place][1])["place"]
    e.bend(place, place={**proof, "index": proof["index"] + 1})


def _entry_with_another_place(e: Evidence) -> None:
    place = e.first("journey.")
    proof = orjson.loads(e.records[place][1])["place"]
    e.bend(place, place={**proof, "index": proof["index"] + 1})


def _group_by_another(e: Evidence) -> None:
    e.trust.exchange = "demo.tracker"


def _group_missing_in_the_log(e: Evidence) -> None:
    logged = [one for one in e.records if one[0] == "tree.group"]
    token = next(iter(_groups(e)))
    e.records = [one for one in e.records if one not in logged]
    e.records += [one for one in logged if one[1].decode() != token] or [("tree.group", b"{}")]


def _groups(e: Evidence) -> dict[str, None]:
    tokens = (orjson.loads(d)["group"] for s, d in e.records if s.startswith("receipt."))
    return dict.fromkeys(tokens)


def _kind(body: dict[str, Any]) -> str:
    return str(orjson.loads(body["decision"])["kind"])


def _was_due(e: Evidence) -> None:
    place = next(n for n, s in enumerate(e.sent) if s.expect == "refused")
    e.sent[place] = replace(e.sent[place], forged=False, expect="accepted")


DAMAGE: Final[dict[Callable[[Evidence], None], str]] = {
    _no_receipt: LOST,
    _no_delivery: LOST,
    _no_entry: LOST,
    _never_arrived: LOST,
    _lane_unread: LOST,
    _held_forever: LOST,
    _other_bytes_answered: LOST,
    _no_row: LOST,
    _other_bytes_in_row: LOST,
    _not_in_the_story: LOST,
    _fewer_statements: LOST,
    _set_aside: LOST,
    _not_in_the_tracker: LOST,
    _delivered_again: TWICE,
    _answered_again: TWICE,
    _row_again: TWICE,
    _group_again: TWICE,
    _entries_swapped: ORDER,
    _deliveries_swapped: ORDER,
    _cursor_back: ORDER,
    _sent_the_other_way_round: ORDER,
    _should_have_been_refused: BASIS,
    _withdrawn_before: BASIS,
    _row_from_nowhere: BASIS,
    _forgery_taken_in: FORGED,
    _seal_of_an_entry_bent: FORGED,
    _sent_by_nobody: FORGED,
    _nobody_leads: LEADS,
    _custody_lost: LEADS,
    _two_lead: LEADS,
    _accepted_without_proposal: LEADS,
    _clock_lost: CLOCKS,
    _clock_runs_on: CLOCKS,
    _clock_from_nowhere: CLOCKS,
    _rebuilt_otherwise: CLOCKS,
    _decision_rewritten: UNPROVED,
    _delivery_rewritten: UNPROVED,
    _entry_with_another_place: UNPROVED,
    _group_by_another: UNPROVED,
    _group_missing_in_the_log: UNPROVED,
    _was_due: TURNED,
    **BYTES,
}
