"""`handrail up`: what keeps a service from starting is told, and an outage is told once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from contracts.errors import HandrailError
from services.cli import supervisor
from services.cli.founding import create
from services.cli.supervisor import Supervisor
from services.runtime.connection import ConnectionEvents


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TypeError("what a family said"), "service.not-started"),
        (HandrailError("nats.unreachable", "no server", "start it"), "nats.unreachable"),
    ],
)
async def test_a_service_that_fails_to_start_is_told_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    """The start ends with an error that has code and remedy and repeats no text of a library."""

    async def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(supervisor, "SERVICES", {"tracker": ("", {})})
    monkeypatch.setattr(supervisor, "service", lambda _: fail)
    made = create(tmp_path / "state", now=datetime.now(UTC))
    started = Supervisor(made, lambda _: None)
    with pytest.raises(HandrailError) as raised:
        await started.start()
    await started.stop()
    assert raised.value.code == code
    assert raised.value.remedy
    assert "family" not in str(raised.value)


async def test_failing_to_connect_is_told_once_in_an_outage_and_every_half_minute() -> None:
    """However often a connection is tried, its log has one line, and one more each 30 seconds."""
    told: list[str] = []
    seconds = [0.0]
    callbacks = ConnectionEvents(None, told.append, lambda: seconds[0]).callbacks()
    for second in (0.0, 0.2, 29.9, 30.0, 30.2):
        seconds[0] = second
        await callbacks["error_cb"](ConnectionRefusedError())
    assert told == ["nats.connecting-failed"] * 2
    await callbacks["reconnected_cb"]()
    await callbacks["error_cb"](ConnectionRefusedError())
    assert told[2:] == ["nats.reconnected", "nats.connecting-failed"]
