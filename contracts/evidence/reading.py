"""Reading an evidence file: what it proves, and everything that is wrong with it.

Nothing is asked of anybody. Whatever the bytes are, the answer is a report; each thing that does
not hold is one of a closed list, and nothing that was decided later than what failed is built upon
it.
"""

from collections.abc import Iterator

from contracts.directory import Directory
from contracts.evidence import journeys, logged, timing
from contracts.evidence.findings import Finding
from contracts.evidence.form import Evidence, load
from contracts.evidence.given import Given, given, trusted
from contracts.evidence.joining import joined
from contracts.evidence.report import Answered, Leads, Logged, Report, Taken, Timed
from contracts.evidence.said import EvidenceClocks


def read(data: bytes, root_x: str | None = None, known: Directory | None = None) -> Report:
    """Return what the bytes of an evidence file prove; never raises.

    `root_x` is the partnership's root key as the reader knows it; without it the one in the file is
    believed, which the report says. A `known` directory of the partnership judges in place of an
    older one in the file.
    """
    evidence = load(data)
    if isinstance(evidence, Finding):
        return Report((evidence,))
    directory = trusted(evidence, root_x, known)
    believed = root_x is None
    if not isinstance(directory, Directory):
        return Report(directory, evidence, root_believed=believed)
    return _judged(evidence, directory, believed=believed)


def _judged(evidence: Evidence, directory: Directory, *, believed: bool) -> Report:
    found: list[Finding] = []
    by, wrong = given(evidence, directory)
    found += wrong
    taken, leads, wrong_messages = _messages(by)
    found += wrong_messages
    answered, wrong_answers = journeys.answers(by)
    found += wrong_answers
    decisions = [*(one.decision for one in taken), *(one.decision for one in answered)]
    found += journeys.contradictions(decisions)
    whole = not wrong_messages and _is_whole(evidence, taken)
    said, wrong_said = timing.said(by)
    found += wrong_said
    if whole and not wrong_answers:
        found += joined(evidence, taken, answered, said)
    clocks, wrong_clocks = _clocks(by, said, taken, leads) if whole else ([], [])
    found += wrong_clocks
    in_log, absent, wrong_log = logged.logged(by)
    found += wrong_log
    if in_log is not None and not wrong_log:
        found += _out_of_order(taken, answered, in_log, absent)
    return Report(
        findings=tuple(dict.fromkeys(found)),
        evidence=evidence,
        directory=directory,
        root_believed=believed,
        taken=tuple(taken),
        answered=_not_taken(answered, taken),
        leads=tuple(leads),
        clocks=tuple(clocks),
        logged=in_log,
        doubtful=by.doubtful,
        said=tuple(said),
        doubtful_said=timing.doubtful(by),
    )


def _messages(by: Given) -> tuple[list[Taken], list[Leads], list[Finding]]:
    """Return the messages that hold, and who led where no message of a journey is in doubt."""
    taken: list[Taken] = []
    led: list[Leads] = []
    found: list[Finding] = []
    for journey in by.evidence.journeys:
        held, wrong = journeys.messages(by, journey)
        taken += held
        found += wrong
        if len(held) == len(journey.entries) and not wrong and by.evidence.message is None:
            chain, doubts = journeys.leads(by, journey)
            led.append(chain)
            found += doubts
    return taken, led, found


def _is_whole(evidence: Evidence, taken: list[Taken]) -> bool:
    return len(taken) == sum(len(journey.entries) for journey in evidence.journeys)


def _clocks(
    by: Given, said: list[EvidenceClocks], taken: list[Taken], leads: list[Leads]
) -> tuple[list[Timed], list[Finding]]:
    told: list[Timed] = []
    found: list[Finding] = []
    for one in said:
        clocks, wrong = timing.timed(by, one, taken, leads)
        told += clocks
        found += wrong
    return told, found


def _out_of_order(
    taken: list[Taken], answered: list[Answered], in_log: Logged, absent: logged.Absent
) -> Iterator[Finding]:
    """Yield the journeys, and the lanes of agencies, that the log holds in another order.

    What is decided anew later, with an old instant, can only be put behind what followed it.
    """
    journey = [logged.Step(one.child, one.group, one.number, one.number) for one in taken]
    lanes = [logged.step_of(one.lane, one.group) for one in answered if one.lane]
    for decided in (journey, lanes):
        yield from logged.out_of_order(decided, in_log.places, absent)


def _not_taken(answered: list[Answered], taken: list[Taken]) -> tuple[Answered, ...]:
    """Return the answers that are not the decision of a message which is there itself."""
    known = {one.decision for one in taken}
    return tuple(one for one in answered if one.decision not in known)
