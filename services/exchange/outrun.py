"""What was on its way when everything said about the child was erased. Pure.

Such an erasure covers all that was submitted before it: what was held, and what lay in a lane that
was read later. It is refused and not emptied, so that its sender knows that nobody will read it.
"""

from collections.abc import Iterator
from datetime import datetime

from contracts.kinds import Situation, iso
from contracts.reasons import Refusal


def outrun(s: Situation, submitted: datetime | None) -> Iterator[Refusal]:
    """Refuse statements `submitted` before everything about the child was erased.

    None for what is submitted as it is decided. In the same millisecond the erasure is first: what
    is refused can be sent again, and what is erased must not come back.
    """
    erased = s.journey.erased if s.journey else ""
    if erased and submitted and s.event.data.statements and iso(submitted) <= erased:
        yield Refusal("erasure.came-first")
