"""`handrail backup` and `handrail restore`: everything at one moment, in three parts kept apart."""

import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, when
from services.runtime.whole_files import write_whole

if TYPE_CHECKING:
    from services.cli.backup_parts import Manifest, Part
    from services.runtime.partnership import Partnership

Children = Annotated[
    Path | None,
    typer.Option("--children-keys", help="Folder of that part, where it is kept apart."),
]
Keys = Annotated[
    Path | None,
    typer.Option("--partnership-keys", help="Folder of that part, where it is kept apart."),
]
From = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]


app = typer.Typer(
    no_args_is_help=True,
    help="Back everything up at one moment, while it runs.",
)


@app.callback()
def _group() -> None:
    """Back everything up at one moment, while it runs."""


@app.command()
@command
def create(
    into: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write the record, the children's keys and the partnership's keys as three parts.

    Keep them apart: the children's keys for at most 30 days, the partnership's keys under lock.
    Where everything runs, the server is held still for a moment, and messages sent then wait.
    """
    from services.cli.backup_copying import copy_state, whole_or_nothing
    from services.cli.backup_parts import Part
    from services.cli.whole_folder import check_whole

    partnership = load(state)
    check_whole(partnership.folder)
    _check_new(into, partnership.folder)
    at = now()
    with whole_or_nothing(into):
        held_s = copy_state(partnership.folder, into)
        backup = secrets.token_hex(16)
        manifests = {part: _describe(into, part, backup, at, partnership) for part in Part}
        done = {"at": at.isoformat(), "backup": backup}
        (partnership.folder / "seen").mkdir(mode=0o700, exist_ok=True)
        write_whole(partnership.folder / "seen" / "backup.json", json.dumps(done).encode() + b"\n")
    if as_json:
        print_json({**_told(manifests), "held_still_s": round(held_s, 3)})
        return
    say(f"Backed up to {into}, as of {when(at)}; the server was held still for {held_s:.2f} s.")
    _show(manifests)
    say("Keep the parts apart: the children's keys for at most 30 days, and the partnership's keys")
    say("under lock. Move each to its own place now.")


@app.command()
@command
def verify(
    backup: From,
    *,
    children: Children = None,
    partnership_keys: Keys = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Hold every file of a backup against its manifest; the parts must be of one moment.

    Of a part that is not there nothing is said: the record alone can be checked where it is kept.
    With --dir it must be a backup of that folder's partnership.
    """
    from services.cli.backup_restoring import check_backup, check_partnership, folders

    found = check_backup(folders(backup, children, partnership_keys))
    if state is not None:
        check_partnership(found, load(state).id)
    if as_json:
        print_json(_told(found))
        return
    say("The backup is as it was written.")
    _show(found)


@command
def restore(
    backup: From,
    *,
    story: Annotated[
        bool,
        typer.Option("--story", help="The story alone, beside a ledger that was not lost."),
    ] = False,
    children: Children = None,
    partnership_keys: Keys = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Put a backup back into an empty folder of state; everything is checked before.

    With --story only the story's databases are put back. Its service then reads the ledger on from
    where the backup stood, and carries out again every erasure that was ordered since.
    """
    from services.cli.backup_restoring import folders, restore_story
    from services.cli.backup_restoring import restore as whole
    from services.runtime.settings import Settings

    where = folders(backup, children, partnership_keys)
    folder = Settings.load(state_dir=state).state_dir
    found = restore_story(where, folder, load(state).id) if story else whole(where, folder)
    if as_json:
        print_json({**_told(found), "folder": str(folder)})
        return
    at = next(iter(found.values())).at
    say(f"Restored {'the story' if story else 'everything'} as of {when(at)} into {folder}.")
    if not story:
        say(
            "What was done after that is not in it: receipts that agencies hold prove it. Have them"
        )
        say("send it again, and order again whatever was to be erased since.")
    say(f"Next: handrail up --dir {folder}, then handrail doctor --dir {folder}")


def _describe(
    into: Path, part: "Part", backup: str, at: datetime, partnership: "Partnership"
) -> "Manifest":
    """Write the manifest of a part beside its files, and return it."""
    from importlib.metadata import version

    from services.cli.backup_parts import MANIFEST, Manifest, described, positions_of

    folder = into / part.value
    made = Manifest(
        backup=backup,
        part=part,
        at=at,
        partnership=partnership.id,
        handrail=version("handrail"),
        positions=positions_of(folder),
        files=described(folder),
    )
    write_whole(folder / MANIFEST, made.model_dump_json(indent=2).encode() + b"\n")
    return made


def _told(manifests: "dict[Part, Manifest]") -> dict[str, Any]:
    first = next(iter(manifests.values()))
    return {
        "backup": first.backup,
        "at": first.at.isoformat(),
        "partnership": first.partnership,
        "handrail": first.handrail,
        "parts": {
            part.value: {
                "files": len(one.files),
                "bytes": sum(held.size for held in one.files.values()),
                "positions": one.positions,
            }
            for part, one in manifests.items()
        },
    }


def _show(manifests: "dict[Part, Manifest]") -> None:
    for part, one in manifests.items():
        size = sum(held.size for held in one.files.values()) / 1024**2
        say(f"  {part.value:<17} {len(one.files):>6} files {size:>9.1f} MiB")


def _check_new(into: Path, state: Path) -> None:
    """Raise HandrailError for a folder that holds something, or lies in the folder of state."""
    from contracts.errors import HandrailError

    if into.exists() and any(into.iterdir()):
        raise HandrailError(
            "backup.not-empty",
            "the folder for the backup holds something already",
            "name a folder that is not there yet; every backup has its own",
        )
    if into.resolve().is_relative_to(state.resolve()):
        raise HandrailError(
            "backup.inside",
            "a backup inside the folder of state is lost with it",
            "name a folder on another disk",
        )
