"""What the server's configuration says, read back as data."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.subjects import LEDGER_SUBJECTS
from services.runtime.nats_config import (
    Cluster,
    Gateway,
    Limits,
    ServerPlan,
    ServiceUser,
    Tls,
    agrees,
    changed_gateways,
    render,
)
from services.runtime.nkeys import NKey, inbox_prefix

ROLES = ("exchange", "exchange-urgent", "story", "tracker", "operator", "probe")
KEYS = {name: NKey.generate().public for name in (*ROLES, "as", "ad", "bs", "bd", "spare")}
ALPHA = Gateway("alpha", KEYS["as"], KEYS["ad"], ("demo.alpha-school", "demo.alpha-nursery"))
BETA = Gateway("beta", KEYS["bs"], KEYS["bd"], ("demo.beta-school",))
PLAN = ServerPlan(
    listen_host="127.0.0.1",
    port=4333,
    store_dir=Path('/var/lib/hand"rail'),
    services=tuple(ServiceUser(f"demo.{role}", KEYS[role]) for role in ROLES),
    gateways=(ALPHA, BETA),
)
TLS = Tls(Path("/tls/server.pem"), Path("/tls/server.key"), Path("/tls/ca.pem"))


def config(plan: ServerPlan = PLAN) -> dict[str, Any]:
    """Return the configuration of `plan` as data."""
    read: dict[str, Any] = json.loads(render(plan))
    return read


def users(read: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return every user of every account."""
    for account in read["accounts"].values():
        yield from account.get("users", ())


def permissions(name: str) -> dict[str, Any]:
    """Return the permissions of the user with the key called `name`."""
    (found,) = [user for user in users(config()) if user["nkey"] == KEYS[name]]
    granted: dict[str, Any] = found["permissions"]
    return granted


def test_every_message_is_on_disk_before_it_is_acknowledged() -> None:
    """JetStream syncs always, in the folder of the plan, within the limits of the plan."""
    jetstream = config(replace(PLAN, max_mem=1, max_file=2))["jetstream"]

    assert jetstream == {
        "store_dir": '/var/lib/hand"rail',
        "sync_interval": "always",
        "max_mem": 1,
        "max_file": 2,
    }


def test_the_same_plan_gives_the_same_text() -> None:
    """Rendering is a pure function of the plan."""
    assert render(PLAN) == render(replace(PLAN))


def test_every_user_is_limited_on_both_sides() -> None:
    """No user is without permissions, and none has a list that is empty and so means all."""
    found = list(users(config()))

    assert len(found) == len(ROLES) + 4
    for user in found:
        assert user["permissions"]["publish"]["allow"]
        assert user["permissions"]["subscribe"]["allow"]
        assert ">" not in user["permissions"]["publish"]["allow"]


def test_every_user_reads_replies_under_its_own_key_only() -> None:
    """No two users share a reply prefix, so none overhears what another one asked for."""
    for user in users(config()):
        heard = [name for name in user["permissions"]["subscribe"]["allow"] if "_INBOX" in name]
        assert heard == [f"{inbox_prefix(user['nkey'])}.>"]


def test_only_the_exchange_is_where_jetstream_is() -> None:
    """Nobody else may ask JetStream by a name that it answers within one account.

    There it would answer on whatever reply subject is named, even on one that writes the ledger.
    """
    (hub,) = [one for one in config()["accounts"].values() if "jetstream" in one]
    held = {user["nkey"] for user in hub["users"]}

    assert held == {KEYS["exchange"], KEYS["exchange-urgent"]}
    for user in users(config()):
        asks = [one for one in user["permissions"]["publish"]["allow"] if one.startswith("$JS.API")]
        assert bool(asks) == (user["nkey"] in held)


def test_every_asker_of_the_directory_has_a_name_of_its_own() -> None:
    """Who asks is written into the subject by the server, so that each has a rate of its own."""
    exports = config()["accounts"]["HUB"]["exports"]
    asked = {one["service"]: one["accounts"] for one in exports if "directory" in one["service"]}

    assert asked == {
        "directory.service.story": ["STORY"],
        "directory.service.tracker": ["TRACKER"],
        "directory.gateway.alpha": ["GW_alpha"],
        "directory.gateway.alpha.service": ["GW_alpha"],
        "directory.gateway.beta": ["GW_beta"],
        "directory.gateway.beta.service": ["GW_beta"],
    }


def test_only_the_hub_has_jetstream() -> None:
    """Gateways, our other accounts and the system account hold no stream of their own."""
    accounts = config()["accounts"]

    assert [name for name, account in accounts.items() if "jetstream" in account] == ["HUB"]
    assert config()["system_account"] == "SYS"
    assert accounts["SYS"] == {}


def test_a_gateway_imports_exactly_what_its_agencies_need() -> None:
    """The whole list for one agency, no more and no less."""
    imports = config()["accounts"]["GW_beta"]["imports"]

    assert {(one["service"]["subject"], one.get("to")) for one in imports} == {
        ("submit.demo.beta-school.>", None),
        ("urgent.demo.beta-school.>", None),
        ("story.demo.beta-school.>", None),
        ("log.demo.beta-school.>", None),
        ("directory.gateway.beta", "directory"),
        ("directory.gateway.beta.service", "directory.service"),
        ("intake-key.gateway.beta", "intake-key"),
        ("$JS.ACK.LEDGER.inbox_demo_beta-school.>", None),
        (
            "$JS.API.CONSUMER.MSG.NEXT.LEDGER.inbox_demo_beta-school",
            "HUB.API.CONSUMER.MSG.NEXT.LEDGER.inbox_demo_beta-school",
        ),
        (
            "$JS.API.CONSUMER.INFO.LEDGER.inbox_demo_beta-school",
            "HUB.API.CONSUMER.INFO.LEDGER.inbox_demo_beta-school",
        ),
        (
            "$JS.API.DIRECT.GET.LEDGER.receipt.demo.beta-school.>",
            "HUB.API.DIRECT.GET.LEDGER.receipt.demo.beta-school.>",
        ),
    }


def test_nothing_is_exported_to_everybody() -> None:
    """Every export names its accounts, and what belongs to one agency names one account."""
    for export in config()["accounts"]["HUB"]["exports"]:
        mine = [name for name in ("alpha", "beta") if name in export["service"]]
        assert export["accounts"]
        if mine:
            assert export["accounts"] == [f"GW_{mine[0]}"]


def test_a_gateway_may_carry_several_agencies() -> None:
    """A gateway's account has the lanes and inboxes of all its agencies."""
    subjects = {one["service"]["subject"] for one in config()["accounts"]["GW_alpha"]["imports"]}

    for agency in ALPHA.agencies:
        assert f"submit.{agency}.>" in subjects
        consumer = f"inbox_{agency.replace('.', '_')}"
        assert f"$JS.API.CONSUMER.MSG.NEXT.LEDGER.{consumer}" in subjects


def test_only_pulling_streams_its_answers() -> None:
    """Pulls and batches are answered by many messages and forgotten in time, all else by one."""
    exports = config()["accounts"]["HUB"]["exports"]
    streaming = [one for one in exports if one.get("response_type") == "stream"]
    streamed = [one["service"] for one in streaming]

    assert all(one["response_threshold"] == "10s" for one in streaming)
    inboxes = (f"inbox_{agency.replace('.', '_')}" for agency in (*ALPHA.agencies, *BETA.agencies))
    assert streamed == [
        "$JS.API.DIRECT.GET.*",
        "$JS.API.CONSUMER.MSG.NEXT.LEDGER.story",
        "$JS.API.DIRECT.GET.LEDGER",
        "$JS.API.CONSUMER.MSG.NEXT.LEDGER.tracker",
        *(f"$JS.API.CONSUMER.MSG.NEXT.LEDGER.{inbox}" for inbox in inboxes),
    ]


def test_the_desk_has_neither_inbox_nor_story() -> None:
    """A desk sends, reads receipts and asks its agency service, nothing more."""
    assert permissions("bd")["publish"]["allow"] == [
        "submit.demo.beta-school.>",
        "urgent.demo.beta-school.>",
        "agency.demo.beta-school.>",
        "HUB.API.DIRECT.GET.LEDGER.receipt.demo.beta-school.>",
        "directory",
        "intake-key",
    ]


def test_the_agency_service_answers_its_own_desk_only() -> None:
    """It listens on the agency's subjects and may publish into no inbox but the desk's."""
    granted = permissions("bs")
    inboxes = [name for name in granted["publish"]["allow"] if name.startswith("_INBOX")]

    assert "agency.demo.beta-school.>" in granted["subscribe"]["allow"]
    assert inboxes == [f"{inbox_prefix(KEYS['bd'])}.>"]


def test_only_the_exchange_writes_the_ledger() -> None:
    """Of all users, only the two exchange roles may publish on a subject of the ledger."""
    ledger = tuple(subject.rstrip(">") for subject in LEDGER_SUBJECTS)
    writers = {
        user["nkey"]
        for user in users(config())
        if any(name.startswith(ledger) for name in user["permissions"]["publish"]["allow"])
    }

    assert writers == {KEYS["exchange"], KEYS["exchange-urgent"]}


def test_not_even_the_exchange_deletes_from_the_ledger() -> None:
    """No user has a verb that deletes, and the one that purges lanes is denied for the ledger."""
    for user in users(config()):
        allowed = user["permissions"]["publish"]["allow"]
        denied = user["permissions"]["publish"].get("deny", [])
        purges = [name for name in allowed if ".PURGE." in name]
        verbs = ("STREAM.DELETE", "MSG.DELETE", "RESTORE", "SNAPSHOT", "$JS.API.>")
        assert not [name for name in allowed if any(verb in name for verb in verbs)]
        assert not purges or "$JS.API.STREAM.PURGE.LEDGER" in denied
        assert bool(purges) == (user["nkey"] == KEYS["exchange"])


@pytest.mark.parametrize("name", ["story", "tracker"])
def test_services_submit_in_their_own_lane_only(name: str) -> None:
    """What a service may submit is `submit.<its id>.>`."""
    allowed = permissions(name)["publish"]["allow"]

    assert [one for one in allowed if one.startswith(("submit", "urgent"))] == [
        f"submit.demo.{name}.>"
    ]


def test_the_operator_is_in_an_account_of_its_own() -> None:
    """The operator may ask three services and reaches nothing else of HUB."""
    operator = config()["accounts"]["OPERATOR"]
    subjects = ["exchange.admin.>", "story.admin.>", "tracker.>"]

    assert permissions("operator")["publish"]["allow"] == subjects
    assert [one["service"]["subject"] for one in operator["imports"]] == subjects


def test_the_probe_asks_one_question() -> None:
    """A health check learns that JetStream answers, and can do nothing with it."""
    assert permissions("probe")["publish"]["allow"] == ["HUB.API.INFO"]


def test_every_gateway_is_bounded() -> None:
    """Each gateway's account has the plan's limits, and our own accounts have none."""
    accounts = config(replace(PLAN, limits=Limits(3, 4, 5)))["accounts"]

    for name, account in accounts.items():
        bounds = {"max_connections": 3, "max_subscriptions": 4, "max_payload": 5}
        assert account.get("limits") == (bounds if name.startswith("GW_") else None)


def test_without_tls_nothing_is_said_of_it() -> None:
    """The server inside one machine has neither certificate nor cluster."""
    assert not {"tls", "cluster", "pid_file"} & config().keys()


def test_tls_comes_first_and_is_the_newest() -> None:
    """A server with certificates greets nobody before the handshake, and takes TLS 1.3 only."""
    made = config(replace(PLAN, tls=TLS))["tls"]

    assert made == {
        "cert_file": "/tls/server.pem",
        "key_file": "/tls/server.key",
        "ca_file": "/tls/ca.pem",
        "min_version": "1.3",
        "handshake_first": True,
    }


def test_servers_of_a_cluster_prove_who_they_are() -> None:
    """Routes need a certificate of the authority on both sides, and tell clients nothing."""
    routes = ("one:6222", "two:6222", "three:6222")
    plan = replace(PLAN, tls=TLS, cluster=Cluster("area", "0.0.0.0", 6222, routes))  # noqa: S104
    made = config(plan)["cluster"]

    assert made["routes"] == [f"nats-route://{route}" for route in routes]
    assert made["tls"]["verify"] is True
    assert made["tls"]["min_version"] == "1.3"
    assert made["no_advertise"] is True


def test_a_configuration_is_known_again_whatever_probes_and_port_it_has() -> None:
    """What a running server has written is its plan's, and another plan's is not."""
    probing = replace(BETA, probe_nkey=KEYS["spare"])
    written = render(replace(PLAN, port=1, gateways=(ALPHA, probing)))

    assert agrees(written, PLAN)
    assert not agrees(written, replace(PLAN, gateways=(ALPHA,)))
    assert not agrees(written, replace(PLAN, max_file=1))
    assert not any(agrees(text, PLAN) for text in ("{", "[]", '{"accounts": 1}', "{}"))


def test_the_gateways_that_changed_are_those_whose_accounts_did() -> None:
    """A gateway that joined or has other agencies or keys is probed, nobody else is."""
    fuller = replace(BETA, agencies=(*BETA.agencies, "demo.gamma-school"))

    assert changed_gateways(render(PLAN), PLAN) == ()
    assert changed_gateways("{}", PLAN) == (ALPHA, BETA)
    assert changed_gateways(render(PLAN), replace(PLAN, gateways=(ALPHA, fuller))) == (fuller,)
