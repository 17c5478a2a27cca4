"""Documents attached to statements: read from files and uploaded, fetched and written to files."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import ValidationError

from contracts import jws
from contracts.attachments import (
    MAX_SIZE,
    Attachment,
    chunks_of,
    decrypt,
    describe,
    encrypt,
    too_large,
)
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.seal import Sealed
from services.agency.attachments import (
    ANSWERS_WITHIN_S,
    ATTACH,
    CHUNK_OF,
    FETCH,
    Head,
    Piece,
    sign_fetch,
    write_piece,
)
from services.cli.desk import Desk
from services.cli.files import read_bytes, write_file
from services.cli.messages import event_of, statements_of
from services.cli.output import now
from services.runtime.subscribing import ask

Files = Mapping[str, Path]
"""The file of each attachment, by the name of its object."""

_TRIES: Final = 3
_AGAIN: Final = frozenset({"service.no-answer", "service.unreachable"})


def read_files(document: Document, folder: Path) -> tuple[Document, Files]:
    """Return `document` with the attachments that its file names stand for, and those files.

    Names are relative to `folder`. Raises HandrailError `file.unreadable` or `attachment.*`.
    """
    files: dict[str, Path] = {}
    statements = []
    for one in document.statements:
        made = one
        if isinstance(one.attachment, str):
            path = folder / one.attachment
            described = describe(_content(path))
            files[described.object] = path
            made = one.model_copy(update={"attachment": described})
        statements.append(made)
    return document.model_copy(update={"statements": tuple(statements)}), files


def find_files(sealed: Sealed, folder: Path) -> Files:
    """Return the files in `folder` that are the attachments of a sealed message, by their content.

    Raises HandrailError `attachment.no-file` where one is not there. What was carried on from
    another message is stored already.
    """
    wanted = _own(sealed)
    sizes = {one.size for one in wanted}
    there: dict[str, Path] = {}
    if wanted and folder.is_dir():
        paths = [p for p in sorted(folder.iterdir()) if p.is_file() and p.stat().st_size in sizes]
        there = {hashlib.sha256(_content(path)).hexdigest(): path for path in paths}
    if any(one.sha256 not in there for one in wanted):
        raise HandrailError(
            "attachment.no-file",
            "a document that belongs to the sealed message is not in the folder",
            "put the attached files into one folder and name it with --attachments",
        )
    return {one.object: there[one.sha256] for one in wanted}


async def upload(place: Desk, sealed: Sealed, files: Files) -> None:
    """Upload the attachments of a sealed message; doing it again does no harm.

    Raises HandrailError `attachment.changed` for a file that is not what was sealed, and what the
    story service answers.
    """
    child = event_of(sealed).subject
    for one in _own(sealed):
        if one.object not in files:
            continue
        content = _content(files[one.object])
        if hashlib.sha256(content).hexdigest() != one.sha256:
            raise HandrailError(
                "attachment.changed",
                "the file is not the one that the message was sealed with",
                "put the right file in its place, or seal the document anew",
            )
        for number in range(chunks_of(one.size)):
            head = Head(child=child, object=one.object, size=one.size, number=number)
            piece = Piece(head, encrypt(one, content, number))
            await _ask(place, ATTACH, write_piece(piece))


@dataclass(frozen=True, slots=True)
class Reader:
    """Who fetches, with which key and why, what belongs to messages about `child`."""

    child: str
    purpose: str
    key: jws.Signer = field(repr=False)


async def fetch_all(
    place: Desk, reader: Reader, statements: list[dict[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """Fetch the attachments of opened statements, write them, and tell what became of each.

    Files are named by question and number. A statement that came with a `ticket` for its document
    needs no further read. An entry has `question` and `digest`, and either the `file` or the `code`
    and `remedy` of what was in the way.
    """
    count: Counter[str] = Counter()
    told: list[dict[str, Any]] = []
    for one in statements:
        if not one["statement"].get("attachment"):
            continue
        question = str(one["statement"]["question"])
        count[question] += 1
        entry = {"question": question, "digest": one["digest"]}
        try:
            attachment = _attachment(one["statement"]["attachment"])
            content = await _fetched(place, reader, one, attachment)
            path = folder / f"{question}-{count[question]}.{attachment.media_type.suffix}"
            _keep(path, content)
            told.append({**entry, "file": str(path)})
        except HandrailError as error:
            told.append(
                {**entry, "code": error.code, "message": error.message, "remedy": error.remedy}
            )
    return told


async def _fetched(
    place: Desk, reader: Reader, one: dict[str, Any], attachment: Attachment
) -> bytes:
    ticket = one.get("ticket") or await _ticket(place, reader, one)
    wanted = (
        orjson.dumps({"ticket": ticket, "number": number})
        for number in range(chunks_of(attachment.size))
    )
    return decrypt(attachment, [await _ask(place, CHUNK_OF, body) for body in wanted])


async def _ticket(place: Desk, reader: Reader, one: dict[str, Any]) -> str:
    request = sign_fetch(
        reader.key, reader.child, one["message"], one["digest"], reader.purpose, now()
    )
    answer = await place.ask(FETCH, request)
    return str(answer["ticket"])


async def _ask(place: Desk, verb: str, body: bytes) -> bytes:
    """Ask the agency's service, again where no answer came: nothing is done twice."""
    subject = f"agency.{place.agency}.{verb}"
    for _ in range(_TRIES - 1):
        try:
            return await ask(place.client, subject, body, timeout_s=ANSWERS_WITHIN_S)
        except HandrailError as error:
            if error.code not in _AGAIN:
                raise
    return await ask(place.client, subject, body, timeout_s=ANSWERS_WITHIN_S)


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(path, content)


def _own(sealed: Sealed) -> list[Attachment]:
    statements = (one.statement for one in statements_of(sealed))
    return [s.attachment for s in statements if s.attachment is not None and s.carried_from is None]


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_SIZE:
            raise too_large()
    except OSError:
        pass  # reading it says what is wrong
    return read_bytes(path, limit=None)


def _attachment(said: object) -> Attachment:
    try:
        return Attachment.model_validate_json(orjson.dumps(said))
    except ValidationError:
        raise HandrailError(
            "service.bad-answer",
            "the service answered in a form that is not understood",
            "run the same version of Handrail here and there",
        ) from None
