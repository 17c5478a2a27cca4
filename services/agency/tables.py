"""The tables of an agency's own store: deliveries, to whom they are addressed, openings, the rest.

A column is never added to a table that a store may hold already; what is new gets a table beside.
"""

from typing import Final

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, Text

METADATA: Final = MetaData()
DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("message", String(40), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("child", String(40), nullable=False),
    Column("sender", String(64), nullable=False),
    Column("received", String(32), nullable=False),
    Column("protection", Boolean, nullable=False),
    Column("alert", Boolean, nullable=False),
    Column("history", Boolean, nullable=False),
    Column("person", String(96), nullable=False),
    Column("answers", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sealed", String(64), nullable=False),
    Column("record", Text, nullable=False),
)
OPENINGS: Final = Table(
    "openings",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("message", String(40)),
    Column("practitioner", String(96), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    Column("source", String(16), nullable=False),
)
ADDRESSED: Final = Table(
    "addressed",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("message", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("practitioner", String(96)),
    Column("capacity", String(32)),
)
HANDED: Final = Table(
    "handed",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("child", String(40), nullable=False),
    Column("giver", String(96), nullable=False),
    Column("taker", String(96), nullable=False),
)
NOT_TO_KNOW: Final = Table(
    "not_to_know",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("child", String(40), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("practitioners", Text, nullable=False),
)
TRIES: Final = Table(
    "tries",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("begun", Integer, nullable=False),
)
QUARANTINE: Final = Table(
    "quarantine",
    METADATA,
    Column("agency", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)
