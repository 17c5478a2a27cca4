"""What every part of an evidence file is judged by: the directory, and the groups that are signed.

The directory comes first: without it no key in the file means anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts import base64url
from contracts.directory import GRACE, Directory, open_directory
from contracts.errors import HandrailError
from contracts.evidence.findings import Code, Finding
from contracts.evidence.form import Evidence, digests_of
from contracts.log import revoked_later
from contracts.records import GROUP_TYP, Decision, Group, Place, attested_in, signed_group
from contracts.roots import follow

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Given:
    """A file, the directory by which it is judged, and its groups that the exchange signed.

    `forged` are the digests of groups in the file that it did not sign; they are told once.
    `doubtful` counts those by a key that was revoked later, by their own word only then.
    """

    evidence: Evidence
    directory: Directory
    groups: Mapping[str, Group]
    forged: frozenset[str] = frozenset()
    doubtful: int = 0

    def decision(self, text: str, group: str | None, place: Place | None) -> Decision | Code | None:
        """Return the decision that stands at its place in a signed group, or why it does not.

        None where the group it stands in is forged, which has been told.
        """
        if group is None or place is None:
            return Code.NO_ATTESTATION
        if group in self.forged:
            return None
        signed = self.groups.get(group)
        if signed is None:
            return Code.GROUP_ABSENT
        made = attested_in(text, place, signed)
        if made is None:
            return Code.NOT_ATTESTED
        return Code.SIGNED_BEFORE if signed.at < made.now else made


def trusted(
    evidence: Evidence, root_x: str | None, known: Directory | None
) -> Directory | tuple[Finding, ...]:
    """Return the directory that the root signed, or why there is none; never raises.

    `root_x` is the root key that the reader knows; without it the one in the file is believed.
    `known` is a directory that the reader has: a newer one than the file's judges in its place, for
    it knows of keys that were revoked since.
    """
    root = evidence.root if root_x is None else root_x
    found = _opened(evidence, root) or _by_earlier_root(evidence, root, known)
    if found is None:
        other = root_x is not None and _opened(evidence, evidence.root) is not None
        return (Finding(Code.OTHER_ROOT if other else Code.DIRECTORY_UNTRUSTED),)
    wrong = tuple(_belongs(evidence, found))
    if wrong:
        return wrong
    if known is None or known.document.partnership != evidence.partnership:
        return found
    return known if known.document.version > found.document.version else found


def given(evidence: Evidence, directory: Directory) -> tuple[Given, tuple[Finding, ...]]:
    """Return what the file is judged by, and what is wrong with its groups."""
    found: list[Finding] = []
    groups: dict[str, Group] = {}
    forged: set[str] = set()
    for number, (name, text) in enumerate(
        zip(digests_of(evidence.groups), evidence.groups, strict=True), start=1
    ):
        if name in groups or name in forged:
            found.append(Finding(Code.GROUP_TWICE, f"group {number}"))
            continue
        signed = signed_group(text, directory, evidence.exchange)
        if signed is None:
            forged.add(name)
            found.append(Finding(Code.GROUP_NOT_SIGNED, f"group {number}"))
        else:
            groups[name] = signed
    ended = directory.document.expires_at + GRACE
    if any(group.at > ended for group in groups.values()):
        found.append(Finding(Code.DIRECTORY_EXPIRED))
    doubtful = sum(revoked_later(text, GROUP_TYP, directory) for text in evidence.groups)
    return Given(evidence, directory, groups, frozenset(forged), doubtful), tuple(found)


def _opened(evidence: Evidence, root_x: str) -> Directory | None:
    if len(base64url.decode(root_x) or b"") != _KEY_BYTES:
        return None
    try:
        return open_directory(evidence.directory.encode("utf-8", "replace"), root_x)
    except HandrailError:
        return None


def _by_earlier_root(evidence: Evidence, root_x: str, known: Directory | None) -> Directory | None:
    """Return the directory of a file that was made before the root changed, else None.

    A known directory tells which roots there were before; being newer, it is the one that judges.
    """
    roots = None if known is None else follow(root_x, known.document.root_changes)
    if known is None or roots is None:
        return None
    for earlier in roots.keys:
        found = _opened(evidence, earlier)
        if found is not None and found.document.version < known.document.version:
            return found
    return None


def _belongs(evidence: Evidence, directory: Directory) -> Iterator[Finding]:
    """Yield that the file is another partnership's, or that another service is to have decided."""
    partnership = directory.document.partnership
    own = (partnership, f"{partnership}.exchange")
    if (evidence.partnership, evidence.exchange) != own:
        yield Finding(Code.OTHER_PARTNERSHIP)
