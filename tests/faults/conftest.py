"""The servers of the live tests, for faults made on purpose."""

from tests.live.conftest import hub, nats_url, server_factory

__all__ = ["hub", "nats_url", "server_factory"]
