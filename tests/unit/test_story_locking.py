"""A statement at rest opens only with the child's key, for that child and that digest."""

import pytest

from contracts.errors import HandrailError
from services.story.locking import Locked, lock, new_child_key, unlock

CHILD, OTHER = "CHILD000000000000001", "CHILD000000000000002"
DIGEST, OTHER_DIGEST = "d" * 43, "e" * 43
TEXT = "WyJzYWx0IiwgIndvcmRzIl0"


def refused(locked: Locked, child: str, digest: str, key: bytes) -> str:
    """Fail to unlock and give the code."""
    with pytest.raises(HandrailError) as caught:
        unlock(locked, child, digest, key)
    return caught.value.code


def test_a_statement_opens_with_its_childs_key() -> None:
    """What was locked comes out as it went in."""
    key = new_child_key()

    assert unlock(lock(TEXT, CHILD, DIGEST, key), CHILD, DIGEST, key) == TEXT


def test_another_child_key_or_place_opens_nothing() -> None:
    """A row copied to another child or digest, or tried with another key, does not open."""
    key = new_child_key()
    locked = lock(TEXT, CHILD, DIGEST, key)

    found = {
        refused(locked, CHILD, DIGEST, new_child_key()),
        refused(locked, OTHER, DIGEST, key),
        refused(locked, CHILD, OTHER_DIGEST, key),
    }

    assert found == {"story.statement-damaged"}


@pytest.mark.parametrize("part", ["ciphertext", "wrapped_key"])
def test_no_changed_bit_opens(part: str) -> None:
    """A statement with any bit of its row changed, or cut short, is refused and not misread."""
    key = new_child_key()
    locked = lock(TEXT, CHILD, DIGEST, key)
    whole = getattr(locked, part)
    changed = [bytes([*whole[:at], whole[at] ^ 1, *whole[at + 1 :]]) for at in range(len(whole))]

    for value in (*changed, whole[:-1], b""):
        pair = {"ciphertext": locked.ciphertext, "wrapped_key": locked.wrapped_key, part: value}
        assert refused(Locked(**pair), CHILD, DIGEST, key) == "story.statement-damaged"


def test_every_statement_has_a_key_of_its_own() -> None:
    """The same words locked twice share neither key nor ciphertext, and no text form shows them."""
    key = new_child_key()
    first, second = lock(TEXT, CHILD, DIGEST, key), lock(TEXT, CHILD, DIGEST, key)

    assert first.wrapped_key != second.wrapped_key
    assert first.ciphertext[12:] != second.ciphertext[12:]
    assert TEXT.encode() not in first.ciphertext
    assert repr(first) == "Locked()"
