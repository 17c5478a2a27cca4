"""What a person may see of a story now: decided again at each read, and recorded before it is told.

One transaction looks up the statements, decides, decrypts what is shown and nothing else, and
writes the read down; the answer goes out after it has been committed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, insert, select

from consent import KeptStatement, ReadRequest, Seen, decide_read
from contracts.consents import Basis
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import iso
from contracts.questions import Category
from contracts.roles import Role
from contracts.statements import Disclosed, binding, open_disclosures
from services.agency.faults import fault
from services.agency.reading import Asked
from services.agency.reading import ReadRequest as Request
from services.story.locking import Locked, damaged, unlock
from services.story.tables import MESSAGES, READS, STATEMENTS
from services.story.withdrawing import taken_back, withdrawn

_BASIS: Final[TypeAdapter[Basis]] = TypeAdapter(Basis)
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A verified request, the agency through which it came, and what that agency is now.

    `role` is None when the directory does not hold the agency any more.
    """

    asked: Asked
    agency: str
    role: Role | None

    @property
    def request(self) -> Request:
        """What the practitioner signed."""
        return self.asked.request


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: how many statements it shows and withholds, and its bytes, which no text shows."""

    shown: int
    withheld: int
    body: bytes = field(repr=False)


def known(connection: Connection, inquiry: Inquiry) -> list[Row[Any]]:
    """Return the accepted messages that `inquiry` is about, in the ledger's order.

    Only those that the asker's agency sent or was sent: of another one, and of a child it has no
    message about, it learns nothing, not even that there is one.
    """
    wanted = MESSAGES.c.child == inquiry.request.child
    if inquiry.request.message is not None:
        wanted &= MESSAGES.c.message == inquiry.request.message
    rows = connection.execute(select(MESSAGES).where(wanted).order_by(MESSAGES.c.ledger))
    return [r for r in rows if inquiry.agency in (r.sender, *orjson.loads(r.recipients))]


def read(
    connection: Connection,
    inquiry: Inquiry,
    journey: Journey,
    child_key: bytes | None,
    now: datetime,
) -> Answer:
    """Return what `inquiry` may see at `now`, and record the read.

    `journey` is the child's as it stands, `child_key` opens the child's statements. Of the whole
    story a withdrawn message is left out. Raises `read.replayed`, `story.not-found`,
    `story.withdrawn`, `story.erased`, `story.statement-damaged` and `story.too-large`; nothing is
    recorded then.
    """
    _refuse_replay(connection, inquiry.asked)
    messages = known(connection, inquiry)
    if not messages:
        raise not_found()
    by_ledger = _readable(connection, inquiry, messages, journey)
    statements = _statements(connection, list(by_ledger))
    kept = [_kept(s, by_ledger[s.ledger]) for s in statements]
    request = ReadRequest(inquiry.agency, inquiry.role, tuple(kept), journey.consents, now)
    decided = list(zip(statements, decide_read(request), strict=True))
    shown = [s for s, seen in decided if seen.shown]
    if shown and child_key is None:
        raise erased()
    opened = [_open(s, inquiry.request.child, child_key or b"") for s in shown]
    answer = _answer(shown, opened, by_ledger, withheld=len(statements) - len(shown))
    used = {by_ledger[s.ledger].basis for s in shown}
    _record(connection, inquiry, now, used, decided)
    return answer


def _readable(
    connection: Connection, inquiry: Inquiry, messages: Sequence[Row[Any]], journey: Journey
) -> dict[int, Row[Any]]:
    """Return those of `messages` that are not withdrawn; raises where one was asked for by name."""
    gone = withdrawn(connection, inquiry.request.child, messages, journey.withdrawn)
    left = {m.ledger: m for m in messages if m.ledger not in gone}
    if inquiry.request.message is not None and not left:
        raise taken_back()
    return left


def not_found() -> HandrailError:
    """Return the one answer to all that the asker's agency does not know, existing or not."""
    return HandrailError(
        "story.not-found",
        "your agency has no message of that reference about that child",
        "check both references; a message that your agency has only just sent "
        "can be read a moment later",
    )


def erased() -> HandrailError:
    """Return the answer for a message that the asker's agency received and whose words are gone."""
    return HandrailError(
        "story.erased",
        "the statements of this message have been erased",
        "ask the family again if their words are still needed",
    )


def _refuse_replay(connection: Connection, asked: Asked) -> None:
    used = select(READS.c.id).where(
        READS.c.practitioner == asked.practitioner, READS.c.nonce == asked.request.nonce
    )
    if connection.scalar(used) is not None:
        raise fault("read.replayed")


def _statements(connection: Connection, ledgers: Sequence[int]) -> Sequence[Row[Any]]:
    wanted = STATEMENTS.c.ledger.in_(ledgers)
    order = (STATEMENTS.c.ledger, STATEMENTS.c.place)
    return connection.execute(select(STATEMENTS).where(wanted).order_by(*order)).all()


def _kept(statement: Row[Any], message: Row[Any]) -> KeptStatement:
    return KeptStatement(
        category=Category(statement.category),
        basis=_BASIS.validate_json(message.basis),
        sender=message.sender,
        recipients=frozenset(orjson.loads(message.recipients)),
        protection=message.protection,
    )


def _open(statement: Row[Any], child: str, child_key: bytes) -> Disclosed:
    locked = Locked(bytes(statement.ciphertext), bytes(statement.wrapped_key))
    digest = statement.digest
    disclosure = unlock(locked, child, digest, child_key)
    # The set of one is bound afresh: what matters here is that the text has that digest.
    opened = open_disclosures((digest,), binding("", (digest,)), "", (disclosure,))
    if not isinstance(opened, tuple):
        raise damaged()
    return opened[0]


def _answer(
    shown: Sequence[Row[Any]],
    opened: Sequence[Disclosed],
    messages: dict[int, Row[Any]],
    *,
    withheld: int,
) -> Answer:
    told = [
        {
            "message": messages[row.ledger].message,
            "sender": messages[row.ledger].sender,
            "digest": one.digest,
            "disclosure": one.disclosure,
            "statement": one.statement.model_dump(mode="json", exclude_none=True),
        }
        for row, one in zip(shown, opened, strict=True)
    ]
    body = orjson.dumps({"statements": told, "withheld": withheld})
    if len(body) > _MOST_BYTES:
        raise HandrailError(
            "story.too-large",
            "the whole story is larger than one answer can be",
            "read it message by message",
        )
    return Answer(len(told), withheld, body)


def _record(
    connection: Connection,
    inquiry: Inquiry,
    now: datetime,
    used: Iterable[str],
    decided: Sequence[tuple[Row[Any], Seen]],
) -> None:
    request = inquiry.request
    bases = sorted({_BASIS.validate_json(basis).kind for basis in used})
    shown = [row.digest for row, seen in decided if seen.shown]
    rules = dict.fromkeys(rule for _, seen in decided for rule in seen.rules)
    row = {
        "practitioner": inquiry.asked.practitioner,
        "agency": inquiry.agency,
        "read_at": iso(now),
        "purpose": request.purpose,
        "child": request.child,
        "message": request.message,
        "basis": orjson.dumps(bases).decode(),
        "rules": orjson.dumps(list(rules)).decode(),
        "shown": orjson.dumps(shown).decode(),
        "shown_count": len(shown),
        "withheld": len(decided) - len(shown),
        "nonce": request.nonce,
    }
    connection.execute(insert(READS).values(**row))
