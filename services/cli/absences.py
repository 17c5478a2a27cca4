"""Who stands in: cover while somebody is away, deputies and managers, and leaving for good.

Each is a change of the signed directory, so everybody's inbox follows it within seconds.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta

from contracts.directory import Cover, Directory, DirectoryDocument, Practitioner
from contracts.errors import HandrailError
from contracts.event import MAX_AGE
from contracts.worktime import LONDON
from services.cli.amending import amend, unknown
from services.cli.founding import entry
from services.runtime.partnership import Partnership

_ONE_DAY = timedelta(days=1)


def set_cover(
    partnership: Partnership, practitioner: str, by: str, first: date, last: date, now: datetime
) -> Directory:
    """Have `by` cover for a practitioner from the day `first` through the day `last` (local).

    Raises HandrailError `practitioner.unknown`, `directory.cover.*` or as `amend` does.
    """
    if last < first:
        raise HandrailError(
            "directory.cover.bad-times",
            "cover ends before it begins",
            "give the first and the last day away, in this order",
        )
    cover = entry(Cover, by=by, since=_begin_of(first), until=_begin_of(last + _ONE_DAY))

    def changed(person: Practitioner) -> Practitioner:
        # A seal may be judged by the day it was made on, so that cover is kept a while.
        kept = (one for one in person.cover if one.until > now - MAX_AGE)
        return _with(person, cover=(*kept, cover))

    return _amend_person(partnership, practitioner, changed, now, must_work_here=(by,))


def end_cover(partnership: Partnership, practitioner: str, now: datetime) -> Directory:
    """End at `now` whatever cover there is or was to be: the person is back.

    Raises HandrailError `cover.none` where there is none, `practitioner.unknown` or as `amend`
    does.
    """

    def changed(person: Practitioner) -> Practitioner:
        if all(one.until <= now for one in person.cover):
            raise HandrailError(
                "cover.none", "nobody covers for this person", "nothing needs to be done"
            )
        begun = (one for one in person.cover if one.since < now)
        ended = tuple(one.model_copy(update={"until": min(one.until, now)}) for one in begun)
        return _with(person, cover=ended)

    return _amend_person(partnership, practitioner, changed, now)


def set_stand_ins(
    partnership: Partnership,
    practitioner: str,
    *,
    deputy: str | None,
    line_manager: str | None,
    now: datetime,
) -> Directory:
    """Name another deputy or line manager; None leaves the one there is.

    Raises HandrailError `practitioner.unchanged` where nothing would change,
    `practitioner.unknown`, `directory.deputy.unknown`,
    `directory.line-manager.unknown` or as `amend` does.
    """
    named = {"deputy": deputy, "line_manager": line_manager}
    update = {name: person for name, person in named.items() if person is not None}

    def changed(person: Practitioner) -> Practitioner:
        if all(getattr(person, name) == value for name, value in update.items()):
            raise HandrailError(
                "practitioner.unchanged",
                "nothing about the person would change, so nothing is signed",
                "name another deputy with --deputy or line manager with --line-manager",
            )
        return _with(person, **update)

    return _amend_person(partnership, practitioner, changed, now, must_work_here=update.values())


def dismiss(partnership: Partnership, practitioner: str, now: datetime) -> Directory:
    """Let a practitioner leave at `now`: the person takes no further part, the keys are retired.

    Raises HandrailError `practitioner.unknown` for one whom the directory does not hold.
    """

    def left(person: Practitioner) -> Practitioner:
        keys = tuple(
            key
            if key.retired_at and key.retired_at <= now
            else key.model_copy(update={"retired_at": now})
            for key in person.keys
        )
        return _with(person, left_at=now, keys=keys)

    return _amend_person(partnership, practitioner, left, now)


def vacancies(directory: Directory, practitioner: str, now: datetime) -> Iterator[str]:
    """Yield where the directory still names somebody: the places that need another person."""
    for agency in directory.document.agencies:
        if agency.duty_desk == practitioner:
            yield f"duty desk of {agency.id}"
        if agency.safeguarding_lead == practitioner:
            yield f"safeguarding lead of {agency.id}"
    for person in directory.document.practitioners:
        if person.left_at is not None:
            continue
        if person.line_manager == practitioner:
            yield f"line manager of {person.id}"
        if person.deputy == practitioner:
            yield f"deputy of {person.id}"
        if any(one.by == practitioner and one.until > now for one in person.cover):
            yield f"cover for {person.id}"


def _amend_person(
    partnership: Partnership,
    practitioner: str,
    changed: Callable[[Practitioner], Practitioner],
    now: datetime,
    must_work_here: Iterable[str] = (),
) -> Directory:
    def change(before: DirectoryDocument) -> dict[str, object]:
        directory = Directory(before)
        for named in (practitioner, *must_work_here):
            if directory.practitioner(named, now) is None:
                raise unknown(named)
        people = (changed(p) if p.id == practitioner else p for p in before.practitioners)
        return {"practitioners": tuple(people)}

    return amend(partnership, now, change)


def _with(person: Practitioner, **changes: object) -> Practitioner:
    """Return the entry with other members, checked as a whole; raises `directory.bad-entry`."""
    # Not dict(person): the member `keys` would pass for the method of a mapping.
    return entry(Practitioner, **{**dict(iter(person)), **changes})


def _begin_of(day: date) -> datetime:
    """Return the instant at which a local day begins."""
    return datetime.combine(day, time.min, LONDON)
