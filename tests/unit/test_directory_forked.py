"""Signing over an older directory: refused where it is signed, and by whoever has seen a newer."""

import shutil
from pathlib import Path

import pytest

from contracts.directory import sign_directory
from contracts.errors import HandrailError
from services.runtime.directories import from_file
from services.runtime.seen import Seen, newest_in, remember, seen_in, seen_of
from tests.area import Area
from tests.unit.test_cli_trust import code_of, directory_of, founded, partnership_of, run

JO = "area.academy.jo"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a partnership with one school."""
    return founded(tmp_path / "state", "area", "academy")


def test_nothing_is_signed_over_an_older_directory(folder: Path) -> None:
    """A revocation is not undone by a change made over the directory from before it."""
    path = partnership_of(folder).directory_path
    before = path.read_bytes()
    kid = directory_of(folder).practitioners[JO].keys[0].kid
    run(folder, "key", "revoke", JO, f"--kid={kid}")
    newest = path.read_bytes()
    path.write_bytes(before)

    for command in (
        ("partnership", "renew"),
        ("partnership", "root", "rotate"),
        ("practitioner", "add", "area.academy.al", "--name", "Al"),
        ("partnership", "trust", "offer", "--agency", "area.academy", "--out", folder / "offer"),
    ):
        assert code_of(folder, *command) == "directory.older"
    assert path.read_bytes() == before
    path.write_bytes(newest)
    run(folder, "partnership", "renew")
    held = directory_of(folder).holder(kid)
    assert held is not None
    assert held.key.compromised_at is not None


def test_what_any_service_here_has_seen_is_not_signed_over(folder: Path) -> None:
    """Where the commands' own memory is lost, the newest of the services' files counts."""
    path, seen = partnership_of(folder).directory_path, folder / "seen"
    before = path.read_bytes()
    run(folder, "partnership", "renew")
    made = directory_of(folder)
    here = seen_of(made.document.version, made.root_x, path.read_bytes())
    assert seen_in(seen / "cli.version") == here
    remember(seen / "story.version", Seen(2, made.root_x))
    remember(seen / "exchange.version", here)
    (seen / "cli.version").unlink()
    path.write_bytes(before)

    assert code_of(folder, "partnership", "renew") == "directory.older"
    assert newest_in(seen) == here


def test_two_copies_of_the_folder_do_not_both_make_a_version(folder: Path, tmp_path: Path) -> None:
    """Another directory of the version that was signed here is not signed on from."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    run(folder, "partnership", "renew")
    run(copy, "practitioner", "add", "area.academy.al", "--name", "Al")
    shutil.copy(partnership_of(copy).directory_path, partnership_of(folder).directory_path)

    assert code_of(folder, "partnership", "renew") == "directory.forked"


def test_where_two_services_have_seen_different_directories_nothing_is_signed(
    folder: Path,
) -> None:
    """Which one is right a person says; the error names whose files disagree, and the way out."""
    run(folder, "partnership", "renew")
    seen = folder / "seen"
    here = seen_in(seen / "cli.version")
    for digest in ("0" * 64, "f" * 64):
        other = Seen(here.version, here.root_x, digest)
        remember(seen / "story.version", other)
        assert code_of(folder, "partnership", "renew") == "directory.forked"
        with pytest.raises(HandrailError) as told:
            newest_in(seen)
        assert told.value.code == "directory.forked"
        assert f"cli.version {here.digest[:8]}, story.version {digest[:8]}" in told.value.message
        assert "remove the files" in told.value.remedy

    (seen / "story.version").unlink()
    run(folder, "partnership", "renew")


def test_files_that_do_not_contradict_each_other_give_the_newest(tmp_path: Path) -> None:
    """Older versions differ by right, and a file without a digest says nothing against one."""
    root_x = "A" * 43
    newest = Seen(7, root_x, "a" * 64)
    memories = (Seen(6, root_x, "b" * 64), Seen(7, root_x), newest, newest)
    for number, one in enumerate(memories):
        remember(tmp_path / f"s{number}.version", one)

    assert newest_in(tmp_path) == newest
    assert newest_in(tmp_path / "none") == Seen()


async def test_a_service_takes_no_other_directory_of_the_same_version(tmp_path: Path) -> None:
    """What was seen stays in force, also after a restart; a newer version is taken."""
    area, file, seen = Area(), tmp_path / "directory.jws", tmp_path / "seen" / "story.version"

    def signed(version: int, *, demonstration: bool) -> bytes:
        update = {"version": version, "demonstration": demonstration}
        return sign_directory(area.document.model_copy(update=update), area.root)

    file.write_bytes(signed(5, demonstration=False))
    holder = from_file(file, area.root.x, seen)
    assert await holder.refresh()
    file.write_bytes(signed(5, demonstration=True))
    for again in (holder, from_file(file, area.root.x, seen)):
        with pytest.raises(HandrailError) as told:
            await again.refresh()
        assert told.value.code == "directory.forked"
    assert not holder.current.document.demonstration
    file.write_bytes(signed(6, demonstration=True))
    assert await holder.refresh()


async def test_a_memory_without_a_digest_is_completed(tmp_path: Path) -> None:
    """A file that remembers the version alone takes the directory of that version, once."""
    area, file, seen = Area(), tmp_path / "directory.jws", tmp_path / "seen" / "story.version"
    file.write_bytes(area.signed)
    remember(seen, Seen(area.document.version, area.root.x))

    assert await from_file(file, area.root.x, seen).refresh()
    assert seen_in(seen) == seen_of(area.document.version, area.root.x, area.signed)
    seen.write_text(f"1\n{area.root.x}\nZZ\n")
    with pytest.raises(HandrailError) as told:
        seen_in(seen)
    assert told.value.code == "directory.seen-unreadable"
