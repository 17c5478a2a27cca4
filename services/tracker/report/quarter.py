"""The report on a period: every table, for everybody or for who is entitled, and the sample.

Pure: the rows come in as values, the time as an argument.
"""

from datetime import datetime

from contracts.errors import HandrailError
from services.tracker.report import flow, kept, once
from services.tracker.report.form import Reader, Report, ReportRequest, Sample
from services.tracker.report.linked import for_everybody
from services.tracker.report.material import Material
from services.tracker.report.numbers import drawn
from services.tracker.report.period import Period, period, quarter_of


def report(
    material: Material, asked: ReportRequest, packs: tuple[str, ...], now: datetime
) -> Report:
    """Return the report that was `asked` for, worked out from `material` as at `now` (aware).

    `packs` are the names of the rule packs that were in force then. A reader who is not entitled
    gets no small numbers, nothing that would give them away in any table, and no sample. Raises
    HandrailError `report.period`, or `report.not-public` where two such reports would differ by a
    few days.
    """
    days = period(asked.first, asked.last)
    if asked.reader is Reader.PUBLIC:
        _may_be_public(days, now)
    drafts = (
        flow.volumes(material, days),
        flow.answer_times(material, days),
        kept.standards(material, days),
        kept.misses(material, days),
        flow.asked_for_again(material, days),
        flow.step_downs_refused(material, days),
        flow.leads(material, days),
        kept.telling(material, days, now),
        kept.breaches(material, days),
        kept.changes(material, days),
        once.asked_again(material, days),
        once.filled_without_asking(material, days),
    )
    entitled = asked.reader is Reader.FULL
    return Report(
        label=days.label,
        first=days.first,
        last=days.last,
        begins=days.begins,
        ends=days.ends,
        made_at=now,
        reader=asked.reader,
        rule_packs=packs,
        tables=(
            tuple(draft.table for draft in drafts) if entitled else for_everybody(drafts, material)
        ),
        sample=_sample(material, days, asked) if entitled else None,
    )


def _may_be_public(days: Period, now: datetime) -> None:
    """Refuse days that overlap other reports: the difference of two would be a small number."""
    if quarter_of(days.first) != days or now < days.ends:
        raise HandrailError(
            "report.not-public",
            "a report for the public is of one whole quarter that is over",
            "ask for such a quarter, or for a reader who is entitled to every number",
        )


def _sample(material: Material, days: Period, asked: ReportRequest) -> Sample:
    """Draw from the journeys in which something other than history happened in the period."""
    children = {f.child for f in material.facts if not f.replayed and days.holds(f.at)}
    chosen = drawn(children, asked.seed, asked.sample)
    return Sample(seed=asked.seed, of=len(children), children=chosen)
