"""Guards about standing: who has a part in a journey, who must hear of it, and a family's no."""

from collections.abc import Iterator

from contracts.kinds import Situation
from contracts.reasons import Refusal
from contracts.roles import Level, Role

CARE = frozenset({Role.SOCIAL_CARE, Role.FIRST_RESPONSE})
IN_NEED = frozenset({Level.CHILD_IN_NEED, Level.CHILD_PROTECTION})
DECLINED = "declined"
CHOSEN = "chosen"


def has_a_part(s: Situation) -> Iterator[Refusal]:
    """Refuse an agency that has no part in the child's journey (003: accountability)."""
    if s.journey is not None and not s.has_part:
        yield Refusal("message.no-part")


def not_declined(s: Situation) -> Iterator[Refusal]:
    """Refuse to go on with support that the family declined; the no is final (003 §§3.3, 5.7)."""
    if has_declined(s):
        yield Refusal("family.declined")


def has_declined(s: Situation) -> bool:
    """Tell whether the family's last word about early help is no."""
    return s.journey is not None and s.journey.support == DECLINED


def tells_involved(s: Situation) -> Iterator[Refusal]:
    """Refuse when an agency with a part in the journey is not told; one that left need not be."""
    involved = s.journey.involved if s.journey else ()
    yield from left_out(s, involved)


def left_out(s: Situation, agencies: tuple[str, ...]) -> Iterator[Refusal]:
    """Yield one refusal for each of `agencies` still taking part that is not a recipient."""
    reached = s.recipients | {s.event.agency}
    for agency in agencies:
        if agency not in reached and s.role_of(agency) is not None:
            yield Refusal("recipient.missing", agency)
