"""Whether everything accepted was delivered and kept: once, and in its order."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tests.faults.checks_answers import Sent
from tests.faults.checks_found import BASIS, FORGED, LOST, ORDER, TWICE, UNPROVED, Findings
from tests.faults.checks_records import Delivered, Reading
from tests.faults.checks_stores import Stores
from tests.faults.checks_words import Told


def check_inboxes(sent: Iterable[Sent], reading: Reading, findings: Findings) -> None:
    """Check each delivery: made, made once, proved, and of what was accepted for that agency."""
    never = {one.sealed: one for one in sent if one.expect == "refused"}
    for (agency, message), deliveries in reading.inbox.items():
        first = deliveries[0]
        if len(deliveries) > 1:
            findings.add(TWICE, "two deliveries", agency, message)
        if not all(one.proved for one in deliveries):
            findings.add(UNPROVED, "delivery", agency, message)
        if first.sealed in never:
            heading = FORGED if never[first.sealed].forged else BASIS
            findings.add(heading, "delivered", agency, message)
        elif not first.notice and not _is_due(agency, first, reading):
            findings.add(BASIS, "delivered what no entry sends there", agency, message)
    for entry in reading.entries():
        for agency in {*entry.to, *entry.said.recipients}:
            if (agency, entry.message) not in reading.inbox:
                findings.add(LOST, "accepted and not delivered", agency, entry.message)


def _is_due(agency: str, one: Delivered, reading: Reading) -> bool:
    """Tell whether the journey holds what was delivered, and it was sealed for that agency."""
    return any(
        entry.sealed == one.sealed and agency in entry.to and agency in entry.said.recipients
        for entry in reading.journeys.get(one.child, ())
    )


def check_agencies(reading: Reading, stores: Stores, findings: Findings) -> None:
    """Check that each agency keeps each delivery once, and nothing that was not delivered."""
    kept = {(row.agency, row.message, row.sealed, row.record) for row in stores.deliveries}
    rows = Counter((row.agency, row.message) for row in stores.deliveries)
    for (agency, message), deliveries in reading.inbox.items():
        first = deliveries[0]
        if (agency, message, first.sealed, first.record) not in kept:
            findings.add(LOST, "not in the agency's store", agency, message)
    for (agency, message), count in rows.items():
        if count > 1:
            findings.add(TWICE, "twice in the agency's store", agency, message)
        if (agency, message) not in reading.inbox:
            findings.add(BASIS, "in the agency's store and never delivered", agency, message)


def check_journeys(reading: Reading, findings: Findings) -> None:
    """Check that journeys are unbroken and hold each message once, in the order of its lane."""
    for child, entries in reading.journeys.items():
        twice = Counter((e.agency, e.message) for e in entries)
        for (agency, message), count in twice.items():
            if count > 1:
                findings.add(TWICE, "two entries", agency, message)
        lanes: dict[str, int] = defaultdict(int)
        for number, entry in enumerate(entries, 1):
            if entry.number != number or not entry.linked:
                findings.add(ORDER, "broken chain", child, entry.number)
            if (child, entry.message) in reading.ever_held:
                continue
            if entry.lane_sequence <= lanes[entry.lane]:
                findings.add(ORDER, "not as in its lane", child, entry.message)
            lanes[entry.lane] = entry.lane_sequence
    _check_inbox_order(reading, findings)
    _check_cursors(reading, findings)


def _check_inbox_order(reading: Reading, findings: Findings) -> None:
    """Check that each agency got a child's messages in the order of the journey."""
    got: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for (agency, _), deliveries in reading.inbox.items():
        first = deliveries[0]
        if first.entry:
            got[agency, first.child].append((first.sequence, first.entry))
    for (agency, child), places in got.items():
        numbers = [entry for _, entry in sorted(places)]
        if numbers != sorted(numbers):
            findings.add(ORDER, "inbox not as the journey", agency, child)


def _check_cursors(reading: Reading, findings: Findings) -> None:
    for lane, sequences in reading.cursors.items():
        if sequences != sorted(set(sequences)):
            findings.add(ORDER, "cursor went back or stood still", lane)


def check_waited(sent: Iterable[Sent], reading: Reading, findings: Findings) -> None:
    """Check that what was sent after an answer stands after what was answered."""
    places = {e.sealed: e.number for e in reading.entries()}
    families: dict[str, dict[int, int]] = defaultdict(dict)
    seen: set[str] = set()
    for one in sorted(sent, key=lambda s: s.order):
        if one.waited and one.sealed in places and one.sealed not in seen:
            seen.add(one.sealed)
            families[one.child][one.order] = places[one.sealed]
    for child, orders in families.items():
        numbers = [orders[order] for order in sorted(orders)]
        if numbers != sorted(numbers):
            findings.add(ORDER, "journey not as it was sent", child)


def check_story(sent: Iterable[Sent], reading: Reading, stores: Stores, findings: Findings) -> None:
    """Check that the story holds every accepted message, and every word of it opens there."""
    words = {one.sealed: sorted(one.words) for one in sent if not one.forged}
    for entry in reading.entries():
        kept = stores.story.get(entry.sequence)
        if kept is None or kept.message != entry.message:
            findings.add(LOST, "not in the story", entry.agency, entry.message)
        else:
            wrong = _told_otherwise(kept, entry.statements, words.get(entry.sealed))
            if wrong:
                findings.add(LOST, wrong, entry.agency, entry.message)
    for sequence in stores.set_aside:
        findings.add(LOST, "set aside by the story", sequence)


def _told_otherwise(kept: Told, counted: int, words: Sequence[str] | None) -> str:
    """Return what is wrong with a message in the story, if anything.

    The exchange has `counted` its statements; their digests are what the sender wrote down, who
    alone can tell them from the seal's decoys. Nobody wrote down what a service sealed.
    """
    told = sorted(kept.words)
    if kept.closed:
        return "words that do not open in the story"
    if len(told) != counted or told != (told if words is None else words):
        return "statements missing in the story"
    if kept.packed is not None and sorted(kept.packed) != told:
        return "words told otherwise by the story's packs"
    return ""
