"""The folder of state of one installation: which partnership it serves, and where things lie in it.

`handrail partnership create` writes it; every service and command reads it through this module.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from contracts.jws import Signer
from services.runtime.identities import Identities
from services.runtime.keystore import KeyStore
from services.runtime.nkeys import NKey
from services.runtime.server import recorded_port
from services.runtime.settings import Settings
from services.runtime.signing import ServiceKey, Signers

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

        Raises `partnership.missing` when the folder holds none, and `partnership.unreadable` when
        it is not whole or may not be read.
        """
        path = settings.state_dir / FILE
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
            return cls(settings.state_dir, made["partnership"], made["root_x"], settings)
        except (FileNotFoundError, NotADirectoryError):
            raise HandrailError(
                "partnership.missing",
                "the folder of state holds no partnership",
                "make one with `handrail partnership create DIR`, or name another with --dir",
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise HandrailError(
                "partnership.unreadable",
                f"{FILE} in the folder of state cannot be read, or is not whole",
                "see that this user may read it, or put it back from the newest backup",
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

    @property
    def identities(self) -> Identities:
        """Return the NATS identities of this installation."""
        return Identities(self.folder, self.keys)

    @property
    def signers(self) -> Signers:
        """Return the signing keys of this installation, in files and in a hardware module."""
        return Signers(self.keys, self.settings.token)

    def service_key(self, name: str) -> Signer:
        """Return the key of one of our services, by its short name, that signs now.

        Judged by the directory in this folder; a service that runs takes `service_signer`.
        """
        return self._signs_now(f"services/{name}", f"{self.id}.{name}")

    def practitioner_key(self, practitioner: str) -> Signer:
        """Return the key of a practitioner that signs now, where this installation holds it.

        Raises HandrailError `key.*`, and `directory.*` where only the directory could tell which.
        """
        return self._signs_now(f"practitioners/{practitioner}", practitioner)

    def service_signer(self, name: str, directory: Callable[[], Directory]) -> ServiceKey:
        """Return the key of one of our services as the newest `directory()` has it.

        Raises HandrailError `key.*` where no key of the service can be read at all.
        """
        signers = self.signers
        signers.load(next(iter(signers.names(f"services/{name}")), f"services/{name}"))
        return ServiceKey(lambda: self.signers, f"{self.id}.{name}", directory)

    def _signs_now(self, base: str, holder: str) -> Signer:
        names = self.signers.names(base)
        if len(names) <= 1:
            return self.signers.load(base if not names else names[0])
        try:
            held = open_directory(self.directory_path.read_bytes(), self.root_x)
        except OSError:
            raise HandrailError(
                "directory.missing",
                "there are several keys, and no directory here says which of them signs",
                "copy the partnership's directory.jws into the folder of state",
            ) from None
        entry = held.practitioners.get(holder) or held.services.get(holder)
        return self.signers.newest(base, entry.keys if entry else (), datetime.now(UTC))

    def nkey(self, user: str) -> NKey:
        """Return the NATS identity of `user`.

        `exchange`, `exchange-urgent`, `story`, `tracker`, `operator`, `probe`, or for a gateway
        `<gateway>-service` and `<gateway>-desk`. Raises `nkey.missing`, and `key.unreadable` where
        the passphrase does not open it.
        """
        return self.identities.get(user)

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
    def nats_ca(self) -> Path | None:
        """Return the certificate of the authority for NATS servers: the one set, or at hand.

        None for the embedded server, to which nothing leaves the machine.
        """
        if self.settings.nats_url is None:
            return None
        at_hand = self.folder / "tls" / "ca.pem"
        return self.settings.nats_ca or (at_hand if at_hand.exists() else None)

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
