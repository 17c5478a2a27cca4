"""Whether a folder of state is whole: what a restore or a founding broke off half-way is not.

Nothing may be founded beside a ledger that lies there already, and nothing may start on a part of
what was to be put back.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from contracts.errors import HandrailError
from contracts.subjects import LEDGER
from services.runtime.partnership import FILE

RESTORING: Final = ".restoring"
"""Where a restore puts its files until all of them are on the disk."""

STORY_TABLES: Final = {
    "story.sqlite": "messages",
    "story-attachments.sqlite": "chunks",
    "story-keys.sqlite": "child_keys",
}
"""The story's databases, each with the table that makes it one."""

_OF_ITSELF: Final = frozenset({"lock", "lost+found"})
_RECORD: Final = ("db", "nats/store", RESTORING)


def is_empty(folder: Path) -> bool:
    """Tell whether a folder is not there, or holds nothing but its lock."""
    return not folder.exists() or all(path.name in _OF_ITSELF for path in folder.iterdir())


def is_restored_half(folder: Path) -> bool:
    """Tell whether a restore into this folder has begun and not ended."""
    below = folder / RESTORING
    if not (folder / FILE).exists():
        return below.exists()
    return any(path.is_file() for path in below.rglob("*"))


def holds_record(folder: Path) -> bool:
    """Tell whether a ledger, databases or a part of a restore lie in a folder."""
    return any((folder / name).exists() for name in _RECORD)


def holds_ledger(folder: Path) -> bool:
    """Tell whether a ledger with records lies in the server's store of a folder of state."""
    return any(map(records_in, (folder / "nats/store/jetstream").glob(f"*/streams/{LEDGER}")))


def records_in(stream: Path) -> bool:
    """Tell whether anything was written into a stream, named by its folder in the store."""
    return any(_size(path) for path in (stream / "msgs").glob("*.blk"))


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # gone since it was listed
        return path.stat().st_size
    return 0


def check_nothing_lies_there(folder: Path) -> None:
    """Raise HandrailError `state.half` where founding would put a partnership beside a record."""
    if holds_record(folder):
        raise half(folder)


def check_whole(folder: Path) -> None:
    """Raise HandrailError `state.half` where a restore did not end, or something without a name.

    An empty folder, or none, is whole: a partnership may be founded there.
    """
    nameless = not (folder / FILE).exists() and not is_empty(folder)
    if nameless or is_restored_half(folder):
        raise half(folder)


def half(folder: Path) -> HandrailError:
    """Return what to say of a folder that is not whole."""
    if is_restored_half(folder):
        return HandrailError(
            "state.half",
            "a restore into this folder of state did not end",
            "run `handrail restore` again: the whole into a new folder, the story alone into this",
        )
    if holds_record(folder):
        return HandrailError(
            "state.half",
            "no partnership, but a ledger or databases lie in this folder of state",
            "restore the backup into a new folder; keep this one as it is until all is well",
        )
    return HandrailError(
        "state.half",
        "this folder of state holds something, and no partnership",
        "name the folder of a partnership, or an empty one, with --dir",
    )
