"""`handrail send` and a held message: what it says at once, and at a later look."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli import sending as cli_sending
from services.cli.founding import create
from services.cli.main import app
from services.runtime.partnership import Partnership
from tests.unit.cli_exchange import Exchange

RUNNER = CliRunner()
EXAMPLES = Path(__file__).parents[2] / "examples"
UNKNOWN = EXAMPLES / "refused" / "consent.unknown" / "names-a-consent-nobody-holds.json"
AUTHOR = "demo.riverside-surgery.peter-voss"


@pytest.fixture
def partnership(tmp_path: Path) -> Partnership:
    """Give a demonstration partnership of the test's own."""
    return create(tmp_path / "state", now=datetime.now(UTC), demonstration=True)


@pytest.fixture
def exchange(partnership: Partnership, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """Give an exchange in memory that holds, and connect every desk to it."""
    made = Exchange(partnership, hold=True)
    monkeypatch.setattr(cli_sending, "desk", made.desk)
    return made


def send(partnership: Partnership, *arguments: str) -> Result:
    """Run `handrail send` of the document that names a consent nobody holds."""
    words = ["send", str(UNKNOWN), "--as", AUTHOR, *arguments]
    return RUNNER.invoke(app, [*words, "--dir", str(partnership.folder), "--timeout", "1"])


@pytest.mark.usefixtures("exchange")
def test_a_held_message_ends_with_exit_code_five_and_says_what_it_waits_for(
    partnership: Partnership,
) -> None:
    """Until when, for what, and how to look for the final answer."""
    shown = send(partnership)
    assert shown.exit_code == 5
    assert "Held" in shown.stdout
    assert "waits until" in shown.stdout
    assert "consent.unknown" in shown.stdout
    assert "--resend" in shown.stdout


@pytest.mark.usefixtures("exchange")
def test_a_held_message_is_told_to_machines(partnership: Partnership) -> None:
    """The outcome, the instant and the reasons stand in the JSON."""
    told = json.loads(send(partnership, "--json").stdout)
    assert told["outcome"] == "held"
    assert datetime.fromisoformat(told["held_until"]) > datetime.now(UTC)
    assert [reason["code"] for reason in told["reasons"]] == ["consent.unknown"]


def test_a_later_look_shows_what_has_become_of_it(
    partnership: Partnership, exchange: Exchange
) -> None:
    """Still held, nothing is sent again; afterwards the final answer takes the notice's place."""
    message = json.loads(send(partnership, "--json").stdout)["message"]
    again = send(partnership, "--resend", message)
    assert again.exit_code == 5
    assert len(exchange.published) == 1

    exchange.hold = False
    asyncio.run(exchange.publish(*exchange.published[0]))
    final = send(partnership, "--resend", message, "--json")
    assert final.exit_code == 3
    assert json.loads(final.stdout)["outcome"] == "refused"
    assert json.loads(final.stdout)["held_until"] is None
