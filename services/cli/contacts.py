"""How families reach an agency or a practitioner: what the signed directory says of it."""

from typing import Annotated

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say


@command
def contact(
    who: Annotated[str, typer.Argument(metavar="ID", help="An agency or a practitioner.")],
    *,
    telephone: Annotated[
        str | None, typer.Option(help="The number at work, as in '01706 555 0100'.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="The address at work.")] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Say how families reach an agency or a practitioner; what is not given is taken away.

    It stands on the page that `handrail family` writes.
    """
    from contracts.contact import Contact
    from contracts.directory import DirectoryDocument
    from services.cli.amending import amend, unknown
    from services.cli.founding import entry

    made = entry(Contact, telephone=telephone, email=email)
    given = made if telephone or email else None

    def changed(before: DirectoryDocument) -> dict[str, object]:
        known = [a.id for a in before.agencies] + [p.id for p in before.practitioners]
        if who not in known:
            raise unknown(who)
        update = {"contact": given}
        return {
            "agencies": tuple(
                a.model_copy(update=update) if a.id == who else a for a in before.agencies
            ),
            "practitioners": tuple(
                p.model_copy(update=update) if p.id == who else p for p in before.practitioners
            ),
        }

    version = amend(load(state), now(), changed).document.version
    if as_json:
        print_json({"id": who, "contact": made.model_dump(), "directory_version": version})
        return
    say(f"Changed {who}; the directory is now version {version}.")
