"""Checking the whole log from its records, and letting a witness begin again."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from contracts.jws import Signer
from contracts.log import digest_of
from services.agency.witness_memory import Memory, Remembered, State, path_of
from services.cli.amending import read_directory
from services.cli.founding import create
from services.cli.log_checking import Check
from services.cli.log_resolving import resolve_forks
from services.cli.options import load
from services.cli.witness_keys import make_witness_key, renew_witness
from services.runtime.partnership import Partnership
from tests.area import SCHOOL, Area
from tests.deliveries import group
from tests.logs import EXCHANGE, MemoryLog, with_witnesses

AREA = Area()
KEYS = with_witnesses(AREA)
TOKENS = [str(group(AREA, [f"decision {number}"])[0]["group"]) for number in range(9)]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _log(*groups: str) -> MemoryLog:
    log = MemoryLog(AREA)
    log.add(*groups)
    return log


def _check(
    log: MemoryLog,
    heads: list[str],
    attested: tuple[tuple[int, str], ...] = (),
    witnesses: tuple[str, ...] = (),
) -> Check:
    """Check records whose groups stand at every tenth sequence, from ten on."""
    found = Check(AREA.directory, EXCHANGE, AREA.now)
    found.read_heads(list(enumerate(heads, 1000)))
    found.read_groups([(10 * n, token) for n, token in enumerate(log.groups, 1)])
    found.finish_groups()
    bare = {"leaves": (), "name": "", "beside": (), "child": "", "entry": 0}
    found.read_attested([(at, {**bare, "group": digest_of(token)}) for at, token in attested])
    found.read_witnesses(
        (100 + n, {"agency": SCHOOL, "cosignature": one}) for n, one in enumerate(witnesses)
    )
    return found


def _codes(found: Check) -> list[tuple[str, int]]:
    return [(one.code, one.sequence) for one in found.wrong]


def test_a_log_that_holds_together_has_nothing_wrong() -> None:
    """Groups, heads, receipts, deliveries and witnesses that fit are counted, and nothing else."""
    log = _log(*TOKENS)
    heads = [log.head(1), log.head(4), log.head(9)]
    seen = log.witnessed(SCHOOL, KEYS["schools"], 4).cosignature
    found = _check(log, heads, ((8, TOKENS[0]), (88, TOKENS[8])), (seen,))
    assert _codes(found) == []
    assert (found.groups, found.heads, found.newest) == (9, 3, 9)
    assert (found.compared, found.before, found.witnesses) == (2, 0, 1)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda t: [*t[:2], TOKENS[8], *t[3:]], [("log.other-root", 1001)]),
        (lambda t: [*t[:2], *t[3:]], [("log.other-root", 1001)]),
        (lambda t: [t[1], t[0], *t[2:]], [("log.other-root", 1000), ("log.other-root", 1001)]),
        (lambda t: t[:3], [("log.shorter", 1001)]),
        (lambda t: [*t[:8], t[0]], [("log.group-twice", 90)]),
        (lambda t: [*t[:8], "not signed"], [("log.group-untrusted", 90)]),
    ],
    ids=["rewritten", "removed", "swapped", "cut off", "twice", "forged"],
)
def test_what_was_changed_in_the_ledger_is_found(
    change: Callable[[list[str]], list[str]], wrong: list[tuple[str, int]]
) -> None:
    """Heads over the true log contradict every other one, and each is named by its sequence."""
    true = _log(*TOKENS[:8])
    heads = [true.head(1), true.head(4)]
    found = _check(_log(*change(TOKENS[:8])), heads)
    assert _codes(found) == wrong


def test_heads_that_run_back_or_are_forged_are_found() -> None:
    """A head is signed by the exchange, over more groups than the last and not before it."""
    log = _log(*TOKENS)
    forged = _log(*TOKENS).head(6, key=AREA.services["story"])
    early = _log(*TOKENS).head(7, at=AREA.now - timedelta(hours=1))
    heads = [log.head(5), log.head(3), forged, early]
    assert _codes(_check(log, heads)) == [
        ("log.head-backwards", 1001),
        ("log.head-untrusted", 1002),
        ("log.head-backwards", 1003),
    ]


def test_a_receipt_that_the_log_leaves_out_is_found() -> None:
    """Of what was decided while there was a log, everything is a leaf; what is older is counted."""
    log = _log(*TOKENS[:8])
    left_out = TOKENS[8]
    found = _check(log, [], ((4, left_out), (55, left_out), (500, left_out)))
    assert _codes(found) == [("log.missing", 55)]
    assert (found.before, found.compared) == (1, 0)


def test_a_witness_of_another_log_is_found() -> None:
    """What a witness signed is the root over that many of these groups, or it is told."""
    log, other = _log(*TOKENS), _log(*TOKENS[::-1])
    key = KEYS["schools"]
    seen = (other.witnessed(SCHOOL, key, 4).cosignature, log.head())
    assert _codes(_check(log, [], (), seen)) == [
        ("log.witness-other-head", 100),
        ("log.witness-untrusted", 101),
    ]
    longer = _check(_log(*TOKENS[:3]), [], (), (log.witnessed(SCHOOL, key, 4).cosignature,))
    assert _codes(longer) == [("log.witness-other-head", 100)]


def test_a_witness_begins_again_only_with_a_reason_and_keeps_what_it_knew(tmp_path: Path) -> None:
    """Resolving moves memory and heads aside with the reason, of this gateway's witness alone."""
    for gateway in ("schools", "schools-north"):
        memory = Memory(path_of(tmp_path, gateway, "universal"))
        memory.write(Remembered(state=State.FORKED, reason="log.other-root", head="a", other="b"))
        memory.keep_evidence("a", "b")
    other = path_of(tmp_path, "schools-north", "universal")
    before = other.read_bytes()
    for gateway, because in (("schools", " "), ("health", "looked into")):
        with pytest.raises(HandrailError) as refused:
            resolve_forks(tmp_path, gateway, because, NOW)
        assert refused.value.code == "log.nothing-to-resolve"
    kept = resolve_forks(tmp_path, "schools", "restored from a backup", NOW)
    assert Memory(path_of(tmp_path, "schools", "universal")).read() == Remembered()
    assert other.read_bytes() == before
    texts = [path.read_text() for path in kept]
    assert {"a", "b"} <= set(texts)
    assert any("restored from a backup" in text for text in texts)
    with pytest.raises(HandrailError):
        resolve_forks(tmp_path, "schools", "again", NOW)


def test_a_witness_whose_head_is_no_longer_trusted_begins_again(tmp_path: Path) -> None:
    """A head whose key was revoked since stops a witness for good, so it can be resolved too."""
    path = path_of(tmp_path, "schools", "universal")
    Memory(path).write(Remembered(state=State.WITNESSING, head="signed by a revoked key"))
    with pytest.raises(HandrailError):
        resolve_forks(tmp_path, "schools", "looked into", NOW)
    resolve_forks(tmp_path, "schools", "the exchange's key was revoked", NOW, lambda _: False)
    assert Memory(path).read() == Remembered()


def test_a_witness_signs_with_a_key_that_was_made_where_it_runs(tmp_path: Path) -> None:
    """The public half is all that the operator needs; the private one stays in its own folder."""
    root = create(tmp_path / "root", now=NOW, demonstration=True)
    name = read_directory(root).document.gateways[0].id
    shutil.copytree(root.folder, tmp_path / "own")
    shutil.rmtree(tmp_path / "own/keys/witnesses")
    own = load(tmp_path / "own")
    x = make_witness_key(own, name)
    assert make_witness_key(own, name) == x
    made = renew_witness(root, name, NOW, x=x).document.gateways[0].witness
    assert [key.x for key in made[1:]] == [x]
    assert x not in root.signers.by_public(f"witnesses/{name}")
    assert own.signers.newest(f"witnesses/{name}", made, NOW).x == x
    for bad, code in (("short", "key.not-public"), (x, "directory.bad-entry")):
        with pytest.raises(HandrailError) as refused:
            renew_witness(root, name, NOW, x=bad)
        assert refused.value.code == code
    with pytest.raises(HandrailError) as refused:
        make_witness_key(own, "nowhere")
    assert refused.value.code == "gateway.unknown"


def test_a_witness_gets_a_new_key_and_the_old_one_ends(tmp_path: Path) -> None:
    """A new key signs at once; the one before for a day longer, a compromised one not at all."""
    partnership = create(tmp_path / "state", now=NOW, demonstration=True)
    first = read_directory(partnership).document.gateways[0]
    assert witness_key_of(partnership, first.id, NOW).kid == first.witness[0].kid
    for compromised in (False, True):
        renew_witness(partnership, first.id, NOW, compromised=compromised)
    keys = read_directory(partnership).document.gateways[0].witness
    assert [key.retired_at for key in keys] == [NOW + timedelta(days=1), None, None]
    assert [key.compromised_at for key in keys] == [NOW, NOW, None]
    assert witness_key_of(partnership, first.id, NOW).kid == keys[2].kid
    directory = read_directory(partnership)
    assert [directory.holder(key.kid) for key in keys] == [None] * 3
    with pytest.raises(HandrailError) as refused:
        renew_witness(partnership, "nowhere", NOW)
    assert refused.value.code == "gateway.unknown"


def witness_key_of(partnership: Partnership, gateway: str, at: datetime) -> Signer:
    """The key by which a gateway witnesses at an instant."""
    entry = next(g for g in read_directory(partnership).document.gateways if g.id == gateway)
    return partnership.signers.newest(f"witnesses/{gateway}", entry.witness, at)
