"""Agencies join, change keys and leave while `handrail up` runs, by the commands a person gives."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.live.commands import (
    FRONT,
    MANAGER,
    SCHOOL,
    TEACHER,
    System,
    received,
    referral,
    refusal,
    running,
    until,
)

pytestmark = [
    pytest.mark.live,
    # nats-py drops the stream of an attempt to reconnect that the server refused, unclosed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NEW = "demo.weir-academy"
NEWCOMER = f"{NEW}.sol-newman"
LEAVING = "demo.fell-academy"
LEAVER = f"{LEAVING}.ash-fell"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own, which an academy with a gateway joins."""
    with running(tmp_path_factory.mktemp("joining")) as started:
        started.run("partnership", "agency", "add", "weir-academy", "--name", "Weir Academy",
                    "--role", "universal", "--gateway", "academies")  # fmt: skip
        started.run("practitioner", "add", NEWCOMER, "--name", "Sol Newman")
        yield started


def sent(system: System, author: str, **changes: Any) -> dict[str, Any]:
    """Send a referral as `author`, as soon as the server and the exchange know who that is."""
    paper = system.paper(referral(**changes))
    return until(
        lambda: system.ask("send", paper, "--as", author), lambda told: told.get("outcome")
    )


def seed(system: System, user: str) -> str:
    """Return the secret half of an identity as it lies in the folder of state."""
    return system.partnership.nkey(user).seed


def arrived(system: System, message: str) -> bool:
    """Wait until the academy's service, which may be changing its keys, has `message`."""

    def ask() -> list[str]:
        return [line["message"] for line in system.ask("inbox", NEW).get("messages", ())]

    return message in until(ask, lambda messages: message in messages)


def test_an_agency_with_a_new_gateway_sends_and_receives_without_a_restart(system: System) -> None:
    """Within seconds of joining it refers a child, and a referral to it arrives in its inbox."""
    servers = system.servers()

    out = sent(system, NEWCOMER)
    back = sent(system, TEACHER, recipients=[FRONT, NEW])

    assert (out["outcome"], back["outcome"]) == ("accepted", "accepted")
    assert received(system, FRONT, out["message"])
    assert received(system, NEW, back["message"])
    assert system.servers() == servers


def test_a_gateway_changes_its_keys_while_it_works(system: System) -> None:
    """New identities are taken up, old ones retired, and messages go on both ways."""
    sent(system, NEWCOMER)
    before = {user: seed(system, f"academies-{user}") for user in ("service", "desk")}

    told = system.run("partnership", "gateway", "rekey", "academies")
    between = sent(system, NEWCOMER)
    system.run("partnership", "gateway", "retire", "academies")
    after = sent(system, TEACHER, recipients=[FRONT, NEW])

    (listed,) = [
        one
        for one in system.run("partnership", "gateway", "list")["gateways"]
        if one["gateway"] == "academies"
    ]
    assert told["taken_up"]
    assert len(told["retiring_service"]) == len(told["retiring_desk"]) == 1
    assert all(before[user] != seed(system, f"academies-{user}") for user in before)
    assert between["outcome"] == "accepted"
    assert arrived(system, after["message"])
    assert listed["retiring_service"] == listed["retiring_desk"] == []


def test_nothing_is_retired_that_is_not_old(system: System) -> None:
    """A gateway without old identities, and one that there is not, are refused with a reason."""
    idle = system.run("partnership", "gateway", "retire", "schools", code=1)
    nobody = system.run("partnership", "gateway", "rekey", "nobody", code=1)

    assert idle["error"]["code"] == "gateway.nothing-to-retire"
    assert nobody["error"]["code"] == "gateway.unknown"


def test_an_agency_that_leaves_is_cut_off_and_nobody_else_is(system: System) -> None:
    """Its gateway is refused, its people are nobody, and the school goes on as before."""
    system.run("partnership", "agency", "add", "fell-academy", "--name", "Fell Academy",
               "--role", "universal", "--gateway", "fells")  # fmt: skip
    system.run("practitioner", "add", LEAVER, "--name", "Ash Fell")
    paper = system.paper(referral())
    identities = [system.partnership.nkey(f"fells-{user}") for user in ("service", "desk")]
    sent(system, LEAVER)
    before = [until(partial(refusal, system, one), lambda code: not code) for one in identities]

    system.run("partnership", "agency", "leave", LEAVING)
    after = [until(partial(refusal, system, one), bool) for one in identities]
    late = system.ask("send", paper, "--as", LEAVER)
    others = sent(system, MANAGER)

    assert (before, after) == (["", ""], ["nats.refused", "nats.refused"])
    assert late["error"]["code"] in ("agency.unknown", "practitioner.unknown")
    assert others["outcome"] == "accepted"
    assert SCHOOL in {a["id"] for a in system.run("partnership", "agency", "list")["agencies"]}
    assert system.run("partnership", "agency", "leave", LEAVING, code=1)["error"]["code"] == (
        "agency.unknown"
    )
