"""The options that commands share, and the folder of state that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership

Dir = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        help="Folder of state. Without it: HANDRAIL_STATE_DIR, or .handrail.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
As = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="PRACTITIONER",
        help="Who acts, such as demo.hilltop-school.jo-marsh; their key must be in this folder.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, max=600, help="Seconds to wait for the answer.")
]


def load(folder: Path | None) -> "Partnership":
    """Return the partnership in the folder of state; raises `partnership.missing`."""
    from services.runtime.partnership import Partnership
    from services.runtime.settings import Settings

    return Partnership.load(Settings.load(state_dir=folder))
