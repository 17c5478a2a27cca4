"""What a fault is: something done to a world for a while, that this machine can do or cannot."""

import random
from abc import ABC, abstractmethod
from typing import ClassVar

from tests.faults.world import World


class Fault(ABC):
    """One kind of fault; an object of it is struck once, and healed."""

    name: ClassVar[str]
    lasts_s: ClassVar[tuple[float, float]] = (0.0, 0.0)
    """The least and the most seconds between striking and healing."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.lane = "submit"
        """The lane on which recovery is looked for."""

    @staticmethod
    def possible(world: World) -> str | None:
        """Return why this machine, or this world, cannot have this fault; None when it can."""
        return None

    @abstractmethod
    async def strike(self) -> str:
        """Do it, and return what was hit."""

    async def heal(self) -> None:  # noqa: B027 - a killed program is started again by its keeper
        """Undo it; returns when nothing stands in the way of recovering any more."""


class UnmetError(AssertionError):
    """A fault was to be refused, or to be borne at once, and was not."""
