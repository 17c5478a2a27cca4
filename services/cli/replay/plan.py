"""What is to be sent of a return, in which order, and what its own faults keep back. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from contracts.cin import Census, Child, Referral, event_faults, events, referral_faults
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.identifiers import agency_of
from services.cli.replay.documents import (
    Heading,
    event_document,
    event_signers,
    referral_document,
)
from services.cli.replay.naming import Names
from services.cli.replay.routing import Routes


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """A message to be sealed and sent: a referral, or (`follows`) what followed one.

    The representation shows no field, because the document says something about a family.
    """

    message: str
    author: str
    document: Document
    follows: bool

    @property
    def agency(self) -> str:
        """Return the id of the agency that it goes from."""
        return agency_of(self.author)


@dataclass(frozen=True, slots=True)
class Kept:
    """A referral that a fault of the file keeps from being sealed, and the faults' codes."""

    record: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole return: one sequence of letters per child, in time order, and what is kept back.

    `events_kept` counts by code the faults for which later events are not sent.
    """

    kept: tuple[Kept, ...]
    children: tuple[tuple[Letter, ...], ...]
    events_kept: Counter[str]

    @property
    def letters(self) -> Iterator[Letter]:
        """Yield every letter."""
        for child in self.children:
            yield from child


def make_plan(census: Census, digest: str, names: Names, routes: Routes) -> Plan:
    """Return what is to be sent of `census`, which was read from a file of that `digest`.

    Raises HandrailError `replay.no-signer`.
    """
    kept: list[Kept] = []
    children: list[tuple[Letter, ...]] = []
    events_kept: Counter[str] = Counter()
    for number, child in enumerate(census.children):
        dated: list[tuple[date, Letter]] = []
        for referral in _in_time(child):
            try:
                dated += _letters(child, referral, names, routes)
            except _KeptBackError as fault:
                record = names.record(digest, number, referral.position)
                kept.append(Kept(record, fault.codes))
            else:
                events_kept.update(event_faults(child, referral))
        if dated:
            # The sort is stable: on one day the earlier referral's letters come first.
            children.append(tuple(letter for _, letter in sorted(dated, key=lambda one: one[0])))
    return Plan(tuple(kept), tuple(children), events_kept)


class _KeptBackError(Exception):
    def __init__(self, *codes: str) -> None:
        super().__init__()
        self.codes = codes


def _in_time(child: Child) -> list[Referral]:
    return sorted(child.referrals, key=lambda one: (one.referral_date or date.min, one.position))


def _letters(
    child: Child, referral: Referral, names: Names, routes: Routes
) -> Iterator[tuple[date, Letter]]:
    """Yield a referral and what followed it, each with its day; raise when it is kept back."""
    faults = referral_faults(child, referral)
    day, source = referral.referral_date, referral.source
    if faults or day is None or source is None:
        raise _KeptBackError(*faults)
    reference, message = names.child(child), names.referral(child, referral)
    author = routes.author(routes.referrer(message, source))
    heading = Heading(message, reference, author)
    try:
        document = referral_document(heading, child, referral, routes.first_response)
    except HandrailError as error:
        raise _KeptBackError(error.code) from None
    yield day, Letter(message, author, document, follows=False)
    for event in events(child, referral):
        message = names.event(child, referral, event)
        author = routes.author(routes.follower(message), event_signers(event))
        document = event_document(Heading(message, reference, author), event)
        yield event.date, Letter(message, author, document, follows=True)
