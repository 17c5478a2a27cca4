"""The seal: signatures by people over the exact bytes of one message (design §4).

`seal` and `countersign` make sealed files; `open_seal` is the only way to an `Opened` message and
answers everything else with refusals. A sealed file carries its disclosures beside the sealed
text; on the way to the exchange they are encrypted (`contracts.submission`).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import ValidationError

from contracts import base64url, jws, strict_json
from contracts.directory import Directory, KeyHolder, SigningKey
from contracts.errors import HandrailError
from contracts.event import MAX_AGE, MAX_AHEAD, TYP, Event
from contracts.identifiers import agency_of
from contracts.kinds import Kind, Opened, content_of
from contracts.messages import KINDS
from contracts.reasons import Refusal
from contracts.statements import Disclosed, open_disclosures


@dataclass(frozen=True, slots=True)
class Disclosures:
    """The disclosures of a sealed message and the salt that binds their set."""

    salt: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed message: the exact signed text, and its disclosures if it has statements."""

    text: str
    disclosures: Disclosures | None = None

    @property
    def digest(self) -> str:
        """Return SHA-256 over the sealed text, in hex: what a receipt answers."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def seal(event: Event, key: jws.Signer, disclosures: Disclosures | None = None) -> Sealed:
    """Return `event` sealed by its author's key; countersigners add theirs with `countersign`."""
    payload = orjson.dumps(event.as_json())
    return Sealed(jws.sign(payload, key, TYP).decode("ascii"), disclosures)


def countersign(sealed: Sealed, key: jws.Signer) -> Sealed:
    """Return `sealed` with a signature by `key` over the same bytes added.

    Raises `seal.unreadable` or another code of the contract when the file is not a sealed message.
    """
    parsed = jws.parse(sealed.text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        raise refused(parsed.value)
    payload = base64url.decode(parsed.payload) or b""
    made = [{"protected": s.protected, "signature": s.signature} for s in parsed.signatures]
    text = jws.assemble(parsed.payload, (*made, key.signature(payload, TYP))).decode("ascii")
    return Sealed(text, sealed.disclosures)


def refused(code: str, detail: str = "") -> HandrailError:
    """Return the error that says `code` of the closed list to whoever runs a command."""
    reason = Refusal(code, detail).reason
    message = f"{reason.message} ({detail})" if detail else reason.message
    return HandrailError(code, message, reason.remedy)


def peek(sealed: Sealed) -> Event | Refusal:
    """Return what a sealed message says, *unverified*: for showing to its own sender only."""
    parsed = jws.parse(sealed.text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        return Refusal(parsed.value)
    event = _event(base64url.decode(parsed.payload) or b"")
    return event if isinstance(event, Event) else event[0]


def open_seal(
    sealed: Sealed, directory: Directory, arrived: datetime
) -> Opened | tuple[Refusal, ...]:
    """Return the verified message, or every reason why it is none; never raises.

    `arrived` is the instant at which the message was stored: age is judged by it (design §4).
    """
    parsed = jws.parse(sealed.text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        return (Refusal(parsed.value),)
    holders = {s.kid: directory.holder(s.kid) for s in parsed.signatures}
    known = {kid: holder for kid, holder in holders.items() if holder is not None}
    if len(known) < len(holders):
        return (Refusal("seal.unknown-key"),)
    payload = jws.verify(parsed, {kid: public_key(h.key.x) for kid, h in known.items()})
    if payload is None:
        return (Refusal("seal.bad-signature"),)
    event = _event(payload)
    if not isinstance(event, Event):
        return event
    content = _content(event, sealed)
    wrong = (
        *_signers(event, [known[s.kid] for s in parsed.signatures]),
        *_times(event, known.values(), arrived),
    )
    if isinstance(content, Opened):
        return wrong or content
    return (*wrong, *content)


def is_signed(text: str, directory: Directory, arrived: datetime) -> bool:
    """Tell whether somebody signed a sealed text, whatever else is wrong with it; never raises.

    One good signature is enough, by a key of `directory` that was not revoked at `arrived`.
    """
    parsed = jws.parse(text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        return False
    return any(_is_good(parsed.payload, one, directory, arrived) for one in parsed.signatures)


def public_key(x: str) -> jws.PublicKey:
    """Return the imported key for coordinate `x`, remembered because importing is slow."""
    found = _IMPORTED.get(x)
    if found is None:
        if len(_IMPORTED) > _REMEMBERED:
            _IMPORTED.clear()
        found = _IMPORTED[x] = jws.PublicKey(x)
    return found


_IMPORTED: dict[str, jws.PublicKey] = {}
_REMEMBERED = 20_000
_MOST_PARTS = 16


def _is_good(payload: str, one: jws.Signature, directory: Directory, arrived: datetime) -> bool:
    holder = directory.holder(one.kid)
    if holder is None or _is_revoked(holder, arrived):
        return False
    keys = {one.kid: public_key(holder.key.x)}
    return jws.verify(jws.Parsed(payload, (one,)), keys) is not None


def _event(payload: bytes) -> Event | tuple[Refusal, ...]:
    value = strict_json.load(payload)
    if value is None:
        return (Refusal("message.unreadable"),)
    try:
        event = Event.model_validate(value)
    except ValidationError as error:
        return _wrong_parts(error, "message.unreadable")
    if "specversion" not in event.model_fields_set:
        return (Refusal("message.unreadable", "specversion"),)
    return event


def _wrong_parts(
    error: ValidationError, code: str, within: tuple[str, ...] = ()
) -> tuple[Refusal, ...]:
    """Return which parts of the contract are wrong, each once, in the contract's own names only."""
    places = error.errors(include_url=False, include_input=False, include_context=False)
    found = (_where(place["type"], (*within, *place["loc"])) for place in places)
    return tuple(Refusal(code, where) for where in list(dict.fromkeys(found))[:_MOST_PARTS])


def _where(wrong: str, loc: tuple[int | str, ...]) -> str:
    if wrong == "extra_forbidden":
        return ".".join(_names(loc[:-1]) or ("message",)) + ": unknown member"
    return ".".join(_names(loc))


def _names(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    return tuple(str(part) for part in loc if not isinstance(part, str) or part.isascii())[:6]


def _signers(event: Event, signed: list[KeyHolder]) -> list[Refusal]:
    named = [s.id for s in event.signers]
    actual = [h.holder for h in signed]
    found: list[Refusal] = []
    if len(set(named)) < len(named):
        found.append(Refusal("countersign.by-author"))
    if sorted(actual) != sorted(named) or actual[0] != named[0]:
        found.append(Refusal("seal.signers-mismatch"))
    if any(agency_of(s.id) != event.agency for s in event.signers[:1]):
        found.append(Refusal("message.agency-mismatch"))
    return found


def _times(event: Event, holders: Iterable[KeyHolder], arrived: datetime) -> list[Refusal]:
    found: list[Refusal] = []
    if event.time < arrived - MAX_AGE:
        found.append(Refusal("seal.too-old"))
    if event.time > arrived + MAX_AHEAD:
        found.append(Refusal("seal.future"))
    for holder in holders:
        if _is_revoked(holder, arrived):
            found.append(Refusal("seal.key-revoked"))
        elif not _valid_at(holder.key, event.time) or holder.away(event.time):
            found.append(Refusal("seal.key-not-valid"))
    return found


def _is_revoked(holder: KeyHolder, arrived: datetime) -> bool:
    since = holder.key.compromised_at
    return (since is not None and arrived >= since) or holder.away(arrived)


def _valid_at(key: SigningKey, at: datetime) -> bool:
    ends = [end for end in (key.valid_to, key.retired_at) if end is not None]
    return key.valid_from <= at and all(at < end for end in ends)


def _content(event: Event, sealed: Sealed) -> Opened | tuple[Refusal, ...]:
    kind = KINDS.get(event.kind)
    if kind is None:
        return (Refusal("message.unknown-kind"),)
    content, incomplete, wrong = _parse_content(kind, event)
    statements = _statements(event, sealed.disclosures)
    if isinstance(statements, Refusal):
        return (*wrong, statements)
    if wrong:
        return wrong
    return Opened(event, kind, content, statements, sealed.text, sealed.digest, incomplete)


def _parse_content(kind: Kind, event: Event) -> tuple[object, bool, tuple[Refusal, ...]]:
    try:
        return *content_of(kind, event.data.content), ()
    except ValidationError as error:
        return None, False, _wrong_parts(error, "message.wrong-content", ("content",))


def _statements(event: Event, disclosures: Disclosures | None) -> tuple[Disclosed, ...] | Refusal:
    elements = [element.digest for element in event.data.statements]
    salt, items = (disclosures.salt, disclosures.items) if disclosures else (None, ())
    return open_disclosures(elements, event.data.bound, salt, items)
