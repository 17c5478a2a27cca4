"""`handrail send`: a document or sealed file to the exchange, and its answer."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import Dir, Json, Timeout, load
from services.cli.output import sending


@sending
def send(  # noqa: PLR0913 - one parameter per option
    file: Annotated[Path, typer.Argument(help="A plain JSON document, or a sealed file.")],
    *,
    author: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="PRACTITIONER",
            help="Who seals and sends; a sealed file says so itself.",
            show_default=False,
        ),
    ] = None,
    countersigners: Annotated[
        list[str] | None,
        typer.Option(
            "--countersign",
            metavar="PRACTITIONER",
            help="Sign for this person too; in a demonstration partnership only. Repeat.",
        ),
    ] = None,
    resend: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Send the same document again as message ID."),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the signed receipt in this file.")
    ] = None,
    attachments: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the attached files are; without it, in the folder of FILE.",
        ),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Send a message and print the exchange's answer: to whom it went, or why it was refused.

    A document without an id is a new message every time. Child protection takes the urgent lane.
    What depends on something still to arrive is held; --resend shows what has become of it.
    Exit code: 0 accepted, 3 refused (by the exchange, or here for the same reasons), 4 no answer
    yet or no server to be reached, 5 held, 1 any other error.
    """
    from services.cli.desk import wait_for
    from services.cli.sending import Order, carry_out

    order = Order(
        file=file,
        author=author,
        countersigners=tuple(countersigners or ()),
        resend=resend,
        receipt=receipt,
        attachments=attachments,
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(carry_out(load(state), order)))
