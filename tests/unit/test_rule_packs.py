"""Rule packs: what ships is whole and cited, what is wrong is told, later packs replace earlier."""

import re

import pytest

from contracts.errors import HandrailError
from contracts.roles import Capacity, Level
from contracts.rules import (
    SHIPPED,
    RulePack,
    StoppedBy,
    combine,
    load_pack,
    shipped,
    shipped_packs,
)
from contracts.worktime import Unit

KINDS = {
    "referral.submitted",
    "referral.decided",
    "stepup.requested",
    "stepup.decided",
    "stepdown.requested",
    "stepdown.decided",
    "message.acknowledged",
    "assessment.started",
    "lead.proposed",
    "lead.accepted",
    "lead.refused",
}

PACK = """\
format = 1
id = "somewhere"
version = "2.1"
title = "Somewhere's standards"
source = "Somewhere, Standards, 2026"

[[clocks]]
id = "decide-request"
title = "A referral is decided within two working days"
starts_on = ["referral.submitted"]
stops_on = ["referral.decided"]
length = 2
unit = "working_days"
told = "receiving_manager"
citation = "Standards, paragraph 7"

[[guards]]
id = "plan-ended"
title = "Three months after a protection plan"
applies_to = ["stepdown.requested"]
length = 3
unit = "months"
citation = "Standards, paragraph 9"

[[parts]]
id = "pack"
title = "The pack of a step up"
applies_to = ["stepup.requested"]
codes = ["plan", "last_meeting"]
citation = "Standards, paragraph 10"

[[levels]]
id = "early_help"
title = "Family Help"
citation = "Standards, paragraph 1"
"""

AGAIN = """\
[[guards]]
id = "plan-ended"
title = "T"
applies_to = ["lead.proposed"]
citation = "C"

"""


def changed(old: str, new: str) -> str:
    """Return the pack with one passage replaced, which must be there."""
    assert old in PACK
    return PACK.replace(old, new, 1)


def line_of(text: str, passage: str) -> int:
    """Return the line, from 1, on which `passage` first stands in `text`."""
    return text[: text.index(passage)].count("\n") + 1


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_pack_loads_under_its_own_name(name: str) -> None:
    """What comes with Handrail has no mistake and is called what its file is called."""
    assert shipped(name).id == name


def test_shipped_rules_name_only_kinds_of_message_there_are() -> None:
    """A rule about a kind that nobody sends would never be kept or broken."""
    named = {
        kind
        for clock in shipped_packs().clocks.values()
        for kind in (*clock.starts_on, *clock.stops_on)
    }

    assert named <= KINDS


@pytest.mark.parametrize(
    ("request_kind", "decided"),
    [
        ("referral.submitted", "referral.decided"),
        ("stepup.requested", "stepup.decided"),
        ("stepdown.requested", "stepdown.decided"),
    ],
)
def test_every_request_is_acknowledged_and_decided_in_one_working_day(
    request_kind: str, decided: str
) -> None:
    """Each kind of request has one clock for its acknowledgement and one for its decision."""
    timed = [c for c in shipped_packs().clocks.values() if request_kind in c.starts_on]
    answered = [c for c in timed if c.stopped_by is StoppedBy.ANSWER]

    assert {(c.length, c.unit) for c in answered} == {(1, Unit.WORKING_DAYS)}
    assert len(answered) == 2
    assert sum("message.acknowledged" in c.stops_on for c in answered) == 1
    assert all(decided in c.stops_on for c in answered)


def test_protection_assessment_and_lead_answer_are_timed() -> None:
    """24 elapsed hours for a protection assessment, five working days for a proposed lead."""
    clocks = shipped_packs().clocks
    protection, lead = clocks["start-protection-assessment"], clocks["answer-lead-proposal"]

    assert (protection.length, protection.unit) == (24, Unit.HOURS)
    assert protection.stopped_by is StoppedBy.CHILD
    assert protection.when is not None
    assert protection.when.concern == ("child_protection",)
    assert (lead.length, lead.unit) == (5, Unit.WORKING_DAYS)
    assert set(lead.stops_on) == {"lead.accepted", "lead.refused"}


def test_statutory_guidance_holds_over_local_standards() -> None:
    """Where two shipped packs time the same thing, it is counted once, by Working Together."""
    packs = shipped_packs()

    assert "decide-request" in {clock.id for clock in shipped("devon").clocks}
    assert packs.pack_of("decide-request") == "working-together-2023@1"
    assert "Working Together 2023" in packs.clocks["decide-request"].citation


def test_a_later_pack_replaces_an_entry_and_all_names_are_kept() -> None:
    """Combining keeps every other entry, and says which packs in which version were combined."""
    own = load_pack(PACK, "somewhere.toml")
    packs = combine([shipped("devon"), own])

    assert packs.names == ("devon@1", "somewhere@2.1")
    assert packs.clocks["decide-request"].length == 2
    assert "start-protection-assessment" in packs.clocks
    assert packs.pack_of("decide-request") == "somewhere@2.1"
    assert packs.pack_of("unheard-of") is None


def test_what_is_not_timed_has_its_tables_too() -> None:
    """Guards, parts and labels of a pack are read as they are written."""
    packs = combine([load_pack(PACK, "somewhere.toml")])

    assert packs.guards["plan-ended"].unit is Unit.MONTHS
    assert packs.parts["pack"].codes == ("plan", "last_meeting")
    assert packs.tells == {}
    assert packs.level_label(Level.EARLY_HELP) == "Family Help"


def test_labels_are_data_of_the_pack() -> None:
    """A role is called what the last pack calls it, and by its plain key where none does."""
    packs = shipped_packs()

    assert packs.role_label(Capacity.LEAD_PROFESSIONAL) == "Lead Professional"
    assert packs.role_label(Capacity.DUTY_WORKER) == "duty worker"
    assert packs.level_label(Level.CHILD_IN_NEED) == "Child in Need"
    assert combine([]).level_label(Level.CHILD_IN_NEED) == "child in need"


def test_one_pack_cannot_be_listed_twice() -> None:
    """Two versions of one pack leave open which holds, so they are refused together."""
    newer = load_pack(changed("2.1", "3"), "newer.toml")

    with pytest.raises(HandrailError) as caught:
        combine([load_pack(PACK, "somewhere.toml"), newer])

    assert caught.value.code == "rules.pack-twice"
    assert "somewhere@3" in caught.value.message


def test_a_pack_is_frozen() -> None:
    """Nobody changes a rule while messages are judged by it."""
    pack = load_pack(PACK, "somewhere.toml")

    with pytest.raises(ValueError, match="frozen"):
        pack.version = "4"  # type: ignore[misc]
    assert isinstance(pack, RulePack)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('unit = "working_days"', 'unit = "fortnights"', 'unit = "fort'),
        ("length = 2", "length = 0", "length = 0"),
        ("length = 2", "length = true", "length = true"),
        ("length = 2", 'length = "2"', 'length = "2"'),
        ("length = 2", "length = 99999999", "length = 9"),
        ('told = "receiving_manager"', 'told = "somebody"', "told"),
        ('citation = "Standards, paragraph 7"', 'citation = ""', 'citation = ""'),
        ('citation = "Standards, paragraph 7"', "", "[[clocks]]"),
        ('citation = "Standards, paragraph 7"', "colour = 1", "colour"),
        ('["referral.submitted"]', "[]", "starts_on"),
        ('["referral.submitted"]', '["Referral Submitted"]', "starts_on"),
        ('stops_on = ["referral.decided"]', 'stops_on = ["referral.submitted"]', "stops_on"),
        ('["referral.decided"]', '["referral.decideed"]', "stops_on"),
        (
            'applies_to = ["stepup.requested"]',
            'applies_to = ["stepup.request"]',
            'applies_to = ["stepup',
        ),
        ('unit = "months"', "", "[[guards]]"),
        ("format = 1", "format = 2", "format"),
        ('id = "somewhere"', 'id = "Some where"', "id ="),
        ('id = "early_help"', 'id = "cloud_nine"', 'id = "cloud'),
        ("length = 2", "length = = 2", "length = ="),
        (
            "[[levels]]",
            AGAIN + "[[levels]]",
            'id = "plan-ended"\ntitle = "T"',
        ),
    ],
)
def test_a_mistake_is_told_with_file_and_line(old: str, new: str, place: str) -> None:
    """A wrong, missing, unknown or contradictory entry names the file and the line to correct."""
    text = changed(old, new)

    with pytest.raises(HandrailError) as caught:
        load_pack(text, "somewhere.toml", KINDS)

    assert caught.value.code == "rules.bad-pack"
    assert caught.value.remedy
    assert caught.value.message.startswith("somewhere.toml")
    assert re.search(rf"line {line_of(text, place)}\b", caught.value.message), caught.value.message


def test_all_mistakes_are_told_at_once() -> None:
    """An operator corrects a file once, not once for every mistake in it."""
    text = changed("length = 2", "length = 0").replace('"months"', '"moons"')

    with pytest.raises(HandrailError) as caught:
        load_pack(text, "somewhere.toml")

    assert "clocks.0.length" in caught.value.message
    assert "guards.0.unit" in caught.value.message


@pytest.mark.parametrize("text", ["", "]", "a = " + "[" * 20_000, "clocks = 3", "clocks = [1]"])
def test_what_is_no_pack_is_refused_and_never_a_traceback(text: str) -> None:
    """Anything that is not a pack raises the one error that operators know."""
    with pytest.raises(HandrailError) as caught:
        load_pack(text, "other.toml")

    assert caught.value.code == "rules.bad-pack"


@pytest.mark.parametrize("name", ["nowhere", "", "../rules/devon", "devon.toml"])
def test_only_shipped_names_are_looked_for(name: str) -> None:
    """A name is chosen from the list and never becomes a path."""
    with pytest.raises(HandrailError) as caught:
        shipped(name)

    assert caught.value.code == "rules.unknown-pack"
    assert "devon" in caught.value.remedy
