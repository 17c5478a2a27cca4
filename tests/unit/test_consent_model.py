"""Random families: the real decision and a reference written apart agree on every step."""

import pytest

from consent import family
from tests.model.driver import DisagreementError, drive


def test_the_decision_agrees_with_the_reference_on_every_step() -> None:
    """What is delivered, refused and read is what a naive reading of the guidance says."""
    counts = drive(2_000)

    assert counts["steps"] == 2_000
    # Otherwise the families would be of a kind about which there is nothing to decide.
    for happened in ("delivered", "refused", "overtaken", "read.shown", "break_glass"):
        assert counts[happened] > 20, happened


def test_a_family_that_is_decided_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is no constant: a decision that lets a withdrawn consent carry is found."""
    kept = tuple(check for check in family.PER_CONSENT if check.rule != "consent.withdrawn")
    monkeypatch.setattr(family, "PER_CONSENT", kept)

    with pytest.raises(DisagreementError):
        drive(2_000)


def test_the_reference_tells_outcomes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that answers always alike is found too."""
    monkeypatch.setattr("tests.model.driver.answer", lambda *_: ({}, set()))

    with pytest.raises(DisagreementError):
        drive(200)
