"""`handrail lead chain`: who led a child when, proved from the signed messages alone."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import Exit, command, print_json, say, table, when

if TYPE_CHECKING:
    from contracts.custody import Chain, Finding, Piece
    from services.runtime.partnership import Partnership

_WORDS: Final = {
    "chain.entry-missing": "a message of the journey is missing before this place",
    "chain.nobody-leads": "the lead ended by a message that does not end it",
    "chain.accepted-twice": "the same proposal was accepted a second time",
    "chain.second-lead": "somebody was declared lead while another led",
    "chain.no-proposal": "it answers a proposal that is not here or was over",
    "chain.not-the-proposed": "it was accepted by somebody else than the person proposed",
    "chain.not-theirs-to-end": "the proposal was ended by somebody whose it was not",
    "chain.not-accepted": "the person named as lead did not sign",
    "chain.other-child": "it is about another child",
    "chain.repeated": "the same message stands here twice",
    "chain.out-of-order": "it is older than the message before it",
    "chain.not-sealed": "the file is no sealed message",
}
_Ignored = tuple[int, str]
"""A file that says nothing: its number among those of the folder, by name, and why."""


@command
def chain(
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Prove what the sealed files (*.json) in a folder say; without it, the ledger.",
        ),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Prove who led a child from when to when, and by which signed messages.

    Every seal is verified here, against the signed directory in this folder; neither the tracker
    nor what the ledger holds of the journey is believed. Exit code 1 when the chain has a gap, a
    double, or anything that is not proved, a file that could not be used, or no message at all.
    """
    from contracts.custody import prove_custody
    from services.cli.messages import current_directory

    partnership = load(state)
    directory = current_directory(partnership)
    ignored: list[_Ignored] = []
    if folder is None:
        pieces = _of_ledger(partnership, child)
    else:
        pieces, ignored = _of_folder(folder)
    proved = prove_custody(child, pieces, directory)
    if as_json:
        print_json(_as_json(proved, ignored))
    else:
        _show(proved, ignored)
    if not proved.holds or ignored:
        raise typer.Exit(Exit.ERROR)


def _of_ledger(partnership: "Partnership", child: str) -> list["Piece"]:
    """Fetch the sealed entries through the tracker, which reads them from the ledger."""
    from contracts.errors import HandrailError
    from services.cli.desk import wait_for

    entries = wait_for(_fetch(partnership, child))
    if not entries:
        raise HandrailError(
            "track.unknown-child",
            "no message about a child of this reference has been accepted",
            "compare the reference with the receipt",
        )
    return [_piece(one) for one in entries]


async def _fetch(partnership: "Partnership", child: str) -> list[dict[str, Any]]:
    from services.cli.desk import ask_operator

    found: list[dict[str, Any]] = []
    first: int | None = 1
    while first is not None:
        told = await ask_operator(partnership, "tracker.entries", child=child, first=first)
        found.extend(told["entries"])
        first = told["next"]
    return found


def _piece(entry: dict[str, Any]) -> "Piece":
    from pydantic import ValidationError

    from contracts.custody import Piece
    from contracts.errors import HandrailError
    from contracts.records import Decision
    from contracts.seal import Sealed

    try:
        decision = Decision.model_validate_json(entry["decision"])
    except ValidationError:
        raise HandrailError(
            "entry.unreadable",
            "a record of the ledger is not one of this version of Handrail",
            "run the version that the exchange runs",
        ) from None
    return Piece(
        Sealed(entry["seal"]),
        decision.now,
        decision.entry,
        entry["digest"],
        entry["before"],
        decision.opened_at,
    )


def _of_folder(folder: Path) -> tuple[list["Piece"], list[_Ignored]]:
    """Read the sealed files of a folder, in the order of sealing, and say which files are none.

    Raises HandrailError `chain.no-folder`.
    """
    from contracts.custody import Piece
    from contracts.errors import HandrailError

    if not folder.is_dir():
        raise HandrailError(
            "chain.no-folder",
            f"there is no folder {folder} to read",
            "name the folder in which the sealed files (*.json) are kept",
        )
    sealed: list[tuple[datetime, Piece]] = []
    ignored: list[_Ignored] = []
    for number, path in enumerate(sorted(folder.glob("*.json")), start=1):
        try:
            sealed.append(_of_file(path))
        except HandrailError as error:
            ignored.append((number, error.code))
    return [piece for _, piece in sorted(sealed, key=lambda one: one[0])], ignored


def _of_file(path: Path) -> tuple[datetime, "Piece"]:
    """Return a sealed file with the instant of its sealing; raises `chain.not-sealed`, `seal.*`."""
    from contracts import sealed_file
    from contracts.custody import Piece
    from contracts.errors import HandrailError
    from services.cli.files import read_bytes
    from services.cli.messages import event_of

    data = read_bytes(path)
    if not sealed_file.looks_sealed(data):
        raise HandrailError(
            "chain.not-sealed", _WORDS["chain.not-sealed"], "keep other files elsewhere"
        )
    sealed = sealed_file.read(data)
    return event_of(sealed).time, Piece(sealed)


def _as_json(proved: "Chain", ignored: list[_Ignored]) -> dict[str, Any]:
    return {
        "child": proved.child,
        "holds": proved.holds and not ignored,
        "complete": proved.complete,
        "messages": proved.messages,
        "led": [
            {
                "practitioner": one.practitioner,
                "agency": one.agency,
                "from": _iso(one.since),
                "to": _iso(one.until) if one.until else None,
                "by": one.by,
                "signed_by": list(one.signed_by),
                "until": one.until_by or None,
                "until_kind": one.until_kind or None,
            }
            for one in proved.led
        ],
        "findings": [
            {"doubt": f.doubt.value, "code": f.code, "message": f.message or None, "what": _what(f)}
            for f in proved.findings
        ],
        "ignored": [{"file": number, "code": code} for number, code in ignored],
    }


def _iso(instant: datetime) -> str:
    from contracts.kinds import iso

    return iso(instant)


def _show(proved: "Chain", ignored: list[_Ignored]) -> None:
    say(f"Child {proved.child}: {proved.messages} messages verified")
    if proved.led:
        table(
            ("lead professional", "from", "to", "by message", "signed by"),
            (
                (o.practitioner, when(o.since), when(o.until), o.by, "\n".join(o.signed_by))
                for o in proved.led
            ),
        )
    else:
        say("Nobody has been lead professional.")
    for line in (*_findings(proved), *_left_aside(ignored)):
        say(line)
    if proved.holds and not ignored:
        say("The chain holds.")
    elif not proved.messages:
        say("Nothing is proved: there is no message to prove it.")


def _left_aside(ignored: list[_Ignored]) -> Iterator[str]:
    if ignored:
        yield f"{len(ignored)} of the files could not be used, so the chain is not proved:"
    for number, code in ignored:
        yield f"  file {number} by name: {code}, {_words_of(code)}"


def _findings(proved: "Chain") -> Iterator[str]:
    for one in proved.findings:
        where = f" (message {one.message})" if one.message else ""
        yield f"{one.doubt.value}: {_what(one)}{where}"
    if not proved.complete:
        yield "note: that no message was left out is not proved"


def _what(finding: "Finding") -> str:
    return _words_of(finding.code)


def _words_of(code: str) -> str:
    from contracts.reasons import reasons

    if code in _WORDS:
        return _WORDS[code]
    reason = reasons().get(code)
    return reason.message if reason else code
