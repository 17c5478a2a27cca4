"""The partnership's authority for the TLS of its NATS servers, and the certificates it issues.

One authority certifies every server. Clients need nothing but its certificate, because they prove
who they are by NKEY; the servers of a cluster prove it to each other by their certificates. Keys
are EC P-256, certificates X.509 v3 as RFC 5280 has them.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contracts.errors import HandrailError
from services.runtime.whole_files import write_whole

AUTHORITY_FOR: Final = timedelta(days=3650)
SERVER_FOR: Final = timedelta(days=397)
_EARLIER: Final = timedelta(hours=1)
"""Certificates hold from a little earlier on: clocks of other machines may be behind."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Whoever certifies the servers of one partnership."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> bytes:
        """The certificate that every client and server needs; it is not secret."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Issued:
    """A server's certificate and its private key, both in PEM; the key is not encrypted."""

    certificate: bytes
    key: bytes = field(repr=False)


def found_authority(partnership: str, now: datetime) -> Authority:
    """Make the authority of `partnership`, valid for ten years from `now`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Handrail {partnership} NATS authority")
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(authority: Authority, server: str, hosts: Iterable[str], now: datetime) -> Issued:
    """Certify a server for 397 days from `now` under the names and addresses of `hosts`.

    Clients and the other servers of its cluster must reach it under one of them.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    lasts = min(SERVER_FOR, issuer.not_valid_after_utc - now)
    certificate = (
        _builder(_name(server), issuer.subject, key.public_key(), now, lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(one) for one in hosts]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    return Issued(certificate.public_bytes(Encoding.PEM), _private_pem(key, NoEncryption()))


def expires_at(pem: bytes) -> datetime:
    """Return when the certificate in `pem` expires; raises `tls.unreadable`."""
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError:
        raise _unreadable() from None


def authority_in(
    folder: Path, partnership: str, passphrase: str | None, now: datetime
) -> Authority:
    """Return the authority kept in the folder of state, made now where there is none.

    Its key is `keys/tls/ca.key`, encrypted by `passphrase` where one is given, its certificate
    `tls/ca.pem`. Raises `tls.unreadable` for a damaged file or another passphrase, and
    `tls.incomplete` where one of the two is missing.
    """
    certificate, key = folder / "tls" / "ca.pem", folder / "keys" / "tls" / "ca.key"
    if not certificate.exists() and not key.exists():
        made = found_authority(partnership, now)
        lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        write(key, _private_pem(made.key, lock))
        write(certificate, made.pem)
        return made
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = passphrase.encode() if passphrase else None
        private = load_pem_private_key(key.read_bytes(), secret)
    except OSError:
        raise HandrailError(
            "tls.incomplete",
            "the authority for NATS servers lacks its key or its certificate",
            "restore keys/tls/ca.key and tls/ca.pem, or remove both to found another authority, "
            "which every client must then be given",
        ) from None
    except (ValueError, TypeError):
        raise _unreadable() from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise _unreadable()
    return Authority(found, private)


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner alone, and make its folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, content)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private_pem(key: ec.EllipticCurvePrivateKey, lock: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def _unreadable() -> HandrailError:
    return HandrailError(
        "tls.unreadable",
        "a certificate or the key of the authority for NATS servers cannot be read",
        "check HANDRAIL_KEY_PASSPHRASE; a damaged file is restored from its backup",
    )
