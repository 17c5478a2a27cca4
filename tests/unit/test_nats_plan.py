"""What no plan of a server may say: one in place of another, or others read in the clear."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.errors import HandrailError
from services.runtime.nats_config import Cluster, ServiceUser, render
from tests.unit.test_nats_config import ALPHA, BETA, KEYS, PLAN, TLS, config

FAULTY: dict[str, dict[str, Any]] = {
    "a service of no known role": {"services": (ServiceUser("demo.printer", KEYS["spare"]),)},
    "a service without partnership": {"services": (ServiceUser("tracker", KEYS["spare"]),)},
    "a service with a wildcard": {"services": (ServiceUser("*.tracker", KEYS["spare"]),)},
    "a key that is none": {"services": (ServiceUser("demo.tracker", "UNONE"),)},
    "a key used twice": {"gateways": (replace(ALPHA, desk_nkey=KEYS["tracker"]),)},
    "one key for both users": {"gateways": (replace(ALPHA, desk_nkey=KEYS["as"]),)},
    "two gateways of one name": {"gateways": (ALPHA, replace(BETA, name="alpha"))},
    "a gateway's name with a dot": {"gateways": (replace(ALPHA, name="al.pha"),)},
    "an agency with a wildcard": {"gateways": (replace(ALPHA, agencies=("demo.>",)),)},
    "an agency with three parts": {"gateways": (replace(ALPHA, agencies=("a1.b1.c1",)),)},
    "an agency named as a service": {"gateways": (replace(ALPHA, agencies=("demo.tracker",)),)},
    "an agency of two gateways": {"gateways": (ALPHA, replace(BETA, agencies=ALPHA.agencies))},
    "an agency twice": {"gateways": (replace(ALPHA, agencies=("demo.a1", "demo.a1")),)},
    "the operator's partnership": {"gateways": (replace(ALPHA, agencies=("admin.a1",)),)},
    "a gateway without agencies": {"gateways": (replace(ALPHA, agencies=()),)},
    "a retiring key of another": {"gateways": (replace(ALPHA, retiring_desk=(KEYS["tracker"],)),)},
    "a server's name with a dot": {"name": "handrail.one"},
    "a cluster over a network in the clear": {
        "cluster": Cluster("area", "10.0.0.1", 6222, ("127.0.0.1:6222", "10.0.0.2:6222"))
    },
    "a cluster that anybody can reach in the clear": {
        "cluster": Cluster("area", "0.0.0.0", 6222, ("127.0.0.1:6222",))  # noqa: S104
    },
    "a server that anybody can reach in the clear": {"listen_host": "0.0.0.0"},  # noqa: S104
    "a server on a network in the clear": {"listen_host": "10.0.0.1"},
}


@pytest.mark.parametrize("change", FAULTY.values(), ids=FAULTY)
def test_a_plan_that_lets_one_stand_in_for_another_is_refused(change: dict[str, Any]) -> None:
    """No configuration comes from a plan with a fault, and the error says what to do."""
    with pytest.raises(HandrailError) as refusal:
        render(replace(PLAN, **change))

    assert refusal.value.code == "nats.plan-invalid"
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "change",
    [{"listen_host": "::1"}, {"listen_host": "localhost"}, {"listen_host": "0.0.0.0", "tls": TLS}],  # noqa: S104
)
def test_a_server_of_one_machine_or_with_tls_may_listen(change: dict[str, Any]) -> None:
    """What is encrypted may be on a network, what never leaves the machine need not be."""
    plan = replace(PLAN, **change)

    assert config(plan)["listen"] == f"{plan.listen_host}:4333"


def test_every_fault_of_a_plan_is_told_at_once() -> None:
    """Whoever corrects a plan sees all of it."""
    change = {**FAULTY["a key that is none"], **FAULTY["an agency with a wildcard"]}
    with pytest.raises(HandrailError) as refusal:
        render(replace(PLAN, **change))

    assert "`UNONE`" in refusal.value.message
    assert "`demo.>`" in refusal.value.message
