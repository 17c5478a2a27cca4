"""Whatever is done to what is good, every parser answers from a closed set (Hypothesis)."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.registry import TARGETS

_SOME = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=list(HealthCheck),
)
_BYTES = settings(_SOME, max_examples=60)


@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_input_has_an_outcome_of_the_closed_set(name: str) -> None:
    """A good input changed in one or a few places raises nothing but the errors that are listed."""
    target = TARGETS[name]

    @_SOME
    @given(st.randoms(use_true_random=False))
    def check(random: Random) -> None:
        target.outcome(target.mutant(random))

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_have_an_outcome_of_the_closed_set(name: str) -> None:
    """Bytes that never were an input of anything raise nothing but the errors that are listed."""
    target = TARGETS[name]

    @_BYTES
    @given(st.binary(max_size=4096))
    def check(data: bytes) -> None:
        target.outcome(data)

    check()
