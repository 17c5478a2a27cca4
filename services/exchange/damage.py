"""What cannot be read stops only what it belongs to: one lane, or one child; and it is told."""

import time
from collections.abc import Iterable
from typing import Final

from nats.js.errors import BadRequestError, NotFoundError

from contracts.errors import HandrailError
from contracts.kinds import Opened
from contracts.messages.linking import children_of
from contracts.reasons import Refusal
from services.exchange.deciding import Found
from services.exchange.lanes import UNANSWERED, Arrived, Lane
from services.exchange.ledger import Ledger
from services.exchange.opening import OUR_FAULT, to_quarantine
from services.runtime.log import error_keys, get

_log = get(__name__)
_SHUT_S: Final = 30.0
"""How long a lane that could not be opened is left before it is tried again."""
_PASSES_S: Final = 2.0
"""The same, of a lane whose stream did not answer: that passes by itself."""


async def open_lane(lane: Lane) -> bool:
    """Open a lane as `Lane.open` does; one that cannot be opened is told, and stops no other."""
    try:
        return await lane.open()
    except (HandrailError, NotFoundError, BadRequestError) as error:
        _log.error("lane.not-opened", lane=lane.name, **error_keys(error))
        passes = isinstance(error, HandrailError) and error.code == UNANSWERED
        lane.shut_until = time.monotonic() + (_PASSES_S if passes else _SHUT_S)
        return False


def is_to_open(lane: Lane, now_s: float) -> bool:
    """Tell whether a lane is to be opened now: broken, and not left alone for a while."""
    return lane.broken and now_s >= lane.shut_until


def about_readable(
    opened: Iterable[tuple[Arrived, Found]], ledger: Ledger
) -> list[tuple[Arrived, Found]]:
    """Return what was opened; what is about a child whose journey is damaged is a fault of ours.

    It is quarantined, and can be released once the journey is mended; what is held stays so until
    then. The journeys are loaded.
    """
    return [(arrived, _readable(found, ledger)) for arrived, found in opened]


def _readable(found: Found, ledger: Ledger) -> Found:
    if not isinstance(found, Opened):
        return found
    damaged = next(filter(ledger.damaged, children_of(found)), "")
    return to_quarantine(found, (Refusal(OUR_FAULT),), damaged) if damaged else found
