"""Making sealed messages on this machine: from a document, a person, and their key."""

from collections.abc import Sequence
from datetime import datetime

from contracts import jws
from contracts.directory import Directory, Practitioner, open_directory
from contracts.document import Document, to_event
from contracts.errors import HandrailError
from contracts.event import TYP, Event
from contracts.reasons import Refusal
from contracts.seal import Sealed, countersign, peek, refused, seal
from contracts.statements import Disclosed, open_disclosures
from contracts.typed_answers import in_form
from services.cli.amending import read_directory
from services.cli.output import now
from services.runtime.partnership import Partnership


def current_directory(partnership: Partnership) -> Directory:
    """Return the verified directory in the folder of state; raises `directory.*` errors."""
    directory = read_directory(partnership)
    directory.must_be_fresh(now())
    return directory


def newest_directory(partnership: Partnership, held: Directory, data: bytes) -> Directory:
    """Return the directory in `data` (as the exchange gave it) when it is newer than `held`.

    Raises HandrailError `directory.untrusted`, also for one by a root from before the held one's;
    an older one is passed over.
    """
    given = open_directory(data, held.root_x or partnership.root_x)
    return given if given.document.version > held.document.version else held


def person(directory: Directory, practitioner: str, at: datetime) -> Practitioner:
    """Return a practitioner of the directory; raises HandrailError `practitioner.unknown`."""
    found = directory.practitioner(practitioner, at)
    if found is None:
        raise refused("practitioner.unknown", practitioner)
    return found


def seal_document(
    partnership: Partnership,
    directory: Directory,
    document: Document,
    author: str,
    at: datetime,
    countersigners: Sequence[str] = (),
    *,
    as_typed: bool = False,
) -> Sealed:
    """Return `document` sealed by `author` and signed by `countersigners`, all with local keys.

    Its answers are put into the contract's form first, unless `as_typed`, as another tool may seal
    them. Raises HandrailError `practitioner.unknown`, `key.*`, or as `in_form` and `add_signature`.
    """
    known = person(directory, author, at)
    event, disclosures = to_event(document if as_typed else in_form(document, at), known, at)
    sealed = seal(event, partnership.practitioner_key(author), disclosures)
    for signer in countersigners:
        sealed = add_signature(partnership, sealed, signer)
    return sealed


def add_signature(partnership: Partnership, sealed: Sealed, signer: str) -> Sealed:
    """Return `sealed` with the signature of `signer`, whom the message must name.

    Raises HandrailError `countersign.not-named`, `countersign.twice` or `key.*`.
    """
    event = event_of(sealed)
    if signer not in {named.id for named in event.data.countersigners}:
        raise HandrailError(
            "countersign.not-named",
            "the message does not name this person as countersigner",
            "add the person with a capacity to `countersigners` in the document and seal it again",
        )
    key = partnership.practitioner_key(signer)
    if key.kid in _signed(sealed):
        raise HandrailError(
            "countersign.twice", "this person has signed already", "nothing needs to be done"
        )
    return countersign(sealed, key)


def event_of(sealed: Sealed) -> Event:
    """Return what a sealed message says, unverified; raises its code when it is none."""
    event = peek(sealed)
    if isinstance(event, Refusal):
        raise refused(event.code, event.detail)
    return event


def unsigned(sealed: Sealed, directory: Directory) -> list[str]:
    """Return the ids of those whom the message names and whose signature it has not."""
    holders = {h.holder for kid in _signed(sealed) if (h := directory.holder(kid)) is not None}
    return [signer.id for signer in event_of(sealed).signers if signer.id not in holders]


def statements_of(sealed: Sealed) -> tuple[Disclosed, ...]:
    """Return the statements that travel with a sealed message.

    Raises HandrailError `statements.*` when they are not those that were sealed.
    """
    event, beside = event_of(sealed), sealed.disclosures
    elements = [element.digest for element in event.data.statements]
    salt, items = (beside.salt, beside.items) if beside else (None, ())
    opened = open_disclosures(elements, event.data.bound, salt, items)
    if isinstance(opened, Refusal):
        raise refused(opened.code, opened.detail)
    return opened


def _signed(sealed: Sealed) -> frozenset[str]:
    parsed = jws.parse(sealed.text, TYP)
    if isinstance(parsed, jws.Unacceptable):
        raise refused(parsed.value)
    return frozenset(signature.kid for signature in parsed.signatures)
