"""Targets that prove what happened to outsiders: evidence, the log, roots, and releases.

Texts that somebody signed stand in the open in some of the seeds; they are signed again, so that
what they say is spoiled and not their signature.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import orjson

from contracts import base64url, jws, roots, strict_json
from contracts.directory import TYP as DIRECTORY_TYP
from contracts.directory import Directory
from contracts.evidence import dump
from contracts.evidence.findings import WORDS, Code
from contracts.evidence.form import looks_like_evidence
from contracts.evidence.reading import read
from contracts.evidence.said import CLOCKS_TYP
from contracts.log import (
    HEAD_TYP,
    WITNESS_TYP,
    open_cosignature,
    open_head,
    read_proof,
)
from contracts.log_proof import LogFault, verify_proof
from contracts.quarantine import read_order, read_record
from contracts.records import GROUP_TYP
from tests.evidence.base import EXCHANGE, Base
from tests.fuzz.target import NONE, OK, Target
from tests.fuzz.world import invented_randomness


@cache
def base() -> Base:
    """An honest evidence file and everybody's keys, the same in every process."""
    with invented_randomness():
        return Base()


@cache
def _directory() -> Directory:
    return base().area.directory


def evidence(data: bytes) -> str:
    """An evidence file, by the root that is known and by the one inside; parts signed again."""
    looks_like_evidence(data)
    signed = _signed_again(data)
    root_x = base().area.root.x
    trusting: tuple[tuple[str | None, Directory | None], ...] = (
        (root_x, None),
        (None, None),
        (root_x, _directory()),
    )
    findings = read(signed, *trusting[len(data) % len(trusting)]).findings
    assert all(one.code in WORDS for one in findings)
    return findings[0].code.value if findings else OK


def _signed_again(data: bytes) -> bytes:
    made = strict_json.load(data)
    if not isinstance(made, dict):
        return data
    log = made.get("log")
    if isinstance(log, dict):
        _sign(log, "head", HEAD_TYP, base().area.services["exchange"])
    _sign(made, "directory", DIRECTORY_TYP, base().area.root)
    for name, typ, service in (
        ("groups", GROUP_TYP, "exchange"),
        ("clocks", CLOCKS_TYP, "tracker"),
    ):
        texts = made.get(name)
        for place in range(len(texts)) if isinstance(texts, list) else ():
            _sign(texts, place, typ, base().area.services[service])
    return json.dumps(made).encode()


def _sign(holder: Any, key: Any, typ: str, signer: jws.PrivateKey) -> None:
    """Put a token in the place of an object that it is to say."""
    said = holder[key] if isinstance(holder, list) else holder.get(key)
    if isinstance(said, dict):
        holder[key] = jws.sign(json.dumps(said).encode(), signer, typ).decode()


def proof(data: bytes) -> str:
    """A proof of the log, and what it proves of the groups of the honest file."""
    made = strict_json.load(data)
    if isinstance(made, dict):
        _sign(made, "head", HEAD_TYP, base().area.services["exchange"])
        for one in made.get("witnesses") or () if isinstance(made.get("witnesses"), list) else ():
            if isinstance(one, dict):
                _sign(one, "head", HEAD_TYP, base().area.services["exchange"])
                _sign(one, "cosignature", WITNESS_TYP, _witness(one.get("cosignature")))
        data = json.dumps(made).encode()
    found = read_proof(data)
    if found is None:
        return NONE
    proved = verify_proof(found, base().evidence.groups, _directory(), EXCHANGE)
    return proved.faults[0].fault.value if proved.faults else OK


def _witness(said: object) -> jws.PrivateKey:
    name = said.get("witness") if isinstance(said, dict) else None
    keys = base().witnesses
    return keys.get(name if isinstance(name, str) else "", keys["schools"])


def token(data: bytes) -> str:
    """A head and a cosignature, their payload under the right signature, and as they are."""
    text = data.decode("utf-8", "replace")
    head = jws.sign(data, base().area.services["exchange"], HEAD_TYP).decode()
    seen = jws.sign(data, base().witnesses["schools"], WITNESS_TYP).decode()
    found = (
        open_head(text, _directory(), EXCHANGE),
        open_cosignature(text, _directory()),
        open_head(head, _directory(), EXCHANGE),
        open_cosignature(seen, _directory()),
    )
    return OK if any(found) else NONE


def root_change(data: bytes) -> str:
    """A change of the root, its payload under both signatures, and a chain of such changes."""
    old, new = base().area.root, base().area.services["tracker"]
    made = [old.signature(data, roots.TYP), new.signature(data, roots.TYP)]
    text = jws.assemble(base64url.encode(data), made).decode()
    roots.open_change(data.decode("utf-8", "replace"))
    found = roots.open_change(text)
    chains = (roots.follow(old.x, (text,)), roots.follow(old.x, (text, text)))
    assert chains[1] is None
    return OK if found and chains[0] else NONE


def release(data: bytes) -> str:
    """A record of the quarantine and an order to release."""
    return OK if read_record(data) or read_order(data) else NONE


def _opened(text: str) -> Mapping[str, Any]:
    payload = base64url.decode(orjson.loads(text)["payload"]) or b""
    made: dict[str, Any] = orjson.loads(payload)
    return made


@cache
def evidence_seeds() -> tuple[bytes, ...]:
    """The honest file, whole and with the signed texts in the open."""
    whole = dump(base().evidence)
    opened = orjson.loads(whole)
    opened["directory"] = _opened(opened["directory"])
    headless = orjson.loads(whole)
    headless["log"]["head"] = _opened(headless["log"]["head"])
    headless["groups"][0] = _opened(headless["groups"][0])
    headless["clocks"] = [_opened(one) for one in headless["clocks"]]
    return whole, orjson.dumps(opened), orjson.dumps(headless)


@cache
def proof_seeds() -> tuple[bytes, ...]:
    """The proof of the honest file, and one whose tokens stand in the open."""
    log = orjson.loads(dump(base().evidence))["log"]
    opened = orjson.loads(orjson.dumps(log))
    opened["head"] = _opened(opened["head"])
    for one in opened["witnesses"]:
        one["cosignature"] = _opened(one["cosignature"])
    return orjson.dumps(log), orjson.dumps(opened)


@cache
def token_seeds() -> tuple[bytes, ...]:
    """What a head and a cosignature say, and both as tokens."""
    log = orjson.loads(dump(base().evidence))["log"]
    texts = (log["head"], log["witnesses"][0]["cosignature"])
    return (*(orjson.dumps(_opened(one)) for one in texts), *(one.encode() for one in texts))


def _root_seeds() -> tuple[bytes, ...]:
    old, new = base().area.root.x, base().area.services["tracker"].x
    made = {"partnership": "demo", "number": 1, "from": old, "to": new}
    return (json.dumps(made | {"at": "2026-03-02T10:00:00Z"}).encode(),)


def _release_seeds() -> tuple[bytes, ...]:
    record = {
        "lane": "SUBMIT_demo_hilltop-school",
        "sequence": 7,
        "digest": "0" * 64,
        "reasons": [{"code": "seal.unknown-key", "detail": ""}],
        "at": "2026-03-02T10:00:00Z",
    }
    place = {"lane": record["lane"], "sequence": 7, "digest": "0" * 64}
    order = {"v": 1, "release": "quarantine", "because": "sender-asked", **place}
    return json.dumps(record).encode(), json.dumps(order).encode()


_LOG: Final = frozenset({OK, NONE} | {fault.value for fault in LogFault})
_CODES: Final = frozenset({OK} | {code.value for code in Code})
_ANY: Final = frozenset({OK, NONE})
TARGETS: Final = (
    Target("evidence", evidence, evidence_seeds, _CODES),
    Target("log-proof", proof, proof_seeds, _LOG),
    Target("log-token", token, token_seeds, _ANY),
    Target("root-change", root_change, _root_seeds, _ANY),
    Target("release", release, _release_seeds, _ANY),
)
