"""Rules in words that a practitioner reads: what each asks, and of which messages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from contracts.directory import RuleOverride, RulesInForce
from contracts.messages import KINDS
from contracts.messages.checks import CHECKS, GIVEN
from contracts.questions import questions
from contracts.rules import ClockRule, Entry, GuardRule, PartsRule, Person, RulePacks, TellRule
from contracts.worktime import Unit

TABLES: Final = ("levels", "roles", "clocks", "guards", "parts", "tells")
_TOLD: Final = {
    "receiving_manager": "the manager of whoever received it",
    "sending_manager": "the manager of whoever sent it",
    "lead_manager": "the lead professional's manager",
}
_PEOPLE: Final = {
    Person.REFERRER: "whoever referred",
    Person.LEAD_PROFESSIONAL: "the lead professional",
    Person.FAMILY: "the family",
    Person.PARTNER_AGENCIES: "the agencies with a part in it",
    Person.INVITEES: "everybody invited",
    Person.MANAGER: "the manager",
    Person.CAF_TEAM: "the CAF team",
    Person.FIRST_RESPONSE: "First Response",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One rule in force: what it `asks` in a sentence, the pack it stands in, why it is changed.

    `refuses` is the code with which a message that breaks it is refused; "" for a clock.
    """

    table: str
    id: str
    title: str
    asks: str
    refuses: str
    citation: str
    interpretation: str | None
    pack: str
    override: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return asdict(self)


def rows(packs: RulePacks, change: RulesInForce | None, tables: Iterable[str]) -> Iterator[Row]:
    """Yield the rules of `packs` in these tables; `change` is what put them in force, if any."""
    overrides = {f"{o.table}.{o.id}": o for o in (change.overrides if change else ())}
    for table in tables:
        entries: Mapping[str, Entry] = getattr(packs, table)
        for entry in entries.values():
            override = overrides.get(f"{table}.{entry.id}")
            yield Row(
                table=table,
                id=entry.id,
                title=entry.title,
                asks=asks(entry),
                refuses=refuses(entry),
                citation=entry.citation,
                interpretation=entry.interpretation,
                pack=packs.holder_of(table, entry.id) or "",
                override=_why(override) if override else None,
            )


def refuses(entry: Entry) -> str:
    """Return the code with which a message that breaks the rule is refused, "" for none."""
    if isinstance(entry, GuardRule | PartsRule):
        return entry.refuses
    return "recipient.missing" if isinstance(entry, TellRule) and entry.on_message else ""


def asks(entry: Entry) -> str:
    """Return in a sentence what a rule asks."""
    match entry:
        case ClockRule():
            return _clock(entry)
        case GuardRule():
            return f"{_of(entry.applies_to, entry.when)}: {_guard(entry)}."
        case PartsRule():
            asked = "; ".join(_question(key) for key in entry.questions)
            one = "one of these is answered" if entry.any_one else "these are answered"
            return f"{_of(entry.applies_to, entry.when)}: {one}: {asked}."
        case TellRule():
            return f"{_of(entry.applies_to, entry.when)}: {_tell(entry)}."
    return f"{_plain(entry.id).capitalize()} is called: {entry.title}."


def _clock(clock: ClockRule) -> str:
    start, stop = _of(clock.starts_on, clock.when), _of(clock.stops_on, clock.stop_when)
    if clock.length is None or clock.unit is None:
        length = f"The time that the message itself names (`{clock.due_field}`)"
    else:
        length = _length(clock.length, clock.unit)
        length += " (the source names no unit)" if clock.unit_is_read else ""
    told = f"When it is missed, {_TOLD[clock.told.value]} is told."
    again = " Then it starts anew." if clock.repeats else ""
    over = _joined((_of((e.on,), e.when) for e in clock.ends), "or")
    again += f" It ends, not missed, with {over}." if over else ""
    levels = _joined((_plain(level) for level in clock.while_at), "or")
    again += f" It runs only at the level {levels}." if levels else ""
    return f"{length} from {start} to {stop}.{again} {told}"


def _guard(guard: GuardRule) -> str:
    check = CHECKS.get(guard.check)
    said = check.asks if check else guard.check
    length = _length(guard.length, guard.unit) if guard.length and guard.unit else ""
    given = length or _joined((_plain(code) for code in guard.codes), "or")
    return said.replace(GIVEN, given)


def _tell(tell: TellRule) -> str:
    people = _joined((_PEOPLE[person] for person in tell.people), "and")
    if tell.on_message:
        return f"it is addressed to {people}"
    within = f" within {_length(tell.within.length, tell.within.unit)}" if tell.within else ""
    return f"to be told{within}: {people}"


def _of(kinds: Iterable[str], when: Mapping[str, tuple[str, ...]]) -> str:
    named = _joined((f"\N{LEFT DOUBLE QUOTATION MARK}{_title(kind)}\N{RIGHT DOUBLE QUOTATION MARK}"
                     for kind in kinds), "or")  # fmt: skip
    where = _joined(
        (f"{_plain(name)} is {_joined(map(_plain, codes), 'or')}" for name, codes in when.items()),
        "and",
    )
    return f"{named} where {where}" if where else named


def _title(kind: str) -> str:
    return KINDS[kind].title if kind in KINDS else kind


def _question(key: str) -> str:
    found = questions().get(key)
    return f"{found.text} ({key})" if found else key


def _length(length: int, unit: Unit) -> str:
    if unit is Unit.DAY_ENDS:
        return "by the end of the same day" if length == 1 else f"by the end of day {length}"
    words = unit.value.replace("_", " ")
    return f"{length} {words.removesuffix('s') if length == 1 else words}"


def _plain(code: str) -> str:
    return code.replace("_", " ")


def _joined(parts: Iterable[str], word: str) -> str:
    *first, last = [*parts] or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


def _why(override: RuleOverride) -> str:
    unit = f" {_plain(override.unit.value)}" if override.unit else ""
    return f"{override.length}{unit} here: {override.reason}"
