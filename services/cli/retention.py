"""`handrail retention`: what has been kept for as long as the rules say."""

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, plain, print_json, say, table, when

app = typer.Typer(no_args_is_help=True, help="What has been kept for as long as it may be.")


@app.callback()
def _group() -> None:
    """Look at what has been kept for as long as it may be."""


@app.command()
@command
def due(*, state: Dir = None, as_json: Json = False) -> None:
    """List what is due to be erased by the rules in force; nothing is erased by it.

    An inquiry, a claim or a court may forbid what the rules would do, so a person decides: erase
    with `handrail erase CHILD --statement DIGEST --because retention`, signed by two.
    """
    from services.cli.desk import ask_operator, wait_for

    told = wait_for(ask_operator(load(state), "story.admin.retention"))
    if as_json:
        print_json(told)
        return
    if not told["due"]:
        say("Nothing is due.")
        return
    table(
        ("child", "since", "statements", "rule"),
        ((d["child"], when(d["due_at"]), len(d["statements"]), d["title"]) for d in told["due"]),
    )
    for citation in sorted({one["citation"] for one in told["due"]}):
        say(plain(f"  {citation}"))
