"""Judge what was sent against what is there: the checker's pure part, apart from all reading.

Written against the records' wire form and the documented rules; it imports nothing of the services,
so that a fault of theirs cannot hide behind itself.
"""

from collections.abc import Iterable, Sequence

from tests.faults.checks_answers import (
    Heard,
    Sent,
    check_answers,
    check_heard,
    check_receipts,
    check_refusals,
)
from tests.faults.checks_clocks import check_clocks
from tests.faults.checks_delivery import (
    check_agencies,
    check_inboxes,
    check_journeys,
    check_story,
    check_waited,
)
from tests.faults.checks_found import Findings, Report
from tests.faults.checks_log import check_log
from tests.faults.checks_records import Reading
from tests.faults.checks_rules import check_bases, check_genuine, check_leads
from tests.faults.checks_stores import Stores


def sent_in(lines: Iterable[dict[str, object]]) -> list[Sent]:
    """Return the sender's lines, of which each is one acknowledged submission."""
    names = Sent.__dataclass_fields__
    made = ({name: line[name] for name in names} for line in lines)
    return [Sent(**{**one, "words": tuple(one["words"])}) for one in made]  # type: ignore[arg-type]


def heard_in(lines: Iterable[dict[str, object]]) -> list[Heard]:
    """Return the lines of what the senders were answered."""
    names = Heard.__dataclass_fields__
    return [Heard(**{name: line[name] for name in names}) for line in lines]  # type: ignore[arg-type]


def judge(
    sent: Sequence[Sent], reading: Reading, stores: Stores, heard: Sequence[Heard] = ()
) -> Report:
    """Return what was found when everything acknowledged was held against everything kept."""
    findings = Findings()
    held = check_answers(sent, reading, findings)
    check_heard(heard, sent, reading, findings)
    check_receipts(reading, findings)
    check_refusals(reading, findings)
    check_inboxes(sent, reading, findings)
    check_agencies(reading, stores, findings)
    check_journeys(reading, findings)
    check_waited(sent, reading, findings)
    check_story(sent, reading, stores, findings)
    check_genuine(sent, reading, findings)
    check_bases(reading, findings)
    check_leads(reading, stores, findings)
    clocks = check_clocks(reading, stores, findings)
    check_log(reading, findings)
    counts = {
        "acknowledged": len(sent),
        "answered": len(heard),
        "messages": len({one.sealed for one in sent}),
        "accepted": sum(map(len, reading.journeys.values())),
        "deliveries": len(reading.inbox),
        "children": len(reading.journeys),
        "forgeries": sum(one.forged for one in sent),
        "held_still": held,
        "set_aside": reading.set_aside.total(),
        "clocks": clocks,
        "statements": sum(len(told.words) for told in stores.story.values()),
        "groups": len(reading.trust.groups),
        "heads": len(reading.heads),
        "witnesses": len(reading.witnesses),
        "ledger_records": reading.records,
    }
    return Report(counts, findings)
