"""The tables of attachments: which statements have one, and apart what is stored, encrypted.

The large rows are a database of their own, so that rewriting the story's files after an erasure
does not rewrite every document. No column holds a key: that is in the statement.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from services.story.tables import STORY

OBJECTS: Final = MetaData()

_ID: Final = 64
_AGENCY: Final = 80
_INSTANT: Final = 32

ATTACHED: Final = Table(
    "attached",
    STORY,
    Column("ledger", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True),
    Column("child", String(_ID), nullable=False),
    Column("object", String(_ID), nullable=False),
    Index("attached_object", "object"),
)
"""That a statement has an attachment, `object`; outlives it until the object has been removed."""

STORED: Final = Table(
    "stored",
    OBJECTS,
    Column("object", String(_ID), primary_key=True),
    Column("agency", String(_AGENCY), nullable=False),
    Column("child", String(_ID), nullable=False),
    Column("size", Integer, nullable=False),
    Column("made_at", String(_INSTANT), nullable=False),
    Index("stored_agency", "agency"),
    Index("stored_child", "child"),
)
"""An object that `agency` began to upload at `made_at`; `size` is in bytes before encryption."""

CHUNKS: Final = Table(
    "chunks",
    OBJECTS,
    Column("object", ForeignKey("stored.object", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
)
"""The encrypted chunks of objects, numbered from 0."""

TICKETS: Final = Table(
    "tickets",
    OBJECTS,
    Column("ticket", String(_ID), primary_key=True),
    Column("object", ForeignKey("stored.object", ondelete="CASCADE"), nullable=False),
    Column("agency", String(_AGENCY), nullable=False),
    Column("until", String(_INSTANT), nullable=False),
    Index("tickets_object", "object"),
)
"""What lets an agency have the chunks of an object for a few minutes, after a recorded read."""
