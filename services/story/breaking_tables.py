"""What is kept of reads that were refused, and of notices that somebody broke the glass."""

from typing import Final

from sqlalchemy import Column, Index, Integer, String, Table, Text

from services.story.tables import STORY

_ID: Final = 64
_HOLDER: Final = 120
_INSTANT: Final = 32

REFUSED_READS: Final = Table(
    "refused_reads",
    STORY,
    Column("id", Integer, primary_key=True),
    Column("practitioner", String(_HOLDER), nullable=False),
    Column("agency", String(_HOLDER), nullable=False),
    Column("asked_at", String(_INSTANT), nullable=False),
    Column("child", String(_ID), nullable=False),
    Column("message", String(_ID)),
    Column("purpose", Text, nullable=False),
    Column("code", String(_ID), nullable=False),
    Index("refused_reads_child", "child"),
)
"""Who asked for what and was refused, with the code that was answered.

`practitioner` and `child` are empty where it was not proven who asked.
"""

GLASS_NOTICES: Final = Table(
    "glass_notices",
    STORY,
    Column("id", String(_ID), primary_key=True),
    Column("child", String(_ID), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("submitted_at", String(_INSTANT)),
)
"""A sealed notice that a glass was broken; `submitted_at` once the lane is sure to hold it."""
