"""The three parts of a backup, what belongs to each, and the manifest that proves a part whole.

The record, the children's keys and the partnership's keys are kept apart from one another: who has
one of them alone can read no family's words. Keys of the month are in none of them, because they
are to be destroyed on their day.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from contracts.errors import HandrailError
from contracts.identifiers import Digest
from contracts.values import Instant, Value

MANIFEST: Final = "manifest.json"
STORY_FILES: Final = ("db/story.sqlite", "db/story-attachments.sqlite", "db/story-keys.sqlite")
STORE: Final = "nats/store"

_CHUNK: Final = 1024**2
_MOST_MANIFEST: Final = 256 * 1024**2
_CHILDREN: Final = "db/story-keys.sqlite"
_MONTHLY: Final = ("keys/intake/", "keys/delivery/")
_LEFT_OUT: Final = (".restoring/", "logs/", "nats/server.", "nats/port", "lock", "seen/backup.json")
_SECRET: Final = ("keys/", "nkeys/", "tls/")
_BESIDE: Final = ("-wal", "-shm", "-journal")


class Part(StrEnum):
    """A part of a backup; its name is its folder's."""

    RECORD = "record"
    CHILDREN = "children-keys"
    PARTNERSHIP = "partnership-keys"


class Held(Value):
    """A file of a part: SHA-256 over its bytes, in hex, and their number."""

    sha256: Digest
    size: Annotated[int, Field(ge=0)]


class Manifest(Value):
    """What a part holds, version 1.

    `backup` is the same in the parts made at one moment; `at` is that moment. `positions` say how
    far each database had followed the ledger.
    """

    v: Literal[1] = 1
    backup: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    part: Part
    at: Instant
    partnership: Annotated[str, Field(max_length=40)]
    handrail: Annotated[str, Field(max_length=40)]
    positions: dict[str, int] = Field(default_factory=dict[str, int])
    files: dict[str, Held]


def part_of(name: str) -> Part | None:
    """Return the part to which a file of the folder of state belongs, None for one left out. Pure.

    `name` is the path below the folder, with `/` between its steps.
    """
    if name.startswith((*_LEFT_OUT, *_MONTHLY)) or name.endswith(_BESIDE):
        return None
    if name == _CHILDREN:
        return Part.CHILDREN
    return Part.PARTNERSHIP if name.startswith(_SECRET) else Part.RECORD


def place_in(into: Path, name: str) -> Path:
    """Return where a file of the folder of state, which is not left out, lies in a backup. Pure."""
    return into / str(part_of(name)) / name


def is_database(name: str) -> bool:
    """Tell whether a file is an SQLite database of ours."""
    return name.startswith("db/") and name.endswith(".sqlite")


def described(folder: Path) -> dict[str, Held]:
    """Return every file of a part with its digest; the manifest itself is none of them."""
    return {
        name: Held(sha256=_digest(folder / name), size=(folder / name).stat().st_size)
        for name in files_below(folder)
        if name != MANIFEST
    }


def files_below(folder: Path) -> Iterator[str]:
    """Yield the files below a folder in order, as paths below it; links are not followed.

    What vanishes meanwhile is left out, as the server's files do when it is done with them.
    """
    found = os.walk(folder, onerror=_unless_gone)
    for path in sorted(Path(place, name) for place, _, names in found for name in names):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a part; raises HandrailError `backup.no-manifest`."""
    try:
        path = folder / MANIFEST
        if path.stat().st_size > _MOST_MANIFEST:
            raise _no_manifest(folder.name)
        made = Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise _no_manifest(folder.name) from None
    if any(not _stays_below(name) for name in made.files):
        raise _no_manifest(folder.name)
    return made


def check_part(folder: Path) -> Manifest:
    """Return the manifest of a part after holding every file against it.

    Raises HandrailError `backup.no-manifest`, or `backup.damaged` with the first files concerned.
    """
    manifest = read_manifest(folder)
    present = set(files_below(folder)) - {MANIFEST}
    faults = [f"{name} is missing" for name in sorted(manifest.files.keys() - present)]
    faults += [f"{name} is no part of it" for name in sorted(present - manifest.files.keys())]
    for name in sorted(present & manifest.files.keys()):
        path, held = folder / name, manifest.files[name]
        if path.stat().st_size != held.size or _digest(path) != held.sha256:
            faults.append(f"{name} is not as it was written")
        elif is_database(name) and not is_whole(path):
            faults.append(f"{name} is a damaged database")
    if faults:
        raise _damaged(faults)
    return manifest


def check_together(manifests: list[Manifest]) -> None:
    """Raise HandrailError `backup.mixed` unless all parts were made at one moment."""
    if len({one.backup for one in manifests}) > 1:
        moments = ", ".join(f"{one.part.value} of {one.at:%d %B %Y %H:%M} UTC" for one in manifests)
        raise HandrailError(
            "backup.mixed",
            f"these parts are not of one moment: {moments}",
            "take the parts of one and the same backup: a story and a ledger of different times "
            "lack each other's statements, and old keys bring erased words back",
        )


def positions_of(folder: Path) -> dict[str, int]:
    """Return how far each database in a part had followed the ledger, as `database/name`.

    Raises HandrailError as `reading_database` does.
    """
    found: dict[str, int] = {}
    for name in files_below(folder):
        if not is_database(name):
            continue
        with reading_database(name), closing(sqlite3.connect(folder / name)) as connection:
            known = "select 1 from sqlite_master where name = 'positions'"
            if connection.execute(known).fetchone() is None:
                continue
            rows = connection.execute("select name, sequence from positions").fetchall()
        base = PurePosixPath(name).stem
        found |= {f"{base}/{position}": int(sequence) for position, sequence in rows}
    return found


@contextmanager
def reading_database(name: str) -> Iterator[None]:
    """Raise what SQLite raises of the database `name` as HandrailError.

    That is `backup.no-room` for a full disk, and `backup.unreadable-database` for all else.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "") or type(error).__name__
        if code.startswith("SQLITE_FULL"):
            raise HandrailError(
                "backup.no-room",
                f"nothing was backed up: the disk was full while {name} was copied",
                "name a folder on a disk with more room",
            ) from None
        raise HandrailError(
            "backup.unreadable-database",
            f"nothing was backed up: {name} cannot be read or copied ({code})",
            "see that the disk it goes to has room, and run it as the user who runs the services; "
            "where `handrail doctor` calls the database damaged, put the last backup back",
        ) from None


def is_whole(path: Path) -> bool:
    """Tell whether a database that nobody has open passes SQLite's `quick_check`."""
    return _first(path, "pragma quick_check") == ("ok",)


def holds_table(path: Path, table: str) -> bool:
    """Tell whether a database that nobody has open is there and holds a table."""
    known = "select 1 from sqlite_master where type = 'table' and name = ?"
    return _first(path, known, table) is not None


def _first(path: Path, question: str, *values: str) -> object:
    """Return the first row, None where there is none or the database cannot be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as base:
            return base.execute(question, values).fetchone()
    except sqlite3.DatabaseError:
        return None


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _stays_below(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)


def _no_manifest(part: str) -> HandrailError:
    return HandrailError(
        "backup.no-manifest",
        f"{part} is no part of a backup: it lacks a manifest that can be read",
        "name a folder that `handrail backup` wrote, with its manifest.json",
    )


def _damaged(faults: list[str]) -> HandrailError:
    more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""  # noqa: PLR2004 - a few will do
    return HandrailError(
        "backup.damaged",
        f"the backup is not as it was written: {'; '.join(faults[:5])}{more}",
        "use another copy of it; do not mend it by hand",
    )
