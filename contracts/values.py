"""What every value of the contract has in common: frozen, closed, and times with a zone."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints


class Value(BaseModel):
    """Be immutable and refuse members that the contract does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


Instant = AwareDatetime
"""An instant with its time zone, RFC 3339 in JSON."""

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
