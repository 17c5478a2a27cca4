"""The exchange's intake key of the month: made, signed for senders, and destroyed in time.

Senders encrypt disclosures to it (RFC 9180); it is destroyed 35 days after its month (design §4).
"""

from datetime import UTC, datetime, timedelta

import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import jws
from contracts.errors import HandrailError
from contracts.submission import INTAKE_TYP, raw_public
from services.runtime.keystore import KeyStore, destroyed_at, monthly_key

PURPOSE = "intake"
_AHEAD = timedelta(days=1)


class IntakeKeyring:
    """The private intake keys at hand, by month, and the signed public half to hand out."""

    def __init__(self, store: KeyStore, signer: jws.Signer, exchange: str) -> None:
        """Keep keys in `store`; `signer` is the exchange's directory key."""
        self._store, self._signer, self._exchange = store, signer, exchange
        self.keys: dict[str, X25519PrivateKey] = {}
        self._signed: tuple[str, str, bytes] = ("", "", b"")

    def refresh(self, now: datetime) -> None:
        """Make the key of this month (and tomorrow's month), destroy what is due, load the rest."""
        for at in (now, now + _AHEAD):
            self._ensure(monthly_key(PURPOSE, at))
        self._store.destroy_expired(now)
        self.keys = load_intake_keys(self._store)

    def _ensure(self, name: str) -> None:
        try:
            self._store.create_encryption(name)
        except HandrailError as error:
            if error.code != "key.exists":
                raise

    def signed(self, now: datetime) -> bytes:
        """Return the public intake key of the month of `now`, signed by the exchange.

        Signed once for each month and each key of the exchange.
        """
        month = f"{now.astimezone(UTC):%Y-%m}"
        if self._signed[:2] != (month, self._signer.kid):
            self._signed = (month, self._signer.kid, self._sign(month))
        return self._signed[2]

    def _sign(self, month: str) -> bytes:
        body = {
            "service": self._exchange,
            "month": month,
            "x": raw_public(self.keys[month]),
            "expires_at": destroyed_at(month).isoformat(),
        }
        return jws.sign(orjson.dumps(body), self._signer, INTAKE_TYP)


def load_intake_keys(store: KeyStore) -> dict[str, X25519PrivateKey]:
    """Return every intake key in `store`, by month."""
    return {
        name.removeprefix(f"{PURPOSE}/"): store.encryption(name) for name in store.names(PURPOSE)
    }
