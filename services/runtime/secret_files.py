"""Files with secrets: written whole, readable by their owner alone, overwritten when they go."""

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO


def draft_of(path: Path, content: bytes) -> Path:
    """Write a file of another name beside `path`, safe on disk, and return where it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(draft, "xb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def replace(draft: Path, path: Path) -> None:
    """Put the file `draft` in the place of `path`, and overwrite what was there."""
    with ExitStack() as stack:
        before = stack.enter_context(path.open("r+b")) if path.exists() else None
        draft.replace(path)
        if before is not None:
            overwrite(before)
    sync_folder(path.parent)


def overwrite(file: BinaryIO) -> None:
    """Write random bytes over all that an open file holds, down to the disk."""
    file.write(secrets.token_bytes(os.fstat(file.fileno()).st_size))
    file.flush()
    os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` safe on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
