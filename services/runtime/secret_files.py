"""Files with secrets: what they held is overwritten when it goes."""

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from services.runtime.whole_files import sync_folder


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
