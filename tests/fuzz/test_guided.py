"""Fuzzing guided by coverage runs, finds nothing in the main targets, and would find something."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import NO_ATHERIS, can_fuzz, fuzz
from tests.fuzz.registry import MAIN, target_of
from tests.fuzz.target import EscapedError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not can_fuzz(), reason=NO_ATHERIS),
]
_RUNS = 500


@pytest.mark.parametrize("name", MAIN)
def test_coverage_guided_fuzzing_finds_nothing_that_escapes(name: str, tmp_path: Path) -> None:
    """Guided by coverage of our own code, no input falls out of the closed set of its target."""
    found = fuzz(name, runs=_RUNS, kept=tmp_path)

    assert found.escaped == (), found.said[-3000:]
    assert found.finished, found.said[-3000:]
    assert found.runs >= _RUNS
    assert len(found.outcomes) > 1


def test_what_escapes_is_kept_and_ends_the_run(tmp_path: Path) -> None:
    """A target whose closed set is too small is found out, and the input is kept."""
    found = fuzz("too-small", runs=5000, kept=tmp_path)

    assert not found.finished
    assert len(found.escaped) == 1
    with pytest.raises(EscapedError):
        target_of("too-small").outcome(found.escaped[0].read_bytes())
