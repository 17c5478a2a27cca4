"""What an operator may set, from the environment or from a command line.

Every setting is an environment variable `HANDRAIL_` plus its name in capitals. An unknown variable
with that prefix is refused, because a mistyped setting would otherwise be a setting lost.
"""

import os
from datetime import date, time
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.errors import HandrailError
from services.runtime.tokens import TokenSettings

PREFIX: Final = "HANDRAIL_"


class Settings(BaseSettings):
    """Hold one process's settings; frozen, so that nothing changes them once it has started."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    state_dir: Path = Field(Path(".handrail"), description="Folder of all local state.")
    nats_url: str | None = Field(
        None,
        description="Server to use in place of the one that the folder of state names; those of "
        "one cluster joined by commas.",
    )
    nats_ca: Path | None = Field(
        None,
        description="Certificate of the authority for NATS servers; tls/ca.pem in the folder of "
        "state where that is there.",
    )
    replicas: int = Field(
        1,
        description="Servers of a cluster on which the exchange keeps a stream that it makes; "
        "streams that are there already stay as they are.",
    )
    tracker_database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the tracker's store; SQLite in the folder of state."
    )
    key_passphrase: SecretStr | None = Field(
        None, description="Encrypts the private keys in the folder of state."
    )
    key_passphrase_file: Path | None = Field(
        None, description="File that holds the passphrase, in place of the setting itself."
    )
    pkcs11_module: Path | None = Field(
        None, description="Library of the hardware module that holds signing keys."
    )
    pkcs11_token: str | None = Field(None, description="Label of its token.")
    pkcs11_pin: SecretStr | None = Field(None, description="PIN of the token's user.")
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
    lane_rate: float = Field(
        100.0,
        ge=0,
        le=100_000,
        description="Submissions a second that the exchange decides of one agency in the long run; "
        "more of them wait their turn. Child protection never waits for it. 0 sets no bound.",
    )
    delivery_limit: int = Field(
        20,
        ge=1,
        le=1000,
        description="Deliveries of one message before it goes to quarantine for failing by itself.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("closing_days", mode="before")
    @classmethod
    def _split_days(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(day.strip() for day in value.split(",") if day.strip())
        return value

    @field_validator("replicas")
    @classmethod
    def _refuse_even(cls, value: int) -> int:
        if value not in (1, 3, 5):  # a stream without a majority stands still
            raise ValueError
        return value

    @field_validator("closing_time")
    @classmethod
    def _refuse_zone(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError
        return value

    @property
    def token(self) -> TokenSettings | None:
        """Return where signing keys are kept in hardware, or None where nothing says so."""
        module, token, pin = self.pkcs11_module, self.pkcs11_token, self.pkcs11_pin
        if module is None or token is None or pin is None:
            return None
        return TokenSettings(module, token, pin)

    @model_validator(mode="before")
    @classmethod
    def _read_passphrase(cls, values: dict[str, object]) -> dict[str, object]:
        file = values.get("key_passphrase_file")
        if not file or values.get("key_passphrase"):
            return values
        try:
            read = Path(str(file)).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError):
            read = ""
        return {**values, "key_passphrase": read} if read else {**values, "key_passphrase_file": 0}

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
