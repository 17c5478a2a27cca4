"""What a witness of the log remembers, in a file of its own that outlives the process.

It is written whole and synced before anything is signed by it: a witness that has forgotten a head
could be shown another past.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from contracts.log import Token
from contracts.values import Value
from services.runtime.whole_files import sync_folder, write_whole

MOST_MISSING: Final = 100
_MOST_BYTES: Final = 1024 * 1024
_ASIDE: Final = "resolved-"
_ANY_TIME: Final = "????????T??????Z"


class State(StrEnum):
    """How a witness stands: not shown a head yet, witnessing, or shown two logs."""

    WAITING = "waiting"
    WITNESSING = "witnessing"
    FORKED = "forked"


class Remembered(Value):
    """The newest head seen, and the one that contradicts it where one does.

    `since` is the ledger sequence of the first head ever seen; `cosigned` the size of the newest
    head whose signature the exchange has taken; `checked` by agency the place in its store up to
    which deliveries were compared with the log, `missing` the ledger sequences that are not in it.
    """

    v: Literal[1] = 1
    state: State = State.WAITING
    reason: str = ""
    head: Token | None = None
    other: Token | None = None
    since: Annotated[int, Field(ge=0)] = 0
    cosigned: Annotated[int, Field(ge=0)] = 0
    checked: dict[str, int] = Field(default_factory=dict[str, int])
    missing: Annotated[tuple[int, ...], Field(max_length=MOST_MISSING)] = ()

    def but(self, **changes: object) -> "Remembered":
        """Return it with other members."""
        return self.model_copy(update=changes)


class Memory:
    """The file of one witness."""

    def __init__(self, path: Path) -> None:
        """Keep it at `path`; heads that contradict each other are kept beside it."""
        self._path = path
        self._aside: frozenset[str] | None = None
        self._there = False

    def read(self) -> Remembered:
        """Return what is remembered, nothing where there is no file.

        A file that cannot be read counts as a fork: what it held is not known, so nothing may be
        signed until somebody has looked.
        """
        # Before the file: one that is put aside in between is noticed at the next look.
        self._aside = self._put_aside()
        try:
            self._there = self._path.exists()
            with self._path.open("rb") as file:
                return Remembered.model_validate_json(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return Remembered()
        except (ValidationError, OSError):
            return Remembered(state=State.FORKED, reason="log.memory-unreadable")

    def resolved(self) -> bool:
        """Tell, once, whether what was read or written here has been put aside by an operator."""
        before, self._aside = self._aside, self._put_aside()
        if before is None or self._aside <= before:
            return False
        self._there = False
        return True

    def lost(self) -> bool:
        """Tell whether a file that was read or written here has gone, and nobody put it aside."""
        return self._there and not self._path.exists()

    def write(self, remembered: Remembered) -> bool:
        """Put it in place of what was remembered before, on disk when this returns True.

        False where an operator has put aside what stood there, even during the writing: then
        nothing of it is left here. Raises OSError.
        """
        if self.resolved():
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, remembered.model_dump_json().encode())
        self._there = True
        if self.resolved():
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)
            return False
        return True

    def keep_evidence(self, seen: str, other: str) -> None:
        """Keep two heads that contradict each other as files, for whoever looks into it."""
        for name, token in (("seen", seen), ("other", other)):
            write_whole(self._path.with_suffix(f".{name}.jws"), token.encode("ascii", "replace"))

    def _put_aside(self) -> frozenset[str]:
        found = self._path.parent.glob(f"{_ASIDE}{_ANY_TIME}-{self._path.name}")
        return frozenset(path.name for path in found)


def aside_of(path: Path, at: datetime) -> Path:
    """Return where a file of a witness lies once it was put aside at `at`, which is in UTC."""
    return path.with_name(f"{_ASIDE}{at:%Y%m%dT%H%M%SZ}-{path.name}")


def path_of(folder: Path, gateway: str, role: str) -> Path:
    """Return where the witness of a gateway's service of a role keeps its memory."""
    return folder / "seen" / f"witness-{gateway}-{role}.json"


def memories(folder: Path) -> list[Path]:
    """Return the memories of all witnesses in a folder of state."""
    return sorted((folder / "seen").glob("witness-*.json"))
