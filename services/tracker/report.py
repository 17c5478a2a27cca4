"""The report on a period: every table, for everybody or for who is entitled, and the sample.

Pure: the rows come in as values, the time as an argument.
"""

from datetime import datetime

from contracts.errors import HandrailError
from services.tracker import report_flow as flow
from services.tracker import report_kept as kept
from services.tracker import report_once as once
from services.tracker.report_drafts import for_anybody
from services.tracker.report_form import Reader, Report, ReportRequest, Sample
from services.tracker.report_material import Material
from services.tracker.report_numbers import drawn
from services.tracker.report_period import Period, period, quarter_of


def report(
    material: Material, asked: ReportRequest, packs: tuple[str, ...], now: datetime
) -> Report:
    """Return the report that was `asked` for, worked out from `material` as at `now` (aware).

    `packs` are the names of the rule packs in force. A reader who is not entitled gets no small
    numbers, nothing that would give them away, and no sample. Raises HandrailError `report.period`,
    or `report.not-public` where two such reports would differ by a few days.
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
        tables=tuple(draft.table if entitled else for_anybody(draft) for draft in drafts),
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
