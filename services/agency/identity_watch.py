"""Noticing that a NATS identity was replaced, without opening its key at every look."""

import asyncio
from pathlib import Path

from services.runtime.identities import identity_key
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership


class IdentityWatch:
    """Compares the identity that a folder of state holds for a user with the one in use."""

    def __init__(self, partnership: Partnership, user: str, used: NKey) -> None:
        """Look for another identity of `user` than `used`."""
        self._partnership, self._user, self._used = partnership, user, used
        self._file = partnership.keys.path_of(identity_key(user))
        self._same: tuple[int, ...] | None = None

    async def other(self) -> NKey | None:
        """Return the identity that is held now where it is another one than that in use.

        The key is opened, in a thread, only when its file is not the one that held the same
        identity before; a seed, which nothing has to be opened for, is read at every look. Raises
        `nkey.missing`, `nkey.invalid` and `key.*`.
        """
        found = _version(self._file)
        if found is not None and found == self._same:
            return None
        held = await asyncio.to_thread(self._partnership.nkey, self._user)
        if held.public != self._used.public:
            return held
        self._same = found
        return None


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what changes whenever a file does, its permissions included; None without one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
