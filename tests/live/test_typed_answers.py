"""Messy answers through `handrail send` and `handrail open`, on a running partnership."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from tests.live.commands import (
    DUTY,
    FRONT,
    TEACHER,
    System,
    readable,
    received,
    referral,
    running,
)

pytestmark = pytest.mark.live
TYPED = {
    "identity.sex": ("Male / 1 / M", "M"),
    "identity.ethnicity": ("White - British", "WBRI"),
    "identity.born_on": ("13/04/2015", "2015-04-13"),
    "identity.nhs_number": ("943 476 5919", "9434765919"),
    "identity.name": ("KOWALSKA, Zo\u0301fia", "Z\u00f3fia KOWALSKA"),
}
WRONG = {"identity.born_on": "12/04/2015", "identity.nhs_number": "9434765910"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("typed")) as started:
        yield started


def said(question: str, value: str) -> dict[str, str]:
    """Give an answer as the school's records have it."""
    return {"question": question, "value": value, "said_by": "school record"}


def test_what_was_typed_is_opened_beside_the_value_that_was_sealed(system: System) -> None:
    """The recipient reads the contract's form and the original, in JSON and on the screen."""
    told = [said(question, typed) for question, (typed, _) in TYPED.items()]
    words = referral()["statements"]
    sent = system.send(referral(statements=[*words, *told]), TEACHER).json
    received(system, FRONT, sent["message"])
    reading = ("open", sent["message"], "--as", DUTY, "--purpose", "to screen the referral")
    opened = system.run(*reading)["statements"]
    shown = CliRunner().invoke(app, [*reading, "--dir", str(system.folder)]).stdout

    by_question = {one["statement"]["question"]: one["statement"] for one in opened}
    for question, (typed, value) in TYPED.items():
        statement = by_question[question]
        assert (statement["value"], statement["original"]) == (value, typed)
    assert not by_question["concern.what_happened"].get("original")
    assert "(typed: Male / 1 / M)" in " ".join(shown.split())


def test_an_unclear_answer_is_refused_before_anything_is_sent(system: System) -> None:
    """Exit code 3 with every question at fault; neither the inbox nor the sender's log has it."""
    wrong = referral(statements=[*referral()["statements"], *(said(*one) for one in WRONG.items())])
    before = len(system.run("inbox", FRONT)["messages"])
    refused = system.send(wrong, TEACHER, code=3)

    error = refused.json["error"]
    assert error["code"] == "statements.unclear"
    assert all(question in error["message"] for question in WRONG)
    assert not any(value in refused.err + str(refused.json) for value in WRONG.values())
    assert len(system.run("inbox", FRONT)["messages"]) == before


def test_child_protection_arrives_with_what_could_not_be_read(system: System) -> None:
    """The same answers in a referral for protection are delivered as they were typed."""
    harm = {"question": "concern.harm", "value": "Hit today.", "said_by": "child"}
    urgent = referral(
        basis={"kind": "child_protection"},
        data={"concern": "child_protection", "source": "2A"},
        statements=[
            *referral()["statements"],
            harm,
            *(said(*one) for one in WRONG.items()),
            said("identity.sex", "Male?!"),
        ],
    )
    sent = system.send(urgent, TEACHER).json
    received(system, FRONT, sent["message"])
    opened = readable(system, sent["message"], DUTY, "--purpose", "to protect the child")

    values = {one["statement"]["question"]: one["statement"] for one in opened["statements"]}
    for question, typed in {**WRONG, "identity.sex": "Male?!"}.items():
        assert values[question]["value"] == typed
        assert not values[question].get("original")
