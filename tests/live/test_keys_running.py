"""Keys changed by commands while everything runs: services, people, the root, a guest's trust."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import jws
from contracts.identifiers import agency_of
from contracts.records import GROUP_TYP, Receipt
from services.cli.amending import read_directory
from services.cli.options import load
from services.runtime.seen import Seen
from tests.live.commands import (
    DUTY,
    FRONT,
    MANAGER,
    TEACHER,
    System,
    in_force,
    readable,
    received,
    referral,
    refusal,
    running,
    say,
    until,
)

pytestmark = pytest.mark.live

EXCHANGE, MOOR, JO = "demo.exchange", "moor.moor-school", "moor.moor-school.jo"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("keys")) as started:
        yield started


def attested_by(system: System, file: Path) -> str:
    """Send a referral, and return the name of the key that attested its receipt in `file`."""
    system.send(referral(), TEACHER, "--receipt", file)
    group = Receipt.model_validate_json(file.read_bytes()).group
    parsed = jws.parse(group, GROUP_TYP)
    assert isinstance(parsed, jws.Parsed)
    return parsed.signatures[0].kid


def test_a_running_exchange_takes_up_its_new_key_and_old_receipts_still_hold(
    system: System, tmp_path: Path
) -> None:
    """After a rotation receipts carry the new key without a restart; those before stay proved."""
    old = attested_by(system, tmp_path / "before")
    processes = system.children("exchange")
    new = system.run("key", "rotate", EXCHANGE)["kid"]

    until(lambda: attested_by(system, tmp_path / "after"), lambda kid: kid == new)
    assert old != new
    assert system.children("exchange") == processes
    for receipt in ("before", "after"):
        assert system.run("verify", tmp_path / receipt)["holds"]
    sent = system.send(referral(), TEACHER).json
    assert received(system, FRONT, sent["message"])


def test_a_revoked_key_is_refused_everywhere_within_seconds_and_its_past_stands(
    system: System, tmp_path: Path
) -> None:
    """What was sealed before and arrives after is refused; what arrived before is still proved."""
    earlier, late = tmp_path / "earlier", tmp_path / "late"
    for file in (earlier, late):
        system.run("seal", system.paper(referral()), "--as", MANAGER, "--out", file)
    sent = system.run("send", earlier, "--receipt", tmp_path / "receipt")
    (line,) = received(system, FRONT, sent["message"])
    kid = system.partnership.practitioner_key(MANAGER).kid
    version = system.run("key", "revoke", MANAGER, "--kid", kid)["directory_version"]

    until(lambda: in_force(system, "exchange").version, lambda held: held >= version)
    refused = system.run("send", late, code=3)
    assert [one["code"] for one in refused["reasons"]] == ["seal.key-revoked"]
    assert system.run("verify", earlier)["holds"]
    assert system.run("verify", tmp_path / "receipt")["holds"]
    assert readable(system, sent["message"], DUTY)["statements"], line


def test_every_running_service_follows_a_change_of_the_root(system: System, tmp_path: Path) -> None:
    """With the old root's file gone, all that was pinned to it takes the new one's directory.

    What was attested before is proved by whoever knows the first root, or only the newest.
    """
    pinned, receipt = system.partnership.root_x, tmp_path / "receipt"
    attested_by(system, receipt)
    made = system.run("partnership", "root", "rotate")
    for root in (pinned, made["root_x"]):
        assert system.run("verify", receipt, "--root", root)["holds"]
    other = jws.PrivateKey.generate().x
    refused = system.run("verify", receipt, "--root", other, code=1)
    assert refused["error"]["code"] == "directory.untrusted"

    for name in ("exchange", "exchange-urgent", "story", "tracker", "agency-schools-universal"):

        def of(name: str = name) -> Seen:
            return in_force(system, name)

        found = until(of, lambda held: held.version >= made["directory_version"])
        assert found.root_x == made["root_x"] != pinned
    sent = system.send(referral(), TEACHER).json
    assert received(system, FRONT, sent["message"])


@pytest.fixture(scope="module")
def guest(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a desk at a guest agency, whose own partnership is another one.

    It holds that partnership's people's keys, and of ours what a gateway's operator is given.
    """
    home, desk = tmp_path_factory.mktemp("moor"), tmp_path_factory.mktemp("desk")
    say("partnership", "create", "--id", "moor", "--unencrypted", "--dir", home)
    for name in ("moor-school", "other-school"):
        say("partnership", "agency", "add", name, "--name", name, "--role", "universal",
            "--gateway", "moor", "--duty-desk", "jo", "--dir", home)  # fmt: skip
        say("practitioner", "add", f"moor.{name}.jo", "--name", "Jo", "--dir", home)
    made = say("partnership", "trust", "offer", "--agency", MOOR, "--out", desk / "offer",
               "--dir", home).json  # fmt: skip
    added = system.run("partnership", "trust", "add", "--directory", desk / "offer", "--root",
                       made["root_x"], "--agency", f"{MOOR}=universal",
                       "--gateway", "guests")  # fmt: skip
    system.run("partnership", "gateway", "export", "guests", "--out", desk / "state",
               "--unencrypted")  # fmt: skip
    shutil.copytree(home / "keys" / "practitioners", desk / "state" / "keys" / "practitioners")
    desk_key = system.partnership.nkey("guests-desk")
    until(lambda: refusal(system, desk_key), lambda code: not code)
    version = added["directory_version"]
    until(lambda: in_force(system, "exchange").version, lambda held: held >= version)
    return desk / "state"


def test_a_guest_refers_a_child_and_both_sides_receive_what_is_theirs(
    system: System, guest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another partnership's school refers to our First Response, which answers it."""
    monkeypatch.setenv("HANDRAIL_NATS_URL", system.partnership.nats_url())
    paper, receipt = system.paper(referral()), tmp_path / "receipt"

    told = say("send", paper, "--as", JO, "--receipt", receipt, "--dir", guest).json
    assert told["outcome"] == "accepted"
    assert say("verify", receipt, "--dir", guest).json["holds"]
    (line,) = received(system, FRONT, told["message"])
    assert line["from"] == MOOR
    assert readable(system, told["message"], DUTY)["statements"]

    answer = system.run("acknowledge", told["message"], "--as", DUTY)
    there = System(guest, system.papers)
    assert received(there, MOOR, answer["message"])[0]["from"] == FRONT


def test_who_is_no_guest_of_the_same_partnership_is_nobody_here(
    system: System, guest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agency that our root has not named is unknown, though its own root signs for it."""
    monkeypatch.setenv("HANDRAIL_NATS_URL", system.partnership.nats_url())
    other = "moor.other-school.jo"
    told = say("send", system.paper(referral()), "--as", other, "--dir", guest, code=3).json

    assert told["error"]["code"] in ("practitioner.unknown", "agency.unknown")
    directory = read_directory(system.partnership)
    assert agency_of(other) not in directory.agencies
    assert other not in directory.practitioners


def test_an_ended_trust_is_refused_at_once_and_its_past_stands(
    system: System, guest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a guest sealed in time and hands in after the end counts as nothing."""
    monkeypatch.setenv("HANDRAIL_NATS_URL", system.partnership.nats_url())
    earlier, late = tmp_path / "earlier", tmp_path / "late"
    for file in (earlier, late):
        say("seal", system.paper(referral()), "--as", JO, "--out", file, "--dir", guest)
    told = say("send", earlier, "--receipt", tmp_path / "receipt", "--dir", guest).json
    assert told["outcome"] == "accepted"
    version = system.run("partnership", "trust", "end", "moor")["directory_version"]
    until(lambda: in_force(system, "exchange").version, lambda held: held >= version)

    desk_key = load(guest).nkey("guests-desk")
    assert until(lambda: refusal(system, desk_key), bool) == "nats.refused"

    refused = say("send", late, "--dir", guest, code=1).json
    assert refused["error"]["code"] == "nats.refused"
    assert system.run("verify", earlier)["holds"]
    assert system.run("verify", tmp_path / "receipt")["holds"]
