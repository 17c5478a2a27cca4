"""Whether something may be said, to whom, and which statements of it. Pure decisions, no I/O."""

from consent.decision import decide
from consent.reading import KeptStatement, ReadRequest, Seen, decide_read
from consent.request import Share, ShareRequest, Withhold
from consent.rules import RULES, Rule

__all__ = [
    "RULES",
    "KeptStatement",
    "ReadRequest",
    "Rule",
    "Seen",
    "Share",
    "ShareRequest",
    "Withhold",
    "decide",
    "decide_read",
]
