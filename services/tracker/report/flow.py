"""What a report counts of requests: how many, how soon answered, asked for again, refused. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from services.tracker.report.drafts import Draft, Line, counted, divided
from services.tracker.report.form import Measure, Unit
from services.tracker.report.material import Fact, Material
from services.tracker.report.numbers import hours, middle, ninetieth, share
from services.tracker.report.period import Period, year_before

_TO_SOCIAL_CARE: Final = ("referral", "step_up")
_ACKNOWLEDGED: Final = "message.acknowledged"
_DECIDED: Final = ".decided"
_HOURS: Final = (
    Measure(name="median_hours", title="median, hours", unit=Unit.HOURS),
    Measure(name="p90_hours", title="90th percentile, hours", unit=Unit.HOURS),
)
_RULES: Final = "rules"
_PROPOSED: Final = "lead.proposed"
_OVER: Final = ("superseded", "ended", "withdrawn")
"""What has become of a proposal that nobody answers any more."""

_ANSWERS: Final = {
    "lead.accepted": "accepted",
    "lead.refused": "refused",
    "lead.withdrawn": "withdrawn",
}


def volumes(material: Material, period: Period) -> Draft:
    """Return the requests made in `period`, by direction, agency and the child's level before."""
    leaves = Counter((r.direction or "", r.agency, r.level) for r in requests(material, period))
    return counted(
        "volumes",
        "Requests for a service",
        ("direction", "agency", "level"),
        leaves,
        "Accepted requests made in the period, by who asked and the level of help before; "
        "one withdrawn before it was decided does not count.",
    )


def requests(material: Material, period: Period) -> Iterator[Fact]:
    """Yield the requests for a service made in `period`; history and error are no requests."""
    for fact in material.facts:
        live = not fact.replayed and not fact.withdrawn
        if fact.direction and live and period.holds(fact.at):
            yield fact


def answer_times(material: Material, period: Period) -> Draft:
    """Return how soon requests made in `period` were acknowledged and decided."""
    answers: dict[tuple[str, str], list[Fact]] = {}
    for fact in material.facts:
        if fact.answers:
            answers.setdefault((fact.child, fact.answers), []).append(fact)
    asked: dict[tuple[str, str], list[float | None]] = {}
    for request in requests(material, period):
        given = answers.get((request.child, request.message), [])
        for answer, kinds in (("acknowledged", _acknowledges), ("decided", _decides)):
            first = min((a.at for a in given if kinds(a.kind)), default=None)
            taken = None if first is None else hours(request.at, first)
            asked.setdefault((request.direction or "", answer), []).append(taken)
    measures = (
        Measure(name="requests", title="requests"),
        Measure(name="answered", title="answered"),
        Measure(name="unanswered", title="not yet"),
        *_HOURS,
    )
    return divided(
        "answer_times",
        "How soon requests were acknowledged and decided",
        ("direction", "answer"),
        measures,
        (_times(labels, taken) for labels, taken in asked.items()),
        "Elapsed hours from arrival, nights and weekends included; a decision acknowledges too.",
    )


def _times(labels: tuple[str, str], taken: list[float | None]) -> Line:
    known = [length for length in taken if length is not None]
    parts = {"answered": len(known), "unanswered": len(taken) - len(known)}
    return Line(labels, parts, {"median_hours": middle(known), "p90_hours": ninetieth(known)})


def _acknowledges(kind: str) -> bool:
    return kind == _ACKNOWLEDGED or _decides(kind)


def _decides(kind: str) -> bool:
    return kind.endswith(_DECIDED)


def asked_for_again(material: Material, period: Period) -> Draft:
    """Return the requests to social care about children asked for in the 12 months before.

    Every earlier referral or step up counts, also one that history tells of.
    """
    before: dict[str, list[Fact]] = {}
    for fact in material.facts:
        if fact.direction in _TO_SOCIAL_CARE and not fact.withdrawn:
            before.setdefault(fact.child, []).append(fact)
    found: dict[str, list[bool]] = {}
    for request in requests(material, period):
        if request.direction in _TO_SOCIAL_CARE:
            again = _has_earlier(request, before[request.child])
            found.setdefault(request.direction, []).append(again)
    measures = (
        Measure(name="requests", title="requests"),
        Measure(name="again", title="within 12 months of another"),
        Measure(name="first", title="first"),
        Measure(name="share_again", title="share, %", unit=Unit.PERCENT),
    )
    return divided(
        "re_referrals",
        "Referred again within 12 months",
        ("direction",),
        measures,
        (_again((direction,), sum(some), len(some)) for direction, some in found.items()),
        "A referral or step up about a child of whom there was one in the 12 months before.",
    )


def _has_earlier(request: Fact, others: Iterable[Fact]) -> bool:
    since = year_before(request.at)
    return any(since <= other.at < request.at for other in others)


def _again(labels: tuple[str, ...], again: int, whole: int) -> Line:
    parts = {"again": again, "first": whole - again}
    return Line(labels, parts, {"share_again": share(again, whole)})


def step_downs_refused(material: Material, period: Period) -> Draft:
    """Return the step downs refused in `period`: by the rules, with every code, or by an agency."""
    asked = {(f.child, f.message): f for f in material.facts if f.kind == "stepdown.requested"}
    leaves = Counter(
        (_RULES, away.agency, " + ".join(away.codes))
        for away in material.turned_away
        if away.kind == "stepdown.requested" and period.holds(away.at)
    )
    for fact in material.facts:
        if fact.kind == "stepdown.decided" and period.holds(fact.at) and not fact.replayed:
            outcome = fact.codes.get("outcome", "")
            request = asked.get((fact.child, fact.answers or ""))
            if outcome != "accepted":
                leaves[(fact.agency, request.agency if request else "", outcome)] += 1
    return counted(
        "step_downs_refused",
        "Step downs refused",
        ("refused_by", "agency", "reason"),
        leaves,
        "By the rules before anybody saw them, with the codes of refusal, or by who was asked.",
    )


def _without_answer(proposal: Fact) -> str:
    return proposal.outcome if proposal.outcome in _OVER else "unanswered"


def leads(material: Material, period: Period) -> Draft:
    """Return what became of the lead professionals proposed in `period`."""
    answers = {
        (fact.child, fact.answers): _ANSWERS[fact.kind]
        for fact in material.facts
        if fact.kind in _ANSWERS
    }
    leaves = Counter(
        (answers.get((fact.child, fact.message)) or _without_answer(fact), fact.agency)
        for fact in material.facts
        if fact.kind == _PROPOSED and period.holds(fact.at) and not fact.replayed
    )
    return counted(
        "leads",
        "Lead professionals proposed",
        ("answer", "proposed_by"),
        leaves,
        "Proposals made in the period, by what became of them and the agency that proposed.",
    )
