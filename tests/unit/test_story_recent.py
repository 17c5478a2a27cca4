"""What was opened a moment ago is found again only for a while, and only by the same key."""

from services.story.recent import Opened, Recent

CHILD, KEY = "CHILD0000000000000001", b"k" * 32


class Clock:
    """A clock that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        """Give the time in seconds."""
        return self.now_s


def opened(digest: str) -> Opened:
    """A statement that was opened."""
    return Opened(digest, "disclosure", b"{}")


def test_it_is_found_for_a_minute_and_not_longer() -> None:
    """Reading again does not lengthen the time: it runs from the first that was opened."""
    clock = Clock()
    recent = Recent(clock)
    recent.put(CHILD, KEY, [opened("a")])
    clock.now_s = 59
    recent.put(CHILD, KEY, [opened("b")])
    assert set(recent.of(CHILD, KEY)) == {"a", "b"}
    clock.now_s = 60

    assert recent.of(CHILD, KEY) == {}


def test_a_key_that_was_changed_finds_nothing() -> None:
    """After an erasure the child's key is another one, and what was opened is forgotten."""
    recent = Recent()
    recent.put(CHILD, KEY, [opened("a")])

    assert recent.of(CHILD, b"n" * 32) == {}
    assert recent.of(CHILD, KEY) == {}


def test_it_holds_a_few_children_and_forgets_the_oldest() -> None:
    """Memory is bounded, whatever is read."""
    recent = Recent()
    for number in range(40):
        recent.put(f"CHILD{number:017d}", KEY, [opened("a")])

    held = [n for n in range(40) if recent.of(f"CHILD{n:017d}", KEY)]
    assert held == list(range(8, 40))


def test_nothing_that_was_opened_shows_in_its_text_form() -> None:
    """Neither words nor the key stand in what a traceback or log could print."""
    recent = Recent()
    recent.put(CHILD, KEY, [Opened("a", "secret words", b"secret words")])

    assert "secret" not in repr(recent._shelves)
    assert "kkkk" not in repr(recent._shelves)
