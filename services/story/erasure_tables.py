"""The tables of erasing: what was ordered and whether it is done, and a child's next key.

They hold references, digests and codes; no word and nothing that opens one, but for the key that
is about to take the place of a child's present one.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text

from services.story.tables import KEYS, STORY

_ID: Final = 64
_HOLDER: Final = 120
_INSTANT: Final = 32

ERASURES: Final = Table(
    "erasures",
    STORY,
    Column("ledger", BigInteger, primary_key=True, autoincrement=False),
    Column("child", String(_ID), nullable=False),
    Column("id", String(_ID), nullable=False),
    Column("agency", String(_HOLDER), nullable=False),
    Column("message", String(_ID)),
    Column("sender", String(_HOLDER)),
    Column("digests", Text, nullable=False),
    Column("because", String(_ID), nullable=False),
    Column("ordered_at", String(_INSTANT), nullable=False),
    Column("statements", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
    Index("erasures_child", "child"),
)
"""One accepted `story.erased` (`id`, of `agency`); `ledger` is the sequence of its journey entry.

`message` is the one message meant, `digests` a JSON array; with neither everything is meant that
the ledger holds before it. `sender`, where set, is the only agency whose words may be erased.
`statements` counts what was removed; `done` tells that the files have been rewritten since.
"""

NEXT_KEYS: Final = Table(
    "next_keys",
    KEYS,
    Column("child", String(_ID), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("made_at", String(_INSTANT), nullable=False),
)
"""The key under which what is left of a child's story is being wrapped anew."""
