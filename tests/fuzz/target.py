"""What one fuzzing target is: where it begins, what it runs, and the closed set it answers from."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from contracts.errors import HandrailError
from contracts.reasons import reasons
from tests.fuzz.mutating import mutated

OK: Final = "ok"
NONE: Final = "none"


class EscapedError(AssertionError):
    """An outcome that is not in the closed set of its target."""


@dataclass(frozen=True, slots=True)
class Target:
    """Bytes in, one outcome of `outcomes` out, whatever the bytes are.

    `run` returns its outcome or raises HandrailError with a code of `outcomes`; anything else that
    it raises has escaped. `seeds` are where mutation begins.
    """

    name: str
    run: Callable[[bytes], str]
    seeds: Callable[[], tuple[bytes, ...]]
    outcomes: frozenset[str]

    def outcome(self, data: bytes) -> str:
        """Return what `data` comes to; raises for whatever is not in the closed set."""
        try:
            found = self.run(data)
        except HandrailError as error:
            if not (error.message and error.remedy):
                raise EscapedError(error.code) from error
            found = error.code
        if found not in self.outcomes:
            raise EscapedError(found)
        return found

    def mutant(self, random: Random) -> bytes:
        """Return one of the seeds, changed."""
        seeds = self.seeds()
        return mutated(random.choice(seeds), random, seeds)


def refusals(*further: str) -> frozenset[str]:
    """Return the closed list of reasons for refusal, and `further` outcomes."""
    return frozenset(reasons()) | {OK, *further}
