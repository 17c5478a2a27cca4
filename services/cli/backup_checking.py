"""Whether what was copied is worth keeping: every database whole, and the story beside its ledger.

The copies are looked at and not what they were copied from, which goes on changing.
"""

from pathlib import Path

from contracts.errors import HandrailError
from services.cli.backup_parts import (
    STORY_FILES,
    Part,
    files_below,
    holds_table,
    is_database,
    is_whole,
    place_in,
)
from services.cli.whole_folder import STORY_TABLES


def check_databases(into: Path) -> None:
    """Raise HandrailError `backup.damaged-database` unless every database copied is whole."""
    damaged = [
        name
        for part in Part
        for name in files_below(into / part.value)
        if is_database(name) and not is_whole(into / part.value / name)
    ]
    if damaged:
        raise HandrailError(
            "backup.damaged-database",
            f"nothing was backed up: {', '.join(damaged)} damaged",
            "keep the last good backup and put it back: see Backups in docs/operating.md; "
            "db/tracker.sqlite alone can be made anew: `handrail tracker rebuild`",
        )


def check_story(into: Path) -> None:
    """Raise HandrailError `backup.incomplete` unless the story is there, as beside any ledger."""
    missing = [
        name
        for name in STORY_FILES
        if not holds_table(place_in(into, name), STORY_TABLES[Path(name).name])
    ]
    if missing:
        raise HandrailError(
            "backup.incomplete",
            f"nothing was backed up: {', '.join(missing)} missing, or empty, beside the ledger",
            "start nothing; move db/story*.sqlite* aside and put the last backup's story back with "
            "`handrail restore DIR --story`",
        )
