"""Files that people give to commands: read with a limit, written whole."""

import os
from pathlib import Path
from typing import TextIO

from contracts import document, sealed_file
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.event import MAX_BYTES
from contracts.seal import Sealed, refused
from services.runtime.whole_files import write_whole


def read_bytes(path: Path, limit: int | None = MAX_BYTES) -> bytes:
    """Return a file's bytes.

    Raises HandrailError `file.unreadable`, or `seal.too-large` beyond `limit` bytes: what a file
    holds only grows on the way, so it could not be sent either.
    """
    try:
        if limit is not None and path.stat().st_size > limit:
            raise refused("seal.too-large")
        return path.read_bytes()
    except OSError:
        raise HandrailError(
            "file.unreadable", f"the file {path} cannot be read", "check its name and permissions"
        ) from None


def read_document(path: Path) -> Document:
    """Return the plain document in a file; raises `document.invalid` or as `read_bytes` does."""
    data = read_bytes(path)
    if sealed_file.looks_sealed(data):
        raise HandrailError(
            "document.sealed", "the file is sealed already", "countersign it, or send it as it is"
        )
    return document.read(data)


def read_sealed(path: Path) -> Sealed:
    """Return the sealed message in a file; raises `seal.*` or as `read_bytes` does."""
    return sealed_file.read(read_bytes(path))


def write_file(path: Path, content: bytes) -> None:
    """Write a file readable by its owner alone; raises HandrailError `file.unwritable`."""
    try:
        write_whole(path, content)
    except OSError:
        raise HandrailError(
            "file.unwritable",
            f"the file {path} cannot be written",
            "check that its folder exists and may be written",
        ) from None


def private_log(path: Path) -> TextIO:
    """Open a log to be added to, readable by its owner alone, also where it exists already."""
    file = path.open("a", encoding="utf-8")
    os.fchmod(file.fileno(), 0o600)
    return file
