"""For whom an inbox shows what arrived, people who are away or leave, and the proved chain."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from contracts.identifiers import new_reference
from contracts.roles import Capacity
from contracts.worktime import LONDON
from services.cli.amending import read_directory
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
    supported_child,
    tracked,
    until,
)

pytestmark = pytest.mark.live

HEAD = f"{SCHOOL}.ruth-adeyemi"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("desks")) as started:
        yield started


def seen(system: System, agency: str, message: str) -> list[tuple[str, str, str | None]]:
    """Who sees a message in an agency's inbox, why, and in whose place."""
    (line,) = received(system, agency, message)
    return [(one["practitioner"], one["why"], one["of"]) for one in line["seen_by"]]


def colleagues(system: System) -> tuple[str, str]:
    """Two people of First Response beside the duty worker."""
    agencies = system.run("partnership", "agency", "list")["agencies"]
    people = next(one["practitioners"] for one in agencies if one["id"] == FRONT)
    first, second, *_ = (person for person in people if person != DUTY)
    return first, second


def joined(system: System, handle: str, *more: str) -> str:
    """Add somebody to First Response and wait until the exchange knows them."""
    person = f"{FRONT}.{handle}"
    system.run("practitioner", "add", person, "--name", handle, *more)
    until(lambda: _known(system, person), bool)
    return person


def _known(system: System, person: str) -> bool:
    to = [{"agency": FRONT, "practitioner": person}]
    try:
        system.send(referral(recipients=to), TEACHER)
    except AssertionError:
        return False
    return True


def sent_to(system: System, **to: str) -> dict[str, Any]:
    """Refer a child to somebody at First Response and wait for the delivery."""
    told = system.send(referral(recipients=[{"agency": FRONT, **to}]), TEACHER).json
    received(system, FRONT, told["message"])
    return told


def test_a_message_to_a_role_shows_for_who_has_it(system: System) -> None:
    """A sender who knows no name addresses the duty worker, and everybody who is one sees it."""
    message = sent_to(system, capacity="duty_worker")["message"]
    assert (DUTY, "role", None) in seen(system, FRONT, message)


def test_what_is_addressed_to_both_at_once_is_refused_before_sending(system: System) -> None:
    """A recipient is a person or a role; the document says where it went wrong."""
    to = [{"agency": FRONT, "practitioner": DUTY, "capacity": "duty_worker"}]
    told = system.send(referral(recipients=to), TEACHER, code=1).json
    assert told["error"]["code"] == "document.invalid"


def test_cover_takes_what_is_there_and_what_comes_without_a_new_start(system: System) -> None:
    """The running services follow the signed directory; back again, it is the person's own."""
    person = joined(system, "away-worker")
    by, _ = colleagues(system)
    message = sent_to(system, practitioner=person)["message"]
    named = [(person, "named", None)]
    until(lambda: seen(system, FRONT, message), lambda found: found == named)
    today = str(datetime.now(UTC).astimezone(LONDON).date())
    system.run("practitioner", "cover", person, "--by", by, "--until", today)

    covering = [(by, "covering", person)]
    until(lambda: seen(system, FRONT, message), lambda found: found == covering)
    mine = system.run("inbox", "--as", by)["messages"]
    place = next(i for i, line in enumerate(mine) if line["message"] == message)
    first_of_others = next(
        (
            i
            for i, line in enumerate(mine)
            if by not in [o["practitioner"] for o in line["seen_by"]]
        ),
        len(mine),
    )
    assert place < first_of_others
    everything = {line["message"] for line in system.run("inbox", FRONT)["messages"]}
    assert {line["message"] for line in mine} == everything

    system.run("practitioner", "cover", person, "--back")
    until(lambda: seen(system, FRONT, message), lambda found: found == named)


def test_who_leaves_is_told_what_is_open_and_a_message_to_them_is_taken(system: System) -> None:
    """What is open is listed to be handed on; the deputy sees it, and nothing is refused."""
    deputy, _ = colleagues(system)
    person = joined(system, "leaving-worker", "--deputy", deputy)
    told = sent_to(system, practitioner=person)
    tracked(system, told["child"], 1)
    left = system.run("practitioner", "leave", person)

    assert told["message"] in {one["message"] for one in left["open"]["requests"]}
    standing_in = [(deputy, "stands_in", person)]
    until(lambda: seen(system, FRONT, told["message"]), lambda found: found == standing_in)
    later = sent_to(system, practitioner=person)
    assert seen(system, FRONT, later["message"]) == standing_in
    nobody = [{"agency": FRONT, "practitioner": f"{FRONT}.never-was"}]
    refused = system.send(referral(recipients=nobody), TEACHER, code=3).json
    assert "practitioner.unknown" in {one["code"] for one in refused["reasons"]}


def test_what_is_handed_on_shows_for_the_colleague(system: System) -> None:
    """The manager hands on the child of somebody who has left; what comes later follows too."""
    taker, manager = colleagues(system)[0], _manager(system)
    person = joined(system, "gone-worker", "--line-manager", manager)
    told = sent_to(system, practitioner=person)
    system.run("acknowledge", told["message"], "--as", DUTY)
    system.run("practitioner", "leave", person)
    words = ("practitioner", "hand-on", told["child"], "--from", person, "--to", taker)
    system.run(*words, "--as", manager)

    handed = [(taker, "handed_on", person)]
    until(lambda: seen(system, FRONT, told["message"]), lambda found: found == handed)
    refused = system.run(*words, "--as", TEACHER, code=3)
    assert {"work.other-agency"} <= {one["code"] for one in refused["reasons"]}


def _manager(system: System) -> str:
    directory = read_directory(system.partnership)
    people = directory.people(FRONT, datetime.now(UTC))
    return next(p.id for p in people if Capacity.TEAM_MANAGER in p.capacities)


def test_a_proposal_taken_back_leaves_the_lead_and_asks_nothing_more(system: System) -> None:
    """Its own agency withdraws it; the person proposed cannot accept any more."""
    child = supported_child(system)
    proposal = system.run("lead", "propose", child, CAF_WORKER, "--as", TEACHER)["message"]
    received(system, "demo.caf-team", proposal)
    system.run("lead", "withdraw", proposal, "--as", TEACHER)

    until(
        lambda: received(system, "demo.caf-team", proposal)[0]["state"],
        lambda state: state == "decided",
    )
    late = system.run("lead", "accept", proposal, "--as", CAF_WORKER, code=3)
    assert {one["code"] for one in late["reasons"]} == {"lead.no-proposal"}
    chain = system.run("lead", "chain", child)
    assert [row["practitioner"] for row in chain["led"]] == [TEACHER]
    unknown = system.run("lead", "withdraw", new_reference(), "--as", TEACHER, code=1)
    assert unknown["error"]["code"] == "lead.no-proposal"


def handed_over(system: System) -> str:
    """Move a child's lead from the school's teacher to the CAF worker; return the child."""
    child = supported_child(system)
    proposal = system.run("lead", "propose", child, CAF_WORKER, "--as", TEACHER)["message"]
    received(system, "demo.caf-team", proposal)
    system.run("lead", "accept", proposal, "--as", CAF_WORKER)
    tracked(system, child, 3)
    return child


def test_the_proved_chain_is_the_trackers_custody(system: System) -> None:
    """Out of the sealed messages alone come the same leads, instants and messages."""
    child = handed_over(system)
    custody = tracked(system, child, 3)["custody"]
    chain = system.run("lead", "chain", child)

    assert (chain["holds"], chain["complete"], chain["messages"]) == (True, True, 3)
    told = ("practitioner", "agency", "from", "to", "by", "until")
    assert [{name: row[name] for name in told} for row in chain["led"]] == custody
    assert [row["practitioner"] for row in chain["led"]] == [TEACHER, CAF_WORKER]
    assert chain["led"][1]["signed_by"] == [CAF_WORKER]


def test_the_proof_believes_neither_the_tracker_nor_its_journey(system: System) -> None:
    """With the tracker's tables saying that somebody else leads, the chain stays what it was."""
    child = handed_over(system)
    before = system.run("lead", "chain", child)
    path = system.folder / "db" / "tracker.sqlite"
    with closing(sqlite3.connect(path, timeout=10)) as db, db:
        (journey,) = db.execute("SELECT journey FROM journeys WHERE child = ?", (child,)).fetchone()
        made = orjson.loads(journey)
        made["lead"]["practitioner"] = HEAD
        changed = (orjson.dumps(made).decode(), HEAD, child)
        db.execute("UPDATE journeys SET journey = ?, lead = ? WHERE child = ?", changed)
        db.execute("UPDATE custody SET practitioner = ? WHERE child = ?", (HEAD, child))
    assert tracked(system, child, 3)["custody"][0]["practitioner"] == HEAD
    assert system.run("lead", "chain", child) == before
    system.run("tracker", "rebuild")


def test_a_child_that_nobody_knows_has_no_chain(system: System) -> None:
    """The answer is an error with a remedy, and the exit code tells it."""
    told = system.run("lead", "chain", new_reference(), code=1)
    assert told["error"]["code"] == "track.unknown-child"


def test_sealed_files_prove_a_chain_or_that_it_has_a_hole(system: System) -> None:
    """A folder of files that people kept is enough; without the proposal it is told, and exit 1."""
    folder = system.papers.parent / "kept"
    folder.mkdir()
    child, opening = new_reference(), folder / "0.json"
    document = {
        "kind": "lead.accepted",
        "child": child,
        "basis": {"kind": "notice"},
        "answers": new_reference(),
        "recipients": [SCHOOL],
    }
    words = ("--as", CAF_WORKER, "--out", opening)
    system.run("seal", system.paper(document), *words)
    told = system.run("lead", "chain", child, "--from", folder, code=1)
    assert [(one["doubt"], one["code"]) for one in told["findings"]] == [
        ("unproved", "chain.no-proposal")
    ]
    assert (told["led"], told["complete"]) == ([], False)


def test_what_is_held_can_be_looked_up_by_whoever_sent_it_and_by_the_operator(
    system: System,
) -> None:
    """A message that no `--resend` repeats is found by its id, whatever command sent it."""
    child = system.send(referral(), TEACHER).json["child"]
    early = {
        "kind": "message.acknowledged",
        "child": child,
        "answers": new_reference(),
        "basis": {"kind": "notice"},
        "recipients": [SCHOOL],
    }
    message = system.send(early, DUTY, code=5).json["message"]
    waiting = until(lambda: system.run("held")["held"], len)
    (one,) = (one for one in waiting if one["message"] == message)

    assert (one["child"], one["agency"], one["codes"]) == (child, FRONT, ["request.unknown"])
    told = system.run("sent", message, "--as", DUTY, code=5)
    assert (told["outcome"], told["held_until"] is not None) == ("held", True)
    assert system.run("sent", new_reference(), "--as", DUTY, code=4)["outcome"] == "no_answer"
