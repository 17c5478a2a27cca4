"""What an operator sets for a cluster: its servers' addresses, and how many copies of a stream."""

import pytest

from contracts.errors import HandrailError
from services.exchange.streams import lane_config, ledger_config
from services.runtime.broker import NkeyBroker
from services.runtime.connection import servers_of
from services.runtime.nkeys import NKey
from services.runtime.settings import Settings


@pytest.mark.parametrize("replicas", ["1", "3", "5"])
def test_streams_may_have_an_odd_number_of_copies(
    monkeypatch: pytest.MonkeyPatch, replicas: str
) -> None:
    """One, three and five copies are taken, for the ledger and for a lane."""
    monkeypatch.setenv("HANDRAIL_REPLICAS", replicas)
    wanted = Settings.load().replicas
    assert ledger_config(wanted).num_replicas == int(replicas)
    assert lane_config("SUBMIT_x", "submit.x.>", wanted).num_replicas == int(replicas)


@pytest.mark.parametrize("replicas", ["0", "2", "4", "7", "three"])
def test_a_number_of_copies_without_a_majority_of_its_own_is_refused(
    monkeypatch: pytest.MonkeyPatch, replicas: str
) -> None:
    """Two copies stand still when one is lost, as one would; the setting is named."""
    monkeypatch.setenv("HANDRAIL_REPLICAS", replicas)
    with pytest.raises(HandrailError, match="replicas"):
        Settings.load()


def test_the_servers_of_a_cluster_are_named_in_one_address_joined_by_commas() -> None:
    """Spaces and a comma too many do no harm; a single address stays as it is."""
    assert servers_of("nats://a:1") == ["nats://a:1"]
    assert servers_of("nats://a:1, nats://b:2,") == ["nats://a:1", "nats://b:2"]


def test_a_broker_is_given_every_server_of_a_cluster() -> None:
    """The same text as for a single server serves, and each address is tried by itself."""
    broker = NkeyBroker("nats://127.0.0.1:1,nats://127.0.0.2:2", nkey=NKey.generate())
    assert broker._connection_kwargs["servers"] == ["nats://127.0.0.1:1", "nats://127.0.0.2:2"]
