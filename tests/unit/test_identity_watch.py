"""A gateway's identity is opened again when its file has changed, and only then."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import HandrailError
from services.agency.identity_watch import IdentityWatch
from services.cli.founding import create
from services.runtime.identities import Identities
from services.runtime.keystore import KeyStore
from services.runtime.nkeys import NKey
from services.runtime.partnership import Partnership

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
USER = "schools-service"


@pytest.fixture
def partnership(tmp_path: Path) -> Partnership:
    """Give a partnership of the test's own."""
    return create(tmp_path / "state", now=NOW, demonstration=True)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the threads in which a key was opened."""
    threads: list[int] = []
    signing = KeyStore.signing

    def noted(store: KeyStore, name: str) -> object:
        threads.append(threading.get_ident())
        return signing(store, name)

    monkeypatch.setattr(KeyStore, "signing", noted)
    return threads


def _watch(partnership: Partnership) -> IdentityWatch:
    return IdentityWatch(partnership, USER, partnership.nkey(USER))


async def test_a_key_that_stays_is_opened_once(partnership: Partnership, opened: list[int]) -> None:
    """However often somebody looks, an unchanged file is opened once, and not on the loop."""
    watch = _watch(partnership)
    opened.clear()
    assert [await watch.other() for _ in range(20)] == [None] * 20
    assert len(opened) == 1
    assert threading.get_ident() not in opened


async def test_another_key_is_noticed_until_it_is_used(partnership: Partnership) -> None:
    """A replaced identity is given at every look: the server may not know it at the first."""
    watch = _watch(partnership)
    assert await watch.other() is None
    made = NKey.generate()
    partnership.identities.put(USER, made)
    found = [await watch.other() for _ in range(3)]
    assert [one.public if one else None for one in found] == [made.public] * 3


async def test_the_same_key_in_another_file_is_no_other_identity(
    partnership: Partnership, opened: list[int]
) -> None:
    """A file that was written again with what it held is opened once more, and then no more."""
    watch = _watch(partnership)
    await watch.other()
    partnership.identities.put(USER, partnership.nkey(USER))
    opened.clear()
    assert [await watch.other() for _ in range(5)] == [None] * 5
    assert len(opened) == 1


async def test_a_key_that_is_exposed_or_gone_is_told_at_every_look(
    partnership: Partnership,
) -> None:
    """What is wrong with the file is not passed over because the key in it was right before."""
    watch = _watch(partnership)
    await watch.other()
    file = partnership.keys.path_of(f"nkeys/{USER}")
    file.chmod(0o644)
    codes = [await _code(watch) for _ in range(2)]
    file.unlink()
    codes += [await _code(watch) for _ in range(2)]
    assert codes == ["key.exposed"] * 2 + ["nkey.missing"] * 2


async def test_a_seed_that_was_handed_over_is_noticed(partnership: Partnership) -> None:
    """Where the identity lies as a seed, another seed in its place is another identity."""
    made = [NKey.generate(), NKey.generate()]
    partnership.keys.destroy(f"nkeys/{USER}")
    seed = partnership.folder / "nkeys" / f"{USER}.seed"
    seed.parent.mkdir(exist_ok=True)
    seed.write_text(made[0].seed)
    watch = IdentityWatch(
        partnership, USER, Identities(partnership.folder, partnership.keys).get(USER)
    )
    assert await watch.other() is None
    seed.write_text(made[1].seed)
    found = await watch.other()
    assert found is not None
    assert found.public == made[1].public


async def _code(watch: IdentityWatch) -> str:
    with pytest.raises(HandrailError) as refused:
        await watch.other()
    return refused.value.code
