"""What a witness remembers while its service runs: in a thread, put aside by an operator."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.agency import witness_memory
from services.agency.witness_kept import Kept
from services.agency.witness_memory import Memory, Remembered, State, path_of
from services.cli.log_resolving import resolve_forks
from services.runtime.whole_files import write_whole
from tests.area import SCHOOL

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FORKED = Remembered(state=State.FORKED, reason="log.other-root", head="a", other="b", since=4)
WITHIN_S = 20.0


def _path(folder: Path) -> Path:
    return path_of(folder, "schools", "universal")


def _kept(folder: Path, remembered: Remembered = FORKED) -> Kept:
    Memory(_path(folder)).write(remembered)
    return Kept(Memory(_path(folder)), SCHOOL)


async def _look(kept: Kept) -> bool:
    await kept.look()
    return False


async def _put(kept: Kept) -> bool:
    return await kept.put(kept.now, kept.now.but(checked={SCHOOL: 7}), ("seen", "other"))


@pytest.mark.parametrize("step", [_look, _put])
async def test_a_memory_put_aside_does_not_come_back(
    tmp_path: Path, step: Callable[[Kept], Any]
) -> None:
    """A fork that an operator resolves while the service runs is forgotten by it, and for good."""
    kept = _kept(tmp_path)
    resolve_forks(tmp_path, "schools", "looked into", NOW)
    assert await step(kept) is False
    assert (kept.now, kept.begun) == (Remembered(), 1)
    assert not _path(tmp_path).exists()
    assert not _path(tmp_path).with_suffix(".seen.jws").exists()
    begun = kept.now.but(state=State.WITNESSING, head="c")
    assert await kept.put(kept.now, begun)
    await kept.look()
    assert (Memory(_path(tmp_path)).read(), kept.begun) == (begun, 1)


async def test_a_second_resolve_is_noticed_as_the_first_was(tmp_path: Path) -> None:
    """What was put aside before, by this service's time or earlier, does not hide the next."""
    for minute in range(3):
        kept = _kept(tmp_path)
        await kept.look()
        assert kept.now == FORKED
        resolve_forks(tmp_path, "schools", "looked into", NOW.replace(minute=minute))
        await kept.look()
        assert kept.now == Remembered()


async def test_a_memory_put_aside_while_it_is_written_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolve between the last look and the new file leaves no file: the witness begins again."""
    kept = _kept(tmp_path)

    def resolved_first(path: Path, content: bytes) -> None:
        resolve_forks(tmp_path, "schools", "looked into", NOW)
        write_whole(path, content)

    monkeypatch.setattr(witness_memory, "write_whole", resolved_first)
    assert not await kept.put(kept.now, kept.now.but(checked={SCHOOL: 7}))
    assert (kept.now, kept.begun) == (Remembered(), 1)
    assert not _path(tmp_path).exists()


@pytest.mark.parametrize("gateway", ["schools-north", "x-witness-schools"])
async def test_the_memory_of_another_witness_put_aside_changes_nothing(
    tmp_path: Path, gateway: str
) -> None:
    """Resolving one gateway's witness lets no other one begin again."""
    kept = _kept(tmp_path)
    Memory(path_of(tmp_path, gateway, "universal")).write(FORKED)
    resolve_forks(tmp_path, gateway, "looked into", NOW)
    await kept.look()
    assert (kept.now, kept.begun) == (FORKED, 0)


async def test_a_memory_lost_while_the_service_runs_is_no_permission_to_forget(
    tmp_path: Path,
) -> None:
    """A file that has gone, and that nobody resolved, is written again: a fork stays a fork."""
    kept = _kept(tmp_path)
    _path(tmp_path).unlink()
    await kept.look()
    assert (kept.now, kept.begun) == (FORKED, 0)
    assert Memory(_path(tmp_path)).read() == FORKED


async def test_what_was_judged_by_an_older_memory_is_not_written(tmp_path: Path) -> None:
    """Of two changes judged by one memory the first alone is kept: nothing newer is undone."""
    kept = _kept(tmp_path, Remembered())
    seen = kept.now
    heads = [seen.but(state=State.WITNESSING, head=f"head {n}") for n in range(5)]
    done = await asyncio.gather(*(kept.put(seen, made) for made in heads))
    assert sorted(done) == [False] * 4 + [True]
    assert kept.now == heads[done.index(True)] == Memory(_path(tmp_path)).read()


class _Held:
    """Writing that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.may_go = threading.Event(), threading.Event()

    def write(self, path: Path, content: bytes) -> None:
        self.begun.set()
        assert self.may_go.wait(WITHIN_S)
        write_whole(path, content)

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, WITHIN_S)


async def test_the_loop_goes_on_while_a_memory_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk keeps nobody else waiting, and what it has not written is not remembered yet."""
    kept, held = _kept(tmp_path), _Held()
    monkeypatch.setattr(witness_memory, "write_whole", held.write)
    made = kept.now.but(checked={SCHOOL: 7})
    writing = asyncio.create_task(kept.put(kept.now, made))
    await held.until_begun()
    assert kept.now == FORKED
    held.may_go.set()
    assert await writing
    assert kept.now == made


async def test_a_cancelled_service_leaves_no_writing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is cancelled ends after its thread, so the next service reads what was written last."""
    kept, held = _kept(tmp_path), _Held()
    monkeypatch.setattr(witness_memory, "write_whole", held.write)
    made = kept.now.but(checked={SCHOOL: 7})
    writing = asyncio.create_task(kept.put(kept.now, made))
    await held.until_begun()
    for _ in range(3):
        writing.cancel()
        done, _ = await asyncio.wait([writing], timeout=0.01)
        assert not done
    held.may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert Memory(_path(tmp_path)).read() == kept.now == made


async def test_a_disk_that_refuses_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is not remembered, and is written once the disk takes it."""
    kept = _kept(tmp_path)

    def refuse(path: Path, content: bytes) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(witness_memory, "write_whole", refuse)
        with pytest.raises(OSError, match="no space"):
            await _put(kept)
    assert kept.now == FORKED
    assert await _put(kept)
