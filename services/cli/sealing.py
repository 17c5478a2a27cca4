"""`handrail seal` and `handrail countersign`: sealed files, made without a connection."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import As, Dir, Json, load
from services.cli.output import command, now, print_json, say

if TYPE_CHECKING:
    from contracts.directory import Directory
    from contracts.seal import Sealed

Out = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="Where to write it.", show_default=False)
]


@command
def seal(
    file: Annotated[Path, typer.Argument(help="A plain JSON document.")],
    *,
    author: As,
    out: Out,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Seal a plain document with your own key, for others to countersign or for sending later.

    The document names every countersigner; the seal holds when each of them has signed. Files that
    it names as attached are not in the seal, only their hashes: `handrail send` uploads them.
    """
    from services.cli.attachments import read_files
    from services.cli.files import read_document
    from services.cli.messages import current_directory, seal_document

    partnership = load(state)
    directory = current_directory(partnership)
    document, _ = read_files(read_document(file), file.parent)
    sealed = seal_document(partnership, directory, document, author, now())
    _write(sealed, directory, out, as_json=as_json)


@command
def countersign(
    file: Annotated[Path, typer.Argument(help="A sealed file.")],
    *,
    signer: As,
    out: Out,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Read what a sealed file says, and add your own signature to it.

    Only somebody whom the document names as countersigner can; what is signed stays the same.
    """
    from services.cli.files import read_sealed
    from services.cli.messages import add_signature, current_directory
    from services.cli.showing import show_message

    partnership = load(state)
    directory = current_directory(partnership)
    sealed = add_signature(partnership, read_sealed(file), signer)
    if not as_json:
        show_message(sealed)
    _write(sealed, directory, out, as_json=as_json)


def _write(sealed: "Sealed", directory: "Directory", out: Path, *, as_json: bool) -> None:
    from contracts import sealed_file
    from services.cli.files import write_file
    from services.cli.messages import event_of, unsigned

    write_file(out, sealed_file.dump(sealed))
    event, missing = event_of(sealed), unsigned(sealed, directory)
    if as_json:
        print_json(
            {
                "file": str(out),
                "message": event.id,
                "child": event.subject,
                "kind": event.kind,
                "digest": sealed.digest,
                "signatures_missing": missing,
            }
        )
        return
    say(f"Sealed {event.kind} as message {event.id} about child {event.subject} in {out}.")
    for practitioner in missing:
        say(f"  to sign: handrail countersign {out} --as {practitioner} --out {out}")
    if not missing:
        say(f"  to send: handrail send {out}")
