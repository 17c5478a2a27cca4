"""What every value of the contract has in common: frozen, closed, and times with a zone."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Value(BaseModel):
    """Be immutable and refuse members that the contract does not name."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, cache_strings="keys"
    )


_RFC3339 = re.compile(
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
    r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _as_rfc3339(given: object) -> object:
    """Turn away every other spelling that the library would read, and years no clock can use."""
    if isinstance(given, datetime) or (isinstance(given, str) and _RFC3339.fullmatch(given)):
        return given
    msg = "an instant is RFC 3339 with its zone, from 1900 to 2199"
    raise ValueError(msg)


Instant = Annotated[AwareDatetime, BeforeValidator(_as_rfc3339)]
"""An instant with its time zone, RFC 3339 in JSON, in the years 1900 to 2199."""

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
