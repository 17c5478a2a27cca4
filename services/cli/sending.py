"""What `handrail send` does, and how every command tells the exchange's answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import document as documents
from contracts import sealed_file
from contracts.directory import Directory
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.identifiers import agency_of, is_reference
from contracts.records import Ground, Outcome
from contracts.seal import Sealed, refused
from services.agency.sending import Answered, NoAnswer, check_size, receipt_of
from services.cli.attachments import Files, find_files, read_files, upload
from services.cli.desk import Desk, desk
from services.cli.files import read_bytes, write_file
from services.cli.messages import event_of, seal_document, statements_of
from services.cli.output import Exit, now, print_json, say, warn, when
from services.cli.sent import SentLog
from services.cli.showing import decision_json, show_decision, title
from services.runtime.partnership import Partnership

_ID_TAKEN = Ground(code="message.id-reused")


@dataclass(frozen=True, slots=True)
class Order:
    """What `handrail send` was asked to do."""

    file: Path
    author: str | None = None
    countersigners: tuple[str, ...] = ()
    resend: str | None = None
    receipt: Path | None = None
    attachments: Path | None = None
    timeout_s: float = 30.0
    as_json: bool = False

    @property
    def folder(self) -> Path:
        """Where the files are that the document names as attached."""
        return self.attachments or self.file.parent


async def carry_out(partnership: Partnership, order: Order) -> Exit:
    """Send what `order` names, print the answer and return the exit code.

    Raises HandrailError for whatever keeps it from being sent.
    """
    data = read_bytes(order.file)
    if sealed_file.looks_sealed(data):
        return await _send_sealed(partnership, order, sealed_file.read(data))
    return await _send_document(partnership, order, documents.read(data))


async def _send_sealed(partnership: Partnership, order: Order, sealed: Sealed) -> Exit:
    event = event_of(sealed)
    if order.countersigners:
        raise HandrailError(
            "document.sealed",
            "the file is sealed already",
            "let each countersigner add a signature with `handrail countersign`",
        )
    if order.resend not in (None, event.id):
        raise _other_id()
    if order.author is not None and agency_of(order.author) != event.agency:
        raise refused("message.agency-mismatch")
    check_size(sealed)
    files = find_files(sealed, order.folder)
    async with desk(partnership, event.agency) as place:
        await upload(place, sealed, files)
        answer = await place.submit(sealed, order.timeout_s)
        return _told(order, sealed, answer, place.directory)


async def _send_document(partnership: Partnership, order: Order, document: Document) -> Exit:
    if order.author is None:
        raise HandrailError(
            "send.no-author",
            "a plain document does not say who sends it",
            "name the practitioner with --as",
        )
    agency = agency_of(order.author)
    log = SentLog(partnership.folder)
    document = _with_id(order, document, log)
    whole, files = read_files(document, order.folder)
    async with desk(partnership, agency) as place:
        may_countersign(order.countersigners, place.directory)
        sealed = seal_document(
            partnership, place.directory, whole, order.author, now(), order.countersigners
        )
        check_size(sealed)
        if order.resend is not None:
            return await _send_again(place, order, sealed, files)
        if document.id is None and (before := log.before(document, agency)) is not None:
            warn(
                f"the same document went as message {before.message} on {when(before.at)}; "
                f"this is a new message (to repeat that one: --resend {before.message})"
            )
        log.add(event_of(sealed), document, now())
        await upload(place, sealed, files)
        answer = await place.submit(sealed, order.timeout_s)
        return _told(order, sealed, answer, place.directory)


async def _send_again(place: Desk, order: Order, sealed: Sealed, files: Files) -> Exit:
    """Print the answer that the message got the first time, or send it as if for the first time.

    A document sealed twice has other bytes the second time, so the first sealing may win.
    """
    message = event_of(sealed).id
    whole = (place.client, place.partnership, place.directory, place.agency, message)
    first = await receipt_of(*whole)
    if first is None:
        await upload(place, sealed, files)
        answer = await place.submit(sealed, order.timeout_s)
        if isinstance(answer, Answered) and answer.decision.reasons[:1] == (_ID_TAKEN,):
            first = await receipt_of(*whole)
        if first is None:
            return _told(order, sealed, answer, place.directory)
    return _told(order, sealed, first, place.directory, repeated=True)


def tell(
    sealed: Sealed,
    answer: Answered | NoAnswer,
    directory: Directory,
    *,
    as_json: bool,
    repeated: bool = False,
    again: str = "",
) -> Exit:
    """Print the answer to `sealed` and return the exit code that says the same.

    `repeated`: the answer is the one that an earlier sending of the same document got. `again` is
    what to do when there is none yet; without it the answer is asked for with `handrail sent`.
    """
    event = event_of(sealed)
    again = again or f"handrail sent {event.id} --as {event.data.author.id}"
    made: dict[str, Any] = {"message": event.id, "child": event.subject, "kind": event.kind}
    if isinstance(answer, NoAnswer):
        _tell_no_answer(made, answer, again, as_json=as_json)
        return Exit.NO_ANSWER
    # The disclosures of an earlier sealing had other salts, so what was withheld cannot be told.
    statements = () if repeated else statements_of(sealed)
    made |= decision_json(answer.decision, statements, directory)
    made["child"] = answer.decision.child or event.subject
    if as_json:
        print_json({**made, "receipt": answer.receipt.model_dump(mode="json")})
    else:
        show_decision(made)
        if answer.decision.outcome is Outcome.HELD:
            say("\n  It is accepted by itself when that arrives, and refused when it does not.")
            say(f"  final answer  {again}")
    return {
        Outcome.ACCEPTED: Exit.OK,
        Outcome.REFUSED: Exit.REFUSED,
        Outcome.HELD: Exit.HELD,
    }[answer.decision.outcome]


def _told(
    order: Order,
    sealed: Sealed,
    answer: Answered | NoAnswer,
    directory: Directory,
    *,
    repeated: bool = False,
) -> Exit:
    if order.receipt is not None and isinstance(answer, Answered):
        write_file(order.receipt, answer.receipt.model_dump_json(indent=2).encode() + b"\n")
    message = event_of(sealed).id
    return tell(
        sealed,
        answer,
        directory,
        as_json=order.as_json,
        repeated=repeated,
        again=f"the same command with --resend {message}; nothing is done twice",
    )


def _tell_no_answer(made: dict[str, Any], answer: NoAnswer, again: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**made, "outcome": "no_answer", "stored": answer.stored})
        return
    say(f"No answer yet: {title(made['kind'])}, message {answer.message}")
    if answer.stored:
        say("  The server has it, and the exchange will answer when it runs again.")
    else:
        say("  Whether the server has it is not known.")
    say(f"  what to do  {again}")


def _with_id(order: Order, document: Document, log: SentLog) -> Document:
    if order.resend is None:
        return document
    if not is_reference(order.resend) or document.id not in (None, order.resend):
        raise _other_id()
    child = log.child_of(order.resend, document)
    known = {"child": child} if child is not None and document.child == documents.NEW else {}
    return document.model_copy(update={"id": order.resend, **known})


def may_countersign(countersigners: Sequence[str], directory: Directory) -> None:
    """Raise `countersign.apart` where others would be signed for outside a demonstration."""
    if countersigners and not directory.document.demonstration:
        raise HandrailError(
            "countersign.apart",
            "a countersignature is an act of the countersigner's own",
            "use `handrail seal`, and `handrail countersign` where that person's key is",
        )


def _other_id() -> HandrailError:
    return HandrailError(
        "send.other-id",
        "the id to send again is not the id of this message",
        "give the id that the first sending printed, or leave --resend out for a new message",
    )
