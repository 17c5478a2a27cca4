"""`handrail key`: making, listing, rotating and ending signing keys, and protecting their files."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.options import Dir, Json, load
from services.cli.output import command, now, print_json, say, table, warn, when

if TYPE_CHECKING:
    from contracts.directory import Directory, SigningKey
    from services.runtime.partnership import Partnership

app = typer.Typer(no_args_is_help=True, help="Signing keys: make, list, rotate, end, protect.")

Holder = Annotated[
    str,
    typer.Argument(
        metavar="HOLDER",
        help="Whose: such as demo.hilltop-school.jo-marsh or demo.exchange.",
        show_default=False,
    ),
]
Kid = Annotated[
    str, typer.Option("--kid", metavar="KEY", help="Which key: its name, or how it begins.")
]
_DATES: Final = ["%Y-%m-%d"]
_SHORT: Final = 10


@app.command()
@command
def create(
    holder: Holder,
    *,
    pkcs11: Annotated[
        bool, typer.Option("--pkcs11", help="In the hardware module that the settings name.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Make a further key for somebody in the directory, and print its public half.

    It signs nothing before `handrail key rotate HOLDER --key PUBLIC`, where the root key is.
    """
    from contracts.jws import thumbprint
    from services.cli.key_changes import make_key

    x = make_key(load(state), holder, in_token=pkcs11)
    if as_json:
        print_json({"holder": holder, "key": x, "kid": thumbprint(x), "in_token": pkcs11})
        return
    say(x)


@app.command("list")
@command
def list_(
    holder: Annotated[
        str | None, typer.Argument(metavar="HOLDER", help="Only this one's.", show_default=False)
    ] = None,
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """List the keys of people and services: how each stands, its times, and where it is kept."""
    from services.cli.amending import read_directory
    from services.cli.key_changes import base_of, keys_of

    partnership, at = load(state), now()
    document = read_directory(partnership).document
    holders = [one.id for one in document.services] + [one.id for one in document.practitioners]
    if holder is not None:
        base_of(partnership, holder, document)
    told = [
        {"holder": one, **_told(partnership, one, key, at)}
        for one in holders
        if holder in (None, one)
        for key in keys_of(document, one)
    ]
    if as_json:
        print_json({"keys": told})
        return
    rows = [
        (
            one["holder"],
            str(one["kid"])[:_SHORT],
            one["state"],
            when(one["valid_from"]),
            when(one["ends_at"]),
            "-" if one["days_left"] is None else one["days_left"],
            one["kept"],
        )
        for one in told
    ]
    table(("holder", "key", "state", "from", "until", "days left", "kept"), rows)


@app.command()
@command
def rotate(
    holder: Holder,
    *,
    overlap: Annotated[
        int, typer.Option(min=0, max=400, help="Days for which the old keys still sign.")
    ] = 7,
    public: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="PUBLIC",
            help="The new key's public half; without it, a key made in this folder.",
        ),
    ] = None,
    pkcs11: Annotated[
        bool, typer.Option("--pkcs11", help="Make it in the hardware module of the settings.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Give somebody a new key from now on; the old ones sign for some days more, then retire.

    A running service takes its new key up within seconds.
    """
    from contracts.jws import thumbprint
    from services.cli.key_changes import make_key
    from services.cli.key_changes import rotate as sign_in

    if public and pkcs11:
        raise typer.BadParameter("a key given with --key is made elsewhere: leave --pkcs11 out")
    partnership = load(state)
    x = public or make_key(partnership, holder, in_token=pkcs11)
    directory = sign_in(partnership, holder, x, timedelta(days=overlap), now())
    _tell(directory, holder, thumbprint(x), f"signs from now on; the old ones for {overlap} days",
          as_json=as_json)  # fmt: skip


@app.command()
@command
def retire(holder: Holder, *, kid: Kid, state: Dir = None, as_json: Json = False) -> None:
    """Let a key sign nothing more; what it signed before stays valid."""
    from services.cli.key_changes import retire as end

    partnership = load(state)
    whole = _whole(partnership, holder, kid)
    directory = end(partnership, holder, whole, now())
    _tell(directory, holder, whole, "is retired", as_json=as_json)
    _warn_without_key(directory, holder)


@app.command()
@command
def revoke(holder: Holder, *, kid: Kid, state: Dir = None, as_json: Json = False) -> None:
    """Say that a key is in wrong hands: what arrives with it from now on counts as nothing.

    Services take it up within seconds. What arrived before stays as it was decided.
    """
    from services.cli.key_changes import revoke as end

    partnership = load(state)
    whole = _whole(partnership, holder, kid)
    directory = end(partnership, holder, whole, now())
    _tell(directory, holder, whole, "is revoked", as_json=as_json)
    _warn_without_key(directory, holder)


@app.command()
@command
def expire(
    holder: Holder,
    *,
    kid: Kid,
    on: Annotated[datetime, typer.Option(formats=_DATES, help="First day on which it is over.")],
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Let a key end on a day (UTC), of which `handrail doctor` reminds in time."""
    from services.cli.key_changes import expire as end

    partnership, at = load(state), datetime.combine(on.date(), time(), UTC)
    whole = _whole(partnership, holder, kid)
    directory = end(partnership, holder, whole, at, now())
    _tell(directory, holder, whole, f"signs until {when(at)}", as_json=as_json)


@app.command()
@command
def protect(
    *,
    file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Holds the new passphrase."),
    ] = None,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Encrypt every private key in the folder under a new passphrase.

    HANDRAIL_KEY_PASSPHRASE gives the one in force, if any. The new one is asked for, or read from a
    file. Stop the services first, and start them with the new one.
    """
    from services.cli.key_changes import protect as encrypt
    from services.cli.passphrases import new_passphrase

    partnership = load(state)
    done, before = encrypt(partnership, new_passphrase(file))
    if as_json:
        print_json({"encrypted": done, "were_so_already": before})
        return
    say(f"Encrypted {done} keys; {before} were so already.")
    say("Set HANDRAIL_KEY_PASSPHRASE, or HANDRAIL_KEY_PASSPHRASE_FILE, to the new one from now on.")


def _whole(partnership: "Partnership", holder: str, kid: str) -> str:
    from services.cli.amending import read_directory
    from services.cli.key_changes import base_of, kid_of

    document = read_directory(partnership).document
    base_of(partnership, holder, document)
    return kid_of(document, holder, kid)


def _told(
    partnership: "Partnership", holder: str, key: "SigningKey", at: datetime
) -> dict[str, object]:
    from contracts.key_times import ends_at, state

    ends = key.compromised_at or ends_at(key)
    return {
        "kid": key.kid,
        "state": state(key, at).value,
        "valid_from": key.valid_from,
        "ends_at": ends,
        "retired_at": key.retired_at,
        "compromised_at": key.compromised_at,
        "days_left": None if ends is None else max(0, (ends - at).days),
        "kept": _kept(partnership, holder, key.kid),
    }


def _kept(partnership: "Partnership", holder: str, kid: str) -> str:
    """Say where the private half is, without opening what is encrypted under another passphrase."""
    from contracts.errors import HandrailError
    from contracts.jws import thumbprint

    signers = partnership.signers
    service = f"services/{holder.removeprefix(f'{partnership.id}.')}"
    for name in (*signers.names(f"practitioners/{holder}"), *signers.names(service)):
        try:
            found = thumbprint(signers.public(name))
        except HandrailError:
            continue
        if found == kid:
            if signers.in_token(name):
                return "hardware module"
            return "here, encrypted" if partnership.keys.is_encrypted(name) else "here, plain"
    return "elsewhere"


def _tell(directory: "Directory", holder: str, kid: str, what: str, *, as_json: bool) -> None:
    version = directory.document.version
    if as_json:
        print_json({"holder": holder, "kid": kid, "directory_version": version})
        return
    say(f"Key {kid} of {holder} {what}; the directory is now version {version}.")


def _warn_without_key(directory: "Directory", holder: str) -> None:
    from contracts.key_times import signs
    from services.cli.key_changes import keys_of

    if not any(signs(key, now()) for key in keys_of(directory.document, holder)):
        warn(f"{holder} has no key left that signs; give one with `handrail key rotate {holder}`")
