"""Files written whole: a reader, and a start after a power cut, finds the old or the new one."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the place of what `path` held, readable by its owner alone, safe on disk.

    Raises OSError as the file system does; what was there before is then still there.
    """
    draft = draft_of(path, content)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def draft_of(path: Path, content: bytes) -> Path:
    """Write a file of another name beside `path`, safe on disk, and return where it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(draft, "xb", opener=private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def private(path: str, flags: int) -> int:
    """Open a file for `open`, readable by its owner alone if that makes it."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` safe on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
