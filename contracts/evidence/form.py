"""The form of an evidence file, version 1: one JSON object, always written in the same order.

It holds what was signed, as it was signed, and nothing that would have to be serialised again to be
verified. Of a family it holds no word: seals stand in it without their disclosures.
"""

from typing import Annotated, Final, Literal

import orjson
from pydantic import Field, StringConstraints, ValidationError

from contracts import strict_json
from contracts.event import MAX_BYTES
from contracts.evidence.findings import Code, Finding
from contracts.evidence.said import MOST_SAID
from contracts.identifiers import ChildRef, Digest, MessageId, PartnershipId, ServiceId
from contracts.log import LogProof, digest_of
from contracts.records import Hash, Place
from contracts.values import Instant, Value

NAME: Final = "handrail-evidence"
VERSION: Final = 1
MOST_BYTES: Final = 32 * 1024 * 1024
"""Larger files are not read: about four thousand messages of a child."""
MOST_JOURNEYS: Final = 32
MOST_ENTRIES: Final = 5_000
MOST_ANSWERS: Final = 10_000
MOST_DIRECTORY: Final = 8 * 1024 * 1024
_MOST_NAMES: Final = 6

Text = Annotated[str, StringConstraints(min_length=1, max_length=64 * 1024)]
"""A decision, a lane's leaf or a group, as exact text."""
Said = Annotated[str, StringConstraints(min_length=1, max_length=MOST_SAID)]
"""What the tracker said of the clocks of a reference, as it signed it."""


class EvidenceEntry(Value):
    """A message as the journey holds it: its seal and its decision, both as exact text.

    `group` is the digest of the signed group in which the decision stands at `place`; both are None
    where an old entry has no attestation of its own and its answer is no longer kept. `digest` is
    the hash of the ledger's record, `before` that of the record before it, "" for the first.
    """

    seal: Annotated[str, StringConstraints(min_length=1, max_length=2 * MAX_BYTES)]
    decision: Text
    group: Digest | None = None
    place: Place | None = None
    digest: Digest
    before: Digest | Literal[""] = ""


class EvidenceJourney(Value):
    """The messages about one reference, in the order in which they were decided."""

    child: ChildRef
    entries: Annotated[tuple[EvidenceEntry, ...], Field(max_length=MOST_ENTRIES)] = ()


class EvidenceAnswer(Value):
    """An answer of the exchange, as the receipt gave it; `group` is the digest of the group."""

    decision: Text
    group: Digest
    place: Place
    lane: Text
    lane_place: Place


class Evidence(Value):
    """One evidence file: about a child under all its references, or about one `message`.

    `root` is the public half of the partnership's root key, `directory` the directory as it signed
    it. `groups` are the texts that the exchange signed, `answers` its receipts, of refused messages
    too, and `clocks` what the tracker signed, one text for each reference. `made_at` says when the
    file was put together, and nothing proves it.
    """

    version: Annotated[Literal[1], Field(alias=NAME)] = VERSION
    made_at: Instant
    partnership: PartnershipId
    exchange: ServiceId
    child: ChildRef | None = None
    message: MessageId | None = None
    root: Hash
    directory: Annotated[str, StringConstraints(min_length=1, max_length=MOST_DIRECTORY)]
    journeys: Annotated[tuple[EvidenceJourney, ...], Field(max_length=MOST_JOURNEYS)] = ()
    answers: Annotated[tuple[EvidenceAnswer, ...], Field(max_length=MOST_ANSWERS)] = ()
    clocks: Annotated[tuple[Said, ...], Field(max_length=MOST_JOURNEYS)] = ()
    groups: Annotated[tuple[Text, ...], Field(max_length=MOST_ANSWERS + MOST_ENTRIES)] = ()
    log: LogProof | None = None


def dump(evidence: Evidence) -> bytes:
    """Return the bytes of the file: the same evidence always gives the same bytes."""
    body = evidence.model_dump(mode="json", by_alias=True)
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def load(data: bytes) -> Evidence | Finding:
    """Return the file's content, nothing of it verified yet, or why it is none; never raises."""
    if len(data) > MOST_BYTES:
        return Finding(Code.TOO_LARGE)
    value = strict_json.load(data)
    if not isinstance(value, dict) or NAME not in value:
        return Finding(Code.UNREADABLE)
    if isinstance(value[NAME], bool) or value[NAME] != VERSION:
        return Finding(Code.UNKNOWN_VERSION)
    try:
        return Evidence.model_validate_json(data)
    except ValidationError as error:
        return Finding(Code.WRONG_FORM, _where(error))


def looks_like_evidence(data: bytes) -> bool:
    """Tell whether the bytes of a file are meant as an evidence file, well made or not."""
    return f'"{NAME}"'.encode() in data[:4096]


def digests_of(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return how groups are named, in their order."""
    return tuple(digest_of(group) for group in groups)


def _where(error: ValidationError) -> str:
    """Return the first part that is wrong, by the names of this form alone."""
    place = error.errors(include_url=False, include_input=False, include_context=False)[0]
    known = [str(part) for part in place["loc"] if isinstance(part, int) or part in _MEMBERS]
    return ".".join(known[:_MOST_NAMES])


_MEMBERS: Final = frozenset(
    name
    for form in (
        Evidence,
        EvidenceJourney,
        EvidenceEntry,
        EvidenceAnswer,
        LogProof,
        Place,
    )
    for name in form.model_fields
)
