"""What an operator may set, from the environment or from a command line.

Every setting is an environment variable `HANDRAIL_` plus its name in capitals. An unknown variable
with that prefix is refused, because a mistyped setting would otherwise be a setting lost.
"""

import os
from datetime import date, time
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.errors import HandrailError

PREFIX: Final = "HANDRAIL_"


class Settings(BaseSettings):
    """Hold one process's settings; frozen, so that nothing changes them once it has started."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    state_dir: Path = Field(Path(".handrail"), description="Folder of all local state.")
    nats_url: str | None = Field(
        None, description="Server to use in place of the one that the folder of state names."
    )
    tracker_database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the tracker's store; SQLite in the folder of state."
    )
    key_passphrase: SecretStr | None = Field(
        None, description="Encrypts the private keys in the folder of state."
    )
    closing_days: Annotated[tuple[date, ...], NoDecode] = Field(
        (), description="Further days closed besides England's, as dates joined by commas."
    )
    closing_time: time = Field(
        time(17, 0), description="End of a working day, England's local time."
    )
    clock_tick_s: float = Field(
        5.0, gt=0, le=300, description="Seconds between two looks at the running clocks."
    )
    hold_s: float = Field(
        3600.0,
        ge=0,
        le=14 * 24 * 3600,
        description="Seconds that the exchange holds what depends on something still to arrive; "
        "0 refuses it at once.",
    )
    delivery_limit: int = Field(
        20, ge=1, le=1000, description="Deliveries of one message before it goes to quarantine."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("closing_days", mode="before")
    @classmethod
    def _split_days(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(day.strip() for day in value.split(",") if day.strip())
        return value

    @field_validator("closing_time")
    @classmethod
    def _refuse_zone(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError
        return value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment; `overrides` win over it, and None among them means unset.

        Raises `HandrailError` `settings.invalid`, which names the settings at fault and never
        their values.
        """
        known = {PREFIX + name.upper() for name in cls.model_fields}
        faulty = {name for name in os.environ if name.upper().startswith(PREFIX)} - {
            name for name in os.environ if name.upper() in known
        }
        try:
            settings = cls(**{key: value for key, value in overrides.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            faulty |= {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        else:
            if not faulty:
                return settings
        raise _invalid(faulty)


def _invalid(names: set[str]) -> HandrailError:
    return HandrailError(
        "settings.invalid",
        f"unknown, or with a value that cannot be used: {', '.join(sorted(names))}",
        "correct them in the environment or on the command line; "
        "their meaning is in the reference of settings",
    )
