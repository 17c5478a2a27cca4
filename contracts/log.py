"""The log of everything decided: signed tree heads, proofs and witnesses (RFC 9162).

A leaf is a group as the exchange signed it, in the order of the ledger. The exchange signs the root
over all leaves, a head; witnesses, the agencies' services, each sign that a head continues the one
they saw before. Who holds a `LogProof` can tell offline whether groups are in the log, and who else
has seen that same log.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, TypeVar

import orjson
from pydantic import Field, StringConstraints, ValidationError

from contracts import base64url, jws, strict_json
from contracts.directory import Directory, SigningKey
from contracts.identifiers import AgencyId, Digest, ServiceId
from contracts.kinds import iso
from contracts.merkle import is_consistent, is_hash, leaf_hash
from contracts.records import Hash
from contracts.seal import public_key
from contracts.values import Instant, Value

HEAD_TYP = "handrail-head+jws"
WITNESS_TYP = "handrail-witness+jws"
MOST_STEPS = 64
MOST_GROUPS = 20_000
MOST_WITNESSES = 1_000
_MOST_TOKEN = 4096

Signed = TypeVar("Signed", bound=Value)
Token = Annotated[str, StringConstraints(min_length=1, max_length=_MOST_TOKEN)]
Path = Annotated[tuple[Hash, ...], Field(max_length=MOST_STEPS)]
Size = Annotated[int, Field(ge=1, lt=2**60)]
GatewayId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")]


class Head(Value):
    """What the exchange signs of the log: the root over its first `size` leaves, at an instant.

    `log` is the exchange; `ledger` is the sequence at which the last of the leaves stands.
    """

    v: Literal[1] = 1
    log: ServiceId
    size: Size
    root: Hash
    at: Instant
    ledger: Annotated[int, Field(ge=1)]


class Cosignature(Value):
    """What a witness signs: that it has seen a head which continues every head it saw before.

    `witness` is the gateway whose key signs, `agency` the one for which it asked; `head` is the
    digest of the head's text, whose log, size and root are repeated; `at` is when it was seen.
    """

    v: Literal[1] = 1
    witness: GatewayId
    agency: AgencyId
    log: ServiceId
    head: Digest
    size: Size
    root: Hash
    at: Instant


class Inclusion(Value):
    """That a group, named by SHA-256 over its text in hex, is leaf `index`: the path to the root.

    RFC 9162 §2.1.3.
    """

    group: Digest
    index: Annotated[int, Field(ge=0, lt=2**60)]
    path: Path = ()


class Witnessed(Value):
    """The newest signature of a witness, the head it is for, and how that head belongs to another.

    `path` proves that the smaller of the two heads is the beginning of the larger (§2.1.4).
    """

    cosignature: Token
    head: Token
    path: Path = ()


class LogProof(Value):
    """What an evidence file holds of the log: a head, where groups stand in it, who witnessed it.

    `missing` are groups that were asked for and are not among the head's leaves.
    """

    v: Literal[1] = 1
    head: Token
    included: Annotated[tuple[Inclusion, ...], Field(max_length=MOST_GROUPS)] = ()
    missing: Annotated[tuple[Digest, ...], Field(max_length=MOST_GROUPS)] = ()
    witnesses: Annotated[tuple[Witnessed, ...], Field(max_length=MOST_WITNESSES)] = ()


def digest_of(token: str) -> str:
    """Return SHA-256, in hex, over the text of a group or a head: how it is named."""
    return hashlib.sha256(token.encode()).hexdigest()


def leaf_of(group: str) -> bytes:
    """Return the leaf hash of a group's text in the log."""
    return leaf_hash(group.encode())


def sign_head(head: Head, key: jws.Signer) -> str:
    """Return `head` signed by the exchange's directory key."""
    return _sign(head, key, HEAD_TYP)


def open_head(token: str, directory: Directory, exchange: str) -> Head | None:
    """Return the head in `token` when a key of `exchange`, valid at its instant, signed it."""

    def key_of(kid: str) -> SigningKey | None:
        holder = directory.holder(kid)
        return holder.key if holder is not None and holder.holder == exchange else None

    head = open_signed(token, HEAD_TYP, key_of, Head)
    return head if head is not None and head.log == exchange else None


def cosign(said: Cosignature, key: jws.Signer) -> str:
    """Return what a witness says, signed by its gateway's witness key."""
    return _sign(said, key, WITNESS_TYP)


def open_cosignature(token: str, directory: Directory) -> Cosignature | None:
    """Return what a witness says in `token`, or None.

    The key must be a witness key of the gateway that is named, valid at the instant of signing, and
    the agency one that this gateway carries.
    """
    gateways: list[str] = []

    def key_of(kid: str) -> SigningKey | None:
        found = directory.witness(kid)
        if found is None:
            return None
        gateways.append(found.gateway)
        return found.key

    said = open_signed(token, WITNESS_TYP, key_of, Cosignature)
    if said is None or gateways != [said.witness]:
        return None
    agency = directory.agencies.get(said.agency)
    return said if agency is not None and agency.gateway == said.witness else None


def continues(old: Head, new: Head, path: Sequence[str]) -> bool:
    """Tell whether `path` (base64url) proves that the log of `new` begins with that of `old`.

    Either may be the larger one.
    """
    first, second = (old, new) if old.size <= new.size else (new, old)
    steps = hashes_of(path)
    roots = (base64url.decode(first.root), base64url.decode(second.root))
    if steps is None or roots[0] is None or roots[1] is None:
        return False
    return is_consistent(first.size, roots[0], second.size, roots[1], steps)


def hashes_of(path: Sequence[str]) -> tuple[bytes, ...] | None:
    """Return the hashes of a path given as base64url, or None where one is no hash."""
    steps = [base64url.decode(step) for step in path]
    return tuple(s for s in steps if s is not None) if all(map(is_hash, steps)) else None


def read_proof(data: bytes | str | Mapping[str, object]) -> LogProof | None:
    """Return the proof in JSON, or in what JSON was read to; None for anything else."""
    given = data if isinstance(data, Mapping) else strict_json.load(data)
    if not isinstance(given, Mapping):
        return None
    try:
        return LogProof.model_validate_json(orjson.dumps(dict(given)))
    except (ValidationError, TypeError, ValueError, RecursionError):
        return None


def _sign(said: Value, key: jws.Signer, typ: str) -> str:
    body = said.model_dump()
    body["at"] = iso(body["at"])
    return jws.sign(orjson.dumps(body), key, typ).decode("ascii")


def revoked_later(token: str, typ: str, directory: Directory) -> bool:
    """Tell whether one of the keys that signed `token` has been revoked as compromised since.

    Whoever has such a key can sign with any instant, so when it was signed is its own word.
    """
    parsed = jws.parse(token, typ)
    if isinstance(parsed, jws.Unacceptable):
        return False
    kids = [signature.kid for signature in parsed.signatures]
    found = [of for kid in kids for of in (directory.holder(kid), directory.witness(kid)) if of]
    return any(of.key.compromised_at is not None for of in found)


def open_signed(
    token: str,
    typ: str,
    key_of: Callable[[str], SigningKey | None],
    form: type[Signed],
    most: int = _MOST_TOKEN,
) -> Signed | None:
    """Return what one key, valid at the instant `at` of the content, signed; None for all else.

    `key_of` gives the key of a name when it may sign this; `most` are the characters of a token.
    """
    if len(token) > most:
        return None
    parsed = jws.parse(token, typ)
    if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != 1:
        return None
    key = key_of(parsed.signatures[0].kid)
    payload = None if key is None else jws.verify(parsed, {key.kid: public_key(key.x)})
    if key is None or payload is None or strict_json.load(payload) is None:
        return None
    try:
        said = form.model_validate_json(payload)
    except ValidationError:
        return None
    at = said.at  # type: ignore[attr-defined]
    ended = [e for e in (key.valid_to, key.retired_at, key.compromised_at) if e is not None]
    return said if key.valid_from <= at and all(at < e for e in ended) else None
