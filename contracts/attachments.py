"""Attachments: a document beside a statement, encrypted by whoever sends it (NIST SP 800-38D).

The value travels inside the statement's disclosure, and with it the key: who may not read the
statement has no key, and when the statement is erased the key is gone with it. What is stored is
AES-256-GCM in chunks of half a mebibyte. Each attachment has a key of its own, so the chunk's
number is its nonce; object, number and count are associated data, so that a chunk that was moved,
left out or taken from another object does not open.
"""

import hashlib
import io
import re
import secrets
import zipfile
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field, StringConstraints

from contracts import base64url
from contracts.errors import HandrailError
from contracts.values import Value

MAX_SIZE: Final = 25 * 1024**2
"""The most bytes that an attachment has."""

CHUNK: Final = 512 * 1024
TAG: Final = 16
_KEY_BYTES: Final = 32
_OBJECT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_PURPOSE: Final = "handrail/attachment/1"


class MediaType(StrEnum):
    """The forms of a document that may be attached; told by content, never by a name."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TEXT = "text/plain"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    ODT = "application/vnd.oasis.opendocument.text"

    @property
    def suffix(self) -> str:
        """The ending of a file of this form, such as `pdf`."""
        return _SUFFIXES[self]


_SUFFIXES: Final = {
    MediaType.PDF: "pdf",
    MediaType.PNG: "png",
    MediaType.JPEG: "jpg",
    MediaType.TEXT: "txt",
    MediaType.DOCX: "docx",
    MediaType.ODT: "odt",
}
_MAGIC: Final = (
    (b"%PDF-", MediaType.PDF),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
)
_ZIP: Final = b"PK\x03\x04"
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")

ObjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
"""The random name of a stored object: 128 bits, base64url."""


class Attachment(Value):
    """A document that belongs to a statement; no text form shows the key.

    `size` is in bytes and `sha256` in hex, both of the document as it was before encryption;
    `object` names what is stored, and `key` opens it (256 bits, base64url).
    """

    media_type: MediaType
    size: Annotated[int, Field(ge=1, le=MAX_SIZE, strict=True)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    object: ObjectId
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", repr=False)]


def describe(content: bytes) -> Attachment:
    """Return the attachment of a document: its form by its content, a new object and a new key.

    Raises HandrailError `attachment.too-large`, `attachment.empty` or `attachment.unknown-type`.
    """
    if not content:
        raise _empty()
    if len(content) > MAX_SIZE:
        raise too_large()
    media_type = sniff(content)
    if media_type is None:
        raise HandrailError(
            "attachment.unknown-type",
            "the document is not of a form that may be attached",
            "attach a PDF, PNG, JPEG, DOCX or ODT file, or plain text in UTF-8",
        )
    return Attachment(
        media_type=media_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        object=base64url.encode(secrets.token_bytes(_OBJECT_BYTES)),
        key=base64url.encode(secrets.token_bytes(_KEY_BYTES)),
    )


def sniff(content: bytes) -> MediaType | None:
    """Return what a document is by its content alone, or None where it is of no form we take."""
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    if content.startswith(_ZIP):
        return _packed(content)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else MediaType.TEXT


def chunks_of(size: int) -> int:
    """Return into how many chunks a document of `size` bytes is encrypted."""
    return -(-size // CHUNK)


def stored_size(size: int) -> int:
    """Return how many bytes a document of `size` bytes takes when it is encrypted."""
    return size + chunks_of(size) * TAG


def chunk_size(size: int, number: int) -> int:
    """Return how many bytes the encrypted chunk `number`, from 0, of such a document has."""
    return min(CHUNK, size - number * CHUNK) + TAG


def encrypt(attachment: Attachment, content: bytes, number: int) -> bytes:
    """Return the chunk `number`, from 0, of a document, encrypted; the same each time."""
    part = content[number * CHUNK : (number + 1) * CHUNK]
    return AESGCM(_key(attachment)).encrypt(_nonce(number), part, _bound(attachment, number))


def decrypt(attachment: Attachment, chunks: Iterable[bytes]) -> bytes:
    """Return the document whose encrypted chunks these are, in order.

    Raises HandrailError `attachment.damaged` for chunks that are not those, or not of this size and
    hash, and `attachment.other-type` for a document of another form than the statement says.
    """
    cipher, parts = AESGCM(_key(attachment)), list(chunks)
    try:
        content = b"".join(
            cipher.decrypt(_nonce(number), part, _bound(attachment, number))
            for number, part in enumerate(parts)
        )
    except InvalidTag:
        raise damaged() from None
    same = hashlib.sha256(content).hexdigest() == attachment.sha256
    if not same or len(content) != attachment.size:
        raise damaged()
    if sniff(content) is not attachment.media_type:
        raise HandrailError(
            "attachment.other-type",
            "the document is of another form than the statement says",
            "do not open it; ask the sender to send it anew",
        )
    return content


def damaged() -> HandrailError:
    """Return the error that what is stored is not what was attached."""
    return HandrailError(
        "attachment.damaged",
        "what is stored is not the document that was attached",
        "use nothing of it; ask the sender to send it anew, and tell the partnership's operator",
    )


def too_large() -> HandrailError:
    """Return the error for a document that is larger than may be attached."""
    return HandrailError(
        "attachment.too-large",
        f"a document of more than {MAX_SIZE // 1024**2} MB cannot be attached",
        "attach a smaller copy of it, or its parts to several statements",
    )


def _empty() -> HandrailError:
    return HandrailError(
        "attachment.empty", "the document to be attached is empty", "attach the right file"
    )


def _packed(content: bytes) -> MediaType | None:
    """Return what a ZIP archive is by its members (ECMA-376 part 2; ODF 1.3 part 2 §3.3)."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            if {"[Content_Types].xml", "word/document.xml"} <= names:
                return MediaType.DOCX
            said = archive.getinfo("mimetype") if "mimetype" in names else None
            if said is None or said.file_size != len(MediaType.ODT.value):
                return None
            if said.compress_type != zipfile.ZIP_STORED:  # nothing of a stranger's is inflated
                return None
            told = archive.read(said)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        return None
    return MediaType.ODT if told == MediaType.ODT.value.encode() else None


def _key(attachment: Attachment) -> bytes:
    key = base64url.decode(attachment.key)
    if key is None or len(key) != _KEY_BYTES:
        raise damaged()
    return key


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


def _bound(attachment: Attachment, number: int) -> bytes:
    count = chunks_of(attachment.size)
    return f"{_PURPOSE} {attachment.object} {number} {count}".encode("ascii")
