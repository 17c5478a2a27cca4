"""The head of a journey shows what somebody who looks for the first time must not overlook."""

from typing import Any

import pytest

from services.cli.tracking import _remarks

QUIET: dict[str, Any] = {
    "support": "",
    "moved_to": "",
    "lead_left": False,
    "assessment": None,
    "linked": [],
    "linked_into": None,
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"support": "declined"}, "has declined support"),
        ({"moved_to": "E08000003"}, "has moved to E08000003"),
        ({"lead_left": True}, "has left"),
        ({"linked_into": "SURVIVOR000000000000"}, "goes on under SURVIVOR000000000000"),
        ({"linked": ["RETIRED0000000000000"]}, "RETIRED0000000000000 was retired into this"),
        ({"assessment": {"by": "demo.social-care", "started": False}}, "called for"),
        ({"assessment": {"by": "demo.social-care", "started": True}}, "under way"),
    ],
)
def test_what_must_not_be_overlooked_is_said(changed: dict[str, Any], said: str) -> None:
    """A family's no, a move, a lead who has left, a join and an assessment each have a line."""
    ((_, words),) = _remarks(QUIET | changed)
    assert said in words


def test_a_quiet_journey_has_no_remarks() -> None:
    """Nothing is said where there is nothing to say."""
    assert list(_remarks(QUIET)) == []
