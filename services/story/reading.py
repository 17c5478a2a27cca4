"""What a person may see of a story now: decided again at each read, and recorded before it is told.

One transaction looks up the statements, decides, decrypts what is shown and nothing else, and
writes the read down; the answer goes out after it has been committed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, bindparam, insert, select

from consent import KeptStatement, ReadRequest, Seen
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import iso
from contracts.roles import Role
from contracts.statements import Disclosed, binding, open_disclosures
from services.agency.faults import fault
from services.agency.reading import Asked
from services.agency.reading import ReadRequest as Request
from services.story.deciding import decide_each as decide_each  # noqa: PLC0414 - also a read's
from services.story.deciding import kept_statements as kept_statements  # noqa: PLC0414 - as above
from services.story.deciding import told_withheld
from services.story.gathering import gather, told
from services.story.locking import Locked, damaged, unlock
from services.story.orders import is_ordered
from services.story.packing import Outlined, piece
from services.story.recent import Opened, Recent
from services.story.tables import MESSAGES, READS
from services.story.withdrawing import taken_back, withdrawn

MOST_BYTES: Final = 1_000_000

# Made once: to put a statement together takes longer than to carry it out.
_USED: Final = select(READS.c.id).where(
    READS.c.practitioner == bindparam("who"), READS.c.nonce == bindparam("nonce")
)
_OF_CHILD: Final = (
    select(MESSAGES).where(MESSAGES.c.child == bindparam("child")).order_by(MESSAGES.c.ledger)
)
_OF_MESSAGE: Final = _OF_CHILD.where(MESSAGES.c.message == bindparam("message"))
_RECORD: Final = insert(READS)


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
    """An answer: how many statements it shows and says it withholds, and its bytes.

    No text shows the bytes.
    """

    shown: int
    withheld: int
    body: bytes = field(repr=False)


def known(connection: Connection, inquiry: Inquiry) -> list[Row[Any]]:
    """Return the accepted messages that `inquiry` is about, in the ledger's order.

    Only those that the asker's agency sent or was sent: of another one, and of a child it has no
    message about, it learns nothing, not even that there is one.
    """
    child, message = inquiry.request.child, inquiry.request.message
    about = {"child": child} if message is None else {"child": child, "message": message}
    rows = connection.execute(_OF_CHILD if message is None else _OF_MESSAGE, about)
    return [r for r in rows if inquiry.agency in (r.sender, *orjson.loads(r.recipients))]


def read(
    connection: Connection,
    inquiry: Inquiry,
    journey: Journey,
    child_key: bytes | None,
    now: datetime,
    recent: Recent | None = None,
) -> Answer:
    """Return what `inquiry` may see at `now`, and record the read.

    `journey` is the child's as it stands, `child_key` opens the child's statements. Of the whole
    story a withdrawn message is left out; what is in `recent` is not opened again. Raises
    `read.replayed`, `story.not-found`, `story.withdrawn`, `story.erased`,
    `story.statement-damaged` and `story.too-large`; nothing is recorded then.
    """
    refuse_replay(connection, inquiry.asked)
    messages = known(connection, inquiry)
    if not messages or inquiry.asked.practitioner in journey.must_not_know:
        raise not_found()
    by_ledger = readable(connection, inquiry, messages, journey)
    gathered = gather(connection, by_ledger, inquiry.request.child, child_key)
    statements = gathered.outlines()
    if not statements and is_ordered(connection, inquiry.request.child, inquiry.request.message):
        raise erased()
    request = read_request(inquiry, journey, kept_statements(statements, by_ledger), now)
    decided = list(zip(statements, decide_each(request), strict=True))
    shown = [seen.shown for _, seen in decided]
    if any(shown) and child_key is None:
        raise erased()
    text, withheld = told(connection, gathered, shown, recent), told_withheld(s for _, s in decided)
    answer = answered(text, shown.count(True), withheld)
    used = {by_ledger[ledger].basis for ledger in {s.ledger for s, seen in decided if seen.shown}}
    bases = sorted({str(orjson.loads(basis)["kind"]) for basis in used})
    record(connection, inquiry, now, bases, decided)
    return answer


def readable(
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


def refuse_replay(connection: Connection, asked: Asked) -> None:
    """Raise `read.replayed` where the request has been answered before."""
    used = {"who": asked.practitioner, "nonce": asked.request.nonce}
    if connection.scalar(_USED, used) is not None:
        raise fault("read.replayed")


def read_request(
    inquiry: Inquiry, journey: Journey, kept: tuple[KeptStatement, ...], now: datetime
) -> ReadRequest:
    """Return what is asked of `consent`: these statements, against the journey as it stands."""
    return ReadRequest(
        reader=inquiry.agency,
        reader_role=inquiry.role,
        statements=kept,
        consents=journey.consents,
        now=now,
        practitioner=inquiry.asked.practitioner,
        must_not_know=journey.must_not_know,
        protected=journey.protected,
    )


def open_statement(statement: Row[Any], child: str, child_key: bytes) -> Disclosed:
    """Return a stored statement as it was disclosed; raises `story.statement-damaged`."""
    locked = Locked(bytes(statement.ciphertext), bytes(statement.wrapped_key))
    digest = statement.digest
    disclosure = unlock(locked, child, digest, child_key)
    # The set of one is bound afresh: what matters here is that the text has that digest.
    opened = open_disclosures((digest,), binding("", (digest,)), "", (disclosure,))
    if not isinstance(opened, tuple):
        raise damaged()
    return opened[0]


def answer_of(
    shown: Sequence[Row[Any]],
    opened: Sequence[Opened],
    messages: Mapping[int, Row[Any]],
    *,
    withheld: int,
) -> Answer:
    """Return the answer that shows `opened`; raises `story.too-large`."""
    carriers = {ledger: (m.message, m.sender) for ledger, m in messages.items()}
    rows = zip(shown, opened, strict=True)
    text = b",".join([piece(one, *carriers[row.ledger]) for row, one in rows])
    return answered(text, len(shown), withheld)


def answered(text: bytes, shown: int, withheld: int) -> Answer:
    """Return the answer with the statements in `text`, so many, and how many it says it withholds.

    Raises `story.too-large`.
    """
    body = b'{"statements":[%b],"withheld":%d}' % (text, withheld)
    if len(body) > MOST_BYTES:
        raise too_large()
    return Answer(shown, withheld, body)


def too_large() -> HandrailError:
    """Return the answer for more than one answer can hold."""
    return HandrailError(
        "story.too-large",
        "the whole story is larger than one answer can be",
        "read it message by message",
    )


def record(
    connection: Connection,
    inquiry: Inquiry,
    now: datetime,
    bases: Sequence[str],
    decided: Sequence[tuple[Outlined, Seen]],
) -> None:
    """Write a read down: who, when, why, on what bases, by which rules, and what was shown."""
    request = inquiry.request
    shown = [row.digest for row, seen in decided if seen.shown]
    alike = dict.fromkeys(seen.rules for _, seen in decided)
    rules = dict.fromkeys(rule for rules in alike for rule in rules)
    row = {
        "practitioner": inquiry.asked.practitioner,
        "agency": inquiry.agency,
        "read_at": iso(now),
        "purpose": request.purpose,
        "child": request.child,
        "message": request.message,
        "basis": orjson.dumps(list(bases)).decode(),
        "rules": orjson.dumps(list(rules)).decode(),
        "shown": orjson.dumps(shown).decode(),
        "shown_count": len(shown),
        "withheld": len(decided) - len(shown),
        "nonce": request.nonce,
    }
    connection.execute(_RECORD, row)
