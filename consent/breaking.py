"""Breaking the glass: reading, for a stated reason, more than consent allows.

It opens what was sent to others and what no consent carries. It never opens what endangers
somebody, what the reader's agency may not see or another decided not to share with it, or a
protected address, except to protect a child.
"""

from dataclasses import dataclass

from consent import bases, limits
from consent.reading import KeptStatement, ReadRequest, Seen, as_shared, must_not_know
from consent.rules import FAILED, RuleFailedError, ask
from contracts.keeping_back import NotShared, keeps_back
from contracts.protecting import BreakGlassReason
from contracts.questions import Category

PROTECTING = frozenset({BreakGlassReason.CHILD_PROTECTION})


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """A read, the reason it breaks the glass for, and the agencies with a part in the journey.

    `not_shared` are the decisions of agencies not to share that the journey holds now.
    """

    read: ReadRequest
    reason: BreakGlassReason
    involved: tuple[str, ...]
    not_shared: tuple[NotShared, ...] = ()


def decide_broken_glass(request: BrokenGlass) -> tuple[Seen, ...]:
    """Return for each statement, in order, whether breaking the glass shows it.

    Pure, and never raises for what a request holds; what cannot be worked out is not shown.
    """
    return tuple([_seen(request, kept) for kept in request.read.statements])


def _seen(request: BrokenGlass, kept: KeptStatement) -> Seen:
    try:
        for rule, shuts in _SHUT:
            if ask(rule, shuts, request) is not False:
                return Seen(shown=False, rules=(rule,))
        if ask("read.break-glass-protection", _protects, request) is True:
            return Seen(shown=True, rules=("read.break-glass-protection",))
        if ask("read.stays-shut", _stays_shut, request, kept) is not False:
            return Seen(shown=False, rules=("read.stays-shut",))
    except RuleFailedError as failed:
        return Seen(shown=False, rules=(failed.rule + FAILED,))
    return Seen(shown=True, rules=("read.break-glass",))


def _reader_unknown(request: BrokenGlass) -> bool:
    return bases.unknown_agency(request.read.reader, request.read.reader_role)


def _must_not_know(request: BrokenGlass) -> bool:
    return must_not_know(request.read)


def _no_part(request: BrokenGlass) -> bool:
    return request.read.reader not in request.involved


def _protects(request: BrokenGlass) -> bool:
    return request.reason in PROTECTING


def _stays_shut(request: BrokenGlass, kept: KeptStatement) -> bool:
    shared = as_shared(request.read, kept)
    if keeps_back(request.not_shared, kept.sender, request.read.reader, kept.category):
        return True
    if kept.category == Category.SAFETY or kept.category in limits.kept_from(shared):
        return True
    locating = limits.item(kept.category, kept.question).locating
    return locating and limits.sheltered_from(shared)


_SHUT = (
    ("recipient.unknown", _reader_unknown),
    ("read.must-not-know", _must_not_know),
    ("read.no-part", _no_part),
)
