"""The authority for NATS servers: what it signs, where it is kept, and what is not encrypted."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from contracts.errors import HandrailError
from services.runtime.connection import encryption
from services.runtime.keystore import KeyStore
from services.runtime.nats_plan import is_loopback
from services.runtime.tls import authority_in, expires_at, found_authority, issue

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_server_is_certified_for_its_hosts_and_nothing_else() -> None:
    """The certificate names hosts and addresses, serves and routes, and signs no others."""
    authority = found_authority("demo", NOW)
    issued = issue(authority, "handrail-1", ("nats.example.org", "10.0.0.5"), NOW)
    made = x509.load_pem_x509_certificate(issued.certificate)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    basic = made.extensions.get_extension_for_class(x509.BasicConstraints).value

    made.verify_directly_issued_by(authority.certificate)
    assert names.get_values_for_type(x509.DNSName) == ["nats.example.org"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("10.0.0.5")]
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not basic.ca
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert expires_at(issued.certificate) == NOW + timedelta(days=397)


def test_a_certificate_does_not_outlive_its_authority() -> None:
    """Near the authority's end, what it signs ends with it."""
    authority = found_authority("demo", NOW - timedelta(days=3650) + 30 * DAY)

    issued = issue(authority, "handrail", ("127.0.0.1",), NOW)

    assert expires_at(issued.certificate) == expires_at(authority.pem) == NOW + 30 * DAY


def test_the_authority_is_kept_and_its_key_is_encrypted(tmp_path: Path) -> None:
    """The second time it is the same; without the passphrase, or half of it, it is none."""
    first = authority_in(tmp_path, "demo", "open sesame", NOW)
    again = authority_in(tmp_path, "demo", "open sesame", NOW + DAY)

    assert again.certificate == first.certificate
    assert b"ENCRYPTED" in (tmp_path / "keys/tls/ca.key").read_bytes()
    for wrong in ("guess", None):
        with pytest.raises(HandrailError, match=r"tls\.unreadable"):
            authority_in(tmp_path, "demo", wrong, NOW)
    (tmp_path / "keys/tls/ca.key").unlink()
    with pytest.raises(HandrailError, match=r"tls\.incomplete"):
        authority_in(tmp_path, "demo", "open sesame", NOW)


def test_the_authority_is_encrypted_anew_with_all_other_keys(tmp_path: Path) -> None:
    """A new passphrase for the keys of the folder is a new one for the authority's key too."""
    made = authority_in(tmp_path, "demo", None, NOW)

    assert KeyStore(tmp_path / "keys").protect("tls/ca", "open sesame")

    assert authority_in(tmp_path, "demo", "open sesame", NOW).certificate == made.certificate
    with pytest.raises(HandrailError, match=r"tls\.unreadable"):
        authority_in(tmp_path, "demo", None, NOW)


@pytest.mark.parametrize("pem", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\n!\n"])
def test_what_is_no_certificate_is_told(pem: bytes) -> None:
    """A damaged certificate is named as such, without a traceback."""
    with pytest.raises(HandrailError, match=r"tls\.unreadable"):
        expires_at(pem)


@pytest.mark.parametrize(
    "url",
    [
        "nats://nats:4222",
        "tls://10.0.0.5:4222",
        "nats://127.0.0.1:4222,nats://10.0.0.5:4222",
        "nats://localhost.example.org",
        "nats://[2001:db8::1]:4222",
        "10.0.0.5:4222",
        "nats://[broken",
    ],
)
def test_another_machine_is_not_spoken_to_in_the_clear(url: str) -> None:
    """Without an authority's certificate only this machine itself is an address."""
    with pytest.raises(HandrailError) as refused:
        encryption(url, None)

    assert refused.value.code == "nats.not-encrypted"
    assert refused.value.remedy


@pytest.mark.parametrize("url", ["nats://127.0.0.1:4222", "localhost:4222", "nats://[::1]:4222"])
def test_this_machine_itself_may_be_spoken_to(url: str) -> None:
    """What does not leave the machine may go unencrypted."""
    assert encryption(url, None) is None


def test_an_authority_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """A missing or damaged ca.pem is an error, never a connection in the clear."""
    damaged = tmp_path / "ca.pem"
    damaged.write_text("damaged")

    for path in (damaged, tmp_path / "missing.pem"):
        with pytest.raises(HandrailError, match=r"nats\.no-authority"):
            encryption("nats://127.0.0.1:4222", path)


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("[::1]", True), ("localhost", True),
     ("10.0.0.1", False), ("nats", False), ("", False)],
)  # fmt: skip
def test_loopback_is_known(host: str, inside: bool) -> None:
    """An address of this machine is told from every other one."""
    assert is_loopback(host) is inside
