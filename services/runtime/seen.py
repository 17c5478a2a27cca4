"""What an installation remembers of directories: the newest one that it saw, and its root.

Every service has a file of its own in the folder `seen`, so that none waits for another. The newest
of the others makes up for one that is lost; where all are lost, a service knows no more than on its
first day: the pinned root, and whatever directory is handed to it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts import base64url
from contracts.errors import HandrailError
from services.runtime.whole_files import write_whole

SUFFIX: Final = ".version"
_ROOT_BYTES: Final = 32
_DIGEST: Final = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest version, the root that signed it as RFC 8037 `x`, and its digest.

    Both are "" before any; the digest is SHA-256 over the signed directory, in hex.
    """

    version: int = 0
    root_x: str = ""
    digest: str = ""


def seen_of(version: int, root_x: str, data: bytes) -> Seen:
    """Return what to remember of a signed directory in `data`, once it is verified."""
    return Seen(version, root_x, hashlib.sha256(data).hexdigest())


def refuse_other(found: Seen, seen: Seen) -> None:
    """Raise HandrailError `directory.forked` for another directory of the version that was seen.

    It was signed over an older one, and would undo what the one that was seen says.
    """
    if found.version == seen.version and seen.digest not in ("", found.digest):
        raise _forked(
            f"this is another directory of version {found.version} than the one seen before",
            "two copies of the folder of state have been changed: keep the one that the services "
            "have, make the other one's changes there again, and keep one folder with the root key",
        )


def seen_in(path: Path) -> Seen:
    """Return what `path` remembers or, where it is lost, the newest of the files beside it.

    Raises HandrailError `directory.seen-unreadable` for a file that is there and cannot be read: to
    go on without it would be to trust an older directory.
    """
    beside = path.parent.glob(f"*{SUFFIX}") if path.suffix == SUFFIX else ()
    own = _all([path])
    if own:
        return own[path]
    return max(_all(sorted(beside)).values(), key=lambda seen: seen.version, default=Seen())


def newest_in(folder: Path) -> Seen:
    """Return the newest that any file of the folder `seen` remembers.

    Raises as `seen_in` does, and HandrailError `directory.forked` where two of the files remember
    different directories of the newest version: which one is right, only a person can tell.
    """
    found = _all(sorted(folder.glob(f"*{SUFFIX}")))
    version = max((seen.version for seen in found.values()), default=0)
    newest = {path.name: seen for path, seen in found.items() if seen.version == version}
    told = {name: seen for name, seen in newest.items() if seen.digest}
    if len({seen.digest for seen in told.values()}) > 1:
        raise _disagree(version, told)
    return next(iter((told or newest).values()), Seen())


def remember(path: Path, seen: Seen) -> None:
    """Write what was seen, whole and safe on disk, in place of what `path` held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{seen.version}\n{seen.root_x}\n{seen.digest}\n".encode("ascii"))


def _all(paths: Iterable[Path]) -> dict[Path, Seen]:
    found: dict[Path, Seen] = {}
    for path in paths:
        try:
            lines = path.read_text(encoding="ascii").split()
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            raise _unreadable() from None
        found[path] = _parsed(lines)
    return found


def _parsed(lines: list[str]) -> Seen:
    version, root_x, digest = (*lines, "", "", "")[:3]
    known = root_x == "" or len(base64url.decode(root_x) or b"") == _ROOT_BYTES
    if not version.isascii() or not version.isdecimal() or not known:
        raise _unreadable()
    if _DIGEST.fullmatch(digest) is None:
        raise _unreadable()
    return Seen(int(version), root_x, digest)


def _disagree(version: int, told: Mapping[str, Seen]) -> HandrailError:
    """Return the error that says which files remember which directory, by its digest's begin."""
    each = ", ".join(f"{name} {seen.digest[:8]}" for name, seen in told.items())
    return _forked(
        f"what runs here has seen two different directories of version {version} ({each})",
        "two copies of the folder of state have been changed: put the right directory.jws here, by "
        "the SHA-256 that begins as shown, remove the files in the folder `seen` that remember "
        "another, start their services again, and make the other directory's changes again",
    )


def _forked(message: str, remedy: str) -> HandrailError:
    return HandrailError("directory.forked", message, remedy)


def _unreadable() -> HandrailError:
    return HandrailError(
        "directory.seen-unreadable",
        "the file that remembers the newest directory seen cannot be read",
        "see that the directory at hand is the newest (`handrail partnership agency list`, asked "
        "of the partnership), then remove the damaged file from the folder `seen` and start again",
    )
