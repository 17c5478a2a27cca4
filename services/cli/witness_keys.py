"""The keys by which gateways witness the log: a first one, or a new one in place of the old."""

from datetime import datetime, timedelta

from contracts.directory import Directory, DirectoryDocument, Gateway, SigningKey
from services.cli.amending import amend, check_public, read_directory
from services.cli.founding import signing_key
from services.cli.rekeying import entry_of
from services.runtime.partnership import Partnership

OVERLAP = timedelta(days=1)


def make_witness_key(partnership: Partnership, gateway: str, *, in_token: bool = False) -> str:
    """Make a witness key for a gateway in this folder, or in the token; return its public half.

    One that was made before and is not in the directory yet is given again. It signs nothing before
    `renew_witness` names it. Raises HandrailError `gateway.unknown`.
    """
    entry = entry_of(read_directory(partnership).document, gateway)
    signers = partnership.signers
    known = {key.x for key in entry.witness}
    for x, name in signers.by_public(_base(gateway)).items():
        if x not in known and signers.in_token(name) == in_token:
            return x
    return signers.add(_base(gateway), in_token=in_token).x


def renew_witness(
    partnership: Partnership,
    gateway: str,
    now: datetime,
    *,
    compromised: bool = False,
    x: str | None = None,
) -> Directory:
    """Name a witness key of a gateway in the directory, and return that.

    `x` is the public half of a key made elsewhere; without it one is made here. The keys before it
    witness for a day longer; where they are `compromised`, nothing from now on. Raises
    HandrailError `gateway.unknown`, `key.not-public`, `directory.bad-entry` for a key that somebody
    has, or as `amend` does.
    """
    entry_of(read_directory(partnership).document, gateway)
    if x is not None:
        check_public(x)
    fresh = signing_key(x or make_witness_key(partnership, gateway), now)

    def changed(entry: Gateway) -> Gateway:
        old = tuple(_ended(key, now, compromised=compromised) for key in entry.witness)
        return entry.model_copy(update={"witness": (*old, fresh)})

    def change(before: DirectoryDocument) -> dict[str, object]:
        gateways = (changed(one) if one.id == gateway else one for one in before.gateways)
        return {"gateways": tuple(gateways)}

    return amend(partnership, now, change)


def _base(gateway: str) -> str:
    return f"witnesses/{gateway}"


def _ended(key: SigningKey, now: datetime, *, compromised: bool) -> SigningKey:
    if compromised and (key.compromised_at is None or key.compromised_at > now):
        return key.model_copy(update={"compromised_at": now})
    if key.retired_at is None:
        return key.model_copy(update={"retired_at": now + OVERLAP})
    return key
