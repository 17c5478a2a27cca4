"""The journey: a child's state as a fold over decided messages (design §1).

It holds references, codes, dates and practitioners; of what a family said only the question's
number, the day and the agency. Instants are ISO 8601 strings in UTC, so that the compact form
is the same wherever it is written.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from contracts.consents import Consent, ConsentHeld
from contracts.journey_bounds import PRIOR_REQUESTS, kept_requests, kept_standards
from contracts.keeping_back import NotShared
from contracts.protecting import ProtectedAddress
from contracts.roles import Level

MOST_OPEN = 16
MOST_CONSENTS = 100
MOST_REFUSED = 28
MOST_TAKEN = 24
MOST_RECENT = 48
MOST_WITHDRAWN = 64
MOST_LINKED = 8
MOST_AHEAD = 32
MOST_AHEAD_OF_ONE = 8
MOST_NOT_TO_KNOW = 16
MOST_NOT_SHARED = 32
"""A journey stays far below what one record can hold, whatever is sent about a child."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Who leads, since when, and the message by which that became so."""

    practitioner: str
    agency: str
    since: str
    by: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A lead professional proposed who has not answered yet; the old lead still holds."""

    id: str
    practitioner: str
    agency: str
    proposed_by: str
    at: str
    lapsed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request and how far it has come; `outcome` is empty until decided.

    A disagreement names the message it is `about` and its `stage`; a redirected request the
    message that redirected it last.
    """

    id: str
    kind: str
    agency: str
    author: str
    to: tuple[str, ...]
    at: str
    protection: bool = False
    acknowledged_by: tuple[str, ...] = ()
    outcome: str = ""
    about: str = ""
    stage: int = 0

    @property
    def acknowledged(self) -> bool:
        """Tell whether a person at one of the agencies asked has taken it."""
        return bool(self.acknowledged_by)


@dataclass(frozen=True, slots=True)
class Assessment:
    """An assessment under way; the Team Around the Child goes on meanwhile (003 §2.7)."""

    request: str
    by: str
    started: bool = False


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting called and not held yet; siblings' messages name the same `ref` (003 §2.8).

    `at` is when it was called.
    """

    id: str
    kind: str
    ref: str
    by: str
    invited: tuple[str, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One of the latest messages about the child: who sent it and to which agencies it went.

    `answered` are the numbers of the questions it answered, `consents` the ids of those it brought,
    `parts` the agencies that have their part in the journey by it; `at` is when what it says took
    place, or was decided where it says nothing of that.
    """

    id: str
    agency: str
    to: tuple[str, ...] = ()
    kind: str = ""
    answered: tuple[int, ...] = ()
    consents: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class Standard:
    """What is known of a clock: the rule, the message that started it, and how it stands.

    `state` is warned, missed, explained, extended, paused or resumed; `by` the agency whose word
    that is, "" for the tracker's.
    """

    clock: str
    started_by: str
    state: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """A child's state after its `entries`-th entry.

    `answered` maps a question's number to `(day, agency)`, and `told`, of what families are asked,
    to a `(day, agency, basis)` of each of a few agencies, the newest first: when its newest answer
    held was recorded, which agency sent it first and on what basis; `involved` are the agencies
    with a part in this journey; `support` is the family's choice about early help: "", chosen,
    declined, `support_by` the message by which that became so.
    `live` tells that something other than history has been accepted. `recent` are the latest
    messages, `withdrawn` the ids of those sent in error. `standards`
    are clocks that somebody was told of or changed. `lead_left` is set
    while the lead's agency has been told that the lead is no longer there. `moved_to` is the area
    that the family moved to. `level_known` tells that the level was recorded and not only assumed;
    `team` that a Team Around the Child was there when social care took over; `case_holder` is the
    agency of social care that holds the case. `earlier_plan_ended` is when the last child
    protection plan of a case closed since then ended: from then its three months run.
    `linked` are the references retired into this one; `linked_into` is
    the one that this reference was retired into, by the message `linked_by`. `ahead` maps the id
    of a consent that is not held yet to `(instant, agency)`: when it was withdrawn, and on whose
    word. `erased` is when everything said about the child was erased last. `must_not_know` are the
    practitioners and groups of people who must not learn of a referral. `not_shared` are agencies'
    decisions not to share. `digests` are those that seals about the child name
    (`contracts.digests`).
    """

    child: str
    entries: int = 0
    now: str = ""
    level: Level = Level.UNIVERSAL
    case_open: bool = False
    lead: Lead | None = None
    proposals: tuple[Proposal, ...] = ()
    requests: tuple[Request, ...] = ()
    assessment: Assessment | None = None
    consents: tuple[ConsentHeld, ...] = ()
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)
    told: dict[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)
    involved: tuple[str, ...] = ()
    child_in_need_since: str = ""
    protection_plan_ended: str = ""
    support: str = ""
    live: bool = False
    unborn: bool = False
    protection_plan_since: str = ""
    last_review: str = ""
    meetings: tuple[Meeting, ...] = ()
    recent: tuple[Sent, ...] = ()
    withdrawn: tuple[str, ...] = ()
    lead_left: str = ""
    moved_to: str = ""
    standards: tuple[Standard, ...] = ()
    support_by: str = ""
    level_known: bool = False
    team: bool = False
    case_holder: str = ""
    earlier_plan_ended: str = ""
    linked: tuple[str, ...] = ()
    linked_into: str = ""
    linked_by: str = ""
    ahead: dict[str, tuple[str, str]] = field(default_factory=dict)
    protected: ProtectedAddress | None = None
    must_not_know: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    not_shared: tuple[NotShared, ...] = ()
    erased: str = ""

    def request(self, message: str) -> Request | None:
        """Return the request made by that message, or None."""
        return next((r for r in self.requests if r.id == message), None)

    def sent(self, message: str) -> Sent | None:
        """Return what is known of that message if it is one of the latest, or None."""
        return next((s for s in self.recent if s.id == message), None)

    def with_sent(self, sent: Sent) -> "Journey":
        """Return the journey with `sent` as the latest message; the oldest is let go."""
        return replace(self, recent=(*self.recent, sent)[-MOST_RECENT:])

    def with_standard(self, standard: Standard) -> "Journey":
        """Return the journey knowing of a clock how it stands now; what is settled is let go."""
        named = (standard.clock, standard.started_by)
        others = tuple(s for s in self.standards if (s.clock, s.started_by) != named)
        return replace(self, standards=kept_standards((*others, standard)))

    def proposal(self, message: str) -> Proposal | None:
        """Return the open proposal made by that message, or None."""
        return next((p for p in self.proposals if p.id == message), None)

    def with_request(self, request: Request) -> "Journey":
        """Return the journey with `request` added or replaced; old decided ones are let go."""
        requests = (*(r for r in self.requests if r.id != request.id), request)
        if len(requests) > PRIOR_REQUESTS:
            assessed = self.assessment.request if self.assessment else ""
            requests = kept_requests(requests, assessed, self.child_in_need_since)
        return replace(self, requests=requests)

    def open_requests_of(self, agency: str) -> int:
        """Return how many undecided requests about this child come from `agency`."""
        return sum(1 for r in self.requests if r.agency == agency and not r.outcome)

    def with_involved(self, *agencies: str) -> "Journey":
        """Return the journey with these agencies having a part in it; nobody's part gives way."""
        new = tuple(dict.fromkeys(a for a in agencies if a not in self.involved))
        return replace(self, involved=self.involved + new) if new else self

    def with_consents(self, consents: tuple[Consent, ...], now: datetime) -> "Journey":
        """Return the journey with these consents held; an id already held is left as it was.

        What is over by `now`, and keeps nothing back, makes room. What would go beyond
        `MOST_CONSENTS` all the same is not held, and so permits nothing; for refusals there is room
        for `MOST_REFUSED` more. A withdrawal that overtook its consent stands with that from then
        on, and its place in `ahead` is free.
        """
        held = {c.consent.id for c in self.consents}
        new = tuple(self.as_held(c) for c in consents if c.id not in held)
        if not new:
            return self
        kept = self.consents
        if len(kept) + len(new) > MOST_CONSENTS:
            kept = tuple(c for c in kept if not c.gives_way(now))
        room = MOST_CONSENTS - len(kept)
        fits = (c for n, c in enumerate(new) if n < room + (MOST_REFUSED if c.refuses else 0))
        now_held = (*kept, *fits)
        come = {c.consent.id for c in now_held}
        ahead = {name: word for name, word in self.ahead.items() if name not in come}
        return replace(self, consents=now_held, ahead=ahead)

    def as_held(self, consent: Consent) -> ConsentHeld:
        """Return a consent as it is held when it arrives; its withdrawal may have overtaken it."""
        gone = self.ahead.get(consent.id)
        return ConsentHeld(
            consent=consent, withdrawn_at=datetime.fromisoformat(gone[0]) if gone else None
        )
