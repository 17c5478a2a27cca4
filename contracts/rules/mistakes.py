"""What a rule pack can get wrong although every entry has the right form.

A rule that names what does not exist would silently do nothing, and so look like one that is kept.
`Vocabulary` is what there is to name: kinds with their content, checks, reasons, questions.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from contracts.consents import ALL_BASES
from contracts.rules.packs import BASIS, CONSENT_REVIEW, ClockRule, GuardRule, RulePack
from contracts.values import Instant, Value
from contracts.worktime import Unit

Place = Sequence[int | str]
Mistake = tuple[Place, str]

TABLES = ("clocks", "levels", "roles", "guards", "parts", "tells", "retentions")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What rules may name: `kinds` by name with their content model, and all codes there are.

    `checks` give, for each check by name, what is wrong with a guard that asks for it.
    """

    kinds: Mapping[str, type[Value]]
    checks: Mapping[str, Callable[[GuardRule], Iterator[str]]]
    reasons: Collection[str]
    questions: Collection[str]


def contradictions(pack: RulePack) -> Iterator[Mistake]:
    """Find what each entry alone cannot show: an id twice, a clock that would stop itself."""
    for table in TABLES:
        seen: set[str] = set()
        for index, entry in enumerate(getattr(pack, table)):
            if entry.id in seen:
                yield (table, index, "id"), f"`{entry.id}` stands twice in this table"
            seen.add(entry.id)
    if not any(getattr(pack, table) for table in TABLES):
        yield (), "holds no rule"
    for index, clock in enumerate(pack.clocks):
        if clock.warn is not None and _warns_before_the_start(clock):
            yield ("clocks", index, "warn"), "is as long as the clock, or longer"
        both = sorted(set(clock.starts_on) & set(clock.stops_on))
        if both and not clock.repeats and not _told_apart(clock):
            yield ("clocks", index, "stops_on"), "also starts the clock: " + ", ".join(both)


_ABOUT_HOURS = {
    Unit.HOURS: 1,
    Unit.DAY_ENDS: 24,
    Unit.WORKING_DAYS: 24,
    Unit.CALENDAR_DAYS: 24,
    Unit.WEEKS: 24 * 7,
    Unit.MONTHS: 24 * 28,
}


def _warns_before_the_start(clock: ClockRule) -> bool:
    if clock.warn is None or clock.length is None or clock.unit is None:
        return False
    warned = clock.warn.length * _ABOUT_HOURS[clock.warn.unit]
    return warned >= clock.length * _ABOUT_HOURS[clock.unit]


def _told_apart(clock: ClockRule) -> bool:
    """Tell whether no message of one kind can both start and stop the clock."""
    return any(
        field in clock.stop_when and set(codes).isdisjoint(clock.stop_when[field])
        for field, codes in clock.when.items()
    )


def unknown_names(pack: RulePack, known: Vocabulary) -> Iterator[Mistake]:
    """Find every kind, field, code, check, reason and question that does not exist."""
    for index, clock in enumerate(pack.clocks):
        yield from _of_clock(("clocks", index), clock, known)
    for table in ("guards", "parts", "tells"):
        for index, rule in enumerate(getattr(pack, table)):
            yield from _kinds((table, index, "applies_to"), rule.applies_to, known)
            yield from _when((table, index, "when"), rule.applies_to, rule.when, known)
            refuses = getattr(rule, "refuses", None)
            if refuses is not None and refuses not in known.reasons:
                yield (table, index, "refuses"), f"no such reason for refusal: {refuses}"
    for index, kept in enumerate(pack.retentions):
        yield from _kinds(("retentions", index, "kinds"), kept.kinds, known)
    for index, parts in enumerate(pack.parts):
        yield from _questions(("parts", index, "questions"), parts.questions, known)
    for index, guard in enumerate(pack.guards):
        yield from _check(("guards", index), guard, known)


def _of_clock(at: tuple[str, int], clock: ClockRule, known: Vocabulary) -> Iterator[Mistake]:
    yield from _kinds((*at, "starts_on"), clock.starts_on, known)
    yield from _kinds((*at, "stops_on"), clock.stops_on, known)
    yield from _when((*at, "when"), clock.starts_on, clock.when, known)
    yield from _when((*at, "stop_when"), clock.stops_on, clock.stop_when, known)
    yield from _questions((*at, "questions"), clock.questions, known)
    for ending in clock.ends:
        yield from _kinds((*at, "ends"), (ending.on,), known)
        yield from _when((*at, "ends"), (ending.on,), ending.when, known)
    if clock.due_field is not None:
        yield from _due_field((*at, "due_field"), clock, known)


def _questions(at: Place, used: Sequence[str], known: Vocabulary) -> Iterator[Mistake]:
    if unknown := [question for question in used if question not in known.questions]:
        yield at, "no such question: " + ", ".join(unknown)


def _check(at: Place, guard: GuardRule, known: Vocabulary) -> Iterator[Mistake]:
    check = known.checks.get(guard.check)
    if check is None:
        there_are = ", ".join(sorted(known.checks))
        yield (*at, "check"), f"no such check: {guard.check}; there are {there_are}"
        return
    for wrong in check(guard):
        yield (*at, "check"), wrong


def _kinds(at: Place, used: Sequence[str], known: Vocabulary) -> Iterator[Mistake]:
    if unknown := [kind for kind in used if kind not in known.kinds]:
        yield at, "no such kind of message: " + ", ".join(unknown)


def _due_field(at: Place, clock: ClockRule, known: Vocabulary) -> Iterator[Mistake]:
    for kind in clock.starts_on if clock.due_field != CONSENT_REVIEW else ():
        content = known.kinds.get(kind)
        field = content.model_fields.get(clock.due_field or "") if content else None
        if content is not None and (field is None or not _may_be_instant(field.annotation)):
            yield at, f"{kind} holds no instant of that name: {clock.due_field}"


def _when(
    at: Place, kinds: Sequence[str], when: Mapping[str, tuple[str, ...]], known: Vocabulary
) -> Iterator[Mistake]:
    """Find fields that a kind does not have, and codes that no kind of the rule has."""
    contents = {kind: known.kinds[kind] for kind in kinds if kind in known.kinds}
    for name, codes in when.items():
        if name == BASIS:
            if unknown := [code for code in codes if code not in ALL_BASES]:
                yield at, "there is no such basis: " + ", ".join(unknown)
            continue
        there: set[str] = set()
        for kind, content in contents.items():
            field = content.model_fields.get(name)
            if field is None:
                yield at, f"{kind} has no field `{name}`, so the rule would never apply to it"
                continue
            there |= codes_of(field.annotation)
            there |= {code for code in codes if _is_number_of(field, code)}
        unknown = [code for code in codes if code not in there]
        if unknown and all(name in c.model_fields for c in contents.values()) and contents:
            yield at, f"`{name}` never has the code " + ", ".join(unknown)


def codes_of(annotation: object) -> set[str]:
    """Return the codes that a field of this type may have, in any part of it."""
    origin = get_origin(annotation)
    if origin is Literal:
        return {a for a in get_args(annotation) if isinstance(a, str)}
    if origin in (Union, UnionType, tuple, list):
        return {code for part in get_args(annotation) for code in codes_of(part)}
    if origin is Annotated:
        return codes_of(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {member.value for member in annotation if isinstance(member.value, str)}
    return set()


def _is_number_of(field: FieldInfo, code: str) -> bool:
    """Tell whether a code is a whole number that the field may hold."""
    if field.annotation is not int or not code.isdecimal():
        return False
    try:
        TypeAdapter(Annotated[int, *field.metadata]).validate_python(int(code))
    except ValidationError:
        return False
    return True


def _may_be_instant(annotation: object) -> bool:
    instants = (Instant, get_args(Instant)[0])
    return annotation in instants or any(p in instants for p in get_args(annotation))
