"""The exchange's intake keys as the story service uses them: by month, never past their time."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.errors import HandrailError
from services.runtime.keystore import KeyStore, destroyed_at
from services.runtime.settlement import PermanentFault


class IntakeKeys:
    """Give the private intake key of a month from the key store that the exchange fills."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._held: dict[str, X25519PrivateKey] = {}

    def of(self, month: str, now: datetime) -> X25519PrivateKey:
        """Return the key of `month` (`2026-11`).

        Raises `story.intake-key-destroyed`, a permanent fault, once its time is up at `now`, and
        `story.intake-key-missing` before that: the key may come back, so nothing is given up.
        """
        if destroyed_at(month) <= now:
            self._held.pop(month, None)
            raise PermanentFault(
                "story.intake-key-destroyed",
                "the intake key of that month has been destroyed",
                "ask the sender to send the message again under a new id",
            )
        if month not in self._held:
            self._held[month] = self._load(month)
        return self._held[month]

    def _load(self, month: str) -> X25519PrivateKey:
        try:
            return self._store.encryption(f"intake/{month}")
        except HandrailError as error:
            raise HandrailError(
                "story.intake-key-missing",
                "the intake key of that month cannot be read here",
                "let the story service read the exchange's folder keys/intake; "
                "what waits for the key is stored as soon as it is there",
            ) from error
