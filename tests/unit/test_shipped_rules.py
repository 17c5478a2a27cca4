"""What the packs that come with Handrail say is what the guidance says, and all of it is there."""

import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

import pytest

from contracts.kinds import EVERY_ROLE
from contracts.messages import KINDS
from contracts.roles import Capacity
from contracts.rules import SHIPPED, USUAL, Against, ClockRule, Told, combine, load_pack, shipped
from contracts.rules.packs import Entry, Person, RulePack
from contracts.rules.vocabulary import vocabulary
from contracts.worktime import Unit

TABLES: Final = ("clocks", "levels", "roles", "guards", "parts", "tells")
DAYS, HOURS, MONTHS = Unit.WORKING_DAYS, Unit.HOURS, Unit.MONTHS
DEFAULTS, ROCHDALE, NATIONAL = "handrail-defaults", "rochdale-2013", "working-together-2023"


@dataclass(frozen=True)
class Standard:
    """One standard of time of the sources: where it is timed, and how long it is there.

    `read`: its unit is our reading of the source.
    """

    name: str
    pack: str
    clock: str
    length: int | None
    unit: Unit | None
    read: bool = False


STANDARDS: Final = (
    Standard("C1", "devon", "decide-request", 1, DAYS),
    Standard("C2", "devon", "initial-assessment", 7, DAYS),
    Standard("C3", "devon", "tell-assessment-outcome", 3, DAYS),
    Standard("C4", "devon", "start-protection-assessment", 24, HOURS),
    Standard("C5", "devon", "core-assessment", 35, DAYS),
    Standard("C6", "devon", "initial-conference", 15, DAYS),
    Standard("C7", "devon", "tell-assessment-outcome", 3, DAYS),
    Standard("C8", "devon", "protection-plan-review", 6, MONTHS),
    Standard("C9", "devon", "tell-review-outcome", 3, DAYS),
    Standard("C10", "devon", "copy-review", 15, DAYS),
    Standard("C13", ROCHDALE, "child-in-need-meeting", 7, Unit.CALENDAR_DAYS, read=True),
    Standard("C14", ROCHDALE, "child-protection-conference", 15, DAYS, read=True),
    Standard("C15", ROCHDALE, "child-in-need-review", 4, Unit.WEEKS),
    Standard("C15", ROCHDALE, "first-review-after-plan", 4, Unit.WEEKS),
    Standard("C17", DEFAULTS, "take-to-meeting", 10, DAYS),
    Standard("C19", "merton", "reply-to-letter", 5, DAYS, read=True),
    Standard("C20", "merton", "reply-to-email", 1, Unit.DAY_ENDS),
    Standard("C22", "merton", "complete-task", None, None),
    Standard("S1", NATIONAL, "acknowledge-request", 1, DAYS),
    Standard("S1", NATIONAL, "decide-request", 1, DAYS),
    Standard("S2", NATIONAL, "follow-up-referral", 2, DAYS, read=True),
    Standard("S3", NATIONAL, "single-assessment", 45, DAYS),
    Standard("S4", NATIONAL, "initial-conference", 15, DAYS),
    Standard("S5", NATIONAL, "see-child", 24, HOURS),
    Standard("S6", NATIONAL, "core-group", 10, DAYS),
    Standard("S6", NATIONAL, "first-protection-review", 3, MONTHS),
    Standard("S7", NATIONAL, "family-help-triage", 24, HOURS),
    Standard("S8", NATIONAL, "notify-panel", 5, DAYS),
    Standard("step down acknowledged", DEFAULTS, "acknowledge-step-down", 1, DAYS),
    Standard("lead answers", DEFAULTS, "answer-lead-proposal", 5, DAYS),
    Standard("parts to follow", DEFAULTS, "send-parts-to-follow", 1, DAYS),
    Standard("family told", DEFAULTS, "tell-family-of-decision", 3, DAYS),
    Standard("family told", DEFAULTS, "tell-family-of-step-down", 3, DAYS),
    Standard("override reviewed", DEFAULTS, "review-override", 1, DAYS),
    Standard("disagreement", DEFAULTS, "resolve-disagreement-stage-1", 1, DAYS),
    Standard("disagreement", DEFAULTS, "resolve-disagreement-stage-2", 2, DAYS),
    Standard("disagreement", DEFAULTS, "resolve-disagreement-stage-3", 5, DAYS),
)
"""Every standard with a clock: C of the local sources, S national, and the defaults, by name."""

OWN: Final = frozenset(
    {
        (DEFAULTS, "decide-step-down"),
        (DEFAULTS, "replace-lead"),
        (DEFAULTS, "review-consent"),
        (DEFAULTS, "complete-what-was-returned"),
        ("york", "complete-what-was-returned"),
        ("merton", "ask-agencies"),
        ("merton", "answer-agency-check"),
        ("devon-plan", "acknowledge-contact"),
    }
)
"""Clocks for a duty to which a source gives no number and no place in the list of standards."""

OTHERWISE: Final = {
    "C12": "child protection has lanes of its own",
    "C16": "three-months-at-child-in-need",
    "C18": "lead-told",
}
"""Standards that are kept without a clock, and by what."""

UNSEEN: Final = {
    "C11": "nobody sends a message when an appointment begins",
    "C21": "telephones are not connected",
}
"""Standards that software cannot see, with the reason that the page gives."""

REPLACED_ON_PURPOSE: Final = frozenset(
    {
        ("clocks", "decide-request"),
        ("clocks", "initial-conference"),
        ("clocks", "complete-what-was-returned"),
        ("roles", "lead_professional"),
    }
)


def packs() -> tuple[RulePack, ...]:
    """Return all packs that come with Handrail."""
    return tuple(shipped(name) for name in SHIPPED)


def entries() -> list[tuple[str, str, Entry]]:
    """Return every entry of every shipped pack with the pack's id and its table."""
    return [(p.id, table, e) for p in packs() for table in TABLES for e in getattr(p, table)]


def clock(pack: str, name: str) -> ClockRule:
    """Return the clock of that id in the pack of that id."""
    (found,) = (c for c in shipped(pack).clocks if c.id == name)
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pack_names_only_what_there_is(name: str) -> None:
    """Every kind, field, code, check, question and refusal that a shipped rule names exists."""
    text = resources.files("contracts.rules").joinpath(f"{name}.toml").read_text(encoding="utf-8")

    assert load_pack(text, f"{name}.toml", vocabulary()).id == name


def test_the_usual_packs_are_shipped_and_combine_in_the_same_order() -> None:
    """What a partnership gets that names no packs is a part of what ships, in its order."""
    assert [name for name in SHIPPED if name in USUAL] == list(USUAL)
    assert set(SHIPPED) - set(USUAL) == {"devon-plan", "york", "merton"}


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda s: f"{s.name}:{s.clock}")
def test_a_standard_is_as_long_as_its_source_says(standard: Standard) -> None:
    """Length and unit of a clock are the source's, and a unit that is our reading says so."""
    rule = clock(standard.pack, standard.clock)

    assert (rule.length, rule.unit) == (standard.length, standard.unit)
    assert rule.unit_is_read is standard.read
    assert rule.interpretation or not standard.read


def test_every_standard_of_the_sources_is_accounted_for() -> None:
    """C1 to C22 and S1 to S8 each have a clock, another rule, or a reason why they cannot."""
    accounted = {s.name for s in STANDARDS} | OTHERWISE.keys() | UNSEEN.keys()

    wanted = {f"C{n}" for n in range(1, 23)} | {f"S{n}" for n in range(1, 9)}
    assert wanted <= accounted
    assert not set(OTHERWISE) & set(UNSEEN)


def test_no_clock_ships_that_no_standard_or_duty_asks_for() -> None:
    """Whatever Handrail times is in the list of standards or a named duty without a number."""
    timed = {(p.id, c.id) for p in packs() for c in p.clocks}

    assert timed == {(s.pack, s.clock) for s in STANDARDS} | OWN


def test_what_is_kept_without_a_clock_is_kept_by_a_rule_there_is() -> None:
    """The three months are a guard and the contact during an assessment a duty to tell."""
    rochdale = shipped(ROCHDALE)
    guards = {g.id: g for g in rochdale.guards}
    tells = {t.id: t for t in rochdale.tells}

    three_months = guards[OTHERWISE["C16"]]
    assert (three_months.length, three_months.unit) == (3, MONTHS)
    during = tells[OTHERWISE["C18"]]
    assert {"assessment.started", "assessment.concluded"} <= set(during.applies_to)
    assert during.on_message


def test_the_manager_told_is_that_of_whoever_owes() -> None:
    """A missed standard comes to the manager of the one who did not keep it (000 l.37)."""
    manager_of = {
        Against.RECEIVER: Told.RECEIVING_MANAGER,
        Against.SENDER: Told.SENDING_MANAGER,
        Against.LEAD: Told.LEAD_MANAGER,
    }
    for pack in packs():
        for rule in pack.clocks:
            assert rule.told is manager_of[rule.against], rule.id


@pytest.mark.parametrize(
    ("pack", "table", "entry"), entries(), ids=lambda v: v.id if isinstance(v, Entry) else v
)
def test_an_entry_is_readable_and_cites(pack: str, table: str, entry: Entry) -> None:
    """Whoever reads an entry finds a title in words and the passage that it rests on."""
    assert pack
    assert table in TABLES
    assert entry.title[0].isupper()
    assert "_" not in entry.title
    assert len(entry.citation) > len("Page 1")


@pytest.mark.parametrize("name", ["devon", "york", "devon-plan"])
def test_a_source_with_numbered_lines_is_cited_by_line(name: str) -> None:
    """Entries from a source without paragraph numbers give the line of its text."""
    own = [e for table in TABLES for e in getattr(shipped(name), table)]

    assert own
    assert all(re.search(r"\(00[012] l\.\d|l\.\d", e.citation) for e in own)


def test_a_number_that_no_source_gives_is_marked_as_ours() -> None:
    """Every default says that its length is Handrail's own and that no number is given."""
    defaults = shipped(DEFAULTS)
    for rule in (*defaults.clocks, *defaults.tells):
        assert "No number is given" in rule.citation
        assert rule.interpretation is not None
        assert "default" in rule.interpretation


def test_packs_replace_one_another_only_on_purpose() -> None:
    """Two packs have an entry of one table and id only where both time or name the same thing."""
    places: dict[tuple[str, str], set[str]] = {}
    for pack, table, entry in entries():
        places.setdefault((table, entry.id), set()).add(pack)

    assert {place for place, held in places.items() if len(held) > 1} == REPLACED_ON_PURPOSE


def test_whoever_must_be_told_later_is_told_within_a_time() -> None:
    """Of all whom the usual packs have told after the message, each has a time by some rule."""
    usual = combine(shipped(name) for name in USUAL)
    later = [rule for rule in usual.tells.values() if not rule.on_message]
    timed = {(k, p) for r in later if r.within for k in r.applies_to for p in r.people}

    untimed = {(k, p) for r in later if not r.within for k in r.applies_to for p in r.people}
    assert untimed - timed == {("caf.contact-made", Person.FAMILY)}


def test_where_two_packs_time_the_same_thing_the_national_one_holds() -> None:
    """Of two standards for one thing the statutory guidance is the one in force."""
    usual = combine(shipped(name) for name in USUAL)

    for name in ("decide-request", "initial-conference"):
        assert usual.pack_of(name) == shipped(NATIONAL).name


@pytest.mark.parametrize("name", SHIPPED)
def test_no_rule_asks_more_of_child_protection(name: str) -> None:
    """A concern or finding of child protection is never refused for parts or by a guard."""
    pack = shipped(name)

    for rule in (*pack.guards, *pack.parts):
        for kind in rule.applies_to:
            for field in {"concern", "finding"} & set(KINDS[kind].content.model_fields):
                assert "child_protection" not in rule.when.get(field, ("child_protection",))


def test_usual_packs_ask_for_no_second_signature_that_the_kinds_do_not() -> None:
    """Countersigning beyond the step up/step down guidance is a partnership's own choice."""
    checks = {g.check for name in USUAL for g in shipped(name).guards}

    assert "countersigned" not in checks
    assert "countersigned" in {g.check for g in shipped("york").guards}


def test_only_managers_may_give_more_time_and_never_in_an_emergency() -> None:
    """An extension is a manager's; what is counted in hours has none, nor the statutory 45 days."""
    for pack in packs():
        for rule in pack.clocks:
            assert set(rule.extendable_by) <= {Capacity.TEAM_MANAGER, Capacity.LINE_MANAGER}
            if rule.unit is HOURS or rule.id == "single-assessment":
                assert not rule.extendable_by


def test_whoever_owes_is_warned_before_the_end() -> None:
    """Every clock reminds before it runs out, and the reminder is shorter than the clock."""
    order = {HOURS: 1, DAYS: 8, Unit.CALENDAR_DAYS: 24, Unit.DAY_ENDS: 24, Unit.WEEKS: 168}
    order[MONTHS] = 720
    for pack in packs():
        for rule in pack.clocks:
            assert rule.warn is not None, rule.id
            if rule.length is not None and rule.unit is not None:
                warn = rule.warn.length * order[rule.warn.unit]
                assert warn < rule.length * order[rule.unit], rule.id


def test_a_clock_is_started_by_what_can_be_sent() -> None:
    """The kinds that start clocks have senders, or are notices of a service."""
    for pack in packs():
        for rule in pack.clocks:
            for kind in rule.starts_on:
                assert KINDS[kind].by_service or KINDS[kind].senders <= EVERY_ROLE
                assert KINDS[kind].by_service or KINDS[kind].senders
