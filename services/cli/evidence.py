"""`handrail evidence`: one file that proves what happened to a child or to a message."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, plain, print_json, say, warn

if TYPE_CHECKING:
    from contracts.evidence import Evidence, Report
    from contracts.evidence.report import Logged


@command
def evidence(
    about: Annotated[
        str,
        typer.Argument(
            metavar="CHILD|[AGENCY/]MESSAGE",
            help="The child's reference, or a message's; with its agency where others used its id.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Write one file that proves what was said, decided and timed, and by whom.

    It holds the signed messages, the exchange's decisions and refusals, the clocks, the proof of
    the log with its witnesses and the signed directory; of a child under all its references. Not a
    word of a family is in it, so it proves the same after everything said has been erased.
    Anybody can prove it offline with `handrail verify FILE`.
    """
    from contracts.evidence import dump, read
    from services.cli.desk import wait_for
    from services.cli.evidence_gathering import gather
    from services.cli.files import write_file
    from services.cli.messages import current_directory

    partnership = load(state)
    directory = current_directory(partnership)
    made = wait_for(gather(partnership, directory, about, now()))
    data = dump(made)
    write_file(out, data)
    report = read(data, partnership.root_x)
    if as_json:
        print_json({"file": str(out), "bytes": len(data), **_counts(made, report)})
    else:
        _tell(made, report, out)
    for finding in report.findings:
        warn(plain(f"{finding.words} ({finding.where}): see `handrail verify {out}`"))


def _counts(made: "Evidence", report: "Report") -> dict[str, Any]:
    logged = report.logged
    return {
        "holds": report.holds,
        "child": made.child,
        "message": made.message,
        "references": [journey.child for journey in made.journeys],
        "messages": len(report.taken),
        "answers": len(made.answers),
        "clocks": sum(len(said.clocks) for said in report.said),
        "attestations": len(made.groups),
        "logged": logged.included if logged else 0,
        "witnesses": len(_saw_all(logged)) if logged else 0,
        "codes": sorted(code.value for code in report.codes),
    }


def _saw_all(logged: "Logged") -> set[str]:
    """Return the gateways whose witness saw all attestations of the file that are in the log."""
    return {one.gateway for one in logged.sure if logged.seen_by(one) == logged.included}


def _tell(made: "Evidence", report: "Report", out: Path) -> None:
    counts = _counts(made, report)
    say(
        f"{plain(out)}: {counts['messages']} messages, {counts['answers']} answers of the "
        f"exchange, {counts['clocks']} clocks; {counts['logged']} of {counts['attestations']} "
        f"attestations in the log, all seen by {counts['witnesses']} witnesses."
    )
    if len(made.journeys) > 1:
        say(f"The child has {len(made.journeys)} references, and the file is about all of them.")
    say(f"Prove it anywhere with: handrail verify {plain(out)} --root {made.root}")
