"""`handrail log`: how the log of everything decided stands, and whether it holds together."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import asking, command, plain, print_json, say, table, warn, when

if TYPE_CHECKING:
    from services.agency.witness_memory import Remembered
    from services.cli.log_checking import Check
    from services.runtime.partnership import Partnership

app = typer.Typer(no_args_is_help=True, help="The log of everything decided, and its witnesses.")
_MOST_TOLD = 20


@app.callback()
def _group() -> None:
    """Look at the log of everything decided, and at who witnesses it."""


@app.command()
@command
def status(*, state: Dir = None, as_json: Json = False) -> None:
    """Show how far the log is signed, and how far each agency's service has witnessed it."""
    partnership = load(state)
    told = _asked(partnership, "exchange.admin.log.status")
    here = list(_memories(partnership))
    if as_json:
        print_json({**told, "here": here})
    else:
        _show(told)
    for one in here:
        if one["state"] == "forked":
            warn(
                f"the witness {one['witness']} was shown a log that contradicts the one it knew "
                f"({one['reason']}): it signs nothing more; keep {one['files']}, find out who "
                "changed the ledger, then see `handrail log resolve`"
            )
        if not one["trusted"]:
            warn(
                f"the witness {one['witness']} remembers a head whose key has been revoked since: "
                "it signs nothing more; see `handrail log resolve`"
            )
        if one["missing"]:
            warn(f"the witness {one['witness']} holds deliveries that the log leaves out")
    bad = any(o["state"] == "forked" or o["missing"] or not o["trusted"] for o in here)
    if told["state"] == "inconsistent" or bad:
        raise typer.Exit(1)


@app.command()
@asking
def check(*, state: Dir = None, as_json: Json = False) -> None:
    """Read the whole log, make its tree again and compare every head, receipt and delivery.

    Every decision and journey entry that the groups attest must still be in the ledger. The records
    come through the exchange; its index is not believed. Exit code:
    0 all holds, 1 something is wrong, 4 nobody answers.
    """
    found = _checked(load(state))
    wrong = [{"code": one.code, "sequence": one.sequence} for one in found.wrong]
    told = {
        "holds": not wrong,
        "groups": found.groups,
        "heads": found.heads,
        "newest": found.newest,
        "compared": found.compared,
        "entries": found.entries,
        "unsure": found.unsure,
        "before": found.before,
        "witnesses": found.witnesses,
        "absent": list(found.absent),
        "wrong": wrong,
    }
    if as_json:
        print_json(told)
    else:
        say(
            f"{found.groups} groups, {found.heads} heads (the newest over {found.newest} groups), "
            f"{found.witnesses} witnesses."
        )
        say(
            f"{found.compared} receipts and deliveries stand in the log, "
            f"and {found.entries} journey entries follow one another."
        )
        if found.unsure:
            say(f"{found.unsure} groups hold all decisions, but a lane's end is not told again.")
        if found.absent:
            say(f"Nothing was ever witnessed by {plain(', '.join(found.absent))}.")
        if found.before:
            say(f"{found.before} are from before the log began: it proves nothing of them.")
        for one in wrong[:_MOST_TOLD]:
            say(f"  WRONG {one['code']} at ledger sequence {one['sequence']}")
        say(f"{len(wrong)} things are wrong." if wrong else "Everything holds together.")
    if wrong:
        raise typer.Exit(1)


@app.command()
@command
def resolve(
    gateway: Annotated[str, typer.Argument(help="The gateway whose witness stopped signing.")],
    *,
    because: Annotated[
        str, typer.Option("--because", help="What was found out; it is kept with the heads.")
    ],
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Let a witness begin again with the log as it is now, after a contradiction was explained.

    What it knew is kept beside, with the reason: a witness that begins again vouches for nothing
    before. A service that runs begins again by itself, within seconds.
    """
    from services.cli.log_resolving import resolve_forks

    partnership = load(state)
    opens = _opens(partnership)
    moved = resolve_forks(partnership.folder, gateway, because, datetime.now(UTC), opens)
    if as_json:
        print_json({"kept": [str(path) for path in moved]})
        return
    for path in moved:
        say(f"kept {plain(path.name)}")
    say("The witness takes the next head that it is shown as its first; nothing to restart.")


@app.command("create-key")
@command
def create_key(
    gateway: Annotated[str, typer.Argument(help="The gateway whose witness is to sign with it.")],
    *,
    pkcs11: Annotated[
        bool, typer.Option("--pkcs11", help="In the hardware module that the settings name.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Make a witness key in the folder where the gateway's service runs; print its public half.

    So nobody else ever holds it. It signs nothing before `handrail log rekey GATEWAY --key PUBLIC`,
    where the root key is.
    """
    from contracts.jws import thumbprint
    from services.cli.witness_keys import make_witness_key

    x = make_witness_key(load(state), gateway, in_token=pkcs11)
    if as_json:
        print_json({"gateway": gateway, "key": x, "kid": thumbprint(x), "in_token": pkcs11})
        return
    say(x)


@app.command()
@command
def rekey(
    gateway: Annotated[str, typer.Argument(help="The gateway whose witness gets a key.")],
    *,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Somebody else may have had the old key.")
    ] = False,
    public: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="PUBLIC",
            help="The new key's public half; without it, a key made in this folder.",
        ),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Give a gateway's witness a new key, its first one where it has none.

    The old key signs for a day longer; a compromised one signs nothing from now on.
    """
    from services.cli.witness_keys import renew_witness

    made = renew_witness(load(state), gateway, datetime.now(UTC), compromised=compromised, x=public)
    entry = next(one for one in made.document.gateways if one.id == gateway)
    if as_json:
        keys = [key.model_dump(mode="json", exclude_none=True) for key in entry.witness]
        print_json({"gateway": gateway, "version": made.document.version, "keys": keys})
        return
    say(f"The witness of {plain(gateway)} signs with {entry.witness[-1].kid} from now on.")


def _asked(partnership: "Partnership", subject: str, **body: object) -> dict[str, Any]:
    from services.cli.desk import ask_operator, wait_for

    return wait_for(ask_operator(partnership, subject, **body))


def _show(told: Mapping[str, Any]) -> None:
    head = told["head"]
    say(f"The log is {plain(told['state'])}{': ' + told['reason'] if told['reason'] else ''}.")
    say(f"  groups      {told['groups']}")
    if head:
        say(f"  newest head over {head['size']} groups, signed {when(head['at'])}")
        say(f"  root        {plain(head['root'])}")
    else:
        say("  newest head none yet")
    size = head["size"] if head else 0
    rows = (
        (w["agency"], w["witness"], w["size"], max(0, size - w["size"]), when(w["at"]))
        for w in told["witnesses"]
    )
    table(("agency", "witness", "has seen", "behind", "at"), rows)


def _memories(partnership: "Partnership") -> Iterator[dict[str, Any]]:
    """Yield how the witnesses stand whose memory is in this folder of state."""
    from services.agency.witness_memory import Memory, memories

    opens = _opens(partnership)
    for path in memories(partnership.folder):
        kept = Memory(path).read()
        yield {
            "witness": path.stem.removeprefix("witness-"),
            "state": kept.state.value,
            "trusted": opens(kept),
            "reason": kept.reason,
            "missing": list(kept.missing),
            "files": _names(path),
        }


def _opens(partnership: "Partnership") -> "Callable[[Remembered], bool]":
    """Return what tells whether the head that a witness remembers is still to be trusted."""
    from contracts.log import open_head
    from services.cli.amending import read_directory

    directory, exchange = read_directory(partnership), partnership.exchange
    return lambda kept: not kept.head or open_head(kept.head, directory, exchange) is not None


def _names(path: Path) -> str:
    return f"{path.with_suffix('.seen.jws').name} and {path.with_suffix('.other.jws').name}"


def _checked(partnership: "Partnership") -> "Check":
    from services.cli.log_checking import Check, check_all
    from services.cli.messages import current_directory

    found = Check(current_directory(partnership), partnership.exchange, datetime.now(UTC))
    return check_all(found, lambda what: _pages(partnership, what))


def _pages(partnership: "Partnership", what: str) -> Iterator[list[tuple[int, Any]]]:
    after = 0
    while True:
        told = _asked(partnership, "exchange.admin.log.page", what=what, after=after)
        page = [(int(sequence), row) for sequence, row in told["records"]]
        if not page:
            return
        yield page
        after = page[-1][0]
