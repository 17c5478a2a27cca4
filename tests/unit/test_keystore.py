"""Private keys are written whole, readable by their owner alone, and destroyed on time."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from services.runtime.keystore import KeyStore, destroyed_at, monthly_key, practitioner_key

PASSPHRASE = "correct horse"
END_OF_NOVEMBER_KEY = datetime(2027, 1, 5, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    """Give an empty store."""
    return KeyStore(tmp_path / "keys")


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_key_that_was_made_can_be_loaded_again(tmp_path: Path, passphrase: str | None) -> None:
    """A later process with the same passphrase gets the very same keys."""
    store, later = KeyStore(tmp_path, passphrase), KeyStore(tmp_path, passphrase)
    signing = store.create_signing("exchange/signing")
    intake = store.create_encryption("intake/2026-11")

    assert later.signing("exchange/signing").private_bytes_raw() == signing.private_bytes_raw()
    assert later.encryption("intake/2026-11").private_bytes_raw() == intake.private_bytes_raw()


def test_files_and_folders_are_their_owners_alone(store: KeyStore, tmp_path: Path) -> None:
    """Whatever the umask, a key file has mode 0600 and its folders 0700; no draft is left."""
    before = os.umask(0)
    try:
        store.create_encryption("delivery/demo.hilltop-school/2026-11")
    finally:
        os.umask(before)

    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").rglob("*")}
    found[tmp_path / "keys"] = stat.S_IMODE((tmp_path / "keys").stat().st_mode)
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert [mode for path, mode in found.items() if path.is_file()] == [0o600]


def test_a_key_is_never_replaced(store: KeyStore) -> None:
    """Making a key under a taken name is refused and leaves the first one in place."""
    first = store.create_signing("exchange/signing")

    with pytest.raises(HandrailError, match=r"key\.exists"):
        store.create_signing("exchange/signing")

    assert store.signing("exchange/signing").private_bytes_raw() == first.private_bytes_raw()
    assert store.names() == ("exchange/signing",)


def test_a_passphrase_keeps_the_key_out_of_the_file(tmp_path: Path) -> None:
    """With a passphrase the file is encrypted: another one, or none, opens nothing."""
    KeyStore(tmp_path, PASSPHRASE).create_signing("exchange/signing")

    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "exchange/signing.key").read_bytes()
    for wrong in (None, "other"):
        with pytest.raises(HandrailError, match=r"key\.unreadable"):
            KeyStore(tmp_path, wrong).signing("exchange/signing")


def test_a_file_that_others_may_read_is_refused(store: KeyStore, tmp_path: Path) -> None:
    """A key whose file was opened to others is not used."""
    store.create_signing("exchange/signing")
    (tmp_path / "keys/exchange/signing.key").chmod(0o640)

    with pytest.raises(HandrailError, match=r"key\.exposed"):
        store.signing("exchange/signing")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", b"\xff" * 64])
def test_a_damaged_file_is_an_error_with_a_remedy(
    store: KeyStore, tmp_path: Path, content: bytes
) -> None:
    """Whatever a key file holds, loading it raises our own error."""
    store.create_signing("exchange/signing")
    (tmp_path / "keys/exchange/signing.key").write_bytes(content)

    with pytest.raises(HandrailError, match=r"key\.unreadable") as caught:
        store.signing("exchange/signing")
    assert "HANDRAIL_KEY_PASSPHRASE" in caught.value.remedy


def test_a_key_is_not_used_for_another_purpose(store: KeyStore) -> None:
    """An encryption key cannot sign, nor a signing key decrypt."""
    store.create_encryption("intake/2026-11")
    store.create_signing("exchange/signing")

    with pytest.raises(HandrailError, match=r"key\.wrong-kind"):
        store.signing("intake/2026-11")
    with pytest.raises(HandrailError, match=r"key\.wrong-kind"):
        store.encryption("exchange/signing")


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../outside", "a/../../b", "a//b", "a b", ".hidden", "a/b/c/d/e", "é"],
)
def test_a_name_cannot_leave_the_store(store: KeyStore, name: str) -> None:
    """A name that is not made of handles is refused before any file is touched."""
    for use in (store.create_signing, store.signing, store.destroy):
        with pytest.raises(HandrailError, match=r"key\.name-invalid"):
            use(name)


def test_a_destroyed_key_is_gone_from_its_file_too(store: KeyStore, tmp_path: Path) -> None:
    """Destroying overwrites the bytes that were on disk before the name is taken away."""
    name = practitioner_key("demo.hilltop-school.sam")
    store.create_signing(name)
    path = tmp_path / "keys/practitioners/demo.hilltop-school.sam.key"
    written = path.read_bytes()
    (tmp_path / "link").hardlink_to(path)

    store.destroy(name)

    assert not path.exists()
    assert (tmp_path / "link").read_bytes() != written
    for use in (store.signing, store.destroy):
        with pytest.raises(HandrailError, match=r"key\.missing"):
            use(name)


def test_a_month_key_is_destroyed_35_days_after_its_month(store: KeyStore) -> None:
    """Not a second earlier than 35 days after the month's end in UTC, and then it is gone."""
    for name in ("intake/2026-11", "intake/2026-12", "delivery/demo.hilltop-school/2026-11"):
        store.create_encryption(name)
    store.create_signing("exchange/signing")

    assert store.destroy_expired(END_OF_NOVEMBER_KEY - timedelta(seconds=1)) == ()
    assert store.destroy_expired(END_OF_NOVEMBER_KEY) == (
        "delivery/demo.hilltop-school/2026-11",
        "intake/2026-11",
    )
    assert store.names() == ("exchange/signing", "intake/2026-12")
    assert store.names("intake") == ("intake/2026-12",)


def test_a_month_is_reckoned_in_utc() -> None:
    """The key in use late on the last evening of a month east of Greenwich is the old month's."""
    east = datetime.fromisoformat("2026-12-01T00:30:00+01:00")

    assert monthly_key("intake", east) == "intake/2026-11"
    assert destroyed_at("2026-12") == datetime(2027, 2, 5, tzinfo=UTC)


def test_a_time_without_zone_is_refused(store: KeyStore) -> None:
    """No key is destroyed by a clock whose zone is unknown."""
    with pytest.raises(HandrailError, match=r"time\.zone-missing"):
        store.destroy_expired(END_OF_NOVEMBER_KEY.replace(tzinfo=None))
