"""What `handrail doctor` makes of an installation that is not as it should be."""

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import StreamConfig
from typer.testing import CliRunner

from contracts.errors import HandrailError
from contracts.key_times import Ending, Expiring
from services.cli.doctor import answering, folder, keys, server, streams
from services.cli.doctor.finding import Finding, State, ok, unchecked, warning, worst, wrong
from services.cli.main import app
from services.exchange.health import differing
from services.exchange.streams import lane_config, ledger_config
from services.runtime.keystore import KeyStore
from services.runtime.nats_config import ServerPlan, ServiceUser, render
from services.runtime.nkeys import NKey

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WELL = folder.FolderFacts(
    kinds={"state": "ext4"},
    space={"state": folder.Space(100 * 1024**3, 50 * 1024**3)},
    lock_held=True,
    servers=(7,),
    exposed=(),
)
DATES = keys.KeyFacts(
    ending=(),
    certificates={"tls/server.pem": NOW + timedelta(days=300)},
    intake=frozenset({"2026-11"}),
    overdue=(),
    last_backup=NOW - timedelta(days=1),
    invented=False,
)


def states(findings: Iterable[Finding]) -> dict[str, State]:
    """The worst state by check; what is not well says what it means and what to do."""
    found: dict[str, State] = {}
    for one in findings:
        found[one.check] = max(found.get(one.check, State.UNCHECKED), one.state)
        if one.state in (State.WARNING, State.WRONG):
            assert one.means
            assert one.remedy
    return found


def of_folder(facts: folder.FolderFacts, *, answers: bool = True) -> dict[str, State]:
    """Judge a folder of the embedded server."""
    return states(folder.judge(facts, embedded=True, answers=answers))


def test_the_worst_finding_is_the_exit_code() -> None:
    """0 when all is well or could not be looked at, 1 for a warning, 2 for anything wrong."""
    well = [ok("a", "x"), unchecked("b", "nothing runs")]
    assert worst([]) == worst(well) == 0
    assert worst([*well, warning("c", "x", "y", "z")]) == 1
    assert worst([*well, warning("c", "x", "y", "z"), wrong("d", "x", "y", "z")]) == 2


def test_a_sound_folder_is_ok() -> None:
    """A local disk with room, the lock held, one server, keys of their owner alone."""
    assert set(of_folder(WELL).values()) == {State.OK}


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs", "nfs4", "cifs", "fuse.sshfs"])
def test_a_file_system_that_forgets_or_is_elsewhere_is_wrong(kind: str) -> None:
    """Neither memory nor a network keeps what was acknowledged, or a lock."""
    assert of_folder(replace(WELL, kinds={"store": kind}))["file-system.store"] is State.WRONG


@pytest.mark.parametrize(
    ("free", "state"), [(50, State.OK), (1.5, State.WARNING), (0.4, State.WRONG)]
)
def test_a_disk_that_fills_is_told_before_it_is_full(free: float, state: State) -> None:
    """Below 2 GiB or a tenth it is a warning, below half a GiB or a fiftieth it is wrong."""
    space = folder.Space(15 * 1024**3, int(free * 1024**3))
    assert of_folder(replace(WELL, space={"state": space}))["disk.state"] is state
    large = folder.Space(1000 * 1024**3, 15 * 1024**3)
    assert of_folder(replace(WELL, space={"state": large}))["disk.state"] is State.WRONG


def test_two_servers_on_one_folder_are_wrong() -> None:
    """They would destroy the store without a word."""
    assert of_folder(replace(WELL, servers=(7, 8)))["lock"] is State.WRONG


def test_a_server_without_the_lock_is_wrong_and_a_free_lock_without_one_is_not() -> None:
    """A second server could be started beside one that holds no lock."""
    loose = replace(WELL, lock_held=False)
    assert of_folder(loose)["lock"] is State.WRONG
    assert of_folder(replace(loose, servers=()), answers=False)["lock"] is State.OK
    assert of_folder(replace(WELL, lock_held=None))["lock"] is State.UNCHECKED


def test_a_key_that_others_may_read_is_wrong(tmp_path: Path) -> None:
    """Every secret file is looked at; certificates are public."""
    for name, mode in (
        ("keys/services/exchange.key", 0o600),
        ("keys/root.key", 0o640),
        ("nkeys/operator.seed", 0o604),
        ("tls/server.key", 0o660),
        ("tls/ca.pem", 0o644),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(mode)
    found = tuple(folder.exposed(tmp_path))
    assert found == ("keys/root.key", "nkeys/operator.seed", "tls/server.key")
    assert of_folder(replace(WELL, exposed=found))["files"] is State.WRONG


def test_identities_in_plain_text_beside_encrypted_keys_are_a_warning(tmp_path: Path) -> None:
    """A seed is told where a passphrase is in use, and not where nothing is encrypted at all."""
    (tmp_path / "nkeys").mkdir()
    (tmp_path / "nkeys" / "operator.seed").touch()
    KeyStore(tmp_path / "keys").create_signing("plain")
    assert list(folder.seeds(tmp_path)) == []

    KeyStore(tmp_path / "keys", "correct horse").create_signing("root")
    found = tuple(folder.seeds(tmp_path))
    assert found == ("nkeys/operator.seed",)
    assert of_folder(replace(WELL, seeds=found))["seeds"] is State.WARNING


def test_the_innermost_mount_holds_a_path() -> None:
    """The type is that of the mount nearest to the folder, and the last of those on one point."""
    mounts = [
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
        "23 22 0:20 / /srv/hand\\040rail rw - tmpfs tmpfs rw",
        "24 22 0:21 / /srv rw - xfs /dev/sdb rw",
        "nonsense",
    ]
    assert folder.kind_of(Path("/srv/hand rail/state"), mounts) == "tmpfs"
    assert folder.kind_of(Path("/srv/other"), mounts) == "xfs"
    assert folder.kind_of(Path("/var"), mounts) == "ext4"


def test_dates_far_away_are_ok() -> None:
    """Nothing that ends soon, this month's key at hand, a backup of yesterday."""
    assert set(states(keys.judge(DATES, NOW)).values()) == {State.OK}


@pytest.mark.parametrize("what", list(Ending))
def test_what_ends_soon_is_a_warning_and_what_ended_is_wrong(what: Ending) -> None:
    """Of the directory, people, services, witnesses, months and trusted partnerships alike."""
    for days, state in ((10, State.WARNING), (0, State.WRONG), (-3, State.WRONG)):
        facts = replace(DATES, ending=(Expiring(what, "demo.x", NOW + timedelta(days=days)),))
        assert states(keys.judge(facts, NOW))[f"expiry.{what.value}"] is state


@pytest.mark.parametrize(
    ("change", "check", "state"),
    [
        ({"certificates": {"a": NOW + timedelta(days=3)}}, "certificate", State.WARNING),
        ({"certificates": {"a": NOW}}, "certificate", State.WRONG),
        ({"intake": frozenset({"2026-10"})}, "intake-key", State.WRONG),
        ({"overdue": ("intake/2026-08",)}, "destruction", State.WARNING),
        ({"last_backup": None}, "backup", State.WARNING),
        ({"last_backup": None, "invented": True}, "backup", State.UNCHECKED),
        ({"last_backup": NOW - timedelta(days=8)}, "backup", State.WARNING),
    ],
)
def test_each_date_that_is_wrong_is_found(change: dict[str, Any], check: str, state: State) -> None:
    """Certificates, the key of the month, keys not destroyed, backups that are missing or old."""
    assert states(keys.judge(replace(DATES, **change), NOW))[check] is state


def test_where_no_exchange_is_its_key_of_the_month_is_not_looked_for() -> None:
    """A folder of another service lacks it rightly."""
    assert "intake-key" not in states(keys.judge(replace(DATES, intake=None), NOW))


@pytest.mark.parametrize(
    ("version", "state"),
    [("2.15.1", State.OK), ("2.16.0", State.OK), ("2.15.0", State.WRONG), ("2.9.25", State.WRONG)],
)
def test_a_server_older_than_is_relied_on_is_wrong(version: str, state: State) -> None:
    """Versions are compared by their numbers."""
    assert states(server.judge_answer(version, None)) == {"server.version": state}


def test_no_server_is_wrong_and_says_what_was_said() -> None:
    """The remedy is the one that connecting gave."""
    error = HandrailError("nats.unreachable", "nobody there", "start it")
    (found,) = server.judge_answer(None, error)
    assert (found.check, found.state, found.remedy) == ("server", State.WRONG, "start it")


@pytest.mark.parametrize("code", ["key.unreadable", "nkey.missing"])
def test_a_server_that_cannot_be_asked_is_not_said_to_be_silent(code: str) -> None:
    """Without the operator's own identity nobody is told to end a server that is well."""
    (found,) = server.judge_answer(None, HandrailError(code, "not open", "give it"), (7,))
    assert (found.check, found.state, found.remedy) == ("server", State.WRONG, "give it")
    assert found.what == "it cannot be asked: not open"
    assert "kill" not in found.remedy


@pytest.fixture
def plan(tmp_path: Path) -> ServerPlan:
    """The plan of a server with one service."""
    users = (ServiceUser("demo.exchange", NKey.generate().public),)
    return ServerPlan("127.0.0.1", 0, tmp_path, users)


def test_the_configuration_of_the_directory_is_ok(plan: ServerPlan) -> None:
    """What the plan renders syncs always and agrees with the plan."""
    found = states(server.judge_config(render(plan), plan))
    assert found == {"durability": State.OK, "permissions.config": State.OK}


@pytest.mark.parametrize("value", [None, "2m", "1s"])
def test_a_server_that_syncs_later_is_wrong(plan: ServerPlan, value: str | None) -> None:
    """Anything but `always` loses what was acknowledged when the power fails."""
    config = json.loads(render(plan))
    config["jetstream"]["sync_interval"] = value
    assert states(server.judge_config(json.dumps(config), plan))["durability"] is State.WRONG


def test_permissions_edited_by_hand_are_wrong(plan: ServerPlan) -> None:
    """One subject more in the file is found, and so is a file that is no configuration."""
    config = json.loads(render(plan))
    user = config["accounts"]["HUB"]["users"][0]
    user["permissions"]["publish"]["allow"].append("submit.>")
    assert states(server.judge_config(json.dumps(config), plan))["permissions.config"] is (
        State.WRONG
    )
    assert set(states(server.judge_config("{", plan)).values()) == {State.WRONG}


def test_a_server_elsewhere_is_not_judged_by_a_file_here() -> None:
    """Without its configuration durability and permissions are told as not checked."""
    assert set(states(server.judge_config(None, None)).values()) == {State.UNCHECKED}


def test_an_account_near_its_limit_and_an_old_api_are_told(plan: ServerPlan) -> None:
    """What is reserved is compared with what the server may give."""
    text = render(plan)
    well = {"api": {"level": 5}, "reserved_storage": plan.max_file // 2}
    assert set(states(server.judge_account(well, text)).values()) == {State.OK}
    full = {"api": {"level": 2}, "reserved_storage": plan.max_file}
    found = states(server.judge_account(full, text))
    assert found == {"server.api-level": State.WRONG, "limits": State.WARNING}
    assert states(server.judge_account(well, None))["limits"] is State.UNCHECKED


@pytest.mark.parametrize(
    ("drift_s", "state"),
    [(0.5, State.OK), (-3, State.WARNING), (3, State.WARNING), (90, State.WRONG)],
)
def test_clocks_apart_are_told(drift_s: float, state: State) -> None:
    """More than two seconds is a warning and more than a minute wrong, either way."""
    clocks = server.Clocks(NOW, server=NOW + timedelta(seconds=drift_s))
    assert states(server.judge_clocks(clocks)) == {"clock.server": state}


def test_a_record_of_the_future_is_wrong() -> None:
    """The clock went back since it was written."""
    later = server.Clocks(NOW, newest=NOW + timedelta(hours=1))
    assert states(server.judge_clocks(later)) == {"clock.ledger": State.WRONG}
    earlier = server.Clocks(NOW, newest=NOW - timedelta(days=3))
    assert states(server.judge_clocks(earlier)) == {"clock.ledger": State.OK}


@pytest.mark.parametrize(
    ("reached", "state"),
    [("", State.OK), ("jetstream", State.WRONG), (None, State.UNCHECKED)],
)
def test_a_gateway_that_reaches_a_journey_is_wrong(reached: str | None, state: State) -> None:
    """Only a try that was turned away counts as isolation."""
    assert server.judge_isolation(reached, "schools").state is state


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00.123456789Z", NOW.replace(microsecond=123456)),
        ("2026-11-23T12:00:00Z", NOW),
        ("2026-11-23T12:00:00.5Z", NOW.replace(microsecond=500000)),
        ("2026-11-23T13:00:00+01:00", NOW),
        ("yesterday", None),
        (None, None),
    ],
)
def test_instants_of_the_server_are_read(text: str | None, expected: datetime | None) -> None:
    """Nanoseconds are cut, other zones turned into UTC, and nonsense is none."""
    assert server.instant(text) == expected


HEALTH: dict[str, Any] = {
    "streams": [
        {
            "name": name,
            "ours": True,
            "differs": [],
            "max_bytes": 1000,
            "replicas": 3,
            "state": {"bytes": 10, "first_seq": 1, "last_seq": 5},
            "leader": "n1",
            "current": 2,
        }
        for name in ("LEDGER", "SUBMIT_demo_gp", "URGENT_demo_gp")
    ],
    "consumers": [
        {
            "name": "inbox_demo_gp",
            "num_pending": 0,
            "num_ack_pending": 0,
            "num_redelivered": 0,
            "num_waiting": 1,
            "delivered": {"consumer_seq": 5, "stream_seq": 5},
            "ack_floor": {"consumer_seq": 5, "stream_seq": 5},
        }
    ],
    "missing": {"streams": [], "consumers": []},
    "cursors": {
        "SUBMIT_demo_gp": {"sequence": 5, "at": "2026-11-23T12:00:00Z"},
        "URGENT_demo_gp": {"sequence": 5, "at": "2026-11-23T12:00:00Z"},
    },
    "damaged": [],
}


def health(**changes: Any) -> dict[str, Any]:
    """The facts of a sound server with changes: of the second stream, the consumer, or above."""
    made = deepcopy(HEALTH)
    for name, value in changes.items():
        if name in ("missing", "cursors"):
            made[name] |= value
        elif name == "damaged":
            made[name] = value
        elif name in made["consumers"][0]:
            made["consumers"][0][name] = value
        else:
            made["streams"][1][name] = value
    return made


def judged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, State]:
    """Judge two looks at the server."""
    found = [*streams.judge_streams(after), *streams.judge_readers(before, after)]
    return states([*found, *streams.judge_lanes(before, after)])


def test_a_sound_server_is_ok() -> None:
    """Everything there, set as it should be, copied, read and moving."""
    assert set(judged(HEALTH, HEALTH).values()) == {State.OK}


@pytest.mark.parametrize(
    ("changes", "check", "state"),
    [
        ({"missing": {"streams": ["LEDGER"]}}, "streams.missing", State.WRONG),
        ({"differs": ["deny_purge"]}, "streams.settings", State.WRONG),
        ({"differs": ["num_replicas"]}, "streams.settings", State.WRONG),
        ({"ours": False}, "streams.others", State.WARNING),
        ({"current": 1}, "replicas", State.WARNING),
        ({"leader": None}, "replicas", State.WARNING),
        ({"state": {"bytes": 850, "first_seq": 1, "last_seq": 5}}, "lanes.room", State.WARNING),
        ({"state": {"bytes": 960, "first_seq": 1, "last_seq": 5}}, "lanes.room", State.WRONG),
        ({"missing": {"consumers": ["story"]}}, "consumers.missing", State.WRONG),
        ({"num_pending": 3, "num_waiting": 0}, "consumers.stuck", State.WRONG),
        ({"num_ack_pending": 1, "num_redelivered": 4}, "consumers.stuck", State.WARNING),
        ({"cursors": {"SUBMIT_demo_gp": {"sequence": 2, "at": ""}}}, "lanes", State.WRONG),
        ({"damaged": ["SUBMIT_demo_gp"]}, "lanes.damaged", State.WRONG),
    ],
)
def test_each_fault_of_a_stream_a_reader_or_a_lane_is_found(
    changes: dict[str, Any], check: str, state: State
) -> None:
    """Seen the same way twice, it is told with what it means and what to do."""
    found = health(**changes)
    assert judged(found, found)[check] is state


def test_what_has_work_and_moves_is_ok() -> None:
    """A reader that settled something, and a lane that was decided further, only have work."""
    before = health(num_pending=9, cursors={"SUBMIT_demo_gp": {"sequence": 2, "at": "a"}})
    after = health(
        num_pending=9,
        ack_floor={"consumer_seq": 7, "stream_seq": 9},
        cursors={"SUBMIT_demo_gp": {"sequence": 3, "at": "b"}},
    )
    found = judged(before, after)
    assert "consumers.stuck" not in found
    assert found["lanes"] is State.OK


def test_a_trimmed_lane_without_a_cursor_has_nothing_waiting() -> None:
    """Where everything was trimmed, the first sequence is one beyond the last."""
    state = {"bytes": 0, "first_seq": 6, "last_seq": 5}
    found = health(state=state, cursors={"SUBMIT_demo_gp": {"sequence": 0, "at": ""}})
    assert judged(found, found)["lanes"] is State.OK


@pytest.mark.parametrize(
    ("made", "changes", "expected"),
    [
        (ledger_config(), {}, []),
        (ledger_config(), {"deny_purge": False}, ["deny_purge"]),
        (
            ledger_config(),
            {"deny_delete": False, "allow_msg_ttl": None},
            ["allow_msg_ttl", "deny_delete"],
        ),
        (ledger_config(), {"subjects": ["journey.>"]}, ["subjects"]),
        (ledger_config(3), {"num_replicas": 1}, ["num_replicas"]),
        (lane_config("S", "submit.a.b.>"), {"max_bytes": -1}, ["max_bytes"]),
        (lane_config("S", "submit.a.b.>"), {"discard": "old"}, ["discard"]),
        (lane_config("S", "submit.a.b.>"), {"storage": "memory"}, ["storage"]),
        (lane_config("S", "submit.a.b.>"), {"max_msg_size": 1}, ["max_msg_size"]),
    ],
)
def test_a_stream_set_otherwise_is_told_by_its_settings(
    made: StreamConfig, changes: dict[str, Any], expected: list[str]
) -> None:
    """Every setting that the exchange relies on is compared by name."""
    assert differing({**made.as_dict(), **changes}, made) == expected


def test_a_service_that_does_not_answer_is_wrong() -> None:
    """It is named, with what is missing while it is away; one we may not ask is not checked."""
    told: dict[str, Any] = {
        "exchange": {},
        "story": "service.unreachable",
        "demo.gp": "service.no-answer",
        "demo.elsewhere": "nkey.missing",
    }
    assert states(answering.judge_services(told)) == {
        "service.story": State.WRONG,
        "service.demo.gp": State.WRONG,
        "service.demo.elsewhere": State.UNCHECKED,
        "services": State.OK,
    }


def test_an_exchange_that_starts_again_and_again_is_told() -> None:
    """A few restarts are usual, one for every few groups is not."""
    well = states(answering.judge_exchange({"restarts": 3, "groups": 5}))
    assert well == {"exchange.restarts": State.OK}
    ill = states(answering.judge_exchange({"restarts": 60, "groups": 100}))
    assert ill == {"exchange.restarts": State.WARNING}
    assert list(answering.judge_exchange("service.unreachable")) == []


def test_what_the_tracker_could_not_tell_is_told() -> None:
    """Clocks whose manager was not told, and notices that were not accepted."""
    assert states(answering.judge_tracker({"overdue": 2, "unconfirmed": 1})) == {
        "tracker.overdue": State.WARNING,
        "tracker.unconfirmed": State.WARNING,
    }
    assert states(answering.judge_tracker({"overdue": 0, "unconfirmed": 0})) == {
        "tracker": State.OK
    }


def test_quarantine_that_is_not_empty_is_told() -> None:
    """What lies there is a warning; a place not asked leaves it open."""
    assert answering.judge_quarantine({"open": 2, "not_asked": []}).state is State.WARNING
    assert answering.judge_quarantine({"open": 0, "not_asked": []}).state is State.OK
    assert answering.judge_quarantine({"open": 0, "not_asked": ["gp"]}).state is State.UNCHECKED
    assert answering.judge_quarantine("service.unreachable").state is State.UNCHECKED


OLD_HEAD = {"size": 9, "at": "2026-11-23T11:30:00Z"}


def log(**changes: Any) -> dict[str, Any]:
    """What the exchange says of a log that is well."""
    seen = {"agency": "demo.gp", "witness": "health", "size": 9, "at": NOW.isoformat()}
    head = {"size": 9, "at": NOW.isoformat()}
    made = {"state": "signing", "reason": "", "groups": 9, "head": head, "witnesses": [seen]}
    return {**made, **changes}


@pytest.mark.parametrize(
    ("changes", "check", "state"),
    [
        ({}, "log", State.OK),
        ({}, "log.witnesses", State.OK),
        ({"reason": "log.inconsistent"}, "log", State.WRONG),
        ({"groups": 12, "head": None}, "log", State.WARNING),
        ({"groups": 12, "head": {"size": 9, "at": "2026-11-23T11:00:00Z"}}, "log", State.WARNING),
        ({"witnesses": []}, "log.witnesses", State.UNCHECKED),
        ({"witnesses": [], "head": OLD_HEAD}, "log.witnesses", State.WARNING),
        (
            {
                "witnesses": [{"witness": "health", "size": 3, "at": "2026-11-23T11:00:00Z"}],
                "head": OLD_HEAD,
            },
            "log.witnesses",
            State.WARNING,
        ),
    ],
)
def test_a_log_that_is_not_signed_or_witnessed_is_told(
    changes: dict[str, Any], check: str, state: State
) -> None:
    """Inconsistent is wrong; heads and witnesses that are behind are warnings."""
    assert states(answering.judge_log(log(**changes), ("health",), NOW))[check] is state


@pytest.mark.parametrize(
    ("what", "command"),
    [
        (Ending.PRACTITIONER, "handrail key rotate"),
        (Ending.SERVICE, "handrail key rotate"),
        (Ending.WITNESS, "handrail log rekey"),
        (Ending.TRUSTED, "handrail partnership trust refresh"),
        (Ending.DELIVERY, "handrail partnership renew"),
        (Ending.DIRECTORY, "handrail partnership renew"),
    ],
)
def test_what_ends_is_renewed_by_the_command_that_is_named(what: Ending, command: str) -> None:
    """The remedy names the command that works for whoever holds it, and the command is there."""
    soon = replace(DATES, ending=(Expiring(what, "schools", NOW + timedelta(days=3)),))
    (found,) = [one for one in keys.judge(soon, NOW) if one.check == f"expiry.{what.value}"]
    assert command in found.remedy
    done = CliRunner().invoke(app, [*command.split()[1:], "--help"])
    assert done.exit_code == 0, done.output


def test_the_authority_that_ends_is_made_anew_and_not_issued_by_itself() -> None:
    """A server's certificate comes from the authority; the authority's own from nobody."""
    ends = {name: NOW + timedelta(days=3) for name in ("tls/ca.pem", "tls/server.pem")}
    found = {
        one.what.split()[0]: one.remedy
        for one in keys.judge(replace(DATES, certificates=ends), NOW)
        if one.check == "certificate"
    }
    assert "another authority" in found["tls/ca.pem"]
    assert "another authority" not in found["tls/server.pem"]
    assert all("handrail partnership server" in remedy for remedy in found.values())


def test_keys_and_dates_that_could_not_be_read_are_not_judged() -> None:
    """Nothing is said to be well, or to be lacking, of what this user may not read."""
    unread = replace(DATES, intake=None, last_backup=None, unread=frozenset({"keys", "backup"}))
    found = states(keys.judge(unread, NOW))
    assert found["destruction"] is found["backup"] is State.UNCHECKED
    assert "intake-key" not in found
