"""`handrail verify`: proving a sealed file, a receipt or an evidence file without a connection."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import Exit, command, plain, print_json, say, tell_error

if TYPE_CHECKING:
    from contracts.evidence import Report
    from services.cli.proving import Proof
    from services.runtime.partnership import Partnership


@command
def verify(
    file: Annotated[
        Path,
        typer.Argument(help="A sealed file, a receipt kept with --receipt, or an evidence file."),
    ],
    *,
    directory: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The signed directory; without it, the folder's own."),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The partnership's root key; without it, the folder's."),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Hold an evidence file against a receipt, or an earlier one; repeat for more.",
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="Judge keys and age at this instant (UTC); without it, at sealing."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Prove offline who signed what, and what the exchange decided of it.

    Nothing is asked of anybody: the directory and the root key say whose signature counts. An
    evidence file brings both; where you give no root key and have no folder of state, its own is
    believed and printed, for you to compare. Exit code 0 when it holds, 1 when it does not.
    """
    from contracts.evidence import looks_like_evidence
    from services.cli.proving import prove
    from services.cli.proving_evidence import read_bounded

    data = read_bounded(file)
    if looks_like_evidence(data):
        holds = _evidence(data, directory, root, against or [], state, as_json=as_json)
    else:
        if against:
            raise typer.BadParameter("--against compares a file of evidence, and this is none")
        root_x = root or _of_folder(state).root_x
        where = directory or _of_folder(state).directory_path
        proof = prove(data, read_bounded(where), root_x, at)
        if as_json:
            print_json(proof.as_json())
        else:
            _show(proof)
        holds = not proof.refusals
    if not holds:
        raise typer.Exit(Exit.ERROR)


def _evidence(
    data: bytes,
    directory: Path | None,
    root: str | None,
    against: list[Path],
    state: Path | None,
    *,
    as_json: bool,
) -> bool:
    """Prove an evidence file, with the root key and the directory of the folder if there is one."""
    from services.cli.proving_evidence import as_json as json_of
    from services.cli.proving_evidence import prove_evidence, read_bounded

    root, directory = _known_here(root, directory, state)
    known = None if directory is None else read_bounded(directory)
    report = prove_evidence(data, root, known, [read_bounded(path) for path in against])
    if as_json:
        print_json(json_of(report))
    else:
        _tell(report)
    return report.holds


def _known_here(
    root: str | None, directory: Path | None, state: Path | None
) -> tuple[str | None, Path | None]:
    """Return the root key and the directory that were named, else those of the folder of state."""
    from contracts.errors import HandrailError

    if root is not None and directory is not None:
        return root, directory
    try:
        folder = load(state)
    except HandrailError as error:
        if error.code != "partnership.missing" or state is not None:
            raise
        return root, directory
    root_x = root or folder.root_x
    if directory is None and folder.root_x == root_x and folder.directory_path.exists():
        directory = folder.directory_path
    return root_x, directory


def _tell(report: "Report") -> None:
    from services.cli.proving_evidence import sections

    say(f"{'Holds' if report.holds else 'Does not hold'}: evidence{_about(report)}")
    for heading, lines in sections(report):
        if lines:
            say(f"\n{heading}")
        for line in lines:
            say(f"  - {plain(line)}")


def _about(report: "Report") -> str:
    evidence = report.evidence
    if evidence is None:
        return ""
    of = f"message {evidence.message}" if evidence.message else f"child {evidence.child}"
    return f" about {of}, {evidence.partnership}"


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
