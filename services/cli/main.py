"""`handrail`: the command line of practitioners, partnerships and operators.

A command is a line of `COMMANDS`: where it lives and under which heading `--help` lists it. Its
module is imported when the command is asked for, and imports what it needs when it runs, so that
help comes at once. The target is a function, or a `typer.Typer` with commands of its own.
"""

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

_RUNNING: Final = "Running"
_PEOPLE: Final = "Messages"
_RECEIVING: Final = "Receiving and answering"
_PARTNERSHIP: Final = "Partnership"
_FAMILY: Final = "What a family may ask for"
_LOOKING: Final = "Looking into it"

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("services.cli.demo.command:demo", _RUNNING),
    "up": ("services.cli.up:up", _RUNNING),
    "run": ("services.cli.up:run", _RUNNING),
    "backup": ("services.cli.backup:app", _RUNNING),
    "restore": ("services.cli.backup:restore", _RUNNING),
    "replay": ("services.cli.replay.command:app", _RUNNING),
    "send": ("services.cli.send:send", _PEOPLE),
    "seal": ("services.cli.sealing:seal", _PEOPLE),
    "countersign": ("services.cli.sealing:countersign", _PEOPLE),
    "sent": ("services.cli.answered:sent", _PEOPLE),
    "withdraw": ("services.cli.withdraw:withdraw", _PEOPLE),
    "inbox": ("services.cli.inbox:inbox", _RECEIVING),
    "open": ("services.cli.inbox:open_", _RECEIVING),
    "acknowledge": ("services.cli.answers:acknowledge", _RECEIVING),
    "decide": ("services.cli.answers:decide", _RECEIVING),
    "redirect": ("services.cli.redirect:redirect", _RECEIVING),
    "lead": ("services.cli.lead:app", _RECEIVING),
    "same": ("services.cli.same:app", _PEOPLE),
    "told": ("services.cli.told:told", _RECEIVING),
    "story": ("services.cli.story:app", _PEOPLE),
    "explain-miss": ("services.cli.explain:explain_miss", _RECEIVING),
    "family": ("services.cli.family:family", _FAMILY),
    "access": ("services.cli.access:access", _FAMILY),
    "erase": ("services.cli.erase:erase", _FAMILY),
    "retention": ("services.cli.retention:app", _FAMILY),
    "rules": ("services.cli.rules:app", _LOOKING),
    "track": ("services.cli.tracking:track", _LOOKING),
    "report": ("services.cli.report:app", _LOOKING),
    "evidence": ("services.cli.evidence:evidence", _LOOKING),
    "verify": ("services.cli.verify:verify", _LOOKING),
    "log": ("services.cli.log:app", _LOOKING),
    "held": ("services.cli.answered:held", _LOOKING),
    "doctor": ("services.cli.doctor.command:doctor", _LOOKING),
    "quarantine": ("services.cli.quarantine:app", _LOOKING),
    "tracker": ("services.cli.tracking:tracker", _LOOKING),
    "partnership": ("services.cli.partnerships:app", _PARTNERSHIP),
    "practitioner": ("services.cli.practitioners:app", _PARTNERSHIP),
    "key": ("services.cli.keys:app", _PARTNERSHIP),
}


class LazyGroup(TyperGroup):
    """Know the names of all commands, and import one when it is asked for.

    The types of contexts and commands are not public names of Typer, so they are not named here.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002
        """Return the names of the commands in the order of the registry."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Return one command, imported now, or None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        target, panel = COMMANDS[cmd_name]
        module, name = target.split(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(cmd_name)(found)
            found = single
        command: Any = get_command(found)
        command.name, command.rich_help_panel = cmd_name, panel
        return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    # A traceback could show what a family said.
    pretty_exceptions_show_locals=False,
    pretty_exceptions_short=True,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"handrail {version('handrail')}")
        raise typer.Exit


@app.callback()
def handrail(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Carry children's referrals between agencies: signed, with consent, and on time.

    Start with `handrail demo`, which plays a step up and a step down on a partnership of its own.
    Every command takes --dir, the folder of state, and --json for machines.
    """


def run() -> None:
    """Run the command line; the entry point of the distribution."""
    app()
