"""What there is for rules to name, put together from kinds, checks, reasons and questions.

Apart from the loader, because kinds are declared with values that packs are made of.
"""

from functools import cache

from contracts.messages import KINDS
from contracts.messages.checks import CHECKS
from contracts.questions import questions
from contracts.reasons import reasons
from contracts.rules.mistakes import Vocabulary


@cache
def vocabulary() -> Vocabulary:
    """Return everything that a rule may name in this release."""
    return Vocabulary(
        kinds={kind.name: kind.content for kind in KINDS.values()},
        checks={name: check.mistakes for name, check in CHECKS.items()},
        reasons=reasons(),
        questions=questions(),
    )
