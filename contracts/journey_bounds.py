"""What a journey lets go of, so that it stays far below what one record can hold.

What somebody still has to answer, or what a later decision rests on, is never pushed out by
messages of others: an agency that sends much loses the oldest of its own.
"""

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contracts.journey import Meeting, Request, Standard

PRIOR_REQUESTS: Final = 12
MOST_REQUESTS: Final = 512
MOST_OPEN_PROTECTION: Final = 64
_MOST_OPEN_OTHERS: Final = 32
_MOST_STEP_DOWNS: Final = 4
MOST_STANDARDS: Final = 32
MOST_STANDARDS_EACH: Final = 16
MOST_MEETINGS: Final = 16

_STEP_DOWN: Final = "stepdown.requested"
_PROCESS: Final = frozenset(
    {"referral.submitted", "stepup.requested", _STEP_DOWN, "caf.information-sent"}
)
_WITHDRAWN: Final = "withdrawn"
_FIRST_TO_GO: Final = {"explained": 0, "resumed": 1, "extended": 2, "warned": 3, "missed": 4}
"""How soon what is known of a clock is let go; a paused one never is: it could not be resumed."""


def kept_requests(
    requests: tuple["Request", ...], assessed: str, in_need_since: str
) -> tuple["Request", ...]:
    """Return those of `requests`, in the order in which they are given, that a journey keeps.

    Every open one stays, but of one agency's only so many; the request `assessed` behind the open
    assessment and step downs accepted since `in_need_since` stay when others of their sort go;
    what asks for a service, what went elsewhere or was withdrawn, and all else are counted apart.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    kept: list[Request] = []
    for request in reversed(requests):
        sort, most = _sort_of(request, in_need_since)
        counts[sort] += 1
        if counts[sort] <= most or request.id == assessed:
            kept.append(request)
    kept.reverse()
    while len(kept) > MOST_REQUESTS:
        loudest = Counter(r.agency for r in kept).most_common(1)[0][0]
        kept.remove(next(r for r in kept if r.agency == loudest))
    return tuple(kept)


def _sort_of(request: "Request", in_need_since: str) -> tuple[tuple[str, ...], int]:
    if not request.outcome:
        if request.protection:
            return ("open", "protection", request.agency), MOST_OPEN_PROTECTION
        return ("open", "others", request.agency), _MOST_OPEN_OTHERS
    if request.kind == _STEP_DOWN and request.outcome == "accepted" and request.at >= in_need_since:
        return ("stepped down",), _MOST_STEP_DOWNS
    if request.outcome == _WITHDRAWN:
        return ("withdrawn",), PRIOR_REQUESTS
    if request.kind in _PROCESS:
        return ("redirected" if request.about else "process",), PRIOR_REQUESTS
    return ("others",), PRIOR_REQUESTS


def kept_standards(standards: tuple["Standard", ...]) -> tuple["Standard", ...]:
    """Return what a journey keeps of clocks, the latest last: what is settled goes first.

    An agency whose words fill the list loses the first to go of its own.
    """
    latest = standards[-1].by
    own = tuple(s for s in standards if s.by == latest) if latest else ()
    if len(own) > MOST_STANDARDS_EACH:
        return _without_first_to_go(standards, own)
    return (
        _without_first_to_go(standards, standards) if len(standards) > MOST_STANDARDS else standards
    )


def _without_first_to_go(
    standards: tuple["Standard", ...], among: tuple["Standard", ...]
) -> tuple["Standard", ...]:
    free = [s for s in among[:-1] if s.state in _FIRST_TO_GO]
    if not free:
        return standards
    gone = min(free, key=lambda s: _FIRST_TO_GO[s.state])
    return tuple(s for s in standards if s is not gone)


def kept_meetings(meetings: tuple["Meeting", ...]) -> tuple["Meeting", ...]:
    """Return the open meetings that a journey keeps: of each agency's the latest ones."""
    latest = meetings[-1]
    own = [m for m in meetings if m.by == latest.by]
    if len(own) <= MOST_MEETINGS:
        return meetings
    return tuple(m for m in meetings if m is not own[0])
