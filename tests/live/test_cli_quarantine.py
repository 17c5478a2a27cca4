"""Quarantine from the command line of a running system: every place, and releases that are kept."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import NotFoundError
from typer.testing import CliRunner

from contracts import subjects
from contracts.identifiers import new_reference
from contracts.subjects import LEDGER
from services.cli.desk import ask_operator
from services.cli.main import app
from services.cli.quarantine_places import EXCHANGE
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX
from services.runtime.partnership import Partnership
from tests.live.commands import (
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    System,
    received,
    referral,
    running,
    say,
    until,
)

pytestmark = pytest.mark.live

NEW, NEWEST = f"{SCHOOL}.noor-aziz", f"{SCHOOL}.idris-vale"
_WORDS = "Alex hides under the table"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("quarantine")) as started:
        yield started


def publish(system: System, user: str, subject: str, data: bytes, prefix: str = HUB_PREFIX) -> int:
    """Publish bytes as one of the system's identities; give their place in their stream."""

    async def work() -> int:
        identity = system.partnership.nkey(user)
        client = await connect(system.partnership.nats_url(), identity, name="test")
        try:
            return (await client.jetstream(prefix=prefix).publish(subject, data)).seq
        finally:
            await client.close()

    return asyncio.run(work())


def listed(system: System, *words: str) -> dict[str, dict[str, Any]]:
    """What `quarantine list` says, by item."""
    return {one["item"]: one for one in system.run("quarantine", "list", *words)["quarantined"]}


def until_listed(system: System, item: str) -> dict[str, Any]:
    """Wait until an item is in quarantine."""
    return until(lambda: listed(system), lambda found: item in found)[item]


def released(system: System, *words: str, code: int) -> list[dict[str, Any]]:
    """Release, ending with exit code `code`, and give what came of each.

    What a busy machine had not decided within the command's time is looked up once it is.
    """
    command = ["quarantine", "release", *words, "--dir", str(system.folder), "--json"]
    done = CliRunner().invoke(app, command)
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    late = [one for one in results if one["outcome"] == "pending"]
    assert done.exit_code == (4 if late else code), done.output
    for one in late:
        ask = partial(system.run, "quarantine", "show", one["item"])
        one.update(until(ask, lambda shown: shown["releases"])["releases"][-1])
    return results


def garbage(system: System) -> dict[str, Any]:
    """Submit bytes that are no message and give their item."""
    subject = subjects.submit(SCHOOL, new_reference())
    place = publish(system, "schools-desk", subject, b"\x00 none " + os.urandom(8))
    return until_listed(system, f"{subjects.submit_stream(SCHOOL)}:{place}")


def test_a_message_of_somebody_unknown_is_read_after_the_release(
    system: System, tmp_path: Path
) -> None:
    """Refused, the person added, released: accepted, delivered once, and the words can be read."""
    sealed = tmp_path / "new.sealed"
    document = referral(statements=[{**referral()["statements"][0], "value": _WORDS}])
    added = ("practitioner", "add", NEW, "--name", "Noor Aziz")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(system.folder, elsewhere, ignore=shutil.ignore_patterns("nats", "db", "lock"))
    say(*added, "--dir", elsewhere)
    say("seal", system.paper(document), "--as", NEW, "--out", sealed, "--dir", elsewhere)
    before = set(listed(system))
    refused = system.run("send", sealed, code=3)
    assert [r["code"] for r in refused["reasons"]] == ["seal.unknown-key"]
    (item,) = until(lambda: set(listed(system)) - before, bool)
    # The same key, so the same person: the directory that names it goes to the running system.
    shutil.copy(elsewhere / "directory.jws", system.folder / "directory.jws")
    words = ("quarantine", "release", item, "--because", "directory-corrected", "--as", TEACHER)

    def release() -> dict[str, Any]:
        result: dict[str, Any] = system.ask(*words)["results"][0]
        return result

    told = until(release, lambda result: result["outcome"] == "accepted")
    assert told["item"] == item
    message = refused["message"]
    assert len(received(system, FRONT, message)) == 1

    def read() -> dict[str, Any]:
        return system.ask("open", message, "--as", DUTY)

    opened = until(read, lambda answer: "error" not in answer)
    assert _WORDS in json.dumps(opened)
    shown = system.run("quarantine", "show", item)
    assert shown["state"] == "released"
    assert [one["outcome"] for one in shown["releases"]][-1] == "accepted"
    assert shown["releases"][-1]["by"] == TEACHER
    assert item not in listed(system, "--open")
    assert _WORDS not in json.dumps(shown)


def test_garbage_is_shown_with_words_and_ends_the_release_with_exit_code_3(
    system: System,
) -> None:
    """What no mending helps stays refused, and the item tells that it was tried and by whom."""
    item = garbage(system)
    shown = system.run("quarantine", "show", item["item"])
    for reason in shown["reasons"]:
        assert reason["means"]
        assert reason["remedy"]
    words = ("--because", "sender-asked", "--reference", "IT-204")
    (told,) = released(system, item["item"], *words, code=3)
    assert told["outcome"] == "quarantined"
    assert told["reasons"] == item["reasons"]
    after = system.run("quarantine", "show", item["item"])
    assert after["state"] == "in quarantine again"
    assert [(r["by"], r["reference"]) for r in after["releases"]] == [("operator", "IT-204")]


def test_all_of_one_reason_are_released_together(system: System) -> None:
    """With --all and a reason every open item of it is released, each with its own result."""
    items = {garbage(system)["item"] for _ in range(3)}
    (code,) = {r["code"] for r in system.run("quarantine", "show", min(items))["reasons"]}
    words = ("--all", "--reason", code, "--because", "fault-mended")
    results = released(system, *words, code=3)
    assert items <= {one["item"] for one in results}
    assert {one["outcome"] for one in results} == {"quarantined"}


def test_what_an_agency_set_aside_is_listed_and_goes_to_its_service_again(system: System) -> None:
    """A forged delivery is in the list of all places, and a release shows that it stays refused."""
    subject = subjects.inbox(FRONT, new_reference())
    place = publish(system, "exchange", subject, b"not a delivery", prefix="$JS.API")
    name = f"{subjects.inbox_consumer(FRONT)}:{place}"
    item = until_listed(system, name)
    assert (item["place"], item["agency"]) == ("inbox", FRONT)
    assert [r["code"] for r in item["reasons"]] == ["delivery.unreadable"]
    assert system.run("quarantine", "show", name)["reasons"][0]["remedy"]
    words = ("quarantine", "release", name, "--because", "fault-mended")
    (told,) = system.run(*words, code=3)["results"]
    assert told["outcome"] == "quarantined"
    again = until_listed(system, f"{subjects.inbox_consumer(FRONT)}:{told['sequence']}")
    assert again["state"] == "in quarantine again"
    assert again["seen"] == 2
    assert listed(system)[name]["state"] == "released"
    (twice,) = system.run(*words)["results"]
    assert twice["released_before"]


@pytest.mark.timeout(300)
def test_a_delivery_set_aside_by_mistake_is_taken_in_after_the_release(
    system: System, tmp_path: Path
) -> None:
    """What an agency could not verify as yet is stored once by it, whoever releases it at once."""
    message, data = delivered_beside(system, tmp_path)
    subject = subjects.inbox(FRONT, message)
    place = publish(system, "exchange", subject, data, prefix="$JS.API")
    item = until_listed(system, f"{subjects.inbox_consumer(FRONT)}:{place}")
    assert [r["code"] for r in item["reasons"]] == ["seal.unknown-key"]
    assert message not in {one["message"] for one in system.run("inbox", FRONT)["messages"]}

    shutil.copy(tmp_path / "beside" / "state" / "directory.jws", system.folder / "directory.jws")
    wanted = {name: item[name] for name in ("sequence", "digest")}
    body = {"items": [{"lane": subjects.inbox_consumer(FRONT), **wanted}],
            "because": "directory-corrected"}  # fmt: skip
    results = asyncio.run(_ask_twice(system.partnership, body))

    assert "delivered_again" in {one["outcome"] for one in results}
    assert len(received(system, FRONT, message)) == 1
    assert asyncio.run(_deliveries(system.partnership, subject)) == [data, data]


def delivered_beside(system: System, folder: Path) -> tuple[str, bytes]:
    """Let a copy of the system, whose directory has one person more, accept that one's message.

    Give the message's id and its delivery to First Response, which the system cannot verify yet.
    """
    state = folder / "beside" / "state"
    running_ = shutil.ignore_patterns("nats", "db", "lock", "logs", "seen", "store")
    shutil.copytree(system.folder, state, ignore=running_)
    say("practitioner", "add", NEWEST, "--name", "Idris Vale", "--dir", state)
    with running(state.parent) as beside:
        message = beside.send(referral(), NEWEST).json["message"]
        subject = subjects.inbox(FRONT, message)
        (data,) = asyncio.run(_deliveries(beside.partnership, subject))
    return message, data


def test_a_place_that_is_not_asked_is_named(system: System, tmp_path: Path) -> None:
    """Without the identity of a gateway's desk the list says whose quarantine is not in it."""
    less = tmp_path / "less"
    shutil.copytree(system.folder, less, ignore=shutil.ignore_patterns("store", "db", "lock"))
    (less / "keys" / "nkeys" / "front-door-desk.key").unlink()
    told = say("quarantine", "list", "--dir", less).json
    assert {"place": FRONT, "why": "nkey.missing"} in told["not_asked"]


@pytest.mark.parametrize(
    "words", [(), ("--all",), ("X:1", "--all", "--reason", "seal.unreadable"), ("--reason", "x")]
)
def test_what_to_release_is_named_one_way_or_the_other(
    system: System, words: tuple[str, ...]
) -> None:
    """Items, or all of one reason; nothing is released by an option forgotten."""
    command = ["quarantine", "release", *words, "--because", "fault-mended"]
    done = CliRunner().invoke(app, [*command, "--dir", str(system.folder)])
    assert done.exit_code == 2


def test_an_unknown_item_is_an_error_that_says_what_to_do(system: System) -> None:
    """The answer is a code with a remedy, for show and for release."""
    told = system.run("quarantine", "show", "SUBMIT_demo_nobody:7", code=1)
    assert told["error"]["code"] == "quarantine.unknown"
    assert told["error"]["remedy"]


def test_a_place_that_does_not_answer_is_never_taken_for_an_empty_one(system: System) -> None:
    """While the exchange is silent, nothing is said to be released or unknown: exit code 4."""
    item = garbage(system)["item"]
    stopped = system.children("exchange")
    assert stopped
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        why = ("--because", "fault-mended")
        all_ = system.run(
            "quarantine", "release", "--all", "--reason", "seal.unreadable", *why, code=4
        )
        one = system.run("quarantine", "release", item, *why, code=4)
        shown = system.run("quarantine", "show", item, code=4)
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)
    assert EXCHANGE in {told["place"] for told in all_["not_asked"]}
    assert one["error"]["code"] == shown["error"]["code"] == "quarantine.not-asked"
    assert system.run("quarantine", "show", item)["item"] == item


async def _deliveries(partnership: Partnership, subject: str) -> list[bytes]:
    """Return the deliveries that lie in the ledger under a subject."""
    client = await connect(partnership.nats_url(), partnership.nkey("exchange"), name="test")
    try:
        stream, found, after = client.jetstream(), list[bytes](), 0
        while True:
            try:
                record = await stream.get_msg(LEDGER, after + 1, subject=subject, next=True)
            except NotFoundError:
                return found
            found.append(record.data or b"")
            after = int(record.seq or 0)
    finally:
        await client.close()


async def _ask_twice(partnership: Partnership, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Release the same at the same time; give what came of each."""
    subject = "exchange.admin.quarantine.release"
    told = await asyncio.gather(*(ask_operator(partnership, subject, **body) for _ in range(2)))
    return [one for answer in told for one in answer["results"]]
