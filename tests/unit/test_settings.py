"""Settings come from the environment, and a mistake among them is named without its value."""

from datetime import date, time
from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.errors import HandrailError
from services.runtime.settings import Settings

SECRET = "hunter2"


def test_settings_have_a_value_without_an_environment() -> None:
    """A fresh machine needs no setting; no database is named."""
    settings = Settings.load()

    assert settings.state_dir == Path(".handrail")
    assert settings.closing_time == time(17, 0)
    assert settings.tracker_database_url is None


def test_the_environment_is_read_and_overrides_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable sets, an argument overrides it, and None as an argument does neither."""
    monkeypatch.setenv("HANDRAIL_CLOSING_DAYS", "2026-12-24, 2026-12-31")
    monkeypatch.setenv("HANDRAIL_STATE_DIR", "/one")
    monkeypatch.setenv("HANDRAIL_CLOCK_TICK_S", "2")

    settings = Settings.load(state_dir=Path("/two"), clock_tick_s=None)

    assert settings.closing_days == (date(2026, 12, 24), date(2026, 12, 31))
    assert settings.state_dir == Path("/two")
    assert settings.clock_tick_s == 2


def test_a_wrong_or_unknown_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every setting at fault is named at once, and no value is repeated."""
    monkeypatch.setenv("HANDRAIL_CLOCK_TICK_S", SECRET)
    monkeypatch.setenv("HANDRAIL_TRACKER_DATABSE_URL", SECRET)

    with pytest.raises(HandrailError) as caught:
        Settings.load(closing_time=SECRET, colour=SECRET)

    assert caught.value.code == "settings.invalid"
    assert SECRET not in str(caught.value)
    for name in ("clock_tick_s", "HANDRAIL_TRACKER_DATABSE_URL", "closing_time", "colour"):
        assert name in caught.value.message


def test_a_secret_does_not_show_in_the_text_of_settings() -> None:
    """A password in a database URL and the passphrase stay out of any text form."""
    settings = Settings.load(
        tracker_database_url=f"postgresql://a:{SECRET}@b/c", key_passphrase=SECRET
    )

    assert SECRET not in repr(settings)
    assert settings.tracker_database_url is not None
    assert SECRET in settings.tracker_database_url.get_secret_value()


def test_settings_cannot_be_changed() -> None:
    """Nothing alters a setting once the process has started."""
    with pytest.raises(ValidationError):
        Settings.load().clock_tick_s = 1.0  # type: ignore[misc]
