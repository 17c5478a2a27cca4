"""An evidence report in plain words: what is proved and by whom, what is claimed, what is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from contracts.clocks import ClockState
from contracts.custody import Led
from contracts.evidence.findings import Code
from contracts.evidence.joining import last_words, reached
from contracts.evidence.log_words import not_proved_by_log, proved_by_log
from contracts.evidence.report import Answered, By, Leads, Report, Taken, Timed
from contracts.messages import KINDS
from contracts.records import Outcome
from contracts.worktime import CLOSING_TIME

When = Callable[[datetime], str]
"""How an instant is written for whoever reads."""

_STATES = {
    ClockState.RUNNING: "still runs",
    ClockState.PAUSED: "stands still",
    ClockState.MET: "was kept",
    ClockState.MET_LATE: "was kept late",
    ClockState.MISSED: "was missed",
    ClockState.ENDED: "ended, for what it waited for was no longer to come",
}
_OUTCOMES = {
    Outcome.ACCEPTED: "accepted",
    Outcome.REFUSED: "refused",
    Outcome.HELD: "held",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The report in sentences, by what kind of certainty they have."""

    proved: tuple[str, ...]
    claimed: tuple[str, ...]
    not_proved: tuple[str, ...]
    wrong: tuple[str, ...]


def words_of(report: Report, when: When) -> Words:
    """Return the report in sentences, instants written by `when`."""
    wrong = tuple(
        f"{one.words}{f' ({one.where})' if one.where else ''}"
        f"{f': {one.detail}' if one.detail else ''}"
        for one in report.findings
    )
    return Words(
        tuple(_proved(report, when)),
        tuple(_claimed(report, when)),
        tuple(_not_proved(report)),
        wrong,
    )


def _proved(report: Report, when: When) -> Iterator[str]:
    directory, evidence = report.directory, report.evidence
    if directory is None or evidence is None:
        return
    document = directory.document
    yield (
        f"The root key of {document.partnership} signed the directory that says whose key is whose:"
        f" version {document.version}, issued {when(document.issued_at)}."
    )
    for taken in report.taken:
        yield _message(taken, when)
    for answered in report.answered:
        yield _answer(answered, when)
    for leads in report.leads:
        yield from (_led(leads, one, when) for one in leads.led)
    yield from _joined(report)
    kept = {code for code in report.codes if code.name.startswith("KEPT_")}
    if report.compared and not kept and Code.LOG_FORKED not in report.codes:
        yield f"The file agrees with what was kept of its decisions, in files: {report.compared}."
    if report.logged is not None:
        yield from proved_by_log(report.logged, evidence.exchange, when)


def _message(taken: Taken, when: When) -> str:
    author, *others = (_by(by, taken) for by in taken.by)
    also = f", countersigned by {' and '.join(others)}" if others else ""
    to = [one.agency for one in taken.decision.to]
    went = f", and delivered it to {', '.join(to)}" if to else ""
    made = taken.decision
    stored = f", having stored it at {when(made.arrived)} by its word," if made.arrived else ""
    return (
        f"{author} signed “{KINDS[taken.event.kind].title}” ({taken.event.kind},"
        f" {taken.message}) at {when(taken.event.time)}{also};"
        f" {made.exchange}{stored} accepted it at {when(made.now)} as message {taken.number} about"
        f" {taken.child}, on the basis {made.basis.replace('_', ' ')}{went}."
    )


def _by(by: By, taken: Taken) -> str:
    if by.id == taken.event.agency:
        return f"the service {by.id}"
    agency = ".".join(by.id.split(".")[:2])
    return f"{by.name} of {agency} ({by.capacity.value.replace('_', ' ')})"


def _answer(answered: Answered, when: When) -> str:
    made = answered.decision
    codes = ", ".join(dict.fromkeys(ground.code for ground in made.reasons))
    why = f": {codes}" if codes else ""
    which = f"message {made.message}" if made.message else "bytes"
    return (
        f"{made.exchange} {_OUTCOMES[made.outcome]} {which} of {made.agency} at"
        f" {when(made.now)}{why}."
    )


def _led(leads: Leads, one: Led, when: When) -> str:
    until = (
        f"until {when(one.until)} (message {one.until_by})"
        if one.until
        else "to the end of this file"
    )
    return (
        f"{one.practitioner} led {leads.child} from {when(one.since)} (message {one.by}, signed by"
        f" {', '.join(one.signed_by)}) {until}."
    )


def _joined(report: Report) -> Iterator[str]:
    """Say which references are one child's, where what is signed last under each says so."""
    child = str(report.evidence.child) if report.evidence else ""
    joined = (pair for pair, said in _of_pairs(report).items() if said == {True})
    references = sorted(reached(child, joined))
    if len(references) > 1:
        yield f"Signed messages join the references {', '.join(references)} as one child's."


def _of_pairs(report: Report) -> dict[frozenset[str], set[bool]]:
    """Return of which two references it is said last that they are one child, or are two.

    Only of those of whose messages none is in doubt: one of them could have parted the two.
    """
    whole = {one.child for one in report.leads} & {one.child for one in report.taken}
    found: dict[frozenset[str], set[bool]] = {}
    for pair, joins in last_words(report.taken).items():
        if whole.issuperset(pair):
            found.setdefault(frozenset(pair), set()).add(joins)
    return found


def _claimed(report: Report, when: When) -> Iterator[str]:
    evidence = report.evidence
    if evidence is None:
        return
    if report.root_believed:
        yield (
            f"The root key is the one in the file, {evidence.root}: compare it with the one that"
            " the partnership has made known, or name that with --root."
        )
    yield f"The file says that it was put together at {when(evidence.made_at)}."
    for said in report.said:
        if said.closing_days or said.closing_time != CLOSING_TIME:
            yield (
                f"By the tracker's word its working days of {said.child} end at"
                f" {said.closing_time:%H:%M} and leave out {len(said.closing_days)} closing days."
            )
    for timed in report.clocks:
        yield _clock(timed, when)


def _clock(timed: Timed, when: When) -> str:
    clock = timed.clock
    due = "as the signed rules give" if timed.due_proved else "as the tracker says"
    stopped = (
        f"stopped at {when(clock.stopped_at)} by message {clock.stopped_by}, "
        if clock.stopped_at
        else ""
    )
    notice = f"; the tracker signed the notice {timed.missed_by}" if timed.missed_by else ""
    if timed.notice_absent:
        notice = f"; the notice {timed.notice_absent} of its miss is not in this file"
    return (
        f"By the tracker's word the clock “{clock.rule}” of {clock.agency} began at"
        f" {when(clock.started_at)} by message {clock.message}, was due at {when(clock.due_at)}"
        f" ({due}), {stopped}and as of {when(timed.at)} {_STATES[timed.state]}{notice}."
    )


def _not_proved(report: Report) -> Iterator[str]:
    if report.evidence is None or report.directory is None:
        return
    yield (
        "What a family said: the file holds none of it, only salted digests that say nothing, so"
        " that it is the same before and after it was erased."
    )
    if report.evidence.message is None:
        yield "That nothing has been decided since: the file ends with its last message."
        yield (
            "That no message was refused of which the file says nothing: the exchange keeps its"
            " answer to a refused message for 400 days."
        )
    else:
        yield (
            "Anything about the child's other messages, and whether this one was decided before"
            " them: the file is about one."
        )
        yield from _of_held(report)
    yield from _of_references(report)
    yield from _of_clocks(report)
    yield from _of_revoked(report)
    yield from not_proved_by_log(report.logged)


def _of_held(report: Report) -> Iterator[str]:
    """Say of a message that is held that its final answer can have been left out."""
    outcomes = {one.decision.outcome for one in report.answered}
    if outcomes == {Outcome.HELD} and not report.taken:
        yield (
            "That nothing has been decided since: the message was held, and the file holds no final"
            " answer to it, which may have come later or been left out."
        )


def _of_references(report: Report) -> Iterator[str]:
    """Say of which references the signed messages differ; a join or parting was half done."""
    for pair, said in _of_pairs(report).items():
        if len(said) > 1:
            yield (
                f"Whether {' and '.join(sorted(pair))} are one child: what is signed last under the"
                " one joins them, and under the other it parts them."
            )


def _of_clocks(report: Report) -> Iterator[str]:
    """Say what is not known of clocks: of some references nothing, of others the tracker's word."""
    told = {said.child for said in report.said}
    silent = sorted({one.child for one in report.taken} - told)
    if silent:
        yield (
            f"Anything about clocks of {', '.join(silent)}: the file holds nothing that the tracker"
            " signed of them."
        )
    if told:
        yield (
            "That the tracker left out no clock, and knew of every message when it said how its"
            " clocks stand: both are its word."
        )


def _of_revoked(report: Report) -> Iterator[str]:
    """Say which signatures only claim to be older than the revocation of their keys."""
    logged = report.logged
    witnesses = sum(one.doubtful for one in logged.witnesses) if logged else 0
    heads = int(logged.doubtful) if logged else 0
    for count, what in (
        (report.doubtful, "attestations"),
        (heads, "heads of the log"),
        (witnesses, "signatures of witnesses"),
        (report.doubtful_said, "answers of the tracker about clocks"),
    ):
        if count:
            yield (
                f"That {count} {what} are older than the revocation of the key that signed them:"
                " they say so themselves; a receipt or file kept from before shows it."
            )
