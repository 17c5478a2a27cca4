"""Putting a backup back: whole, into an empty folder, or the story alone beside its ledger."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import HandrailError
from services.cli.backup_parts import (
    STORY_FILES,
    Manifest,
    Part,
    check_part,
    check_together,
)
from services.cli.whole_folder import RESTORING, is_empty, is_restored_half
from services.runtime.partnership import FILE
from services.runtime.state_lock import StateLock
from services.runtime.whole_files import private, sync_folder

_SPARE: Final = 1.05
"""Room asked for, beside what the files themselves take."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the parts lie: beside one another as they were written, or each in its own place."""

    record: Path
    children: Path
    partnership: Path

    def of(self, part: Part) -> Path:
        """Return the folder of a part."""
        return {
            Part.RECORD: self.record,
            Part.CHILDREN: self.children,
            Part.PARTNERSHIP: self.partnership,
        }[part]


def folders(backup: Path, children: Path | None = None, partnership: Path | None = None) -> Folders:
    """Return where the parts of `backup` lie; the two with keys may be elsewhere."""
    return Folders(
        backup / Part.RECORD.value,
        children or backup / Part.CHILDREN.value,
        partnership or backup / Part.PARTNERSHIP.value,
    )


def check_backup(where: Folders) -> dict[Part, Manifest]:
    """Return the manifests of the parts that are there, each whole and all of one moment.

    Raises HandrailError `backup.*`; the record has to be there.
    """
    found = {
        part: _checked(where.of(part), part)
        for part in Part
        if part is Part.RECORD or where.of(part).exists()
    }
    check_together(list(found.values()))
    return found


def check_partnership(found: dict[Part, Manifest], partnership: str) -> None:
    """Raise HandrailError `backup.other-partnership` for a backup of another one."""
    theirs = {one.partnership for one in found.values()} - {partnership}
    if theirs:
        raise HandrailError(
            "backup.other-partnership",
            f"the backup is of the partnership {', '.join(sorted(theirs))}, not of {partnership}",
            "name the backup that was made of this folder's own partnership",
        )


def restore(where: Folders, state: Path) -> dict[Part, Manifest]:
    """Put all three parts into `state`, which must be empty, and return their manifests.

    Nothing is written before everything has been checked, and nothing counts as a partnership
    before everything is on the disk. Raises HandrailError `backup.*`, `backup.part-missing`,
    `restore.no-room` and `restore.not-empty`.
    """
    found = check_backup(where)
    missing = [part.value for part in Part if part not in found]
    if missing:
        raise HandrailError(
            "backup.part-missing",
            f"these parts of the backup are not there: {', '.join(missing)}",
            "fetch them from where they are kept apart; --children-keys and --partnership-keys "
            "name their folders",
        )
    if not is_empty(state):
        _check_begun(state)
    with StateLock(state):
        names = {part: list(manifest.files) for part, manifest in found.items()}
        _gather(where, names, state, _size(found, names))
        _settle(state)
    return found


def restore_story(where: Folders, state: Path, partnership: str) -> dict[Part, Manifest]:
    """Put back the story's databases alone, beside the ledger of `state`, which is newer.

    The story service then reads the ledger on from where the backup stood, and carries out again
    every erasure that it finds there. Raises as `restore` does, and `backup.other-partnership`.
    """
    found = check_backup(where)
    check_partnership(found, partnership)
    if Part.CHILDREN not in found:
        raise HandrailError(
            "backup.part-missing",
            "the children's keys are not there: a story without them is erased",
            "fetch them from where they are kept apart, and name their folder by --children-keys",
        )
    names = {part: sorted(found[part].files.keys() & set(STORY_FILES)) for part in found}
    with StateLock(state):
        there = sorted(path.name for path in (state / "db").glob("story*.sqlite*"))
        if there and not is_restored_half(state):
            raise _not_empty(f"{', '.join(there)} is there already")
        _gather(where, names, state, _size(found, names))
        for name in there:
            (state / "db" / name).unlink()
        _settle(state)
    return found


def _gather(where: Folders, names: dict[Part, list[str]], state: Path, size: int) -> None:
    """Copy files below RESTORING, and return when they and their folders are on the disk."""
    below = state / RESTORING
    shutil.rmtree(below, ignore_errors=True)
    if shutil.disk_usage(state).free < size * _SPARE:
        raise HandrailError(
            "restore.no-room",
            f"nothing was restored: there is no room there for {size / 1024**2:.0f} MiB",
            "make room, or restore into a folder on a larger disk",
        )
    below.mkdir(mode=0o700)
    for part, wanted in names.items():
        for name in wanted:
            _put(where.of(part) / name, below / name)
    for folder in (*(path for path in below.rglob("*") if path.is_dir()), below, state):
        sync_folder(folder)


def _settle(state: Path) -> None:
    """Move what was gathered to its places; what makes it a partnership comes last."""
    below = state / RESTORING
    for path in sorted(below.iterdir(), key=lambda path: (path.name == FILE, path.name)):
        target = state / path.name
        if target.is_dir():
            for one in sorted(path.iterdir()):
                one.rename(target / one.name)
            sync_folder(target)
            path.rmdir()
        else:
            sync_folder(state)
            path.rename(target)
    sync_folder(state)
    below.rmdir()
    sync_folder(state)


def _size(found: dict[Part, Manifest], names: dict[Part, list[str]]) -> int:
    return sum(found[part].files[name].size for part, wanted in names.items() for name in wanted)


def _check_begun(state: Path) -> None:
    """Raise HandrailError `restore.not-empty` unless all there is are files of a restore begun."""
    if {path.name for path in state.iterdir()} - {"lock", "lost+found", RESTORING}:
        raise _not_empty("the folder of state is not empty")


def _checked(folder: Path, part: Part) -> Manifest:
    manifest = check_part(folder)
    if manifest.part is not part:
        raise HandrailError(
            "backup.other-part",
            f"{folder.name} holds the part {manifest.part.value}, not {part.value}",
            "name the folder of the part that is asked for",
        )
    return manifest


def _put(source: Path, target: Path) -> None:
    """Copy one file to its place, readable by its owner alone and synced to disk."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as old, open(target, "wb", opener=private) as new:
        shutil.copyfileobj(old, new, 1024**2)
        new.flush()
        os.fsync(new.fileno())


def _not_empty(what: str) -> HandrailError:
    return HandrailError(
        "restore.not-empty",
        f"nothing was restored: {what}",
        "restore into a new folder; move what is there aside, and keep it until all is well",
    )
