"""The log in an evidence file: that what was decided stands in it, and who else has seen that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from contracts.event import MAX_AHEAD
from contracts.evidence.findings import Code, Finding
from contracts.evidence.form import digests_of
from contracts.evidence.given import Given
from contracts.evidence.report import Logged, Witness
from contracts.log import Head
from contracts.log_proof import LogFault, LogProved, verify_proof
from contracts.records import LaneLeaf

_CODES = {
    LogFault.HEAD_UNTRUSTED: Code.HEAD_NOT_SIGNED,
    LogFault.NOT_INCLUDED: Code.NOT_LOGGED,
    LogFault.BEYOND_HEAD: Code.BEYOND_HEAD,
    LogFault.PATH_BENT: Code.NOT_IN_LOG,
    LogFault.TWICE: Code.LOG_TWICE,
    LogFault.WITNESS_UNTRUSTED: Code.WITNESS_NOT_SIGNED,
    LogFault.WITNESS_OTHER_HEAD: Code.WITNESS_OTHER_HEAD,
    LogFault.WITNESS_INCONSISTENT: Code.LOG_FORKED,
    LogFault.WITNESS_TOO_EARLY: Code.SIGNED_BEFORE,
}
_FIRST: Final = 0
TAKEN_IN_WITHIN: Final = timedelta(minutes=1)
"""How much older than the head of the log an attestation may be that is not in it yet."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The digests of groups that the log lacks: from `before` there was one, or not in it `yet`."""

    before: frozenset[str] = frozenset()
    yet: frozenset[str] = frozenset()


def logged(given: Given) -> tuple[Logged | None, Absent, list[Finding]]:
    """Return how much of the file stands in the log, and what is wrong with its proof.

    Groups that the log did not hold yet when it was asked are counted, and prove nothing more. So
    are those from before there was a log, where the file holds the first group of it.
    """
    evidence, proof = given.evidence, given.evidence.log
    if proof is None:
        return None, Absent(), []
    names = dict(zip(digests_of(evidence.groups), evidence.groups, strict=True))
    missing = (set(proof.missing) & names.keys()) - {one.group for one in proof.included}
    asked = [text for name, text in names.items() if name not in missing]
    proved = verify_proof(proof, asked, given.directory, evidence.exchange)
    numbers = {name: number for number, name in enumerate(names, start=1)}
    found = [Finding(_CODES[one.fault], _where(one.about, numbers)) for one in proved.faults]
    if proved.head is None:
        return None, Absent(), found
    absent = _absent(given, proved, proved.head, missing)
    odd = [name for name in names if name in missing - absent.before - absent.yet]
    found += [Finding(Code.NOT_LOGGED, _where(name, numbers)) for name in odd]
    found += [
        Finding(Code.SIGNED_BEFORE, _where(name, numbers))
        for name in proved.places
        if name in given.groups and given.groups[name].at > proved.head.at + MAX_AHEAD
    ]
    return _told(given, proved.head, proved, absent), absent, found


@dataclass(frozen=True, slots=True)
class Step:
    """What a group decided of a journey or lane, from the number `first` on.

    `then` is the least number with which a later group may begin.
    """

    name: str
    group: str
    first: int
    then: int


def step_of(lane: LaneLeaf, group: str) -> Step:
    """Return the step of a lane: the next one begins where something waits, or behind the last."""
    then = max(lane.first, lane.waits) if lane.waits else lane.last + 1
    return Step(lane.lane, group, lane.first, then)


def out_of_order(
    decided: Iterable[Step], places: Mapping[str, int], absent: Absent
) -> Iterator[Finding]:
    """Yield the journeys or lanes whose decisions do not stand in the log in their own order.

    A lane's groups may begin at one number only while something waits there, which they say.
    """
    placed = [(_place(one.group, places, absent), one) for one in decided]
    known = [(place, one) for place, one in placed if place is not None]
    least: dict[str, int] = {}
    told: set[str] = set()
    for _, together in groupby(sorted(known, key=_by_place), _by_place):
        steps = [one for _, one in together]
        for one in steps:
            if one.first < least.get(one.name, one.first) and one.name not in told:
                told.add(one.name)
                yield Finding(Code.LOG_ORDER, f"{one.name}, number {one.first}")
        for one in steps:
            least[one.name] = max(least.get(one.name, one.then), one.then)


def _by_place(placed: tuple[float, Step]) -> float:
    return placed[0]


def _place(group: str, places: Mapping[str, int], absent: Absent) -> float | None:
    """Return the place of a group, before or after all others where the log lacks it by right."""
    if group in absent.before:
        return float("-inf")
    return float("inf") if group in absent.yet else places.get(group)


def _absent(given: Given, proved: LogProved, head: Head, missing: set[str]) -> Absent:
    """Return which groups the log lacks by right: the others should have been in it."""
    first = next((name for name, place in proved.places.items() if place == _FIRST), "")
    began = given.groups[first].at if first in given.groups else None
    signed = {name: given.groups[name].at for name in missing if name in given.groups}
    before = {name for name, at in signed.items() if _is_before(at, began)}
    forged = missing - signed.keys()
    late = {name for name, at in signed.items() if at >= head.at - TAKEN_IN_WITHIN}
    return Absent(frozenset(before), frozenset((late | forged) - before))


def _is_before(at: datetime, began: datetime | None) -> bool:
    return began is not None and at < began


def _told(given: Given, head: Head, proved: LogProved, absent: Absent) -> Logged:
    seen = {one.head.size: one.head.root for one in proved.witnesses}
    return Logged(
        size=head.size,
        root=head.root,
        at=head.at,
        places=proved.places,
        absent=absent.before | absent.yet,
        before=len(absent.before),
        witnesses=tuple(
            Witness(one.said.witness, one.said.agency, one.said.at, one.said.size, one.doubtful)
            for one in proved.witnesses
        ),
        heads={**seen, head.size: head.root},
        of=sum(1 for gateway in given.directory.document.gateways if gateway.witness),
        doubtful=proved.doubtful,
    )


def _where(about: str, numbers: Mapping[str, int]) -> str:
    """Return the number of the group or the witness in the file, which a reader can find."""
    if about in numbers:
        return f"group {numbers[about]}"
    return f"witness {int(about) + 1}" if about.isdecimal() else ""
