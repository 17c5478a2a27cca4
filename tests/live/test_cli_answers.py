"""Receiving and answering from the command line, and what the tracker then says."""

import asyncio
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from contracts.identifiers import new_reference
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX
from tests.live.commands import (
    CAF_WORKER,
    DUTY,
    FRONT,
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


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("answers")) as started:
        yield started


@pytest.fixture
def request_of_school(system: System) -> dict[str, Any]:
    """Give a referral of the school that First Response has in its inbox."""
    told = system.send(referral(), TEACHER).json
    received(system, FRONT, told["message"])
    return told


def reads(system: System, child: str) -> list[tuple[str, str, str, int]]:
    """Return who read what of a child, why, and how many statements were shown."""
    path = system.folder / "db" / "story.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(
            "SELECT practitioner, message, purpose, shown_count FROM reads WHERE child = ?",
            (child,),
        ).fetchall()


def opened(system: System, message: str, statements: int) -> dict[str, Any]:
    """Open a message until its statements are shown; they may be on their way yet."""
    received(system, FRONT, message)
    return until(
        lambda: readable(system, message, DUTY, "--purpose", "duty screening"),
        lambda told: len(told["statements"]) == statements,
    )


def test_opening_shows_the_statements_and_records_the_read(
    system: System, request_of_school: dict[str, Any]
) -> None:
    """What was sealed is shown, and who read it and why is kept."""
    told = opened(system, request_of_school["message"], 1)
    assert told["statements"][0]["statement"]["value"] == "as told"
    assert told["withheld"] == 0
    assert (DUTY, request_of_school["message"], "duty screening", 1) in reads(
        system, request_of_school["child"]
    )


@pytest.mark.parametrize("reader", [CAF_WORKER, "demo.millbrook-academy.dan-rowntree"])
def test_a_practitioner_of_another_agency_opens_nothing(
    system: System, request_of_school: dict[str, Any], reader: str
) -> None:
    """The message is not in that agency's inbox; nothing is shown, and no read happens."""
    told = system.run("open", request_of_school["message"], "--as", reader, code=1)
    assert told["error"]["code"] == "delivery.unknown"
    assert "statements" not in told
    assert reads(system, request_of_school["child"]) == []


def test_an_acknowledgement_stops_the_clock_and_tells_who_asked(
    system: System, request_of_school: dict[str, Any]
) -> None:
    """The school learns of it, the inbox shows it, and the clock has been met."""
    message = request_of_school["message"]
    told = system.run("acknowledge", message, "--as", DUTY)
    assert [to["agency"] for to in told["to"]] == [SCHOOL]
    assert received(system, SCHOOL, told["message"])[0]["answers"] == message
    assert received(system, FRONT, message)[0]["state"] == "acknowledged"
    track = tracked(system, request_of_school["child"], 2)
    clock = next(c for c in track["clocks"] if c["rule"] == "acknowledge-request")
    assert (clock["state"], clock["stopped_by"]) == ("met", told["message"])


def test_a_decision_reaches_who_asked_with_its_reason(
    system: System, request_of_school: dict[str, Any]
) -> None:
    """A no without a reason is refused; with one, the school reads the reason."""
    words = ("decide", request_of_school["message"], "--as", DUTY, "--outcome", "not_met")
    refused = system.run(*words, code=3)
    assert refused["reasons"]
    told = system.run(*words, "--reason", "The school can help here.", "--encourage-caf")
    received(system, SCHOOL, told["message"])
    read = until(
        lambda: readable(system, told["message"], TEACHER),
        lambda answer: answer["statements"],
    )
    assert [one["statement"]["value"] for one in read["statements"]] == [
        "The school can help here."
    ]
    assert received(system, FRONT, request_of_school["message"])[0]["state"] == "decided"


def test_the_lead_moves_with_an_acceptance_and_not_with_a_refusal(system: System) -> None:
    """The custody of the lead has no gap and no overlap, and who had to know was told."""
    child = supported_child(system)
    first = system.run("lead", "propose", child, CAF_WORKER, "--as", TEACHER)
    received(system, "demo.caf-team", first["message"])
    system.run("lead", "refuse", first["message"], "--as", CAF_WORKER)
    before = tracked(system, child, 3)
    assert before["journey"]["lead"]["practitioner"] == TEACHER
    assert before["journey"]["proposals"] == []

    second = system.run("lead", "propose", child, CAF_WORKER, "--as", TEACHER)
    received(system, "demo.caf-team", second["message"])
    accepted = system.run("lead", "accept", second["message"], "--as", CAF_WORKER)
    track = tracked(system, child, 5)
    custody = track["custody"]
    assert [row["practitioner"] for row in custody] == [TEACHER, CAF_WORKER]
    assert all(one["to"] == next_["from"] for one, next_ in pairwise(custody))
    assert custody[-1]["to"] is None
    assert track["journey"]["lead"]["practitioner"] == CAF_WORKER
    told = {(row["message"], row["agency"]) for row in track["told"]}
    assert {(accepted["message"], SCHOOL), (second["message"], "demo.caf-team")} <= told


def test_nobody_is_proposed_for_a_child_who_is_not_known(system: System) -> None:
    """The tracker's own answer is told, and nothing is sent."""
    words = ("lead", "propose", new_reference(), CAF_WORKER, "--as", TEACHER)
    assert system.run(*words, code=1)["error"]["code"] == "track.unknown-child"


def test_bytes_that_are_no_message_are_listed_in_quarantine_and_stop_nothing(
    system: System,
) -> None:
    """The list gives lane, place, digest and reasons; the next message is answered."""
    garbage = b"\x00 not a message " + os.urandom(16)

    async def publish() -> int:
        desk = system.partnership.nkey("schools-desk")
        client = await connect(system.partnership.nats_url(), desk, name="test")
        try:
            subject = subjects.submit(SCHOOL, new_reference())
            stream = client.jetstream(prefix=HUB_PREFIX)
            return (await stream.publish(subject, garbage)).seq
        finally:
            await client.close()

    lane, place = subjects.submit_stream(SCHOOL), asyncio.run(publish())

    def listed() -> list[dict[str, Any]]:
        items = system.run("quarantine", "list")["quarantined"]
        return [one for one in items if (one["lane"], one["sequence"]) == (lane, place)]

    (item,) = until(listed, bool)
    assert item["digest"] == hashlib.sha256(garbage).hexdigest()
    assert item["reasons"]
    system.send(referral(), TEACHER)


def test_rebuilding_the_tracker_leaves_what_it_says_as_it_was(
    system: System, request_of_school: dict[str, Any]
) -> None:
    """Journey, clocks, custody and who was told come out of the ledger alone, again the same."""
    child = request_of_school["child"]
    system.run("acknowledge", request_of_school["message"], "--as", DUTY)
    before = tracked(system, child, 2)
    assert system.run("tracker", "rebuild")["messages"] >= 2
    assert tracked(system, child, 2) == before


def test_the_services_log_neither_tracebacks_nor_what_was_said(system: System) -> None:
    """Every line of every log is a JSON object without text of others."""
    told = system.send(referral(statements=[_SAID]), TEACHER).json
    opened(system, told["message"], 1)
    logs = list((system.folder / "logs").glob("*.log"))
    assert logs
    for file in logs:
        _only_objects(file)


_SAID = {"question": "concern.what_happened", "value": "zebra-finch", "said_by": "teacher"}


def _only_objects(file: Path) -> None:
    text = file.read_text()
    assert "Traceback" not in text
    assert "zebra-finch" not in text
    for line in text.splitlines():
        assert isinstance(json.loads(line), dict)
