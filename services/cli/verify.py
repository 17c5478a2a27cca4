"""`handrail verify`: proving a sealed file or a receipt without a connection."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import Exit, command, print_json, say, tell_error

if TYPE_CHECKING:
    from services.cli.proving import Proof
    from services.runtime.partnership import Partnership


@command
def verify(
    file: Annotated[Path, typer.Argument(help="A sealed file, or a receipt kept with --receipt.")],
    *,
    directory: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The signed directory; without it, the folder's own."),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The partnership's root key; without it, the folder's."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="Judge keys and age at this instant (UTC); without it, at sealing."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Prove offline who signed a sealed file, or that the exchange attested a receipt.

    Nothing is asked of anybody: the directory and the root key say whose signature counts. Exit
    code 0 when it holds, 1 when it does not.
    """
    from services.cli.files import read_bytes
    from services.cli.proving import prove

    root_x = root or _of_folder(state).root_x
    where = directory or _of_folder(state).directory_path
    proof = prove(read_bytes(file, None), read_bytes(where, None), root_x, at)
    if as_json:
        print_json(proof.as_json())
    else:
        _show(proof)
    if proof.refusals:
        raise typer.Exit(Exit.ERROR)


def _of_folder(state: Path | None) -> "Partnership":
    """Return the partnership of the folder of state; where there is none, say what to name."""
    from contracts.errors import HandrailError

    try:
        return load(state)
    except HandrailError as error:
        if error.code != "partnership.missing":
            raise
        raise HandrailError(
            error.code,
            error.message,
            "name the partnership's directory with --directory and its root key with --root, "
            "or the folder of state with --dir",
        ) from None


def _show(proof: "Proof") -> None:
    from services.cli.showing import show_statements

    say(f"{'Does not hold' if proof.refusals else 'Holds'}: {proof.what}")
    for name, value in proof.facts.items():
        say(f"  {name:<13} {value}")
    show_statements(proof.statements)
    for error in proof.refusals:
        tell_error(error, as_json=False)
    for remark in proof.remarks:
        say(f"  note: {remark}")
