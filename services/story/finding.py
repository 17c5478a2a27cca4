"""Answering whether a child is known: a verdict, never who or what; and the list for a person.

Who asked, before which message, and what was told is recorded before the answer goes out; what was
asked with is not. Somebody who asks too often, or refers nobody, is fishing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import Connection, Row, func, insert, or_, select, update

from contracts import subjects
from contracts.errors import HandrailError
from contracts.journey import MOST_LINKED, Journey
from contracts.journey_json import load
from contracts.kinds import iso
from contracts.matching import Judgement, Key, Likeness, Verdict, identity_of, judge, keys_of
from contracts.messages import KINDS
from contracts.records import Entry
from contracts.roles import Role
from services.agency.faults import Unproven, fault
from services.agency.reading import ReadRequest, verify_request
from services.agency.same import (
    TYPES,
    DifferentRequest,
    MatchRequest,
    PossibleRequest,
    open_sought,
)
from services.agency.trusting import judged
from services.runtime import log
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request
from services.story import index
from services.story.index_tables import ASKED, PAIRS
from services.story.indexing import Indexing
from services.story.intake import IntakeKeys
from services.story.refusing import SignedDesk, agency_of_subject
from services.story.store import Store
from services.story.tables import MESSAGES

_log = log.get(__name__)

MOST_PER_HOUR: Final = 20
"""How often one practitioner may ask in an hour."""

MOST_UNREFERRED: Final = 30
"""How many questions of one practitioner in a week may have led to no message about a child."""

_LISTED: Final = 200
_DESKS: Final = frozenset({Role.CAF_TEAM, Role.FIRST_RESPONSE})
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who signed a request, through which agency, and what was signed."""

    practitioner: str
    agency: str
    request: Any = field(repr=False)


def subscribe(signed: SignedDesk, desk: "FindingDesk") -> None:
    """Subscribe to every question about the same child."""
    signed.subscribe("match", desk.match, MatchRequest, TYPES[MatchRequest])
    signed.subscribe("possible", desk.possible, PossibleRequest, TYPES[PossibleRequest])
    signed.subscribe("different", desk.different, DifferentRequest, TYPES[DifferentRequest])


class FindingDesk:
    """Answer signed questions about the same child, on the index and the journeys as they stand."""

    def __init__(
        self,
        js: JetStreamContext,
        store: Store,
        directory: DirectoryHolder,
        intake: IntakeKeys,
        indexing: Indexing,
    ) -> None:
        self._js, self._store, self._directory = js, store, directory
        self._intake, self._indexing = intake, indexing

    async def match(self, request: Request) -> bytes:
        """Answer `{"verdict", "references"}` to a request on `story.<agency>.match`.

        `references` holds the one under which the child is known; of possible ones those in whose
        journey the asker's agency has a part already. Raises `read.*` and `match.*`.
        """
        asker, now = await self._asker(request, MatchRequest), datetime.now(UTC)
        matching_key = await self._store.matching_key(now)
        asked = self._keys(asker.request, matching_key, now)
        await self._store.run(partial(_claim, asker=asker, now=now))
        await self._indexing.work()
        held = await self._store.run(partial(index.candidates, asked=asked))
        journeys = await self._shown_to(asker, held)
        found = judge(asked, _merged(held, journeys))
        told = _told(found, {j.child: j for j in journeys.values()}, asker.agency)
        await self._store.run(partial(_note, asker=asker, found=found))
        _log.info("match.answered", agency=asker.agency, state=found.verdict.value)
        return orjson.dumps({"verdict": found.verdict, "references": told})

    async def possible(self, request: Request) -> bytes:
        """Answer `{"pairs": […]}` to a request of First Response or the CAF team.

        Each pair names two references, how alike they are, since when, and who leads each.
        """
        await self._at_desk(request, PossibleRequest)
        await self._indexing.work()
        pairs = [await self._pair(row) for row in await self._store.run(_open_pairs)]
        return orjson.dumps({"pairs": [pair for pair in pairs if pair]})

    async def different(self, request: Request) -> bytes:
        """Take a pair off the list, because somebody looked and they are two children."""
        asker = await self._at_desk(request, DifferentRequest)
        now = datetime.now(UTC)
        if not await self._store.run(partial(_settle, asker=asker, now=now)):
            raise fault("match.no-pair")
        return orjson.dumps({"one": asker.request.child, "other": asker.request.other})

    async def _asker(self, request: Request, form: type[ReadRequest]) -> _Asker:
        agency, now = agency_of_subject(request), datetime.now(UTC)
        asked = await judged(
            self._directory,
            lambda d: verify_request(request.data, agency, d, now, form=form, typ=TYPES[form]),
        )
        if isinstance(asked, Unproven):
            raise fault(asked.code)
        return _Asker(asked.practitioner, agency, asked.request)

    async def _at_desk(self, request: Request, form: type[ReadRequest]) -> _Asker:
        asker = await self._asker(request, form)
        agency = self._directory.current.agency(asker.agency, datetime.now(UTC))
        if agency is None or agency.role not in _DESKS:
            raise fault("match.not-your-desk")
        return asker

    def _keys(self, request: MatchRequest, matching_key: bytes, now: datetime) -> frozenset[Key]:
        kind = KINDS.get(request.kind)
        if kind is None or not kind.opening:
            raise fault("match.not-referring")
        try:
            sought = open_sought(request, self._intake.of(request.month, now))
        except HandrailError:
            sought = None
        if sought is None:
            raise fault("match.unreadable")
        if not sought.gives_reason:
            raise fault("match.no-reason")
        keys = keys_of(identity_of(sought), matching_key)
        if not keys:
            raise fault("match.too-little")
        return keys

    async def _shown_to(self, asker: _Asker, children: Iterable[str]) -> dict[str, Journey]:
        """Return by reference the journeys under which children go on, but not to just anybody.

        Who must not learn of a child is told nothing of it, as if it were not known.
        """
        found = {child: await self._survivor(child) for child in children}
        hidden = {asker.practitioner, asker.agency}
        return {c: j for c, j in found.items() if hidden.isdisjoint(j.must_not_know)}

    async def _pair(self, row: Row[Any]) -> dict[str, Any] | None:
        """Return a pair as it is listed, or None where the two have been joined."""
        one, other = await self._survivor(row.one), await self._survivor(row.other)
        if one.child == other.child:
            return None
        likeness = Likeness(row.likeness).name.lower()
        leads = [j.lead.practitioner if j.lead else None for j in (one, other)]
        return {
            "references": [one.child, other.child],
            "likeness": likeness,
            "found_at": row.found_at,
            "leads": leads,
        }

    async def _survivor(self, child: str) -> Journey:
        """Return the journey under which `child` goes on, read from the ledger's leader."""
        journey = await self._journey(child)
        for _ in range(MOST_LINKED):
            if not journey.linked_into:
                break
            journey = await self._journey(journey.linked_into)
        return journey

    async def _journey(self, child: str) -> Journey:
        try:
            found = await self._js.get_last_msg(subjects.LEDGER, subjects.journey(child))
        except NotFoundError:
            return Journey(child=child)
        return load(dict(Entry.model_validate_json(found.data or b"").journey))


def _merged(
    held: dict[str, frozenset[Key]], journeys: dict[str, Journey]
) -> dict[str, frozenset[Key]]:
    """Return the keys by the reference under which each child goes on."""
    merged: dict[str, frozenset[Key]] = {}
    for child, journey in journeys.items():
        root = journey.child
        merged[root] = merged.get(root, frozenset()) | held[child]
    return merged


def _told(found: Judgement, journeys: dict[str, Journey], agency: str) -> list[str]:
    if found.verdict is Verdict.KNOWN_HERE:
        return list(found.children)
    return [child for child in found.children if agency in journeys[child].involved]


def _claim(connection: Connection, asker: _Asker, now: datetime) -> None:
    """Record a question before it is answered; raises `read.replayed` and `match.too-many`."""
    mine = ASKED.c.practitioner == asker.practitioner
    request = asker.request
    if connection.scalar(select(ASKED.c.id).where(mine, ASKED.c.nonce == request.nonce)):
        raise fault("read.replayed")
    recent = ASKED.c.asked_at > iso(now - timedelta(hours=1))
    count = select(func.count()).select_from(ASKED).where(mine)
    if (connection.scalar(count.where(recent)) or 0) >= MOST_PER_HOUR:
        raise fault("match.too-many")
    if (connection.scalar(_unreferred(asker.practitioner, now)) or 0) >= MOST_UNREFERRED:
        raise fault("match.nobody-referred")
    connection.execute(
        insert(ASKED).values(
            practitioner=asker.practitioner,
            agency=asker.agency,
            asked_at=iso(now),
            kind=request.kind,
            child=request.child,
            verdict="",
            nonce=request.nonce,
        )
    )


def _unreferred(practitioner: str, now: datetime) -> Any:  # noqa: ANN401 - a query of one number
    """Return the query that counts a week's questions after which nothing was sent of the child."""
    about = or_(MESSAGES.c.child == ASKED.c.child, MESSAGES.c.child == ASKED.c.told)
    theirs = (MESSAGES.c.sender == ASKED.c.agency, MESSAGES.c.accepted_at >= ASKED.c.asked_at)
    sent = select(MESSAGES.c.ledger).where(about, *theirs).exists()
    recent = (ASKED.c.practitioner == practitioner, ASKED.c.asked_at > iso(now - _WEEK))
    return select(func.count()).select_from(ASKED).where(*recent, ~sent)


def _note(connection: Connection, asker: _Asker, found: Judgement) -> None:
    here = (ASKED.c.practitioner == asker.practitioner, ASKED.c.nonce == asker.request.nonce)
    told = found.children[0] if found.verdict is Verdict.KNOWN_HERE else None
    connection.execute(update(ASKED).where(*here).values(verdict=found.verdict.value, told=told))


def _open_pairs(connection: Connection) -> Iterable[Row[Any]]:
    order = (PAIRS.c.likeness.desc(), PAIRS.c.found_at, PAIRS.c.one, PAIRS.c.other)
    wanted = select(PAIRS).where(PAIRS.c.different_at.is_(None))
    return connection.execute(wanted.order_by(*order).limit(_LISTED)).all()


def _settle(connection: Connection, asker: _Asker, now: datetime) -> bool:
    one, other = sorted((asker.request.child, asker.request.other))
    here = (PAIRS.c.one == one, PAIRS.c.other == other, PAIRS.c.different_at.is_(None))
    said = {"different_by": asker.practitioner, "different_at": iso(now)}
    return connection.execute(update(PAIRS).where(*here).values(**said)).rowcount > 0
