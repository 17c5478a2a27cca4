"""What a report counts of families telling their story once (003, principles). Pure."""

from collections import Counter

from contracts.forms import forms
from services.tracker.report.drafts import Draft, Line, divided
from services.tracker.report.form import Measure, Unit
from services.tracker.report.material import Material
from services.tracker.report.numbers import share
from services.tracker.report.period import Period


def asked_again(material: Material, period: Period) -> Draft:
    """Return how often families were asked what was held and fresh, by who asked again.

    The target is none. What an agency could have read is refused, so these are questions whose
    answers the agency may not read, or that were asked in child protection or without the story.
    """
    asked: Counter[str] = Counter()
    again: Counter[str] = Counter()
    for fact in material.facts:
        if fact.asked and not fact.replayed and period.holds(fact.at):
            asked[fact.agency] += fact.asked
            again[fact.agency] += fact.asked_again
    measures = (
        Measure(name="answers", title="questions answered"),
        Measure(name="again", title="asked again"),
        Measure(name="first", title="not asked again"),
        Measure(name="share_again", title="share, %", unit=Unit.PERCENT),
    )
    lines = [_line((who,), "again", again[who], "first", whole) for who, whole in asked.items()]
    return divided(
        "questions_asked_again",
        "Questions asked again",
        ("agency",),
        measures,
        lines,
        "Questions to the family whose fresh answer was held, by who asked again; target 0.",
    )


def filled_without_asking(material: Material, period: Period) -> Draft:
    """Return how much of the forms was carried on from what families had said before."""
    filled: Counter[tuple[str, str]] = Counter()
    carried: Counter[tuple[str, str]] = Counter()
    for fact in material.facts:
        form = forms().get(fact.kind)
        if form and fact.statements and not fact.replayed and period.holds(fact.at):
            filled[(form.title, fact.agency)] += fact.statements
            carried[(form.title, fact.agency)] += fact.carried
    measures = (
        Measure(name="statements", title="statements"),
        Measure(name="carried", title="carried on"),
        Measure(name="new", title="new"),
        Measure(name="share_carried", title="share, %", unit=Unit.PERCENT),
    )
    lines = [_line(who, "carried", carried[who], "new", whole) for who, whole in filled.items()]
    return divided(
        "filled_without_asking",
        "Forms filled without asking",
        ("form", "agency"),
        measures,
        lines,
        "Statements of referrals, packs and information sheets that were carried on from an "
        "earlier message, by who sent the form.",
    )


def _line(labels: tuple[str, ...], part: str, count: int, rest: str, whole: int) -> Line:
    parts = {part: count, rest: whole - count}
    return Line(labels, parts, {f"share_{part}": share(count, whole)})
