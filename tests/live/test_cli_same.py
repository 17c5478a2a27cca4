"""`handrail same` against a running partnership: ask, look, join, and what follows."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.commands import (
    CAF_MANAGER,
    CAF_WORKER,
    DUTY,
    SCHOOL,
    TEACHER,
    System,
    referral,
    running,
    supported_child,
    tracked,
    until,
)

pytestmark = pytest.mark.live

COUNTERSIGNER = "demo.caf-team.ali-rezaei"
WHO = {"identity.name": "Zofia Kowalska", "identity.born_on": "2015-03-04"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("same")) as started:
        yield started


def told_who(system: System, child: str, nhs: str) -> None:
    """Tell First Response of a child with what identifies it."""
    said = {**WHO, "identity.nhs_number": nhs, "concern.what_happened": "as told"}
    statements = [{"question": q, "value": v, "said_by": "parent"} for q, v in said.items()]
    system.send(referral(child=child, kind="story.added", data={}, statements=statements), TEACHER)


def asked(system: System, **said: str) -> dict[str, Any]:
    """Ask as the school's teacher, with what identifies the child in a file."""
    file = system.papers / "who.json"
    file.write_text(json.dumps(said))
    return system.run("same", "ask", file, "--as", TEACHER)


def test_two_referrals_of_one_child_are_found_looked_at_and_joined(system: System) -> None:
    """From two references to one: the list shows them, the join leaves one lead, asking follows."""
    first, second = supported_child(system), supported_child(system)
    for child in (first, second):
        told_who(system, child, "943 476 5919")
    pair = {first, second}

    def listed() -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = system.run("same", "possible", "--as", CAF_WORKER)["pairs"]
        return made

    (found,) = until(listed, bool)
    assert (set(found["references"]), found["likeness"]) == (pair, "same")
    answer = asked(system, nhs_number="9434765919")
    assert answer["verdict"] == "possibly"
    assert set(answer["references"]) == pair

    for child in pair:
        tracked(system, child, 2)
    joining = ("same", "link", first, second, "--as", CAF_WORKER, "--because", "family_confirmed")
    alone = system.run(*joining, code=3)["messages"]
    assert [g["code"] for g in alone[0]["reasons"]] == ["countersign.missing"]
    done = system.run(*joining, "--countersign", CAF_MANAGER)["messages"]
    assert [one["outcome"] for one in done] == ["accepted", "accepted"]

    retired, survivor = tracked(system, first, 3), tracked(system, second, 3)
    assert retired["journey"]["lead"] is None
    assert retired["journey"]["linked_into"] == second
    assert survivor["journey"]["lead"]["practitioner"] == TEACHER
    assert survivor["journey"]["linked"] == [first]
    assert retired["custody"][-1]["to"] is not None
    assert listed() == []
    known = asked(system, nhs_number="9434765919")
    assert (known["verdict"], known["references"]) == ("known_here", [second])

    turned_away = system.send(referral(child=first), TEACHER, code=3).json
    assert ("child.linked-to", second) in {
        (reason["code"], reason["detail"]) for reason in turned_away["reasons"]
    }

    whole = ("--because", "request", "--as", CAF_MANAGER, "--countersign", COUNTERSIGNER)
    assert f"under {first} is not erased" in system.say("erase", second, *whole).err


def test_a_child_nobody_knows_gets_a_new_reference(system: System) -> None:
    """Not known: the fresh reference is told, and nothing else."""
    answer = asked(
        system, nhs_number_absent="unknown_would_delay", name="Adam Nowak", born_on="2012-01-31"
    )
    assert answer["verdict"] == "not_known"
    assert answer["references"] == []
    assert len(answer["fresh"]) == 26


def test_only_the_desks_see_possible_matches(system: System) -> None:
    """First Response and the CAF team may list them; a school may not."""
    assert "pairs" in system.run("same", "possible", "--as", DUTY)
    refused = system.run("same", "possible", "--as", TEACHER, code=1)
    assert refused["error"]["code"] == "match.not-your-desk"
    assert SCHOOL in TEACHER


def test_a_question_in_another_form_says_nothing_of_what_it_held(system: System) -> None:
    """A mistake in the file is told without a word of it."""
    file = system.papers / "wrong.json"
    file.write_text(json.dumps({"nhs": "943 476 5919", "name": "Zofia"}))
    told = system.run("same", "ask", file, "--as", TEACHER, code=1)
    assert told["error"]["code"] == "match.invalid"
    assert "Zofia" not in json.dumps(told)
