"""The folder of state of one installation: which partnership it serves, and where things lie in it.

`handrail partnership create` writes it; every service and command reads it through this module.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import HandrailError
from contracts.jws import PrivateKey
from services.runtime.keystore import KeyStore
from services.runtime.nkeys import NKey
from services.runtime.server import recorded_port
from services.runtime.settings import Settings

FILE = "partnership.json"


@dataclass(frozen=True, slots=True)
class Partnership:
    """A partnership's id, its root's public key, and the folder with its state."""

    folder: Path
    id: str
    root_x: str
    settings: Settings

    @classmethod
    def load(cls, settings: Settings) -> "Partnership":
        """Return the partnership of `settings.state_dir`.

        Raises `partnership.missing` when the folder holds none.
        """
        path = settings.state_dir / FILE
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
            return cls(settings.state_dir, made["partnership"], made["root_x"], settings)
        except (OSError, ValueError, KeyError, TypeError):
            raise HandrailError(
                "partnership.missing",
                "the folder of state holds no partnership",
                "make one with `handrail partnership create DIR`, or name another with --dir",
            ) from None

    @property
    def exchange(self) -> str:
        """Return the service id of the exchange, whose key attests decisions."""
        return f"{self.id}.exchange"

    @property
    def directory_path(self) -> Path:
        """Return where the newest signed directory lies."""
        return self.folder / "directory.jws"

    @property
    def keys(self) -> KeyStore:
        """Return the store of private keys."""
        secret = self.settings.key_passphrase
        return KeyStore(self.folder / "keys", secret.get_secret_value() if secret else None)

    def service_key(self, name: str) -> PrivateKey:
        """Return the signing key of one of our services, by its short name (`exchange`)."""
        return PrivateKey(self.keys.signing(f"services/{name}"))

    def practitioner_key(self, practitioner: str) -> PrivateKey:
        """Return the signing key of a practitioner, where this installation holds it."""
        return PrivateKey(self.keys.signing(f"practitioners/{practitioner}"))

    def nkey(self, user: str) -> NKey:
        """Return the NATS identity of `user`.

        `exchange`, `exchange-urgent`, `story`, `tracker`, `operator`, `probe`, or for a gateway
        `<gateway>-service` and `<gateway>-desk`. Raises `nkey.missing`.
        """
        try:
            seed = (self.folder / "nkeys" / f"{user}.seed").read_text(encoding="ascii").strip()
        except OSError:
            raise HandrailError(
                "nkey.missing",
                f"this folder of state holds no NATS identity for {user}",
                "run the command where the partnership's identities are kept",
            ) from None
        return NKey.from_seed(seed)

    def nats_url(self) -> str:
        """Return the address of the server; raises `nats.not-running` when none is recorded."""
        if self.settings.nats_url:
            return self.settings.nats_url
        port = recorded_port(self.folder)
        if port is None:
            raise HandrailError(
                "nats.not-running",
                "no NATS server is recorded for this folder of state",
                "start the services with `handrail up`, or give HANDRAIL_NATS_URL",
            )
        return f"nats://127.0.0.1:{port}"

    @property
    def tracker_database(self) -> str:
        """Return the URL of the tracker's database: the one set, or SQLite beside the others."""
        given = self.settings.tracker_database_url
        return given.get_secret_value() if given else self.database("tracker")

    def database(self, name: str) -> str:
        """Return the SQLAlchemy URL of the SQLite file `name` in the folder of state."""
        folder = self.folder / "db"
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder / name}.sqlite"
