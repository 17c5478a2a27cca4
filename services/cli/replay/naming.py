"""Ids that derive from a return's own identifiers, so that a second run names the same messages.

They are keyed (HMAC-SHA256) with a secret of this folder of state: without it nobody can find out
by trying which child a reference stands for. Whoever loses the key loses the names with it, and a
further run would send everything again under other ones.
"""

import hashlib
import hmac
import json
from datetime import date
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.cin import Child, Event, Referral
from contracts.errors import HandrailError
from services.runtime.keystore import KeyStore

KEY: Final = "replay"
"""The key's name in the key store: 32 random bytes that are used for nothing else."""

_LENGTH: Final = 32


class Names:
    """Name the children, messages and records of one authority's returns under `key`."""

    def __init__(self, key: bytes, authority: str | None) -> None:
        self._key = key
        self._authority = authority or ""

    def child(self, child: Child) -> str:
        """Return the reference of a child, the same in every return of the authority."""
        return self._name("child", child.la_child_id)

    def referral(self, child: Child, referral: Referral) -> str:
        """Return the message id of a referral: a child has one that can be sent on a day."""
        return self._name("referral", child.la_child_id, _day(referral.referral_date))

    def event(self, child: Child, referral: Referral, event: Event) -> str:
        """Return the message id of what followed a referral."""
        said = (event.kind, event.date.isoformat(), event.reason or "")
        return self._name("event", child.la_child_id, _day(referral.referral_date), *said)

    def record(self, digest: str, child: int, referral: int) -> str:
        """Return the name of a record by the file's digest and its place in the file."""
        return self._name("record", digest, str(child), str(referral))

    def _name(self, *parts: str) -> str:
        # As JSON, so that no two lists of parts make the same text.
        text = json.dumps([self._authority, *parts])
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def local_key(keys: KeyStore) -> bytes:
    """Return this folder's secret of 32 bytes, made when it is first asked for.

    It is kept like every other key: written whole, for its owner alone, under the passphrase where
    there is one. Raises HandrailError `key.exposed` or `key.unreadable`.
    """
    try:
        found = keys.signing(KEY)
    except HandrailError as error:
        if error.code != "key.missing":
            raise
        found = _made(keys)
    return found.private_bytes_raw()


def _made(keys: KeyStore) -> Ed25519PrivateKey:
    try:
        return keys.create_signing(KEY)
    except HandrailError as error:
        if error.code != "key.exists":
            raise
        return keys.signing(KEY)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
