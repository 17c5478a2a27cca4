"""What a family may ask for, on a running system: its page, its copy, and what its time is up."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.identifiers import new_reference
from services.cli.main import app
from tests.live.commands import (
    CAF_MANAGER,
    DUTY,
    FRONT,
    MANAGER,
    SCHOOL,
    TEACHER,
    System,
    readable,
    received,
    referral,
    running,
    supported_child,
    tracked,
    until,
)

pytestmark = pytest.mark.live

CAF = "demo.caf-team"
CAF_OTHER_MANAGER = f"{CAF}.ali-rezaei"
WORKER = "demo.social-care.priya-nair"
CARE_OFFICER, CARE_MANAGER = "demo.social-care.marian-keogh", "demo.social-care.david-ansah"
OURS = "she likes the allotment best"
ABOUT_OTHERS = "an uncle sleeps in the front room"
BY_OTHERS = "shouting is heard through the wall"
DANGER = "he has found the new address"
PROTECTION = "a bruise shaped like a hand"
WORDS = (OURS, ABOUT_OTHERS, BY_OTHERS, DANGER, PROTECTION)
TELEPHONE, EMAIL = "01706 555 0100", "jo.marsh@hilltop.example"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("family")) as started:
        yield started


@pytest.fixture(scope="module")
def child(system: System) -> str:
    """Give a child whose page is looked at, and whose story nothing changes."""
    return heard_child(system)


@pytest.fixture(scope="module")
def copied(system: System) -> str:
    """Give another such child, of whose story copies are made: each is a read that is recorded."""
    return heard_child(system)


def heard_child(system: System) -> str:
    """Make a child whose story several have heard, agreed to and raised a concern about."""
    system.run("partnership", "contact", TEACHER, "--telephone", TELEPHONE, "--email", EMAIL)
    found = supported_child(system)
    consent = {
        "covers": "sharing",
        "given_by": "parent_with_responsibility",
        "given_at": "2026-11-01T09:00:00Z",
        "recipients": [CAF],
        "categories": ["views"],
    }
    system.send(
        {
            "kind": "consent.recorded",
            "child": found,
            "basis": {"kind": "notice"},
            "consents": [{**consent, "id": new_reference()}],
            "recipients": [CAF],
        },
        TEACHER,
    )
    tell(system, found, ("views.child", OURS, "child"), ("family.siblings", ABOUT_OTHERS, "mother"))
    tell(
        system,
        found,
        ("concern.worries", BY_OTHERS, "neighbour"),
        ("safety.staff", DANGER, "mother"),
    )
    tell(
        system,
        found,
        ("concern.what_happened", PROTECTION, "teacher"),
        kind="referral.submitted",
        data={"concern": "child_protection", "source": "2A"},
        basis={"kind": "child_protection"},
    )
    return found


def tell(system: System, child: str, *said: tuple[str, str, str], **more: Any) -> str:
    """Send statements of the school to First Response, and have them opened there."""
    statements = [{"question": q, "value": v, "said_by": s} for q, v, s in said]
    document = referral(child=child, statements=statements, **{"kind": "story.added", **more})
    if document["kind"] == "story.added":
        document["data"] = {}
    message: str = system.send(document, TEACHER).json["message"]
    received(system, FRONT, message)
    readable(system, message, DUTY)
    return message


def shown(*words: object) -> str:
    """Run a command without JSON and give what it prints."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


class Page(HTMLParser):
    """What a page is built of: its elements with their attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))


def test_the_page_says_who_holds_saw_leads_and_what_was_agreed_to(
    system: System, child: str
) -> None:
    """Agencies, reads by part and not by name, consents, and how to reach the lead professional."""
    text = " ".join(shown("family", child, "--as", TEACHER, "--dir", system.folder).split())

    assert "Hilltop Primary School, since" in text
    assert "First Response, since" in text
    assert "a duty worker at First Response saw 2 answers" in text
    assert "a parent said yes to information being shared; about what you think and want" in text
    assert "with Early Help and CAF Team; until you change your mind" in text
    assert "Jo Marsh, Hilltop Primary School, since" in text
    assert f"telephone {TELEPHONE}, e-mail {EMAIL}" in text
    assert "Claire Dunmore" not in text
    assert DUTY not in text


def test_the_page_has_no_word_anybody_said_and_nothing_of_a_concern(
    system: System, child: str
) -> None:
    """No statement is on it, and no read of what is dangerous or raised to protect a child."""
    facts = system.run("family", child, "--as", TEACHER)
    made = json.dumps(facts)

    assert not any(words in made for words in WORDS)
    assert [read["count"] for read in facts["reads"]] == [2]
    assert facts["open"] == []
    assert {one["agency"] for one in facts["holders"]} == {SCHOOL, FRONT}


def test_a_clock_is_on_the_page_in_the_words_of_its_rule(system: System) -> None:
    """What is waited for, from whom and by when, comes from the tracker and the rule packs."""
    told = system.send(referral(), TEACHER).json
    received(system, FRONT, told["message"])
    tracked(system, told["child"], 1)
    facts = system.run("family", told["child"], "--as", TEACHER)

    assert [one["kind"] for one in facts["open"]] == ["referral.submitted"]
    rules = {one["title"] for one in system.run("track", told["child"])["clocks"]}
    assert facts["clocks"]
    assert {one["title"] for one in facts["clocks"]} <= rules


def test_a_page_and_a_copy_are_silent_about_what_an_assessment_found_to_be_harm(
    system: System, tmp_path: Path
) -> None:
    """No clock of a conference, no meeting and no message; of a child in need all of it is told."""
    made = {finding: assessed(system, finding) for finding in ("child_protection", "child_in_need")}
    pages = {
        name: system.run("family", child, "--as", TEACHER) for name, (child, _) in made.items()
    }
    kinds = {name: kinds_of_copy(system, made[name][0], tmp_path / name) for name in made}

    assert "Conference" not in json.dumps(pages["child_protection"])
    titles = {one["title"] for one in pages["child_in_need"]["clocks"]}
    assert any("Child in Need meeting" in title for title in titles)
    assert "assessment.concluded" not in kinds["child_protection"]
    assert "assessment.concluded" in kinds["child_in_need"]
    assert any("Conference" in clock for clock in made["child_protection"][1])


def assessed(system: System, finding: str) -> tuple[str, list[str]]:
    """Refer a child whom social care assesses with that finding; give it and its clocks' titles."""
    told = system.send(referral(recipients=[FRONT]), TEACHER).json
    child, message = told["child"], told["message"]
    received(system, FRONT, message)
    decided = ("--outcome", "assess", "--social-worker", WORKER)
    system.run("decide", message, "--as", DUTY, *decided)
    notice = {"child": child, "recipients": [SCHOOL], "basis": {"kind": "notice"}}
    signs = {"capacity": "social_worker", **notice}
    started = {"kind": "assessment.started", "data": {"assessment": "child_and_family"}}
    system.send({**started, **signs}, WORKER)
    concluded = {"kind": "assessment.concluded", "data": {"finding": finding}}
    last = system.send({**concluded, **signs}, WORKER).json["message"]

    def clocks() -> list[str]:
        found = system.ask("track", child).get("clocks", ())
        return [one["title"] for one in found if one["message"] == last]

    titles = until(clocks, bool)
    received(system, SCHOOL, last)
    readable(system, last, TEACHER)
    return child, titles


def kinds_of_copy(system: System, child: str, folder: Path) -> list[str]:
    """Have the social worker's officer copy what is held, and give the kinds of its messages."""
    system.run("access", child, "--as", CARE_OFFICER, "--out", folder)
    return [one["kind"] for one in json.loads((folder / "copy.json").read_text())["messages"]]


def test_a_copy_is_refused_while_the_family_must_not_know(system: System, tmp_path: Path) -> None:
    """As the page is; and who guards somebody stands in the review alone once that is over."""
    child = supported_child(system)
    tell(system, child, ("views.child", OURS, "child"))
    guarding = {
        "kind": "people.must-not-know",
        "child": child,
        "recipients": [],
        "basis": {"kind": "notice"},
    }
    system.send({**guarding, "data": {"people": ["family"]}}, TEACHER)
    both = (TEACHER, "--countersign", MANAGER)
    words = ("access", child, "--as", CAF_MANAGER, "--for", "child", "--out")
    refused = system.run(*words, tmp_path / "none", code=1)
    signs = {"countersigners": [{"id": MANAGER, "capacity": "line_manager"}]}
    ended = {"data": {"people": ["family"], "ended": True}}
    system.send({**guarding, **signs, **ended}, *both)
    until(lambda: system.ask(*words, tmp_path / "copy"), lambda told: "statements" in told)
    copy = json.loads((tmp_path / "copy" / "copy.json").read_text())
    review = json.loads((tmp_path / "copy" / "review.json").read_text())

    assert refused["error"]["code"] == "family.must-not-know"
    assert "people.must-not-know" not in {one["kind"] for one in copy["messages"]}
    assert {one["kind"]: one["kept_back"] for one in review["messages"]} == {
        "people.must-not-know": "family.guarding"
    }
    assert len(copy["receipts"]) == len(copy["messages"])


def test_the_page_names_nobody_who_took_a_consent(system: System, child: str) -> None:
    """Of everybody but the lead professional the page has the agency alone."""
    facts = system.run("family", child, "--as", TEACHER)

    assert facts["consents"]
    assert not {"taken_by", "assessed_by"} & {
        name for one in facts["consents"] for name in one["consent"]
    }


def test_the_page_needs_nothing_beside_itself_and_can_be_read_aloud(
    system: System, child: str, tmp_path: Path
) -> None:
    """One file: a language, one heading each, no script, nothing loaded, nothing others wrote."""
    shown("family", child, "--as", TEACHER, "--html", tmp_path, "--dir", system.folder)
    (file,) = tmp_path.iterdir()
    page = Page()
    page.feed(file.read_text())
    tags = [tag for tag, _ in page.found]
    headings = [tag for tag in tags if tag in ("h1", "h2", "h3")]
    labels = [a.get("aria-labelledby") for tag, a in page.found if tag == "section"]

    assert file.name == "page.html"
    assert file.stat().st_mode & 0o077 == 0
    assert ("html", {"lang": "en-GB"}) in page.found
    assert tags.count("main") == tags.count("title") == 1
    assert headings == ["h1", *["h2"] * 7]
    assert labels == [a.get("id") for tag, a in page.found if tag == "h2"]
    assert not {"script", "link", "img", "iframe", "form", "object", "svg"} & set(tags)
    assert not any(name in a for _, a in page.found for name in ("src", "href", "onload", "style"))


def test_that_a_page_or_a_copy_was_asked_for_is_recorded(
    system: System, copied: str, tmp_path: Path
) -> None:
    """Asking for a family is an act of a person, and stands with the other reads."""
    system.run("family", copied, "--as", TEACHER)
    system.run("access", copied, "--as", CAF_MANAGER, "--out", tmp_path / "copy")
    reads = json.loads((tmp_path / "copy" / "copy.json").read_text())["reads"]

    assert [r for r in reads if r["purpose"] == "the family asked who holds their story"]
    system.run("access", copied, "--as", CAF_MANAGER, "--out", tmp_path / "again")
    again = json.loads((tmp_path / "again" / "copy.json").read_text())["reads"]
    assert CAF_MANAGER in {r["practitioner"] for r in again}


def test_a_copy_holds_everything_but_what_is_about_or_by_others(
    system: System, copied: str, tmp_path: Path
) -> None:
    """An officer is given all to decide on; what rules keep back is in no file, but listed."""
    counts = system.run("access", copied, "--as", CAF_MANAGER, "--for", "child", "--out", tmp_path)
    files = {file.name: file.read_text() for file in tmp_path.iterdir()}
    copy, review = json.loads(files["copy.json"]), json.loads(files["review.json"])

    assert set(files) == {"copy.txt", "copy.json", "review.txt", "review.json"}
    assert [one["statement"]["value"] for one in copy["statements"]] == [OURS]
    assert OURS in files["copy.txt"]
    assert not any(words in text for words in WORDS[1:] for text in files.values())
    assert {one["kept_back"] for one in review["statements"]} == {
        None,
        "access.about-others",
        "access.said-by-other",
        "family.safety",
        "family.child-protection",
    }
    assert (counts["statements"], counts["kept_back"]) == (1, 4)
    kinds = [one["kind"] for one in copy["messages"]]
    assert "referral.submitted" not in kinds
    assert kinds.count("story.added") == 2
    assert len(copy["receipts"]) == len(copy["messages"])
    assert all(one["receipt"]["decision"] for one in copy["receipts"])
    assert copy["consents"]


def test_a_person_decides_what_is_released_and_what_is_kept_back(
    system: System, copied: str, tmp_path: Path
) -> None:
    """What is named is given although a rule keeps it back, or kept although no rule does."""
    asked = ("access", copied, "--as", CAF_MANAGER, "--for", "child")
    system.run(*asked, "--out", tmp_path / "first")
    review = json.loads((tmp_path / "first" / "review.json").read_text())["statements"]
    by_rule = {one["kept_back"]: one["digest"] for one in review}
    more = ("--release", by_rule["access.said-by-other"], "--keep-back", by_rule[None])
    system.run(*asked, "--out", tmp_path / "second", *more)
    copy = json.loads((tmp_path / "second" / "copy.json").read_text())
    left = json.loads((tmp_path / "second" / "review.json").read_text())["statements"]

    assert [one["statement"]["value"] for one in copy["statements"]] == [BY_OTHERS]
    assert not {by_rule["access.said-by-other"], by_rule[None]} & {one["digest"] for one in left}


def test_a_manager_is_given_no_more_than_consent_allows(
    system: System, copied: str, tmp_path: Path
) -> None:
    """Without an officer's part a copy holds what the agency may read, and whom else to ask."""
    counts = system.run("access", copied, "--as", CAF_OTHER_MANAGER, "--out", tmp_path / "copy")
    review = json.loads((tmp_path / "copy" / "review.json").read_text())
    refused = system.run("access", copied, "--as", DUTY, "--out", tmp_path / "none", code=1)

    assert (counts["statements"], counts["kept_back"]) == (0, 0)
    assert review["held_by_others"] == {SCHOOL: 5}
    assert refused["error"]["code"] == "access.not-entitled"
    assert not (tmp_path / "none").exists()


def test_an_agency_without_a_part_learns_nothing(
    system: System, child: str, tmp_path: Path
) -> None:
    """Page, copy and erasure answer alike for a child that others know and one that nobody does."""
    erasing = ("--because", "request", "--countersign", CARE_MANAGER)
    answers = {
        json.dumps(system.run(*words, "--as", CARE_OFFICER, code=1))
        for about in (child, new_reference())
        for words in (
            ("family", about),
            ("access", about, "--out", tmp_path / "copy"),
            ("erase", about, *erasing),
        )
    }

    assert len(answers) == 1
    assert "story.not-found" in answers.pop()


def test_one_signature_erases_nothing(system: System, child: str) -> None:
    """What is destroyed does not come back, so one person's word is refused."""
    words = ("--because", "request", "--as", CAF_MANAGER)
    told = system.run("erase", child, *words, code=3)

    assert [one["code"] for one in told["reasons"]] == ["erasure.one-signature"]


def test_what_its_time_is_up_for_is_listed_and_erases_nothing(
    system: System, tmp_path: Path
) -> None:
    """The rules in force name what is due; it stays until two people have signed."""
    child = heard_child(system)
    assert system.run("retention", "due") == {"due": []}
    pack = tmp_path / "schedule.toml"
    pack.write_text(SCHEDULE)
    system.run("partnership", "rules", "set", "--own", pack)
    tell(system, child, ("identity.born_on", "2001-02-03", "mother"))
    due = until(
        lambda: [d for d in system.run("retention", "due")["due"] if d["child"] == child], bool
    )

    assert [(one["rule"], len(one["statements"])) for one in due] == [("after-closing", 6)]
    assert due[0]["due_at"] == "2001-02-04T00:00:00.000Z"
    assert system.run("family", child, "--as", TEACHER)["erasures"] == []


SCHEDULE = """
format = 2
id = "our-schedule"
version = "1"
title = "Our schedule"
source = "Our own"

[[retentions]]
id = "after-closing"
title = "One day after the birth"
length = 1
unit = "calendar_days"
kept_from = "birth"
citation = "Our own"

[[retentions]]
id = "until-twenty-five"
title = "One day after the birth"
length = 1
unit = "calendar_days"
kept_from = "birth"
citation = "Our own"
"""
