"""NKEY user keys: how a service or a gateway proves to nats-server who it is.

An NKEY is an Ed25519 key pair written in base32 with a prefix that says what it is for and a
CRC-16 (XMODEM) that catches a slip in copying. Only user keys are made here. Format: the NATS
"nkeys" specification, as in https://github.com/nats-io/nkeys. The arithmetic is `cryptography`'s.
"""

import base64
import binascii
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import HandrailError

_SEED = 18 << 3
_USER = 20 << 3
_SEED_HEADER = bytes([_SEED | _USER >> 5, (_USER & 31) << 3])
_PUBLIC_HEADER = bytes([_USER])
_KEY_BYTES = 32
_CRC_BYTES = 2


def _encode(payload: bytes) -> str:
    crc = binascii.crc_hqx(payload, 0).to_bytes(_CRC_BYTES, "little")
    return base64.b32encode(payload + crc).rstrip(b"=").decode()


def _decode(text: str, header: bytes) -> bytes | None:
    """Return the key bytes of `text`, or None unless it is exactly what `_encode` writes."""
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        return None
    payload = raw[:-_CRC_BYTES]
    well_formed = payload.startswith(header) and len(payload) == len(header) + _KEY_BYTES
    return payload[len(header) :] if well_formed and _encode(payload) == text else None


def is_public(text: str) -> bool:
    """Tell whether `text` is the public half of a user NKEY (`U…`, 56 characters)."""
    return _decode(text, _PUBLIC_HEADER) is not None


def inbox_prefix(public: str) -> str:
    """Return the prefix of the reply subjects that only the owner of `public` may read.

    Users of one account share its subjects: were all replies under `_INBOX.>`, each user could
    read what another one asked for.
    """
    return f"_INBOX.{public}"


@dataclass(frozen=True, slots=True)
class NKey:
    """Hold one user key pair; its text form never shows the seed."""

    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "NKey":
        """Make a fresh key pair from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: str) -> "NKey":
        """Read a key pair from its seed (`SU…`); white space around it is ignored.

        Raises `HandrailError` `nkey.invalid` for anything but an intact user seed.
        """
        raw = _decode(seed.strip(), _SEED_HEADER)
        if raw is None:
            raise HandrailError(
                "nkey.invalid",
                "this is not the seed of a NATS user key",
                "give the seed as it was written when the key was made: `SU` and 56 characters",
            )
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key pair itself, for a key store."""
        return self._private

    @property
    def seed(self) -> str:
        """The secret half as text; keep it in a file that only its owner may read."""
        return _encode(_SEED_HEADER + self._private.private_bytes_raw())

    @property
    def public(self) -> str:
        """The public half as text, as it stands in the server's configuration."""
        return _encode(_PUBLIC_HEADER + self._private.public_key().public_bytes_raw())

    def sign_nonce(self, nonce: str) -> bytes:
        """Answer the server's challenge: the base64 signature over the bytes of `nonce`."""
        return base64.b64encode(self._private.sign(nonce.encode()))
