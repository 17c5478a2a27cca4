"""The log of everything decided: its tree made again from the groups, and held against all heads.

Nothing of what the exchange knows of its tree is read: only the groups in the ledger's order, the
heads that it signed, and what the agencies' services signed of them (RFC 9162 §2.1, §4.10).
"""

from collections.abc import Iterator
from typing import Any, Final

from contracts import base64url
from contracts.merkle import grow, leaf_hash, root_of
from tests.faults.checks_found import TWICE, UNPROVED, Findings
from tests.faults.checks_records import Reading

HEAD: Final = "handrail-head+jws"
WITNESS: Final = "handrail-witness+jws"
LAST: Final = 3
"""Every gateway's witness must have signed one of so many newest heads once all is at rest."""


class _Roots:
    """The roots over the first groups of the log, of any number of them."""

    def __init__(self, groups: list[str]) -> None:
        self._size = len(groups)
        self._nodes: dict[tuple[int, int], bytes] = {}
        for size, token in enumerate(groups):
            for made in grow(size, leaf_hash(token.encode()), self._node):
                self._nodes[made.level, made.position] = made.hash

    def of(self, size: int) -> str:
        """Return the root over so many groups as heads write it; empty where there are fewer."""
        return base64url.encode(root_of(size, self._node)) if 0 < size <= self._size else ""

    def _node(self, level: int, position: int) -> bytes:
        return self._nodes[level, position]


def check_log(reading: Reading, findings: Findings) -> None:
    """Check that the log holds every group by which anything was attested, and keeps its word."""
    trust = reading.trust
    for token, group in trust.groups.items():
        if group is None:
            findings.add(UNPROVED, "group not signed by the exchange", token[-16:])
    if len(set(reading.tree)) < len(reading.tree):
        findings.add(TWICE, "a group stands twice in the log")
    for token in trust.groups.keys() - set(reading.tree):
        findings.add(UNPROVED, "group missing in the log", token[-16:])
    roots = _Roots(reading.tree)
    _check_heads(reading, roots, findings)
    _check_witnesses(reading, roots, findings)


def covered(reading: Reading) -> int:
    """Return how many groups the newest head covers."""
    return max((head.get("size", 0) for head in _heads(reading, 1)), default=0)


def unwitnessed(reading: Reading, last: int = 1) -> list[str]:
    """Return the gateways whose witness has signed none of the `last` newest heads."""
    trust, seen = reading.trust, dict.fromkeys(reading.trust.witnesses.values(), 0)
    due = min((head.get("size", 0) for head in _heads(reading, last)), default=0)
    for agency, token in dict(reading.witnesses).items():
        said = trust.signed(token, WITNESS, trust.witness_keys(agency)) or {}
        gateway = trust.carriers.get(agency, "")
        seen[gateway] = max(seen.get(gateway, 0), said.get("size", 0))
    return sorted(gateway for gateway, size in seen.items() if size < max(due, 1))


def _check_witnesses(reading: Reading, roots: _Roots, findings: Findings) -> None:
    """Check that each is signed by the agency's gateway, of this log, and larger than before."""
    trust, sizes = reading.trust, dict.fromkeys(reading.trust.carriers, 0)
    for agency, token in reading.witnesses:
        said = trust.signed(token, WITNESS, trust.witness_keys(agency)) or {}
        if said.get("agency") != agency or said.get("log") != trust.exchange:
            findings.add(UNPROVED, "witness not signed by its gateway", agency)
            continue
        if roots.of(said["size"]) != said["root"]:
            findings.add(UNPROVED, "witness of another log", agency, said["size"])
        if said["size"] <= sizes[agency]:
            findings.add(UNPROVED, "witness that goes back", agency, said["size"])
        sizes[agency] = max(sizes[agency], said["size"])
    for gateway in unwitnessed(reading, LAST):
        findings.add(UNPROVED, "newest heads without the witness", gateway)


def _heads(reading: Reading, last: int = 0) -> Iterator[dict[str, Any]]:
    """Yield what the heads say, of all of them or of the last, empty where one is not signed."""
    trust = reading.trust
    for token in reading.heads[-last:]:
        yield trust.signed(token, HEAD, trust.exchange_keys) or {}


def _check_heads(reading: Reading, roots: _Roots, findings: Findings) -> None:
    """Check that each head is signed, larger than the one before, and over these very groups."""
    size = 0
    for number, head in enumerate(_heads(reading), 1):
        if not head or head["log"] != reading.trust.exchange:
            findings.add(UNPROVED, "head not signed by the exchange", number)
            continue
        if head["size"] <= size:
            findings.add(UNPROVED, "head that goes back", number)
        if roots.of(head["size"]) != head["root"]:
            findings.add(UNPROVED, "head over another log", number)
        size = max(size, head["size"])
    if size < len(reading.tree):
        findings.add(UNPROVED, "groups that no head covers", len(reading.tree) - size)
