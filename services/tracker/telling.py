"""How it stands with telling somebody."""

from enum import StrEnum


class Telling(StrEnum):
    """How it stands with telling somebody; whether it is overdue is for who asks to work out."""

    NOT_YET = "not_yet"
    TOLD = "told"
    NOT_APPROPRIATE = "not_appropriate"
    WITHDRAWN = "withdrawn"
