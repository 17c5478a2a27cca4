"""Statements: one answer to one question, disclosed one by one as in SD-JWT (RFC 9901).

Inside the seal stand only digests, padded with decoys to a multiple of 16; a disclosure is
`[salt, statement]`. The payload also binds SHA-256 over a salt and the sorted digests of the real
disclosures, so that a stripped disclosure is noticed. The salt travels only with the disclosures.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple

import orjson
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from contracts import base64url, strict_json
from contracts.attachments import Attachment
from contracts.identifiers import MessageId, PractitionerId
from contracts.questions import Answer as Answer  # noqa: PLC0414 - it is a statement's too
from contracts.questions import Category, questions
from contracts.reasons import Refusal
from contracts.values import Instant, ShortText, Value

_PAD = 16
_SALT_BYTES = 16
_DIGEST = 43
MAX_STATEMENTS = 512
MOST_TYPED = 200
MOST_PARTS_TYPED = 64


class Standing(StrEnum):
    """Whether a statement is fact, report or opinion (004 §7.4; 000 l.153)."""

    FACT = "fact"
    REPORT = "report"
    OPINION = "opinion"


class Again(StrEnum):
    """Why a question is answered although an answer is held: the one that is not asking twice.

    `correction`: what was held is wrong. `update`: things have changed. `family_wish`: the family
    wanted to tell it again.
    """

    CORRECTION = "correction"
    UPDATE = "update"
    FAMILY_WISH = "family_wish"


DisclosureDigest = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The digest of a disclosure, as `digest_of` gives it."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Typed = (
    Annotated[str, StringConstraints(min_length=1, max_length=MOST_TYPED)]
    | Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=MOST_PARTS_TYPED)]
)
"""An answer as it was typed: one text, or the texts of a list."""


class Statement(Value):
    """One answer to one question about a family.

    `question` is a key of the catalogue; `said_by` names in what capacity somebody said it (not
    who); `recorded_by` is the practitioner; `recorded_at` is an instant. `again` says why it is
    told again, and a correction names in `corrects` the disclosure that it corrects; what it
    corrects stays beside it. `because` is the reason for an update, and for an answer that needs
    one. A statement carried on keeps who said it and who recorded it when, and names in
    `carried_from` the message whose seal carried it first. An `attachment` is a document beside the
    value or in place of one; only some questions take one. `original` is what was typed where that
    was not in the contract's form and had one reading (`contracts.typed_answers`). Whether codes
    and reasons are those of the catalogue is decided with the message
    (`contracts.messages.answers`), where it cannot stop child protection.
    """

    question: ShortText
    answer: Answer = Answer.GIVEN
    value: Text | bool | int | tuple[ShortText, ...] | None = None
    said_by: ShortText
    recorded_by: PractitionerId
    recorded_at: Instant
    standing: Standing = Standing.FACT
    again: Again | None = None
    because: ShortText | None = None
    corrects: DisclosureDigest | None = None
    carried_from: MessageId | None = None
    attachment: Attachment | None = None
    original: Annotated[Typed | None, Field(repr=False)] = None

    @model_validator(mode="after")
    def _answer_fits_value(self) -> "Statement":
        given = self.value is not None or self.attachment is not None
        if (self.answer is Answer.GIVEN) != given:
            msg = "a given answer has a value or an attachment, any other answer has neither"
            raise ValueError(msg)
        if self.original is not None and self.value is None:
            msg = "what was typed stands beside a value"
            raise ValueError(msg)
        if self.question not in questions():
            msg = "not a question of the catalogue"
            raise ValueError(msg)
        if self.attachment is not None and not questions()[self.question].attachable:
            msg = "no document can be attached to an answer to this question"
            raise ValueError(msg)
        if (self.again is Again.CORRECTION) == (self.corrects is None):
            msg = "a correction names what it corrects, and nothing else does"
            raise ValueError(msg)
        return self

    @property
    def category(self) -> Category:
        """The category of the question: a sender cannot file an answer under another one."""
        return questions()[self.question].category


class Disclosed(NamedTuple):
    """A statement with the digest by which the seal knows it and the disclosure as it travelled."""

    digest: str
    disclosure: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class SealedStatements:
    """What sealing statements gives: `elements` and `bound` go inside the seal, the rest beside."""

    elements: tuple[dict[str, str], ...]
    bound: str
    salt: str
    disclosures: tuple[str, ...]


_DISCLOSURES: TypeAdapter[list[tuple[str, Statement]]] = TypeAdapter(
    list[tuple[Annotated[str, Field(min_length=22, max_length=64)], Statement]]
)


def digest_of(disclosure: str) -> str:
    """Return the digest of a disclosure: SHA-256 over its ASCII, base64url (RFC 9901 §4.2.3)."""
    return base64url.encode(hashlib.sha256(disclosure.encode("ascii")).digest())


def digests_of(disclosures: Iterable[bytes]) -> list[str]:
    """Return the digest of each disclosure, as `digest_of` does of one; many at once cost less."""
    # With a byte after each, 33 bytes become 44 characters: every digest begins a group of its own.
    hashed = b"".join([hashlib.sha256(one).digest() + b"\0" for one in disclosures])
    text = base64url.encode(hashed)
    return [text[start : start + _DIGEST] for start in range(0, len(text), _DIGEST + 1)]


def binding(salt: str, digests: Sequence[str]) -> str:
    """Return the value that binds the set of real disclosures, base64url of SHA-256."""
    text = ".".join((salt, *sorted(digests)))
    return base64url.encode(hashlib.sha256(text.encode("ascii")).digest())


def seal_statements(statements: Sequence[Statement]) -> SealedStatements:
    """Return digests, decoys and disclosures for `statements`, in random order.

    Decoy digests are indistinguishable from real ones (RFC 9901 §4.2.5).
    """
    disclosures = tuple(
        base64url.encode(
            json.dumps(
                [_salt(), s.model_dump(mode="json", exclude_defaults=True)],
                ensure_ascii=False,
                separators=(",", ":"),
            ).encode()
        )
        for s in statements
    )
    digests = [digest_of(d) for d in disclosures]
    decoys = [base64url.encode(secrets.token_bytes(32)) for _ in range(-len(digests) % _PAD)]
    mixed = digests + decoys
    secrets.SystemRandom().shuffle(mixed)
    salt = _salt()
    return SealedStatements(
        tuple({"...": d} for d in mixed), binding(salt, digests), salt, disclosures
    )


def open_disclosures(
    elements: Sequence[str], bound: str | None, salt: str | None, disclosures: Sequence[str]
) -> tuple[Disclosed, ...] | Refusal:
    """Return the statements that `disclosures` open against the digests in `elements`.

    A disclosure without a digest, one used twice, one stripped, or one of another form is refused,
    and so is a digest that the seal names twice (RFC 9901 §7.1 and the binding of this contract);
    never raises on untrusted input.
    """
    known = set(elements)
    if len(known) < len(elements):
        return Refusal("statements.mismatch")
    statements = _statements(disclosures)
    if statements is None:
        return Refusal("statements.unreadable")
    digests = tuple(digest_of(disclosure) for disclosure in disclosures)
    if len(set(digests)) < len(digests) or not known.issuperset(digests):
        return Refusal("statements.mismatch")
    if not _bound(elements, bound, salt, digests):
        return Refusal("statements.missing")
    return tuple(map(Disclosed._make, zip(digests, disclosures, statements, strict=True)))


def _is(part: bytes, value: object) -> bool:
    """Tell whether `part` alone means `value`; compact text is compared as it is."""
    return orjson.dumps(value) == part or strict_json.load(part) == value


def _statements(disclosures: Sequence[str]) -> list[Statement] | None:
    """Return the statement in each disclosure, or None when one has another form.

    They are read in one go, as one array: twelve calls of a validator cost more than one. Each is
    then held against what it means alone, so that no cut through a text makes another statement.
    """
    raws = [base64url.decode(disclosure) for disclosure in disclosures]
    parts = [raw for raw in raws if raw is not None and raw[:1] == b"[" and raw[-1:] == b"]"]
    if len(parts) < len(raws):
        return None
    values = strict_json.load(b"[" + b",".join(parts) + b"]")
    if not isinstance(values, list) or len(values) != len(parts):
        return None
    if any(not _is(part, value) for part, value in zip(parts, values, strict=True)):
        return None
    try:
        pairs = _DISCLOSURES.validate_python(values)
    except ValidationError:
        return None
    return [statement for _, statement in pairs]


def _bound(
    elements: Sequence[str], bound: str | None, salt: str | None, digests: Sequence[str]
) -> bool:
    if not elements:
        return bound is None and not digests
    if bound is None or salt is None or not salt.isascii():
        return False
    return binding(salt, digests) == bound


def pack_disclosures(salt: str, disclosures: Sequence[str]) -> bytes:
    """Return what is encrypted for the exchange: the salt and the disclosures, as JSON."""
    return orjson.dumps({"salt": salt, "disclosures": list(disclosures)})


class _Packed(Value):
    salt: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22,64}$")]
    disclosures: Annotated[tuple[str, ...], Field(max_length=MAX_STATEMENTS)]


def unpack_disclosures(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Return `(salt, disclosures)` of decrypted bytes, or None when they have another form."""
    try:
        packed = _Packed.model_validate_json(data)
    except ValidationError:
        return None
    if not all(d.isascii() for d in packed.disclosures):
        return None
    return packed.salt, packed.disclosures


def _salt() -> str:
    return base64url.encode(secrets.token_bytes(_SALT_BYTES))
