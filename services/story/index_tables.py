"""The tables of the blinded index, and of who asked it; the matching key lies with the other keys.

No column holds anything but references, ids, codes, instants and keyed digests.
"""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, String, Table

from services.story.tables import KEYS, STORY

_ID: Final = 64
_AGENCY: Final = 80
_HOLDER: Final = 120
_INSTANT: Final = 32

MARKS: Final = Table(
    "marks",
    STORY,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("child", String(_ID), primary_key=True),
    Column("mark", SmallInteger, primary_key=True, autoincrement=False),
    Index("marks_child", "child"),
    sqlite_with_rowid=False,
)
"""A keyed digest of something that identifies a child, and what it stands for (`matching.Mark`)."""

DUE: Final = Table(
    "marks_due",
    STORY,
    Column("child", String(_ID), primary_key=True),
)
"""Children whose marks have to be made anew, written in the transaction that makes it so."""

PAIRS: Final = Table(
    "pairs",
    STORY,
    Column("one", String(_ID), primary_key=True),
    Column("other", String(_ID), primary_key=True),
    Column("likeness", SmallInteger, nullable=False),
    Column("found_at", String(_INSTANT), nullable=False),
    Column("different_by", String(_HOLDER)),
    Column("different_at", String(_INSTANT)),
    Index("pairs_other", "other"),
)
"""Two references that may be one child, `one` before `other`, and who found that they are not."""

ASKED: Final = Table(
    "matches_asked",
    STORY,
    Column("id", Integer, primary_key=True),
    Column("practitioner", String(_HOLDER), nullable=False),
    Column("agency", String(_AGENCY), nullable=False),
    Column("asked_at", String(_INSTANT), nullable=False),
    Column("kind", String(_ID), nullable=False),
    Column("child", String(_ID), nullable=False),
    Column("verdict", String(_ID), nullable=False),
    Column("told", String(_ID)),
    Column("nonce", String(_ID), nullable=False),
    Index("matches_asked_by", "practitioner", "asked_at"),
    Index("matches_asked_nonce", "practitioner", "nonce", unique=True),
)
"""Who asked whether a child is known, before which message, and what was told.

`child` is the fresh reference that the asker was about to use, `told` the one that is known.
"""

MATCHING_KEYS: Final = Table(
    "matching_keys",
    KEYS,
    Column("purpose", String(_ID), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("made_at", String(_INSTANT), nullable=False),
)
"""The partnership's matching key, 256 bits; without it the marks tell nothing."""
