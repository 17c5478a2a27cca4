"""Told once from the command line: refused with where it is, read there, carried on, counted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.live.commands import (
    CAF_WORKER,
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    System,
    received,
    referral,
    running,
    until,
)

pytestmark = pytest.mark.live
HOUSEHOLD = "family.household"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("told")) as started:
        yield started


@pytest.fixture
def child(system: System) -> str:
    """Give a child whose household the school told First Response of, as it was three days ago."""
    before = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    statements = [
        *referral()["statements"],
        {**household(), "recorded_at": before, "value": "mother, two brothers"},
    ]
    told = system.send(referral(statements=statements), TEACHER).json
    received(system, FRONT, told["message"])
    reference: str = told["child"]
    return reference


def household() -> dict[str, Any]:
    """Give what the mother says of the household today."""
    return {"question": HOUSEHOLD, "value": "mother, brothers, Ned", "said_by": "mother"}


def prefilled(system: System, child: str, *more: object) -> dict[str, Any]:
    """Have a step up filled in for First Response, once the statements are stored."""
    words = ("story", "prefill", child, "step-up", "--as", DUTY, *more)
    return until(lambda: system.ask(*words), lambda told: told.get("filled"))


def story_watched(system: System) -> list[str]:
    """Return how the exchange has found the story service: nothing is refused before it is up."""
    lines = (system.folder / "logs" / "exchange.log").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    return [one["state"] for one in told if one["event"] == "story.watched"]


def test_asking_again_is_refused_with_where_it_is_and_saying_why_is_not(
    system: System, child: str
) -> None:
    """The sender is told which question and how to read the answer; an update passes."""
    again = referral(child=child, statements=[*referral()["statements"], household()])
    until(lambda: story_watched(system), lambda seen: seen[-1:] == ["up"])

    refused = system.send(again, TEACHER, code=3).json
    changed = {**household(), "again": "update", "because": "Ned moved in"}
    again["statements"][-1] = changed
    accepted = system.send(again, TEACHER).json

    (reason,) = refused["reasons"]
    assert reason["code"] == "story.already-told"
    assert reason["detail"].startswith(f"{HOUSEHOLD}, told on ")
    assert reason["detail"].endswith(f" by {SCHOOL}")
    assert "handrail story prefill" in reason["remedy"]
    assert accepted["outcome"] == "accepted"
    assert "asked_again" not in json.dumps(accepted)


def test_a_form_comes_filled_in_is_completed_sent_and_measured(system: System, child: str) -> None:
    """What is held need not be asked: the prefilled form is sent on, and both measures say so."""
    out = system.papers / "form.json"
    told = prefilled(system, child, "--out", out)
    document = json.loads(out.read_text())
    left = system.run("story", "missing", child, "step-up", "--as", DUTY)
    system.say("send", out, "--as", DUTY, code=1)  # not before its empty places are filled
    held = [s for s in document["statements"] if s["value"] is not None]
    sheet = {
        **document,
        "kind": "story.added",
        "recipients": [SCHOOL],
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        "data": {},
        "statements": held,
    }
    sent = system.send(sheet, DUTY).json
    track = until(
        lambda: system.ask("track", child), lambda told: len(told.get("messages", ())) == 2
    )
    tracked = track["told_once"]
    area = system.run("story", "measures")
    alone = system.run("story", "measures", child)

    assert [(s["value"], s["recorded_by"]) for s in held] == [("mother, two brothers", TEACHER)]
    assert told["document"] == document
    assert left["places"] == told["places"] == len(left["missing"]) + 1
    assert sent["outcome"] == "accepted"
    assert (tracked["asked_again"], tracked["form_statements"]) == (0, 2)
    assert alone == {"child": child, **tracked}
    assert {SCHOOL, FRONT} <= set(area["agencies"])


def test_who_has_no_part_and_who_names_no_form_gets_nothing(system: System, child: str) -> None:
    """Another agency's practitioner, a form that there is not, and no reference are refused."""
    prefilled(system, child)
    words = ("story", "prefill")
    cases = [
        (*words, child, "step-up", "--as", CAF_WORKER),
        (*words, child, "tea-party", "--as", DUTY),
        (*words, "no child", "step-up", "--as", DUTY),
        ("story", "missing", child, "step-up", "--as", DUTY, "--purpose", ""),
        ("story", "measures", "NOSUCHCHILD0000000000"),
    ]

    codes = [system.run(*case, code=1)["error"]["code"] for case in cases]

    assert codes == [
        "story.not-found",
        "form.unknown",
        "form.unreadable",
        "open.bad-purpose",
        "track.unknown-child",
    ]
