"""Which rules hold when: the directory says, from an instant on, and never for what came before."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from contracts.directory import Directory, RuleOverride, RulesInForce
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.records import Decision
from contracts.rules import (
    GuardRule,
    PartsRule,
    RulePack,
    load_pack,
    shipped,
    shipped_packs,
)
from contracts.rules.in_force import change_in_force, in_force, must_be_readable
from contracts.rules.vocabulary import vocabulary
from contracts.worktime import Unit
from services.exchange.deciding import Decided, decide_all
from services.exchange.decision import Accepted, Refused
from services.exchange.lanes import Arrived
from services.exchange.ledger import Known, Ledger
from services.exchange.writing import Writer
from services.runtime.directories import from_file
from tests import messages as m
from tests.area import SCHOOL, Area, codes

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = START + timedelta(days=10)
ROCHDALE = shipped("rochdale-2013")


def own(version: str = "1") -> RulePack:
    """Return a partnership's own pack: whoever refers says who the child is."""
    rule = PartsRule(
        id="name-first",
        title="A referral names the child",
        applies_to=("referral.submitted",),
        questions=("identity.name",),
        citation="Board, 2 November 2026",
    )
    return RulePack(
        format=2, id="board", version=version, title="The board's", source="Board", parts=(rule,)
    )


def override(
    table: str = "guards",
    rule: str = "three-months-at-child-in-need",
    unit: Unit | None = None,
    length: int = 4,
) -> RuleOverride:
    """Return an override of a length, to four of `unit` unless said otherwise."""
    said = {"table": table, "id": rule, "length": length, "unit": unit, "reason": "agreed"}
    return RuleOverride.model_validate(said)


def change(
    since: datetime = LATER,
    packs: tuple[str, ...] = ("rochdale-2013",),
    own: Sequence[RulePack] = (),
    overrides: Sequence[RuleOverride] = (),
) -> RulesInForce:
    """Return a change of rules, from ten days after the start on unless said otherwise."""
    return RulesInForce(since=since, packs=packs, own=tuple(own), overrides=tuple(overrides))


def directory(*changes: RulesInForce, packs: tuple[str, ...] = ()) -> Directory:
    """Return a directory with these changes of rules."""
    update = {"rule_changes": changes, "rule_packs": packs}
    return Directory(Area(START).document.model_copy(update=update))


def test_the_usual_packs_hold_where_none_is_named() -> None:
    """A partnership that says nothing about rules is judged by the usual ones."""
    assert in_force(directory(), START) == shipped_packs()


def test_a_change_holds_from_its_instant_on() -> None:
    """Before the first change what the directory began with holds, then the latest change."""
    last = LATER + timedelta(days=1)
    made = directory(change(), change(last, packs=("devon",)), packs=("merton",))

    assert in_force(made, LATER - timedelta(seconds=1)).names == (shipped("merton").name,)
    assert in_force(made, LATER).names == (ROCHDALE.name,)
    assert in_force(made, last).names == (shipped("devon").name,)
    assert change_in_force(made, START) is None
    assert change_in_force(made, last) == made.document.rule_changes[1]


def test_changes_hold_in_the_order_of_their_instants_however_listed() -> None:
    """The latest instant decides; of two at one instant the one signed last."""
    made = directory(change(LATER, packs=("devon",)), change(START, packs=("merton",)))
    assert in_force(made, LATER).names == (shipped("devon").name,)

    made = directory(change(packs=("devon",)), change(packs=("merton",)))
    assert in_force(made, LATER).names == (shipped("merton").name,)


def test_the_same_rules_are_looked_up_and_not_made_again() -> None:
    """A decision costs a look-up, not the combining of packs."""
    made = directory(change(overrides=[override()]))
    assert in_force(made, LATER) is in_force(made, LATER + timedelta(days=5))


def test_own_packs_come_after_those_that_ship() -> None:
    """A partnership's own entry replaces a shipped one of the same id."""
    mine = ROCHDALE.model_copy(
        update={
            "id": "board",
            "guards": tuple(
                g.model_copy(update={"title": "Ours"})
                for g in ROCHDALE.guards
                if g.id == "not-for-monitoring"
            ),
        }
    )
    packs = in_force(directory(change(own=[mine])), LATER)

    assert packs.names == (ROCHDALE.name, mine.name)
    assert packs.guards["not-for-monitoring"].title == "Ours"


def test_an_override_replaces_the_length_and_leaves_its_mark() -> None:
    """A single length is replaced, with its unit where one is given, and the decision says so."""
    changed = change(
        packs=(),
        overrides=[
            override(),
            override("clocks", "decide-request", Unit.WEEKS),
            override("tells", "lead-known", Unit.WORKING_DAYS),
        ],
    )
    packs = in_force(directory(changed), LATER)
    guard, clock = packs.guards["three-months-at-child-in-need"], packs.clocks["decide-request"]
    within = packs.tells["lead-known"].within

    assert (guard.length, guard.unit) == (4, Unit.MONTHS)
    assert (clock.length, clock.unit) == (4, Unit.WEEKS)
    assert within is not None
    assert (within.length, within.unit) == (4, Unit.WORKING_DAYS)
    assert packs.names[-3:] == (
        "override:guards.three-months-at-child-in-need=4",
        "override:clocks.decide-request=4:weeks",
        "override:tells.lead-known=4:working_days",
    )
    assert shipped_packs().clocks["decide-request"].unit is Unit.WORKING_DAYS


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ("clocks", "no-such-clock"),
        ("guards", "decide-request"),
        ("guards", "not-for-monitoring"),
        ("tells", "lead-known"),
        ("clocks", "complete-task"),
    ],
)
def test_an_override_of_nothing_is_refused(table: str, rule: str) -> None:
    """An override of a rule that is not there, or has no length, would silently change nothing."""
    made = directory(change(packs=("merton", "rochdale-2013"), overrides=[override(table, rule)]))
    with pytest.raises(HandrailError) as caught:
        in_force(made, LATER)
    assert caught.value.code == "rules.bad-override"
    assert f"{table}.{rule}" in caught.value.message


@pytest.mark.parametrize(
    ("packs", "code"),
    [
        (("nowhere",), "rules.unknown-pack"),
        (("devon@0",), "rules.unknown-pack"),
        (("devon", "devon"), "rules.pack-twice"),
    ],
)
def test_packs_that_cannot_be_found_are_told(packs: tuple[str, ...], code: str) -> None:
    """A name, or a version, that this release does not have is an error, now and from a change."""
    for made in (directory(packs=packs), directory(change(START, packs=packs))):
        with pytest.raises(HandrailError) as caught:
            in_force(made, START)
        assert caught.value.code == code


def test_an_own_pack_that_names_nothing_is_refused() -> None:
    """What was signed by another release is checked as a file would be."""
    guard = GuardRule(
        id="strange",
        title="Strange",
        applies_to=("case.closed",),
        check="never",
        refuses="no.such-reason",
        citation="Board, paragraph 2",
    )
    strange = own().model_copy(update={"guards": (guard,)})
    with pytest.raises(HandrailError) as caught:
        must_be_readable(directory(change(own=[strange])), START)
    assert caught.value.code == "rules.bad-pack"
    assert "no.such-reason" in caught.value.message


async def test_a_directory_with_rules_nobody_can_read_is_not_taken(tmp_path: Path) -> None:
    """A running service keeps judging by what it has."""
    area = Area()
    file, seen = tmp_path / "directory.jws", tmp_path / "seen"
    file.write_bytes(area.signed)
    holder = from_file(file, area.root.x, seen, lambda d: must_be_readable(d, area.now))
    assert await holder.refresh()

    area.document = area.document.model_copy(update={"version": 2, "rule_packs": ("nowhere",)})
    file.write_bytes(area.signed)
    with pytest.raises(HandrailError):
        await holder.refresh()
    assert holder.current.document.version == 1


def decided(area: Area, arrived: datetime) -> Decided:
    """Decide a referral that arrived then, by the directory as it stands now."""
    child = new_reference()
    message = area.open(m.referral(area, child))
    ledger = Ledger(Client(), JetStreamContext(Client()))
    ledger.hold(child, Known(None))
    ledger.know(f"journey.{child}", 0)
    lane = Arrived("SUBMIT_x", 1, f"submit.{SCHOOL}.{child}", arrived, b"")
    (found,) = decide_all([(lane, message)], area.directory, ledger)
    return found


def recorded(area: Area, found: Decided) -> tuple[str, ...]:
    """Return the packs that the exchange writes into its record of a decision."""
    writer = Writer("demo.exchange", area.services["exchange"], area.directory)
    return Decision.model_validate(writer._decision_body(found)).packs


def test_a_message_is_judged_by_the_rules_of_its_arrival() -> None:
    """A later pack never rewrites history: decided again under a newer directory, it is the same.

    The record names the packs, so that whoever looks at it later knows by what it was judged.
    """
    area = Area()
    before = area.now
    first = decided(area, before)
    since = before + timedelta(minutes=1)
    changes = (change(since, packs=(), own=[own()]),)
    area.document = area.document.model_copy(update={"version": 2, "rule_changes": changes})
    again, after = decided(area, before), decided(area, since)

    assert isinstance(first.verdict, Accepted)
    assert isinstance(again.verdict, Accepted)
    assert isinstance(after.verdict, Refused)
    assert codes(after.verdict.reasons) == {"statements.required"}
    assert recorded(area, first) == recorded(area, again) == shipped_packs().names
    assert recorded(area, after) == (*shipped_packs().names, "board@1")


def test_an_edited_file_changes_nothing_until_the_root_signs(tmp_path: Path) -> None:
    """The rules are those inside the signed directory; the file they came from no longer counts."""
    file = tmp_path / "board.toml"
    text = (Path(__file__).parents[2] / "contracts/rules/york.toml").read_text(encoding="utf-8")
    file.write_text(text.replace('id = "york"', 'id = "board"', 1), encoding="utf-8")
    area = Area()
    pack = load_pack(file.read_text(encoding="utf-8"), file.name, vocabulary())
    changes = (change(area.now, packs=(), own=[pack]),)
    area.document = area.document.model_copy(update={"rule_changes": changes})
    signed = in_force(area.directory, area.now)

    file.write_text("format = 2\n", encoding="utf-8")
    assert in_force(area.directory, area.now) == signed
    assert "board@" in " ".join(signed.names)
