"""The tables of `handrail track`, as a person reads them."""

from typing import Any

import pytest

from services.cli.output import when
from services.cli.tracking_tables import show_clocks, show_telling

EARLY, LATE = "2026-03-03T09:00:00.000Z", "2026-03-05T17:00:00.000Z"


def telling(**changes: Any) -> dict[str, Any]:
    """A family that has not been told yet."""
    return {
        "message": "MESSAGE0000000000000001",
        "person": "family",
        "agency": None,
        "agencies": [],
        "state": "not_yet",
        "due_at": LATE,
        "late": False,
        "told_at": None,
        "recorded_at": None,
        "how": None,
        "form": None,
        "by": None,
        "because": None,
        "acknowledged_at": None,
        **changes,
    }


def clock(**changes: Any) -> dict[str, Any]:
    """A clock that runs."""
    return {
        "id": "decide:MESSAGE0000000000000001",
        "title": "Decide",
        "agency": "demo.front-door",
        "started_at": EARLY,
        "started_arrived_at": EARLY,
        "due_at": LATE,
        "original_due_at": LATE,
        "stopped_at": None,
        "stopped_arrived_at": None,
        "state": "running",
        "extensions": [],
        "pauses": [],
        "warned": None,
        "manager": None,
        "explained": None,
        "notice": None,
        "evidence_late": False,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "not yet"),
        ({"late": True}, "not yet, overdue"),
        ({"state": "told", "how": "recorded"}, "told as recorded"),
        ({"state": "told", "how": "later", "late": True}, "told late by a later message"),
        (
            {"state": "not_appropriate", "because": "unsafe_for_child"},
            "not appropriate: unsafe for child",
        ),
    ],
)
def test_telling_is_said_in_words(
    changes: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told, not yet, overdue, or why it was not appropriate."""
    show_telling([telling(**changes)])

    assert words in " ".join(capsys.readouterr().out.split())


def test_when_it_took_place_stands_beside_when_it_arrived(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both instants are shown where they differ, one where they do not."""
    show_telling([telling(state="told", told_at=EARLY, recorded_at=LATE)])
    show_clocks([clock(stopped_at=EARLY, stopped_arrived_at=EARLY)])
    shown = capsys.readouterr().out

    assert when(EARLY) in shown
    assert f"(arrived {when(LATE)})" in shown
    assert f"(arrived {when(EARLY)})" not in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"original_due_at": EARLY}, f"(before: {when(EARLY)})"),
        (
            {"extensions": [{"by": "x.y.z", "because": "court_or_police", "effective": True}]},
            "extended by x.y.z: court or police",
        ),
        (
            {"extensions": [{"by": "x.y.z", "because": "other", "effective": False}]},
            "extension without effect by x.y.z",
        ),
        (
            {
                "pauses": [
                    {
                        "by": "x.y.z",
                        "because": "family_wishes",
                        "effective": True,
                        "at": EARLY,
                        "until": None,
                    }
                ]
            },
            f"paused {when(EARLY)} by x.y.z: family wishes",
        ),
        ({"warned": "NOTICE1"}, "warned before the end (NOTICE1)"),
        ({"notice": "NOTICE1", "manager": "x.y.m"}, "manager told: x.y.m"),
        ({"notice": "NOTICE1"}, "reason not recorded yet"),
        (
            {"explained": {"by": "x.y.z", "at": LATE, "cause": "workload"}, "notice": "N"},
            f"explained by x.y.z on {when(LATE)}: workload",
        ),
        ({"evidence_late": True}, "kept in time; the evidence came later"),
    ],
)
def test_what_was_said_about_a_clock_stands_with_it(
    changes: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Extension, pause, warning, the manager told, the reason, and evidence that came late."""
    show_clocks([clock(**changes)])
    shown = capsys.readouterr().out

    assert words in shown or words in " ".join(shown.split())
