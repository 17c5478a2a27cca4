"""What the operator of a gateway that runs elsewhere is handed: a folder of state of its own."""

from pathlib import Path

from contracts.directory import Directory, Gateway
from contracts.errors import HandrailError
from services.cli.amending import read_directory
from services.cli.files import write_file
from services.cli.rekeying import USERS, entry_of, is_next
from services.runtime.identities import Identities
from services.runtime.keystore import KeyStore
from services.runtime.nkeys import NKey
from services.runtime.partnership import FILE, Partnership

_CA = Path("tls") / "ca.pem"


def export(partnership: Partnership, gateway: str, out: Path, passphrase: str | None) -> Directory:
    """Write into `out` what connects as `gateway`, its keys encrypted under `passphrase`.

    The two NATS identities and the witness keys that lie here, the partnership's id and directory,
    and the certificate of its servers' authority. Returns the directory. Raises HandrailError
    `gateway.unknown`, `gateway.not-rekeyed`, `gateway.not-empty`, `nkey.missing` or `key.*`.
    """
    directory = read_directory(partnership)
    entry = entry_of(directory.document, gateway)
    identities = {user: _in_use(partnership, entry, user) for user in USERS}
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise HandrailError(
            "gateway.not-empty", "the folder to write is not empty", "name a new one with --out"
        )
    store = KeyStore(out / "keys", passphrase)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for user, identity in identities.items():
        Identities(out, store).put(f"{gateway}-{user}", identity)
    signers = partnership.signers
    for name in signers.names(f"witnesses/{gateway}"):
        if not signers.in_token(name):
            store.put(name, partnership.keys.signing(name))
    # The partnership's name last: what was broken off before it counts as no folder of state.
    for path in (_CA, Path(partnership.directory_path.name), Path(FILE)):
        if (partnership.folder / path).exists():
            (out / path).parent.mkdir(mode=0o700, exist_ok=True)
            write_file(out / path, (partnership.folder / path).read_bytes())
    return directory


def _in_use(partnership: Partnership, entry: Gateway, user: str) -> NKey:
    """Return an identity; raises `gateway.not-rekeyed` unless the directory has it as the new."""
    named = entry.service_nkey if user == "service" else entry.desk_nkey
    found = partnership.nkey(f"{entry.id}-{user}")
    if is_next(partnership, entry) or found.public != named:
        raise HandrailError(
            "gateway.not-rekeyed",
            "the gateway's new identities are not in use here yet",
            "run `handrail partnership gateway rekey` again while the server is running",
        )
    return found
