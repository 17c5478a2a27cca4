"""A passphrase that a command is given, by a file or by hand."""

from pathlib import Path

import typer

from contracts.errors import HandrailError
from services.cli.files import read_bytes


def new_passphrase(file: Path | None) -> str:
    """Return the passphrase in `file`, or ask for one twice.

    Raises HandrailError `file.unreadable`, or `key.no-passphrase` for an empty one.
    """
    if file is not None:
        given = read_bytes(file, None).decode("utf-8", "replace").rstrip("\r\n")
    else:
        given = str(typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True))
    if not given:
        raise HandrailError(
            "key.no-passphrase", "an empty passphrase protects nothing", "give one with letters"
        )
    return given
