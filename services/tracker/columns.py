"""What columns of the tracker's tables share: instants in UTC, references, and ids of holders."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, String, TypeDecorator

REFERENCE: Final = String(40)
HOLDER: Final = String(96)


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant, kept as UTC; SQLite, which knows no zones, gives it back with its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's own
    ) -> datetime | None:
        """Return `value` in UTC, as the database is to hold it."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(
        self,
        value: Any | None,  # noqa: ANN401 - whatever the driver gives
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's own
    ) -> datetime | None:
        """Return what the database holds as an aware instant in UTC."""
        if value is None:
            return None
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
