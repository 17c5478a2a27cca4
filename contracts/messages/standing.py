"""Guards about standing: who has a part in a journey, who must hear of it, and a family's no."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.kinds import Situation
from contracts.reasons import Refusal
from contracts.roles import Level, Role

CARE = frozenset({Role.SOCIAL_CARE, Role.FIRST_RESPONSE})
WITH_FAMILIES = CARE | {Role.CAF_TEAM}
IN_NEED = frozenset({Level.CHILD_IN_NEED, Level.CHILD_PROTECTION})
DECLINED = "declined"
MOST_RECIPIENTS = 64
_ENCOURAGED = timedelta(days=183)
CHOSEN = "chosen"


def has_a_part(s: Situation) -> Iterator[Refusal]:
    """Refuse an agency that has no part in the child's journey (003: accountability)."""
    if s.journey is not None and not s.has_part:
        yield Refusal("message.no-part")


def works_with_family(s: Situation) -> bool:
    """Tell whether the sender has a part and leads, or is social care or the CAF team.

    Where nobody leads and no case is open, whoever referred last and to no avail works with the
    family still and may bring it to a CAF (003 §1.1): for half a year, and not against what the
    family has told another agency since.
    """
    journey = s.journey
    if journey is None or not s.has_part:
        return False
    if s.role_of(s.event.agency) in WITH_FAMILIES:
        return True
    if journey.lead is not None or journey.case_open:
        return journey.lead is not None and journey.lead.agency == s.event.agency
    referrals = [r for r in journey.requests if r.kind == "referral.submitted"]
    last = referrals[-1] if referrals else None
    if last is None or last.agency != s.event.agency or last.outcome != "not_met":
        return False
    recent = datetime.fromisoformat(last.at) > s.now - _ENCOURAGED
    told = journey.sent(journey.support_by) if journey.support_by else None
    own_word = not journey.support or (told is not None and told.agency == s.event.agency)
    return recent and own_word


def speaks_for_family(s: Situation) -> Iterator[Refusal]:
    """Refuse word of the family from an agency with a part that does not work with it."""
    if s.has_part and not works_with_family(s):
        yield Refusal("family.not-yours")


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
    """Yield one refusal for each of `agencies` still taking part that is not a recipient.

    None where the message already goes to as many agencies as it can.
    """
    if len(s.recipients) >= MOST_RECIPIENTS:
        return
    reached = s.recipients | {s.event.agency}
    for agency in agencies:
        if agency not in reached and s.role_of(agency) is not None:
            yield Refusal("recipient.missing", agency)
