"""What a proof of the log proves, checked without anybody's help (RFC 9162 §§2.1.3, 2.1.4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contracts import base64url
from contracts.directory import Directory
from contracts.event import MAX_AHEAD
from contracts.log import (
    HEAD_TYP,
    WITNESS_TYP,
    Cosignature,
    Head,
    Inclusion,
    LogProof,
    Witnessed,
    continues,
    digest_of,
    hashes_of,
    leaf_of,
    open_cosignature,
    open_head,
    revoked_later,
)
from contracts.merkle import root_from


class LogFault(StrEnum):
    """Why a part of a proof does not hold; the values are codes of a closed list."""

    HEAD_UNTRUSTED = "log.head-untrusted"
    NOT_INCLUDED = "log.not-included"
    BEYOND_HEAD = "log.index-beyond-head"
    PATH_BENT = "log.path-bent"
    TWICE = "log.named-twice"
    WITNESS_UNTRUSTED = "log.witness-untrusted"
    WITNESS_OTHER_HEAD = "log.witness-other-head"
    WITNESS_INCONSISTENT = "log.witness-inconsistent"
    WITNESS_TOO_EARLY = "log.witness-too-early"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and what it is about: a group's digest, or the number of a witness in the proof."""

    fault: LogFault
    about: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness whose signature holds, and the head it signed.

    `doubtful`: by a key that was revoked since.
    """

    said: Cosignature
    head: Head
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class LogProved:
    """What a proof proves: the head, the place of each group by its digest, and its witnesses.

    `doubtful` tells that the key which signed the head has been revoked since.
    """

    head: Head | None
    places: dict[str, int]
    witnesses: tuple[Witness, ...]
    faults: tuple[Finding, ...]
    doubtful: bool = False

    @property
    def holds(self) -> bool:
        """Tell whether nothing was found wrong."""
        return not self.faults


def verify_proof(
    proof: LogProof, groups: Iterable[str], directory: Directory, exchange: str
) -> LogProved:
    """Return what `proof` proves of `groups`, given as the texts that the exchange signed.

    A head that is not to be trusted proves nothing else. A witness that signed a smaller head, or a
    larger one, counts when the path shows that one log holds both.
    """
    head = open_head(proof.head, directory, exchange)
    if head is None:
        return LogProved(None, {}, (), (Finding(LogFault.HEAD_UNTRUSTED),))
    places: dict[str, int] = {}
    faults: list[Finding] = []
    given = {one.group: one for one in proof.included}
    if len(given) < len(proof.included):
        faults.append(Finding(LogFault.TWICE))
    for group in dict.fromkeys(groups):
        name = digest_of(group)
        found = _included(group, given.get(name), head)
        if isinstance(found, LogFault):
            faults.append(Finding(found, name))
        else:
            places[name] = found
    witnesses: list[Witness] = []
    for number, one in enumerate(proof.witnesses):
        seen = _witness(one, proof.head, head, directory, exchange)
        if isinstance(seen, LogFault):
            faults.append(Finding(seen, str(number)))
        elif seen.said.agency in {w.said.agency for w in witnesses}:
            faults.append(Finding(LogFault.TWICE, str(number)))
        else:
            witnesses.append(seen)
    doubtful = revoked_later(proof.head, HEAD_TYP, directory)
    return LogProved(head, places, tuple(witnesses), tuple(faults), doubtful)


def _included(group: str, given: Inclusion | None, head: Head) -> int | LogFault:
    if given is None:
        return LogFault.NOT_INCLUDED
    if given.index >= head.size:
        return LogFault.BEYOND_HEAD
    steps = hashes_of(given.path)
    if steps is None:
        return LogFault.PATH_BENT
    root = root_from(leaf_of(group), given.index, head.size, steps)
    if root is None or base64url.encode(root) != head.root:
        return LogFault.PATH_BENT
    return given.index


def _witness(
    one: Witnessed, token: str, head: Head, directory: Directory, exchange: str
) -> Witness | LogFault:
    said = open_cosignature(one.cosignature, directory)
    if said is None:
        return LogFault.WITNESS_UNTRUSTED
    signed = head if one.head == token else open_head(one.head, directory, exchange)
    if signed is None:
        return LogFault.WITNESS_OTHER_HEAD
    same = (said.head, said.log, said.size, said.root)
    if same != (digest_of(one.head), signed.log, signed.size, signed.root):
        return LogFault.WITNESS_OTHER_HEAD
    if not continues(signed, head, one.path):
        return LogFault.WITNESS_INCONSISTENT
    if said.at < signed.at - MAX_AHEAD:
        return LogFault.WITNESS_TOO_EARLY
    return Witness(said, signed, revoked_later(one.cosignature, WITNESS_TYP, directory))
