"""Dates that a message may give: not to come, and not before the child was born.

Days are local days in London; instants are compared as they are.
"""

from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from contracts.event import MAX_AHEAD
from contracts.kinds import Opened, Situation
from contracts.reasons import Refusal

_LONDON = ZoneInfo("Europe/London")
BORN_ON = "identity.born_on"


def date_faults(s: Situation) -> Iterator[Refusal]:
    """Yield `message.in-future` and `message.before-birth` where the dates cannot be true.

    What a message reports happened before it was sealed; five minutes are left for clocks that
    differ, as for the sealing itself. Before birth nothing happens to a child but to an unborn one.
    """
    occurred = s.event.data.occurred_at
    latest = min(s.now, s.event.time)
    if occurred is not None and occurred > latest + MAX_AHEAD:
        yield Refusal("message.in-future", "occurred_at")
    for name, reported in _reported(s.message.content):
        if reported > latest + MAX_AHEAD:
            yield Refusal("message.in-future", name)
    for disclosed in s.message.statements:
        if disclosed.statement.recorded_at > latest + MAX_AHEAD:
            yield Refusal("message.in-future", disclosed.statement.question)
    yield from _consents_that_cannot_be(s, latest + MAX_AHEAD)
    if not _is_unborn(s) and born_later_than(s.message, occurred or latest):
        yield Refusal("message.before-birth", BORN_ON)


def _reported(content: object) -> Iterator[tuple[str, datetime]]:
    """Yield the instants in a content at which something is said to have happened."""
    discussed = getattr(content, "discussed", None)
    if discussed is not None:
        yield "content.discussed", discussed.at
    review = getattr(content, "child_in_need_review", None)
    if review is not None:
        yield "content.child_in_need_review", review


def _consents_that_cannot_be(s: Situation, latest: datetime) -> Iterator[Refusal]:
    for consent in s.event.data.consents:
        if consent.given_at > latest:
            yield Refusal("message.in-future", "consents")
        if consent.expires_at is not None and consent.expires_at <= consent.given_at:
            yield Refusal("message.wrong-content", "consents")


def born_later_than(message: Opened, instant: datetime) -> bool:
    """Tell whether the message itself says that the child was born on a day after `instant`'s.

    What is not an ISO 8601 day says nothing about it.
    """
    day = instant.astimezone(_LONDON).date()
    return any(born > day for born in _births(message))


def _births(message: Opened) -> Iterator[date]:
    if BORN_ON not in message.questions:
        return
    for disclosed in message.statements:
        value = disclosed.statement.value
        if disclosed.statement.question == BORN_ON and isinstance(value, str):
            try:
                yield date.fromisoformat(value)
            except ValueError:
                continue


def _is_unborn(s: Situation) -> bool:
    """Tell whether the day may be the expected one, as the journey or the message says."""
    known = s.journey is not None and s.journey.unborn
    return known or bool(getattr(s.message.content, "unborn", False))
