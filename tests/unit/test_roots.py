"""Going over to another root key: who follows, and what the old root can still do (nothing)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from contracts import base64url, jws, roots
from contracts.directory import DirectoryDocument, open_directory, sign_directory
from contracts.errors import HandrailError
from contracts.roots import follow, open_change, sign_change
from services.runtime.directories import from_file
from services.runtime.seen import Seen, remember, seen_in, seen_of

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
FIRST, SECOND, THIRD, THIEF = (jws.PrivateKey.generate() for _ in range(4))
CHAIN = (
    sign_change("demo", 1, FIRST, SECOND, NOW),
    sign_change("demo", 2, SECOND, THIRD, NOW + timedelta(days=1)),
)


def document(version: int = 1, changes: tuple[str, ...] = ()) -> DirectoryDocument:
    """Return a directory that lives on after the tests."""
    return DirectoryDocument(
        partnership="demo",
        version=version,
        issued_at=NOW,
        expires_at=NOW + timedelta(days=36500),
        root_changes=changes,
    )


def code(data: bytes, root: jws.PrivateKey) -> str:
    """Return why a directory is not believed, or "" where it is."""
    try:
        open_directory(data, root.x)
    except HandrailError as error:
        return error.code
    return ""


@pytest.mark.parametrize("pinned", [FIRST, SECOND, THIRD])
def test_whoever_is_pinned_to_any_earlier_root_follows_to_the_newest(
    pinned: jws.PrivateKey,
) -> None:
    """A reader who knows any root of the partnership believes what the newest one signs."""
    directory = open_directory(sign_directory(document(3, CHAIN), THIRD), pinned.x)

    assert directory.root_x == THIRD.x
    assert directory.document.version == 3


def test_a_root_that_was_changed_signs_nothing_any_more() -> None:
    """A directory that names a change and is signed by an earlier root is not believed."""
    for pinned in (FIRST, SECOND, THIRD):
        for old in (FIRST, SECOND):
            signed = sign_directory(document(9, CHAIN), old)
            assert code(signed, pinned) == "directory.untrusted"


def test_whoever_knows_the_new_root_does_not_go_back_to_the_old_one() -> None:
    """A reader pinned to a later root does not believe an earlier one's directory without it."""
    assert code(sign_directory(document(99), FIRST), SECOND) == "directory.untrusted"
    assert code(sign_directory(document(99, CHAIN[:1]), SECOND), THIRD) == "directory.untrusted"


def _without_old(text: str) -> str:
    made = json.loads(text)
    made["signatures"] = made["signatures"][1:]
    return json.dumps(made)


def _by_thief(text: str) -> str:
    """Return the same change with the new root's own signature in place of the old one's."""
    payload = base64url.decode(json.loads(text)["payload"]) or b""
    made = (THIEF.signature(payload, roots.TYP), SECOND.signature(payload, roots.TYP))
    return jws.assemble(base64url.encode(payload), made).decode()


HOSTILE: dict[str, Callable[[], tuple[str, ...]]] = {
    "signed by the new root only": lambda: (_without_old(CHAIN[0]),),
    "signed by a thief for the old root": lambda: (_by_thief(CHAIN[0]),),
    "of another partnership": lambda: (sign_change("other", 1, FIRST, SECOND, NOW),),
    "with a gap in the numbers": lambda: (sign_change("demo", 2, FIRST, SECOND, NOW),),
    "that does not begin where the one before ended": lambda: (
        CHAIN[0],
        sign_change("demo", 2, THIEF, THIRD, NOW),
    ),
    "that comes back to an earlier root": lambda: (
        CHAIN[0],
        sign_change("demo", 2, SECOND, FIRST, NOW),
        sign_change("demo", 3, FIRST, SECOND, NOW),
    ),
    "that runs backwards": lambda: (
        CHAIN[0],
        sign_change("demo", 2, SECOND, THIRD, NOW - timedelta(days=1)),
        sign_change("demo", 3, THIRD, SECOND, NOW),
    ),
    "that is no JWS": lambda: ("not a token",),
    "that a reader's root is no part of": lambda: (sign_change("demo", 1, THIEF, SECOND, NOW),),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_change_of_the_root_leads_nowhere(name: str) -> None:
    """Whatever is wrong with the chain of changes, its directory is not believed."""
    signed = sign_directory(document(2, HOSTILE[name]()), SECOND)

    assert code(signed, FIRST) == "directory.untrusted"


def test_a_change_of_another_form_is_a_value_and_no_exception() -> None:
    """Nothing that stands in the place of a change raises anything."""
    payload = orjson.dumps({"partnership": "demo", "number": 1, "from": "A" * 43, "to": 7})
    for text in ("", "{}", jws.sign(payload, FIRST, roots.TYP).decode(), "\ud800"):
        assert open_change(text) is None
    assert follow(FIRST.x, ("",)) is None


async def test_a_service_remembers_the_newest_root_and_never_takes_the_old_one(
    tmp_path: Path,
) -> None:
    """Once a service has seen the new root, a broker cannot bring the old one back to it."""
    file, seen = tmp_path / "directory.jws", tmp_path / "seen" / "exchange.version"
    file.write_bytes(sign_directory(document(1), FIRST))
    holder = from_file(file, FIRST.x, seen)
    assert await holder.refresh()

    file.write_bytes(sign_directory(document(2, CHAIN[:1]), SECOND))
    assert await holder.refresh()
    assert seen_in(seen) == seen_of(2, SECOND.x, file.read_bytes())

    for again in (holder, from_file(file, FIRST.x, seen)):
        for forged in (document(3), document(3, (sign_change("demo", 1, FIRST, THIEF, NOW),))):
            signer = FIRST if not forged.root_changes else THIEF
            file.write_bytes(sign_directory(forged, signer))
            with pytest.raises(HandrailError) as caught:
                await again.refresh()
            assert caught.value.code == "directory.untrusted"
    assert holder.current.document.version == 2


def test_a_lost_memory_is_made_up_for_by_another_service(tmp_path: Path) -> None:
    """Whose file is lost knows what the other services of the installation have seen."""
    remember(tmp_path / "story.version", Seen(4, FIRST.x))
    remember(tmp_path / "tracker.version", Seen(7, SECOND.x))

    assert seen_in(tmp_path / "exchange.version") == Seen(7, SECOND.x)
    assert seen_in(tmp_path / "story.version") == Seen(4, FIRST.x)
    assert seen_in(tmp_path / "elsewhere" / "exchange.version") == Seen()


@pytest.mark.parametrize("content", [b"", b"seven", b"-1\n", b"7\nshort\n", b"\xff\xfe"])
async def test_a_memory_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    """A damaged memory stops the service rather than let it trust an older directory."""
    file, seen = tmp_path / "directory.jws", tmp_path / "exchange.version"
    file.write_bytes(sign_directory(document(1), FIRST))
    seen.write_bytes(content)

    with pytest.raises(HandrailError) as caught:
        await from_file(file, FIRST.x, seen).refresh()
    assert caught.value.code == "directory.seen-unreadable"
