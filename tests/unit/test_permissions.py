"""The table of permissions is the configuration, pattern for pattern."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts import subjects
from services.runtime.nats_config import Gateway, ServerPlan, ServiceUser, render
from services.runtime.nats_plan import ServiceRole
from services.runtime.nkeys import NKey, inbox_prefix
from tests.pages.permissions import Identity, identities, matches
from tests.unit.test_nats_config import PLAN

AGENCIES = ("demo.alpha-school", "demo.alpha-nursery")
KEYS = {one.name: NKey.generate().public for one in identities()}
MADE: ServerPlan = replace(
    PLAN,
    services=tuple(ServiceUser(f"demo.{role}", KEYS[role]) for role in ServiceRole),
    gateways=(
        Gateway(
            "alpha",
            KEYS["gateway.service"],
            KEYS["gateway.desk"],
            AGENCIES,
            (KEYS["gateway.retiring-service"],),
            (KEYS["gateway.retiring-desk"],),
            KEYS["gateway.probe"],
        ),
    ),
)


def rendered(identity: Identity) -> tuple[str, dict[str, Any]]:
    """Return the account and the permissions of an identity in the configuration."""
    ((account, user),) = [
        (name, user)
        for name, account in json.loads(render(MADE))["accounts"].items()
        for user in account.get("users", ())
        if user["nkey"] == KEYS[identity.name]
    ]
    permissions: dict[str, Any] = user["permissions"]
    return account, permissions


@pytest.mark.parametrize("identity", identities(), ids=lambda one: one.name)
def test_the_configuration_grants_what_the_table_says(identity: Identity) -> None:
    """No pattern is granted or denied that the table lacks, and none of the table is missing."""
    names = {
        "agency": AGENCIES,
        "inbox": tuple(f"LEDGER.{subjects.inbox_consumer(one)}" for one in AGENCIES),
        "me": (f"demo.{identity.name}",),
        "replies": (inbox_prefix(KEYS[identity.name]),),
        "desks": tuple(
            inbox_prefix(KEYS[desk]) for desk in ("gateway.desk", "gateway.retiring-desk")
        ),
    }
    account, granted = rendered(identity)

    assert account == identity.account.replace("<gateway>", "alpha")
    assert set(granted["publish"]["allow"]) == identity.published(names)
    assert set(granted["publish"].get("deny", ())) == identity.denied(names)
    assert set(granted["subscribe"]["allow"]) == identity.subscribed(names)


def test_the_table_names_every_identity() -> None:
    """Every user of every account stands in the table, so nobody is without a line."""
    accounts = json.loads(render(MADE))["accounts"].values()
    users = {user["nkey"] for account in accounts for user in account.get("users", ())}

    assert users == set(KEYS.values())
    assert {str(role) for role in ServiceRole} <= set(KEYS)


@pytest.mark.parametrize(
    ("pattern", "subject", "matched"),
    [
        ("a.>", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.*", "a.>", False),
        ("a.b", "a.*", False),
        (">", ">", True),
        ("a.>", "a.>", True),
        ("a.b.>", "a.>", False),
        ("*.b", "a.b", True),
    ],
)
def test_patterns_are_compared_as_the_server_does(
    pattern: str, subject: str, matched: bool
) -> None:
    """A wildcard stands for one token or for all that follow, and is itself covered by the same."""
    assert matches(pattern, subject) is matched
