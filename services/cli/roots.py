"""`handrail partnership root`: the root key, and going over to a new one."""

from typing import Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, table, when

app = typer.Typer(no_args_is_help=True, help="The root key, which signs who takes part.")


@app.command()
@command
def show(*, state: Dir = None, as_json: Json = False) -> None:
    """Show the root keys that the partnership has had, and which one signs now."""
    from contracts.roots import open_change
    from services.cli.amending import read_directory

    partnership = load(state)
    directory = read_directory(partnership)
    changes = [open_change(text) for text in directory.document.root_changes]
    told = [(c.number, c.new, c.at) for c in changes if c is not None]
    if as_json:
        made = [{"number": n, "root_x": x, "since": at} for n, x, at in told]
        pinned = partnership.root_x
        print_json({"pinned": pinned, "root_x": directory.root_x, "changes": made})
        return
    say(f"signs now  {directory.root_x}")
    say(f"pinned     {partnership.root_x}")
    if told:
        table(("change", "root key", "since"), [(n, x, when(at)) for n, x, at in told])


@app.command()
@command
def rotate(
    *,
    pkcs11: Annotated[
        bool, typer.Option("--pkcs11", help="Make the new root in the hardware module.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Go over to a new root key, which the old one signs; the old one signs nothing any more.

    Whoever holds an earlier root key follows by themselves, everywhere, within seconds. The old
    key's file is destroyed; destroy copies of it elsewhere.
    """
    from services.cli.key_changes import rotate_root

    directory = rotate_root(load(state), now(), in_token=pkcs11)
    version, changes = directory.document.version, len(directory.document.root_changes)
    root_x = directory.root_x
    if as_json:
        print_json({"root_x": root_x, "changes": changes, "directory_version": version})
        return
    say(f"The root key is now {root_x}; the directory is version {version}.")
    say("Make it known to whoever verifies evidence; the earlier ones lead there too.")
