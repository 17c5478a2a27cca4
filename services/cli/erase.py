"""`handrail erase`: destroying what was said, with two signatures (UK GDPR art. 17)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, now, plain, say, sending, warn

if TYPE_CHECKING:
    from contracts.directory import Directory
    from services.runtime.partnership import Partnership

_OFFICER = "data_protection"
_PURPOSE = "to erase what was asked for"


@sending
def erase(  # noqa: PLR0913 - one parameter per option
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    *,
    author: As,
    because: Annotated[str, typer.Option(help="request, retention, error or court.")],
    message: Annotated[
        str | None, typer.Option(metavar="MESSAGE", help="Only what this message said.")
    ] = None,
    statement: Annotated[
        list[str] | None,
        typer.Option(metavar="DIGEST", help="Only this statement; repeat for more."),
    ] = None,
    countersigners: Annotated[
        list[str] | None,
        typer.Option(
            "--countersign",
            metavar="PRACTITIONER",
            help="Sign for this manager too; in a demonstration partnership only.",
        ),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Erase what was said about a child; it does not come back.

    Seals, receipts, who led when and every clock stay provable. Everything about a child needs the
    signature of a data protection officer, and so does what another agency said. Whoever was told
    is told of the erasure, to destroy what they copied. Where a child has several references it
    erases what is under this one, and names the others.
    """
    from services.cli.desk import wait_for

    work = _erase(
        load(state),
        child,
        author,
        because,
        message=message,
        statements=tuple(statement or ()),
        countersigners=tuple(countersigners or ()),
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


async def _erase(  # noqa: PLR0913 - what is erased, by whom and how
    partnership: "Partnership",
    child: str,
    author: str,
    because: str,
    *,
    message: str | None,
    statements: tuple[str, ...],
    countersigners: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.agency.personal import ErasureRequest
    from services.cli.asking_personally import ask_personally
    from services.cli.desk import desk
    from services.cli.receiving import send_answer
    from services.cli.sending import may_countersign

    async with desk(partnership, agency_of(author)) as place:
        may_countersign(countersigners, place.directory)
        said = {"message": message, "statements": statements}
        covered = await ask_personally(
            place, author, "erasable", ErasureRequest, child, _PURPOSE, now(), **said
        )
        order = {
            "because": because,
            "statements": covered["statements"],
            "clears": covered["clears"],
            **({"of": message} if message else {}),
        }
        written = _written(place.directory, child, author, order, covered["tell"], countersigners)
        code, _ = await send_answer(
            place,
            written,
            author,
            timeout_s=timeout_s,
            as_json=as_json,
            countersigners=countersigners,
        )
    if code is Exit.OK:
        _tell_what_goes(covered, as_json=as_json)
    return code


def _written(
    directory: "Directory",
    child: str,
    author: str,
    order: dict[str, Any],
    tell: list[str],
    countersigners: tuple[str, ...],
) -> dict[str, Any]:
    return {
        "kind": "story.erased",
        "child": child,
        "basis": {"kind": "notice"},
        "data": order,
        "recipients": tell,
        **({"capacity": _OFFICER} if _is_officer(directory, author) else {}),
        "countersigners": [_signer(directory, one, author) for one in countersigners],
    }


def _tell_what_goes(covered: dict[str, Any], *, as_json: bool) -> None:
    if not as_json:
        say(f"{covered['count']} statements are being erased; backups of keys within 30 days.")
    for other in covered["also"]:
        warn(f"the same child's story under {plain(other)} is not erased: erase that too")


def _signer(directory: "Directory", signer: str, author: str) -> dict[str, Any]:
    """Return a countersigner with the capacity in which the directory knows them."""
    if _is_officer(directory, signer):
        return {"id": signer, "capacity": _OFFICER}
    over_author = signer in directory.line_managers(author, now())
    return {"id": signer, "capacity": "line_manager" if over_author else "team_manager"}


def _is_officer(directory: "Directory", practitioner: str) -> bool:
    person = directory.practitioners.get(practitioner)
    return person is not None and _OFFICER in person.capacities
