"""The command `handrail demo`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import Dir, Json
from services.cli.output import Exit, command

_HERE = Path(__file__).resolve().parents[3]


@command
def demo(
    *,
    examples: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of documents to play.", show_default="examples"),
    ] = _HERE / "examples",
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Play a step up, a step down and a few dozen referrals, and check what became of each.

    Starts a real nats-server and every service on a demonstration partnership of its own, and
    stops them at the end. Exit code 1 when anything is not as it should be.
    """
    import asyncio
    from dataclasses import replace

    from contracts.errors import HandrailError
    from services.cli.demo.play import Result, play
    from services.cli.demo.telling import as_json as told_as_json
    from services.cli.demo.telling import tell
    from services.cli.messages import current_directory
    from services.cli.output import print_json
    from services.cli.supervisor import everything
    from services.cli.up import found_if_missing, log_to_folder

    partnership = found_if_missing(state)
    if not current_directory(partnership).document.demonstration:
        raise HandrailError(
            "demo.real-partnership",
            "this folder of state holds a partnership that is not a demonstration",
            "play in another folder: --dir DIR",
        )
    log_to_folder(partnership)
    # Whatever the play leaves out does not come later either: nothing has to wait for it.
    settings = partnership.settings.model_copy(update={"hold_s": 0.0})
    partnership = replace(partnership, settings=settings)

    def progress(text: str) -> None:
        typer.echo(text, err=as_json)

    async def run() -> Result:
        progress("Starting")
        async with everything(partnership, lambda name: progress(f"  {name}")):
            progress("Playing")
            return await play(partnership, examples, progress)

    result = asyncio.run(run())
    if as_json:
        print_json(told_as_json(result))
    else:
        tell(result)
    if result.faults:
        raise typer.Exit(Exit.ERROR)
