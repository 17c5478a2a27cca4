"""The NATS identities of a folder of state: in the key store, under the passphrase of all its keys.

The identity of a user is the key `nkeys/<user>`. A folder may hold it as a seed instead, in plain
text in `nkeys/<user>.seed`, where that is what its operator was handed; the key goes before it.
"""

from pathlib import Path

from contracts.errors import HandrailError
from services.runtime.keystore import KeyStore
from services.runtime.nkeys import NKey
from services.runtime.secret_files import overwrite

_SEEDS = "nkeys"
_SEED = ".seed"


def identity_key(user: str) -> str:
    """Return the name under which a key store keeps the identity of `user`."""
    return f"nkeys/{user}"


class Identities:
    """The NATS identities that a folder of state holds."""

    def __init__(self, folder: Path, store: KeyStore) -> None:
        """Look in `store`, and for seeds below `folder`."""
        self._seeds, self._store = folder / _SEEDS, store

    def get(self, user: str) -> NKey:
        """Return the identity of `user`.

        Raises HandrailError `nkey.missing`, `nkey.invalid` for a seed that is none, and `key.*`.
        """
        # A seed goes as soon as its key is there: between the two looks it may just have gone.
        for look in (self._kept, self._handed, self._kept):
            found = look(user)
            if found is not None:
                return found
        raise HandrailError(
            "nkey.missing",
            f"this folder of state holds no NATS identity for {user}",
            "run the command where the partnership's identities are kept",
        )

    def holds(self, user: str) -> bool:
        """Tell whether the identity of `user` is here, without opening it."""
        return self._store.holds(identity_key(user)) or self._seed(user).exists()

    def put(self, user: str, identity: NKey) -> None:
        """Keep `identity` as that of `user`, in the place of what was kept before."""
        self._store.put(identity_key(user), identity.private)
        self._destroy_seed(user)

    def move(self, user: str, to: str) -> None:
        """Let the identity of `user` take the place of that of `to`; raises as `get` does."""
        if not self._store.holds(identity_key(user)):
            self.put(user, self.get(user))
        self._store.move(identity_key(user), identity_key(to))
        self._destroy_seed(to)

    def adopt_seeds(self) -> int:
        """Take every seed into the key store and destroy it; return how many there were.

        One whose key is in the store already is only destroyed: nobody reads it.
        """
        seeds = sorted(self._seeds.glob(f"*{_SEED}"))
        for user in (path.name.removesuffix(_SEED) for path in seeds):
            if self._store.holds(identity_key(user)):
                self._destroy_seed(user)
            else:
                self.put(user, self.get(user))
        return len(seeds)

    def _kept(self, user: str) -> NKey | None:
        name = identity_key(user)
        return NKey(self._store.signing(name)) if self._store.holds(name) else None

    def _handed(self, user: str) -> NKey | None:
        try:
            return NKey.from_seed(self._seed(user).read_text(encoding="ascii"))
        except OSError:
            return None
        except UnicodeDecodeError:
            return NKey.from_seed("")

    def _seed(self, user: str) -> Path:
        return self._seeds / f"{user}{_SEED}"

    def _destroy_seed(self, user: str) -> None:
        path = self._seed(user)
        try:
            with path.open("r+b") as file:
                path.unlink()
                overwrite(file)
        except FileNotFoundError:
            return
