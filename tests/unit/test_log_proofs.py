"""Heads, inclusion, consistency and witnesses of the log, proved offline (RFC 9162)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import jws
from contracts.directory import DirectoryDocument
from contracts.identifiers import new_reference
from contracts.log import (
    HEAD_TYP,
    WITNESS_TYP,
    Head,
    LogProof,
    continues,
    digest_of,
    open_cosignature,
    open_head,
    read_proof,
    sign_head,
)
from contracts.log_proof import LogFault, LogProved, verify_proof
from tests.area import CAF, FRONT, SCHOOL, TEACHER, Area
from tests.logs import EXCHANGE, MemoryLog, with_witnesses
from tests.messages import protection

AREA = Area()
KEYS = with_witnesses(AREA)
SCHOOLS = KEYS["schools"]


def _log(size: int = 7) -> MemoryLog:
    log = MemoryLog(AREA)
    log.add(*(f"group {number}" for number in range(size)))
    return log


LOG = _log()


def _proved(proof: LogProof, *groups: str) -> LogProved:
    return verify_proof(proof, groups, AREA.directory, EXCHANGE)


def _faults(proof: LogProof, *groups: str) -> set[LogFault]:
    return {found.fault for found in _proved(proof, *groups).faults}


def test_a_group_in_the_log_is_proved_under_a_signed_head() -> None:
    """Every group is proved at its own place, under the newest head and every one before it."""
    for size in range(1, 8):
        for index in range(size):
            group = LOG.groups[index]
            proved = _proved(LOG.proof(group, size=size), group)
            assert proved.holds
            assert proved.places == {digest_of(group): index}
            assert proved.head is not None
            assert proved.head.size == size


def test_what_is_not_in_the_log_is_not_proved() -> None:
    """A group without a place, or with the place of another, is told as not included."""
    assert _faults(LOG.proof("group 1"), "group 1", "group 2") == {LogFault.NOT_INCLUDED}
    other = LOG.included("group 1").model_copy(update={"group": digest_of("another")})
    bent = LOG.proof().model_copy(update={"included": (other,)})
    assert _faults(bent, "another") == {LogFault.PATH_BENT}


def test_a_place_beyond_the_head_proves_nothing() -> None:
    """A head that is smaller than an index is told as such."""
    late = LOG.included("group 6")
    proof = LOG.proof(size=3).model_copy(update={"included": (late,)})
    assert _faults(proof, "group 6") == {LogFault.BEYOND_HEAD}


def test_a_head_counts_only_when_the_exchange_signed_it() -> None:
    """A head under another key, of another service, or of another type is no head."""
    directory = AREA.directory
    genuine = LOG.head()
    assert open_head(genuine, directory, EXCHANGE) is not None
    assert open_head(genuine, directory, "demo.story") is None
    for key in (AREA.keys[TEACHER], AREA.services["story"], SCHOOLS, jws.PrivateKey.generate()):
        forged = MemoryLog(AREA)
        forged.add("group 0")
        token = forged.head(key=key)
        assert open_head(token, directory, EXCHANGE) is None
        assert _faults(LogProof(head=token)) == {LogFault.HEAD_UNTRUSTED}
    head = open_head(genuine, directory, EXCHANGE)
    assert head is not None
    body = head.model_dump_json().encode()
    other = jws.sign(body, AREA.services["exchange"], WITNESS_TYP).decode()
    assert open_head(other, directory, EXCHANGE) is None


def test_a_head_before_or_after_the_key_was_valid_counts_for_nothing() -> None:
    """A head is judged by the key's times at the head's own instant."""
    for days in (-366, 366):
        log = _log(1)
        token = log.head(at=AREA.now + timedelta(days=days))
        assert (open_head(token, AREA.directory, EXCHANGE) is None) == (days < 0)


def test_a_witness_counts_whose_head_is_the_beginning_or_the_continuation() -> None:
    """Under one head the signatures over smaller and larger heads of the same log are proved."""
    for size in range(1, 8):
        for under in range(1, 8):
            seen = LOG.witnessed(SCHOOL, SCHOOLS, size, under)
            proved = _proved(LOG.proof(size=under, witnesses=(seen,)))
            assert proved.holds
            assert [w.said.witness for w in proved.witnesses] == ["schools"]


@pytest.mark.parametrize("change", ["size", "root", "head", "log", "witness", "agency"])
def test_a_witness_that_says_something_else_than_its_head_does_not_count(change: str) -> None:
    """Every member of what a witness signs is compared with the head that comes along."""
    other: dict[str, Any] = {
        "size": 3,
        "root": LOG.root(3),
        "head": digest_of(LOG.head(3)),
        "log": "demo.story",
        "witness": "caf",
    }
    if change == "agency":
        seen = LOG.witnessed(CAF, SCHOOLS, witness="schools")
    elif change != "size":
        seen = LOG.witnessed(SCHOOL, SCHOOLS, **{change: other[change]})
    else:
        seen = LOG.witnessed(SCHOOL, SCHOOLS).model_copy(
            update={"cosignature": LOG.witnessed(SCHOOL, SCHOOLS, 3).cosignature}
        )
    wrong = (
        LogFault.WITNESS_UNTRUSTED
        if change in ("witness", "agency")
        else LogFault.WITNESS_OTHER_HEAD
    )
    assert _faults(LOG.proof(witnesses=(seen,))) == {wrong}


def test_only_witness_keys_witness_and_they_sign_nothing_else() -> None:
    """Keys of people, services and other gateways do not witness; a witness key seals nothing."""
    for key in (AREA.keys[TEACHER], AREA.services["exchange"], KEYS["caf"]):
        seen = LOG.witnessed(SCHOOL, key)
        assert open_cosignature(seen.cosignature, AREA.directory) is None
        assert _faults(LOG.proof(witnesses=(seen,))) == {LogFault.WITNESS_UNTRUSTED}
    assert AREA.directory.holder(SCHOOLS.kid) is None
    assert AREA.directory.witness(AREA.keys[TEACHER].kid) is None
    people = dict(AREA.keys)
    AREA.keys[TEACHER] = SCHOOLS
    try:
        sealed = protection(AREA, new_reference())
    finally:
        AREA.keys = people
    assert AREA.codes(sealed) == {"seal.unknown-key"}


def test_no_key_is_both_a_witness_and_a_signer() -> None:
    """A directory that names one key for two purposes is not made."""
    body = orjson.loads(AREA.document.model_dump_json())
    person = body["practitioners"][0]["keys"]
    body["gateways"][0]["witness"] = person
    with pytest.raises(ValueError, match="stands in the directory twice"):
        DirectoryDocument.model_validate_json(orjson.dumps(body))


def test_a_bent_path_between_heads_does_not_count() -> None:
    """A witness's head that is not shown to belong to the same log proves nothing of it."""
    other = MemoryLog(AREA)
    other.add("another", *LOG.groups[1:5])
    apart = other.witnessed(SCHOOL, SCHOOLS, 5, 5).model_copy(update={"path": LOG.path(5, 7)})
    assert _faults(LOG.proof(witnesses=(apart,))) == {LogFault.WITNESS_INCONSISTENT}
    seen = LOG.witnessed(SCHOOL, SCHOOLS, 3)
    bent = seen.model_copy(update={"path": seen.path[::-1]})
    assert _faults(LOG.proof(witnesses=(bent,))) == {LogFault.WITNESS_INCONSISTENT}


def test_a_witness_counts_once() -> None:
    """The same agency's signature twice is told, and counted once; so is a group named twice."""
    seen = LOG.witnessed(SCHOOL, SCHOOLS)
    proved = _proved(LOG.proof(witnesses=(seen, seen, LOG.witnessed(FRONT, KEYS["front-door"]))))
    assert len(proved.witnesses) == 2
    assert [found.fault for found in proved.faults] == [LogFault.TWICE]
    place = LOG.included("group 1")
    twice = LOG.proof().model_copy(update={"included": (place, place)})
    assert _faults(twice, "group 1") == {LogFault.TWICE}


def test_a_forked_log_is_not_a_continuation() -> None:
    """A leaf removed, rewritten or put in shows between any two heads of different logs."""
    directory = AREA.directory
    for changed in (LOG.groups[1:], ["x", *LOG.groups[1:]], ["x", *LOG.groups]):
        fork = MemoryLog(AREA)
        fork.add(*changed)
        for size in range(1, len(changed)):
            old = open_head(LOG.head(size), directory, EXCHANGE)
            new = open_head(fork.head(), directory, EXCHANGE)
            assert old is not None
            assert new is not None
            assert not continues(old, new, fork.path(size, new.size))


def test_a_proof_comes_back_from_json_as_it_went() -> None:
    """What is written is read again; anything else is nothing, and raises nothing."""
    proof = LOG.proof("group 1", witnesses=(LOG.witnessed(SCHOOL, SCHOOLS),))
    assert read_proof(proof.model_dump_json()) == proof
    assert read_proof(orjson.loads(proof.model_dump_json())) == proof
    doubled = proof.model_dump_json().replace('"v":1', '"v":1,"v":1', 1)
    for bad in (b"", b"[]", b"{}", b"\xff", doubled, "[" * 5000, {"head": object()}):
        assert read_proof(bad) is None


@given(st.binary(max_size=200), st.integers(0, 2**70))
def test_no_bytes_make_reading_or_opening_raise(data: bytes, number: int) -> None:
    """Whatever bytes come in place of a head, a signature or a proof, the answer is nothing."""
    text = data.decode("latin-1")
    assert open_head(text, AREA.directory, EXCHANGE) is None
    assert open_cosignature(text, AREA.directory) is None
    assert read_proof(data) is None
    signed = jws.sign(data, AREA.services["exchange"], HEAD_TYP).decode()
    assert open_head(signed, AREA.directory, EXCHANGE) is None
    forms = {"head": LOG.head(), "included": [{"group": "0" * 64, "index": number, "path": []}]}
    proof = read_proof(orjson.dumps(forms) if number < 2**64 else b"{")
    if proof is not None:
        assert _faults(proof, "group 1") == {LogFault.NOT_INCLUDED}


def test_a_payload_with_a_name_twice_is_no_head() -> None:
    """Two readers must not be able to read two sizes out of one signed head."""
    head = open_head(LOG.head(), AREA.directory, EXCHANGE)
    assert head is not None
    body = head.model_dump_json().replace('"size":7', '"size":7,"size":6').encode()
    signed = jws.sign(body, AREA.services["exchange"], HEAD_TYP).decode()
    assert open_head(signed, AREA.directory, EXCHANGE) is None
    same = Head.model_validate_json(head.model_dump_json())
    assert open_head(sign_head(same, AREA.services["exchange"]), AREA.directory, EXCHANGE) == head
    assert replace(_proved(LOG.proof()), faults=()).holds
