"""The tables of the story: what was accepted, who read it, and, in a database apart, the keys.

No column holds a family's words except `statements.ciphertext` and `packs.ciphertext`, which open
only with the child's key. Instants are text in UTC as ledger records write them
(`contracts.kinds.iso`), so that they compare as they sort.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

STORY: Final = MetaData()
KEYS: Final = MetaData()

_ID: Final = 64
_AGENCY: Final = 80
_HOLDER: Final = 120
_INSTANT: Final = 32

MESSAGES: Final = Table(
    "messages",
    STORY,
    Column("ledger", BigInteger, primary_key=True, autoincrement=False),
    Column("child", String(_ID), nullable=False),
    Column("message", String(_ID), nullable=False),
    Column("lane", String(_HOLDER), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("sender", String(_AGENCY), nullable=False),
    Column("kind", String(_ID), nullable=False),
    Column("basis", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("protection", Boolean, nullable=False),
    Column("accepted_at", String(_INSTANT), nullable=False),
    UniqueConstraint("sender", "message"),
    Index("messages_child", "child"),
)
"""One accepted message; `ledger` is the sequence of its journey entry.

`basis` is the contract's JSON form, `recipients` a JSON array of agency ids.
"""

STATEMENTS: Final = Table(
    "statements",
    STORY,
    Column("ledger", ForeignKey("messages.ledger", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("digest", String(_ID), nullable=False),
    Column("category", String(_ID), nullable=False),
    Column("question", Integer, nullable=False),
    Column("own", Boolean),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
)
"""One statement of a message, at its `place` in the message's order.

`own`: the sender's agency recorded it itself, and carried it on from no other's message. It is
null in a row from before the column, until the statement has been opened (`own_words.settle`).
"""

PACKS: Final = Table(
    "packs",
    STORY,
    Column("ledger", ForeignKey("messages.ledger", ondelete="CASCADE"), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("listed", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
)
"""A message's statements once more, together (`services.story.packing`).

`listed` is a JSON array: the pack's version, then seven arrays as long as the message has
statements, in their order: their places, their digests, their categories, the numbers of their
questions, whether they are the sender's own words, and where in the pack the disclosure of each
begins and ends.
"""

WITHDRAWALS: Final = Table(
    "withdrawals",
    STORY,
    Column("ledger", ForeignKey("messages.ledger", ondelete="CASCADE"), primary_key=True),
    Column("child", String(_ID), nullable=False),
    Column("sender", String(_AGENCY), nullable=False),
    Column("message", String(_ID), nullable=False),
    Index("withdrawals_child", "child"),
)
"""That a sender withdrew its own `message`; `ledger` is the sequence of the withdrawal."""

COPIES: Final = Table(
    "copies",
    STORY,
    Column("ledger", ForeignKey("messages.ledger", ondelete="CASCADE"), primary_key=True),
    Column("message", String(_ID), nullable=False),
)
"""A redirected request (`ledger`), and the request whose statements it repeats (`message`)."""

READS: Final = Table(
    "reads",
    STORY,
    Column("id", Integer, primary_key=True),
    Column("practitioner", String(_HOLDER), nullable=False),
    Column("agency", String(_AGENCY), nullable=False),
    Column("read_at", String(_INSTANT), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("child", String(_ID), nullable=False),
    Column("message", String(_ID)),
    Column("basis", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("shown_count", Integer, nullable=False),
    Column("withheld", Integer, nullable=False),
    Column("nonce", String(_ID), nullable=False),
    UniqueConstraint("practitioner", "nonce"),
    Index("reads_child", "child"),
)
"""Who read what, when and why; `basis`, `rules` and `shown` (digests) are JSON arrays."""

CURSORS: Final = Table(
    "cursors",
    STORY,
    Column("ledger", BigInteger, primary_key=True, autoincrement=False),
    Column("lane", String(_HOLDER), nullable=False),
    Column("sequence", BigInteger, nullable=False),
)
"""Cursor records that have been read while something before them may still be outstanding."""

LANES: Final = Table(
    "lanes",
    STORY,
    Column("lane", String(_HOLDER), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
"""For each lane the last submission up to which every accepted statement is stored."""

ERASED: Final = Table(
    "erased",
    STORY,
    Column("child", String(_ID), primary_key=True),
    Column("erased_at", String(_INSTANT), nullable=False),
)
"""Children whose story was erased: nothing accepted until then is ever stored again."""

SET_ASIDE: Final = Table(
    "set_aside",
    STORY,
    Column("ledger", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", String(_HOLDER), nullable=False),
    Column("digest", String(_ID), nullable=False),
    Column("reason", String(_ID), nullable=False),
    Column("set_aside_at", String(_INSTANT), nullable=False),
)
"""Ledger records that could not be stored and never can be; never their bytes."""

CHILD_KEYS: Final = Table(
    "child_keys",
    KEYS,
    Column("child", String(_ID), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("made_at", String(_INSTANT), nullable=False),
)
"""The key of each child, 256 bits, under which the keys of its statements are wrapped."""
