"""Messages sent in error, on a running system: unread from then on, and redirected where due."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.commands import (
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
    tracked,
    until,
)

pytestmark = pytest.mark.live

CARE = "demo.social-care"
WORKER = f"{CARE}.priya-nair"
SAID = "the boy next door, not this child"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("withdrawn")) as started:
        yield started


def telling(**changes: Any) -> dict[str, Any]:
    """A school's referral with one statement."""
    said = {"question": "concern.what_happened", "value": SAID, "said_by": "class teacher"}
    return referral(statements=[said], **changes)


def opened(system: System, message: str, reader: str, agency: str = FRONT) -> dict[str, Any]:
    """Open a message until its statement is shown; it may be on its way yet."""
    received(system, agency, message)
    return until(
        lambda: readable(system, message, reader), lambda told: len(told["statements"]) == 1
    )


def state_of(system: System, agency: str, message: str) -> str:
    """The state of a delivery in an agency's inbox."""
    return str(received(system, agency, message)[0]["state"])


def is_shut(system: System, message: str, reader: str, agency: str) -> None:
    """The inbox shows the withdrawal, and the message opens for nobody at all."""
    until(lambda: state_of(system, agency, message), lambda state: state == "withdrawn")
    told = system.run("open", message, "--as", reader, code=1)
    assert told["error"]["code"] == "delivery.withdrawn"
    assert SAID not in str(told)
    for words in (
        ("open", message, "--story"),
        ("acknowledge", message),
        ("decide", message, "--outcome", "assess"),
    ):
        shut = system.run(*words, "--as", reader, code=1)
        assert shut["error"]["code"] == "delivery.withdrawn"
        assert "author" not in str(shut)


def test_a_withdrawn_message_is_read_by_nobody_any_more(system: System) -> None:
    """Whoever opened it before cannot open it again, and a second withdrawal is refused."""
    sent = system.send(telling(), TEACHER).json
    message = sent["message"]
    assert opened(system, message, DUTY)["statements"][0]["statement"]["value"] == SAID

    words = ("withdraw", message, "--as", TEACHER, "--error", "wrong_child")
    told = system.run(*words)
    assert [to["agency"] for to in told["to"]] == [FRONT]
    (line,) = received(system, FRONT, told["message"])
    assert (line["kind"], line["alert"]) == ("message.withdrawn", True)
    is_shut(system, message, DUTY, FRONT)

    # The story itself refuses, so that no copy of the request gets round the inbox.
    whole = readable(system, told["message"], DUTY, "--story")
    assert whole["statements"] == []
    again = system.run(*words, code=3)
    assert [one["code"] for one in again["reasons"]] == ["withdrawal.already"]


def test_child_protection_is_withdrawn_with_a_manager_and_then_opens_nowhere(
    system: System,
) -> None:
    """Its delivery carries its own words, and still nobody opens it after the withdrawal."""
    urgent = telling(
        data={"concern": "child_protection"},
        basis={"kind": "child_protection", "call": "01632 960001"},
    )
    message = system.send(urgent, TEACHER).json["message"]
    opened(system, message, DUTY)
    words = ("withdraw", message, "--as", TEACHER, "--error", "wrong_child")
    refused = system.run(*words, code=3)
    assert [one["code"] for one in refused["reasons"]] == ["withdrawal.protection"]
    system.run(*words, "--countersign", MANAGER)
    is_shut(system, message, DUTY, FRONT)


def test_a_message_of_another_agency_is_not_withdrawn(system: System) -> None:
    """Who received a message does not take it back."""
    message = system.send(telling(), TEACHER).json["message"]
    received(system, FRONT, message)
    words = ("withdraw", message, "--as", DUTY, "--error", "sent_in_error")
    assert system.run(*words, code=1)["error"]["code"] == "withdrawal.unknown"
    opened(system, message, DUTY)


def test_a_redirected_request_arrives_with_its_words_and_is_decided_there(system: System) -> None:
    """The new agency reads who said it and who wrote it down, acknowledges, and decides."""
    sent = system.send(telling(), TEACHER).json
    message, child = sent["message"], sent["child"]
    opened(system, message, DUTY)

    words = ("redirect", message, "--as", DUTY, "--to", CARE, "--because", "not_ours")
    told = system.run(*words)
    assert {to["agency"] for to in told["to"]} == {CARE, SCHOOL}
    until(lambda: state_of(system, FRONT, message), lambda state: state == "decided")

    (statement,) = opened(system, told["message"], WORKER, CARE)["statements"]
    said = statement["statement"]
    assert (said["value"], said["said_by"]) == (SAID, "class teacher")
    assert said["recorded_by"] == TEACHER

    late = system.run("acknowledge", message, "--as", DUTY, code=3)
    assert [one["code"] for one in late["reasons"]] == ["request.not-recipient"]
    tracked(system, child, 2)
    system.run("acknowledge", message, "--as", WORKER)
    decision = system.run("decide", told["message"], "--as", WORKER, "--outcome", "assess")
    assert received(system, SCHOOL, decision["message"])[0]["answers"] == message


def test_child_protection_is_passed_on_without_delay_and_not_given_away(system: System) -> None:
    """It arrives as child protection, and stays with who passed it on."""
    urgent = telling(
        data={"concern": "child_protection"},
        basis={"kind": "child_protection", "call": "01632 960001"},
    )
    message = system.send(urgent, TEACHER).json["message"]
    opened(system, message, DUTY)
    copy = system.run("redirect", message, "--as", DUTY, "--to", CARE, "--because", "not_ours")
    opened(system, copy["message"], WORKER, CARE)
    assert received(system, CARE, copy["message"])[0]["protection"] is True
    system.run("acknowledge", message, "--as", DUTY)
    system.run("acknowledge", copy["message"], "--as", WORKER)


def test_a_redirected_request_is_withdrawn_with_its_copy(system: System) -> None:
    """The words are gone from the old and from the new agency."""
    message = system.send(telling(), TEACHER).json["message"]
    opened(system, message, DUTY)
    copy = system.run("redirect", message, "--as", DUTY, "--to", CARE, "--because", "not_ours")
    opened(system, copy["message"], WORKER, CARE)

    told = system.run("withdraw", message, "--as", TEACHER, "--error", "wrong_child")
    assert {to["agency"] for to in told["to"]} == {FRONT, CARE}
    is_shut(system, message, DUTY, FRONT)
    is_shut(system, copy["message"], WORKER, CARE)
