"""Telling people, explaining a miss and the quarter's report, from the command line."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.identifiers import new_reference
from contracts.worktime import LONDON
from services.cli.main import app
from services.tracker.report.form import Report
from tests.live.commands import (
    ACCEPTED,
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    System,
    received,
    referral,
    running,
    tracked,
    until,
)

pytestmark = pytest.mark.live

WORKER, CARE_MANAGER = "demo.social-care.priya-nair", "demo.social-care.marian-keogh"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("told")) as started:
        yield started


@pytest.fixture(scope="module")
def decided(system: System) -> tuple[str, str, str]:
    """Give a referral that First Response declined: the child, the referral and the decision."""
    asked = system.send(referral(), TEACHER).json
    received(system, FRONT, asked["message"])
    words = ("decide", asked["message"], "--as", DUTY, "--outcome", "not_met")
    done = system.run(*words, "--reason", "The school can help here.")
    received(system, SCHOOL, done["message"])
    return asked["child"], asked["message"], done["message"]


def today() -> str:
    """Name the day in London."""
    return datetime.now(UTC).astimezone(LONDON).date().isoformat()


def minute(days_ago: int = 0) -> str:
    """Name this minute in local time, or that of days before, as `--at` takes it."""
    return f"{datetime.now(UTC).astimezone() - timedelta(days=days_ago):%Y-%m-%dT%H:%M}"


def rows(system: System, child: str, messages: int, of: str) -> dict[str, dict[str, Any]]:
    """Return who had to be told of a message, by person."""
    track = tracked(system, child, messages)
    return {one["person"]: one for one in track["telling"] if one["message"] == of}


def test_telling_and_explaining_are_signed_and_shown(
    system: System, decided: tuple[str, str, str]
) -> None:
    """A family told, or a reason not to, with its evidence; what was not missed has no reason."""
    child, request, decision = decided
    referrer = rows(system, child, 2, decision)["referrer"]
    assert (referrer["state"], referrer["agency"], referrer["by"]) == ("told", SCHOOL, decision)

    unsafe = system.run(
        *("told", child, decision, "--people", "family", "--as", DUTY),
        *("--not-appropriate", "unsafe_for_child", "--reason", "He reads her letters."),
    )
    family = rows(system, child, 3, decision)["family"]
    assert (family["state"], family["because"]) == ("not_appropriate", "unsafe_for_child")
    assert family["by"] == unsafe["message"]

    words = ("told", child, decision, "--people", "family,referrer", "--as", DUTY)
    before = system.run(*words, "--at", minute(days_ago=1), code=3)
    assert [one["code"] for one in before["reasons"]] == ["telling.before"]
    told = system.run(*words, "--form", "contact", "--at", minute())
    family = rows(system, child, 4, decision)["family"]
    assert (family["state"], family["form"], family["by"]) == ("told", "contact", told["message"])
    assert family["told_at"] < family["recorded_at"]

    clock = f"acknowledge-request:{request}"
    why = ("--cause", "absence", "--reason", "The duty desk was empty.")
    kept = system.run("explain-miss", child, clock, *why, "--as", DUTY, code=3)
    assert [one["code"] for one in kept["reasons"]] == ["standard.not-missed"]
    again = system.run("sent", kept["message"], "--as", DUTY, code=3)
    assert [one["code"] for one in again["reasons"]] == ["standard.not-missed"]
    assert "He reads her letters" not in json.dumps(tracked(system, child, 4))


def test_the_tables_of_track_are_for_people(system: System, decided: tuple[str, str, str]) -> None:
    """Without `--json` the same stands in tables, with the state in words."""
    done = CliRunner().invoke(app, ["track", decided[0], "--dir", str(system.folder)])

    assert done.exit_code == 0, done.output
    assert "Who must be told" in done.output
    assert "told by the message itself" in done.output
    assert "Clocks" in done.output


def test_a_code_without_a_reason_is_not_sent(system: System, decided: tuple[str, str, str]) -> None:
    """Both or neither; and a clock is named by rule and message."""
    words = ("told", decided[0], decided[2], "--people", "family", "--as", DUTY)
    refused = system.run(*words, "--not-appropriate", "unsafe_for_child", code=1)
    assert refused["error"]["code"] == "told.reason"
    why = ("--cause", "absence", "--reason", "x", "--as", DUTY)
    assert system.run("explain-miss", decided[0], "x", *why, code=1)["error"]["code"] == (
        "explain.clock"
    )


def test_the_quarter_is_reported_in_three_forms(
    system: System, decided: tuple[str, str, str]
) -> None:
    """Markdown, CSV and JSON hold the same numbers, the refusals of the exchange among them."""
    refused = system.send(_step_down(), WORKER, "--countersign", CARE_MANAGER, code=3).json
    codes = " + ".join(sorted({reason["code"] for reason in refused["reasons"]}))
    words = ("report", "quarter", "--from", today(), "--to", today(), "--seed", "s1")

    def counted(found: dict[str, Any]) -> bool:
        return ["rules", "demo.social-care", codes] in [
            row["labels"] for row in _table(found, "step_downs_refused")["rows"]
        ]

    found = until(lambda: system.run(*words), counted)
    assert Report.model_validate_json(json.dumps(found)).reader == "full"
    assert ["referral", SCHOOL, "universal"] in [
        row["labels"] for row in _table(found, "volumes")["rows"]
    ]
    assert decided[0] in found["sample"]["children"]

    folder = ("--dir", str(system.folder))
    made = CliRunner().invoke(app, [*words, *folder, "--format", "csv"])
    numbers = list(csv.DictReader(io.StringIO(made.stdout)))
    assert [n["value"] for n in numbers if n["label_3"] == codes] == ["1"]
    markdown = CliRunner().invoke(app, [*words, *folder]).stdout
    assert f"| rules | demo.social-care | {codes} | 1 |" in markdown.replace("\\", "")


def test_days_of_the_present_are_not_for_the_public(system: System) -> None:
    """Two reports of overlapping days would give away what lies between them."""
    words = ("report", "quarter", "--from", today(), "--to", today(), "--reader", "public")

    assert system.run(*words, code=1)["error"]["code"] == "report.not-public"


def test_days_that_are_none_are_refused(system: System) -> None:
    """The tracker answers with its reason, and half a period is not even asked."""
    backwards = ("report", "quarter", "--from", "2026-02-01", "--to", "2026-01-01")
    assert system.run(*backwards, code=1)["error"]["code"] == "report.period"
    assert system.run("report", "quarter", "--to", "2026-01-01", code=1)["error"]["code"] == (
        "report.period"
    )


def test_rebuilding_leaves_telling_and_report_as_they_were(
    system: System, decided: tuple[str, str, str]
) -> None:
    """Who was told, what was refused and every number come out of the ledger again the same."""
    words = ("report", "quarter", "--from", today(), "--to", today(), "--seed", "s1")
    before = system.run("track", decided[0]), system.run(*words)
    system.run("tracker", "rebuild")
    after = system.run("track", decided[0]), system.run(*words)

    assert before[0]["telling"] == after[0]["telling"]
    assert before[1]["tables"] == after[1]["tables"]
    assert before[1]["sample"] == after[1]["sample"]


def _table(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["tables"] if one["id"] == name)
    return found


def _step_down() -> dict[str, Any]:
    """Return a step down of a child whom social care does not know: it is refused."""
    text = (ACCEPTED / "step-down-with-both-consents.json").read_text()
    document: dict[str, Any] = {**json.loads(text), "child": new_reference()}
    del document["id"]
    return document
