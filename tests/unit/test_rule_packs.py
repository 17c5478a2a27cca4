"""Rule packs: what is wrong in one is told with its line, and later packs replace earlier ones."""

import re

import pytest

from contracts.errors import HandrailError
from contracts.roles import Capacity, Level
from contracts.rules import SHIPPED, RulePack, combine, load_pack, shipped, shipped_packs
from contracts.rules.vocabulary import vocabulary
from contracts.worktime import Unit

PACK = """\
format = 2
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

[[clocks]]
id = "meet"
title = "A meeting takes place when it was called for"
starts_on = ["meeting.convened"]
when = { meeting = ["core_group"] }
stops_on = ["meeting.held"]
stop_when = { outcome = ["continue"] }
stopped_by = "child"
due_field = "takes_place_at"
told = "sending_manager"
citation = "Standards, paragraph 8"

[[guards]]
id = "plan-ended"
title = "Four months after a protection plan"
applies_to = ["stepdown.requested"]
check = "time_at_child_in_need"
refuses = "stepdown.too-soon"
length = 4
unit = "months"
citation = "Standards, paragraph 9"

[[guards]]
id = "clear"
title = "Both are clear"
applies_to = ["stepdown.requested"]
check = "states"
codes = ["unmet_need_manageable"]
refuses = "stepdown.unmet-need"
citation = "Standards, paragraph 9"

[[guards]]
id = "signed"
title = "Signed twice"
applies_to = ["case.closed"]
check = "countersigned"
codes = ["team_manager"]
refuses = "countersign.missing"
citation = "Standards, paragraph 9"

[[parts]]
id = "pack"
title = "The pack of a step up"
applies_to = ["stepup.requested"]
when = { concern = ["child_in_need"], basis = ["consent"] }
questions = ["pack.caf", "pack.referral_form"]
citation = "Standards, paragraph 10"

[[tells]]
id = "told"
title = "Who asked is told"
applies_to = ["stepup.decided"]
people = ["referrer"]
on_message = true
citation = "Standards, paragraph 11"

[[levels]]
id = "early_help"
title = "Family Help"
citation = "Standards, paragraph 1"
"""

AGAIN = """\
[[tells]]
id = "told"
title = "T"
applies_to = ["lead.proposed"]
people = ["family"]
citation = "C"

"""


def changed(old: str, new: str) -> str:
    """Return the pack with one passage replaced, which must be there."""
    assert old in PACK
    return PACK.replace(old, new, 1)


def line_of(text: str, passage: str) -> int:
    """Return the line, from 1, on which `passage` first stands in `text`."""
    return text[: text.index(passage)].count("\n") + 1


def own() -> RulePack:
    """Return the pack above."""
    return load_pack(PACK, "somewhere.toml", vocabulary())


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_pack_loads_under_its_own_name(name: str) -> None:
    """What comes with Handrail is called what its file is called."""
    assert shipped(name).id == name


def test_a_later_pack_replaces_an_entry_and_all_names_are_kept() -> None:
    """Combining keeps every other entry, and says which packs in which version were combined."""
    devon = shipped("devon")
    packs = combine([devon, own()])

    assert packs.names == (devon.name, "somewhere@2.1")
    assert packs.clocks["decide-request"].length == 2
    assert "start-protection-assessment" in packs.clocks
    assert packs.pack_of("decide-request") == "somewhere@2.1"
    assert packs.holder_of("guards", "plan-ended") == "somewhere@2.1"
    assert packs.pack_of("unheard-of") is None


def test_a_kind_is_judged_by_the_rules_about_it_alone() -> None:
    """What is told later than by the message itself refuses nothing when it arrives."""
    later = changed("on_message = true\n", "")
    packs = combine([own()])

    assert [rule.id for rule in packs.for_kind("stepdown.requested").guards] == [
        "plan-ended",
        "clear",
    ]
    assert [rule.id for rule in packs.for_kind("stepup.requested").parts] == ["pack"]
    assert [rule.id for rule in packs.for_kind("stepup.decided").tells] == ["told"]
    assert combine([load_pack(later, "x")]).for_kind("stepup.decided").tells == ()
    assert packs.for_kind("consent.recorded").guards == ()


def test_labels_are_data_of_the_pack() -> None:
    """A role is called what the last pack calls it, and by its plain key where none does."""
    packs = combine([shipped("rochdale-2013"), own()])

    assert packs.role_label(Capacity.LEAD_PROFESSIONAL) == "Lead Professional"
    assert packs.role_label(Capacity.DUTY_WORKER) == "duty worker"
    assert packs.level_label(Level.EARLY_HELP) == "Family Help"
    assert packs.level_label(Level.CHILD_IN_NEED) == "Child in Need"
    assert combine([]).level_label(Level.CHILD_IN_NEED) == "child in need"


def test_one_pack_cannot_be_listed_twice() -> None:
    """Two versions of one pack leave open which holds, so they are refused together."""
    newer = load_pack(changed("2.1", "3"), "newer.toml")

    with pytest.raises(HandrailError) as caught:
        combine([own(), newer])

    assert caught.value.code == "rules.pack-twice"
    assert "somewhere@3" in caught.value.message


def test_a_pack_is_frozen() -> None:
    """Nobody changes a rule while messages are judged by it."""
    pack = own()

    with pytest.raises(ValueError, match="frozen"):
        pack.clocks = ()  # type: ignore[misc]
    assert pack.guards[0].unit is Unit.MONTHS


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("length = 2", "length = 0", "length ="),
        ('"working_days"', '"moons"', "unit ="),
        ('told = "receiving_manager"\n', "", "[[clocks]]"),
        ('citation = "Standards, paragraph 7"', "colour = 1", "colour"),
        ('["referral.submitted"]', "[]", "starts_on"),
        ('["referral.submitted"]', '["Referral Submitted"]', "starts_on"),
        ('stops_on = ["referral.decided"]', 'stops_on = ["referral.submitted"]', "stops_on"),
        ('["referral.decided"]', '["referral.decideed"]', "stops_on"),
        ('["core_group"]', '["coregroup"]', "when ="),
        ("{ meeting =", "{ gathering =", "when ="),
        ('stop_when = { outcome = ["continue"] }', 'stop_when = { outcome = ["go"] }', "stop_when"),
        ('"takes_place_at"', '"meeting"', "due_field"),
        ('"takes_place_at"', '"on"', "due_field"),
        ('applies_to = ["stepup.requested"]', 'applies_to = ["stepup.request"]', '["stepup.requ'),
        ('["child_in_need"], basis', '["worry"], basis', "when = { concern"),
        ('basis = ["consent"]', 'basis = ["hope"]', "when = { concern"),
        ('"pack.caf"', '"pack.cafe"', "questions"),
        ('"time_at_child_in_need"', '"long_enough"', "check ="),
        ('refuses = "stepdown.too-soon"', 'refuses = "stepdown.soon"', "refuses"),
        ('length = 4\nunit = "months"\n', "", "check ="),
        ('unit = "months"', "", "[[guards]]"),
        ('["unmet_need_manageable"]', '["reason"]', 'check = "states"'),
        ('codes = ["unmet_need_manageable"]\n', "", 'check = "states"'),
        ('codes = ["team_manager"]', 'codes = ["boss"]', 'check = "countersigned"'),
        ('people = ["referrer"]', 'people = ["neighbours"]', "people"),
        ("format = 2", "format = 1", "format"),
        ('id = "somewhere"', 'id = "Some where"', "id ="),
        ('id = "early_help"', 'id = "cloud_nine"', 'id = "cloud'),
        ("length = 2", "length = = 2", "length ="),
        ("[[levels]]", AGAIN + "[[levels]]", 'id = "told"\ntitle = "T"'),
    ],
)
def test_a_mistake_is_told_with_file_line_and_remedy(old: str, new: str, place: str) -> None:
    """A wrong, missing, unknown or contradictory entry names the file and the line to correct."""
    text = changed(old, new)

    with pytest.raises(HandrailError) as caught:
        load_pack(text, "somewhere.toml", vocabulary())

    assert caught.value.code == "rules.bad-pack"
    assert caught.value.remedy
    assert caught.value.message.startswith("somewhere.toml")
    assert re.search(rf"line {line_of(text, place)}\b", caught.value.message), caught.value.message


def test_all_mistakes_are_told_at_once() -> None:
    """An operator corrects a file once, not once for every mistake in it."""
    formed = changed("length = 2", "length = 0").replace('"months"', '"moons"')
    named = changed('"pack.caf"', '"pack.cafe"').replace('"stepdown.too-soon"', '"stepdown.soon"')

    with pytest.raises(HandrailError) as caught:
        load_pack(formed, "somewhere.toml")
    assert "length of clocks entry 1" in caught.value.message
    assert "unit of guards entry 1" in caught.value.message

    with pytest.raises(HandrailError) as caught:
        load_pack(named, "somewhere.toml", vocabulary())
    assert "questions of parts entry 1" in caught.value.message
    assert "refuses of guards entry 1" in caught.value.message


def test_a_clock_may_restart_itself_where_it_repeats_or_is_told_apart() -> None:
    """A review starts the time to the next one; an initial assessment that to the core one."""
    kind = '["referral.decided"]'
    itself = changed('["referral.submitted"]', kind)
    repeating = itself.replace("length = 2", "length = 2\nrepeats = true")
    apart = itself.replace(
        "length = 2",
        'length = 2\nwhen = { outcome = ["assess"] }\nstop_when = { outcome = ["not_met"] }',
    )

    assert load_pack(repeating, "x", vocabulary()).clocks[0].repeats
    assert load_pack(apart, "x", vocabulary()).clocks[0].stop_when
    with pytest.raises(HandrailError):
        load_pack(itself, "x", vocabulary())


@pytest.mark.parametrize("text", ["", "]", "a = " + "[" * 20_000, "clocks = 3", "clocks = [1]"])
def test_what_is_no_pack_is_refused_and_never_a_traceback(text: str) -> None:
    """Anything that is not a pack raises the one error that operators know."""
    with pytest.raises(HandrailError) as caught:
        load_pack(text, "other.toml", vocabulary())

    assert caught.value.code == "rules.bad-pack"


@pytest.mark.parametrize("name", ["nowhere", "", "../rules/devon", "devon.toml"])
def test_only_shipped_names_are_looked_for(name: str) -> None:
    """A name is chosen from the list and never becomes a path."""
    with pytest.raises(HandrailError) as caught:
        shipped(name)

    assert caught.value.code == "rules.unknown-pack"
    assert "devon" in caught.value.remedy


def test_the_usual_packs_are_some_of_those_that_ship() -> None:
    """A partnership that names none gets packs that are there, each once."""
    assert {pack.id for pack in shipped_packs().packs} < set(SHIPPED)
