"""A power cut: what was acknowledged is on the disk, and the test could tell if it were not."""

import json
import sys
from pathlib import Path

import pytest

from tests.faults.kept import run_once
from tests.faults.proving import MESSAGES

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_power_cut_keeps_every_acknowledged_message_with_our_setting_alone(
    tmp_path: Path,
) -> None:
    """With `sync_interval: always` nothing acknowledged is lost, and with the default something is.

    The second half shows that the way of cutting the power would find a loss.
    """
    command = [sys.executable, "-m", "tests.faults.proving", "--dir", str(tmp_path)]
    code, said, wrong = await run_once(command, 90)
    assert code == 0, wrong
    kept = json.loads(said)
    if "not here" in kept:
        pytest.skip(kept["not here"])
    assert kept["always"] == MESSAGES
    assert kept["default"] < MESSAGES
