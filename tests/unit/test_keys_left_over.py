"""What is over stays over: a root that was left behind leaves no key, an ended key no way back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from contracts.event import MAX_AGE
from services.cli import key_changes
from services.runtime.keystore import KeyStore
from tests.unit.test_cli_trust import code_of, directory_of, founded, partnership_of, run

JO = "area.academy.jo"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a partnership with one school."""
    return founded(tmp_path / "state", "area", "academy")


def roots_in(folder: Path) -> list[str]:
    """Return the names of the root keys that lie in the folder."""
    names = partnership_of(folder).keys.names()
    return [name for name in names if name.startswith("root")]


def break_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go over to a new root, and stop before the old key is destroyed."""

    def stop(_store: KeyStore, _name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KeyStore, "destroy", stop)
        with pytest.raises(KeyboardInterrupt):
            key_changes.rotate_root(partnership_of(folder), datetime.now(UTC))


@pytest.mark.parametrize(
    "command", [("partnership", "root", "rotate"), ("partnership", "renew")], ids=["again", "other"]
)
def test_a_broken_off_change_of_the_root_leaves_no_old_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """The next change of the directory, whichever it is, destroys what the broken-off one left."""
    break_off(folder, monkeypatch)
    assert roots_in(folder) == ["root", "roots/1"]
    run(folder, *command)

    changes = len(directory_of(folder).document.root_changes)
    assert roots_in(folder) == [f"roots/{changes}"]


def test_old_roots_are_destroyed_before_anything_is_signed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that fails later has destroyed them all the same, and only them."""
    break_off(folder, monkeypatch)
    assert code_of(folder, "practitioner", "add", JO, "--name", "Jo") == "practitioner.exists"

    assert roots_in(folder) == ["roots/1"]


def test_a_left_over_file_is_not_taken_for_a_root_in_the_module(folder: Path) -> None:
    """Who asks for a root in hardware does not get one that a broken-off try left in a file."""
    partnership_of(folder).signers.create("roots/1")

    assert code_of(folder, "partnership", "root", "rotate", "--pkcs11") == "root.left-over"
    assert roots_in(folder) == ["root", "roots/1"]
    run(folder, "partnership", "root", "rotate")
    assert roots_in(folder) == ["roots/1"]


def test_no_root_key_is_destroyed_over_an_older_directory(folder: Path) -> None:
    """Where the directory is older than one seen, the root in force is not touched."""
    path = partnership_of(folder).directory_path
    before = path.read_bytes()
    run(folder, "partnership", "root", "rotate")
    path.write_bytes(before)

    assert code_of(folder, "partnership", "root", "rotate") in (
        "directory.older",
        "directory.untrusted",
    )
    assert roots_in(folder) == ["roots/1"]


def test_a_key_that_has_ended_does_not_come_back(folder: Path) -> None:
    """What was signed between the end of a key and another end would count; so there is none."""
    partnership, now = partnership_of(folder), datetime.now(UTC)
    kid = directory_of(folder).practitioners[JO].keys[0].kid
    ended, later = now + timedelta(days=1), now + MAX_AGE
    key_changes.expire(partnership, JO, kid, later, now)
    key_changes.expire(partnership, JO, kid, ended, now)

    with pytest.raises(HandrailError) as told:
        key_changes.expire(partnership, JO, kid, later, ended)
    assert told.value.code == "key.over"
    assert directory_of(folder).practitioners[JO].keys[0].valid_to == ended


def test_a_retired_key_gets_no_other_end(folder: Path) -> None:
    """A key that was retired is over by that, whatever its other dates say."""
    kid = directory_of(folder).practitioners[JO].keys[0].kid
    run(folder, "key", "retire", JO, f"--kid={kid}")

    assert code_of(folder, "key", "expire", JO, f"--kid={kid}", "--on", "2099-01-01") == "key.over"
