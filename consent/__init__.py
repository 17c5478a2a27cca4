"""Whether something may be said, to whom, and which statements of it. Pure decisions, no I/O."""

from consent.breaking import BrokenGlass, decide_broken_glass
from consent.decision import decide
from consent.reading import KeptStatement, ReadRequest, Seen, decide_read
from consent.request import Share, ShareRequest, Withhold
from consent.rules import RULES, Rule, counted, told

__all__ = [
    "RULES",
    "BrokenGlass",
    "KeptStatement",
    "ReadRequest",
    "Rule",
    "Seen",
    "Share",
    "ShareRequest",
    "Withhold",
    "counted",
    "decide",
    "decide_broken_glass",
    "decide_read",
    "told",
]
