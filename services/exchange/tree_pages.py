"""What an operator reads of the ledger to check the log: pages of records, as rows of JSON.

Groups, heads and witnesses come as they are. Of a record that holds a decision comes what is needed
to tell whether it is the one its group attests: no text of a message, and nothing about a child but
the reference.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import Field

from contracts import base64url
from contracts.log import digest_of
from contracts.merkle import leaf_hash
from contracts.records import Outcome, entry_hash
from contracts.subjects import TREE_GROUP, TREE_HEAD, cursor, inbox, journey, receipt, tree_witness
from contracts.values import Value
from services.exchange.ledger import Ledger

_MOST_BYTES: Final = 512 * 1024
"""Of one answer: half of what NATS carries."""

What = Literal["groups", "heads", "receipts", "deliveries", "journeys", "cursors", "witnesses"]


class Page(Value):
    """Ask for the records of one sort after a ledger sequence."""

    what: What
    after: Annotated[int, Field(ge=0)] = 0


async def page_of(ledger: Ledger, asked: Page) -> list[list[Any]]:
    """Return the next rows, each the ledger sequence and what is said of the record there."""
    subject, read = _SORTS[asked.what]
    found = await ledger.page_of(subject, asked.after)
    if not found:
        one = await ledger.next_of(subject, asked.after)
        found = [one] if one else []
    rows: list[list[Any]] = []
    size = 0
    for name, stored in found:
        row = [stored.sequence, read(name, stored.data)]
        size += len(orjson.dumps(row))
        if rows and size > _MOST_BYTES:
            break
        rows.append(row)
    return rows


def _text(_subject: str, data: bytes) -> str:
    return data.decode("ascii", "replace")


def _witness(subject: str, data: bytes) -> dict[str, str]:
    made = _object(data)
    said = {name: str(made.get(name, "")) for name in ("cosignature", "head")}
    return {"agency": subject.removeprefix(tree_witness("")), **said}


def _cursor(subject: str, data: bytes) -> dict[str, Any]:
    made = _object(data)
    last = made.get("sequence")
    return {
        "lane": subject.removeprefix(cursor("")),
        "last": last if isinstance(last, int) else 0,
        "root": str(made.get("root", "")),
    }


def _attested(subject: str, data: bytes) -> dict[str, Any]:
    """Return a record's group, its leaves there, the entry made, and the records beside it."""
    made = _object(data)
    decision = _object(str(made.get("decision", "")).encode())
    leaves = [_leaf(made, "decision", "place"), _leaf(made, "lane", "lane_place")]
    whole = "seal" not in made or _sealed(made) == decision.get("sealed")
    return {
        "group": digest_of(str(made["group"])) if made.get("group") else "",
        "leaves": [leaf for leaf in leaves if leaf is not None] if whole else [],
        "name": subject,
        "beside": _beside(decision),
        "child": str(decision.get("child") or ""),
        "entry": decision["entry"] if isinstance(decision.get("entry"), int) else 0,
    }


def _entry(subject: str, data: bytes) -> dict[str, Any]:
    """Return the same of a journey entry, with its hash and the one that it names as `before`."""
    before = str(_object(data).get("before", ""))
    told = _attested(subject, data)
    of = subject.removeprefix(journey(""))
    return {**told, "of": of, "hash": entry_hash(data), "before": before}


def _beside(decision: Mapping[str, Any]) -> list[str]:
    """Return the subjects of the deliveries and the receipt that an acceptance goes with."""
    sender, message = decision.get("agency"), str(decision.get("message"))
    if decision.get("outcome") != Outcome.ACCEPTED:
        return []
    to = decision.get("to")
    named = [one for one in to if isinstance(one, dict)] if isinstance(to, list) else []
    sent = [inbox(str(one.get("agency")), message) for one in named]
    own = sender == decision.get("exchange")  # the exchange's own notices answer nobody
    return sent if own else [*sent, receipt(str(sender), message)]


def _leaf(made: Mapping[str, Any], text: str, place: str) -> list[Any] | None:
    """Return index and hash of one leaf that a record holds."""
    where = made.get(place)
    index = where.get("index") if isinstance(where, dict) else None
    if not isinstance(made.get(text), str) or not isinstance(index, int):
        return None
    return [index, base64url.encode(leaf_hash(made[text].encode()))]


def _sealed(made: Mapping[str, Any]) -> str:
    return hashlib.sha256(str(made["seal"]).encode()).hexdigest()


def _object(data: bytes) -> dict[str, Any]:
    try:
        made = orjson.loads(data)
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


_SORTS: Final[Mapping[str, tuple[str, Callable[[str, bytes], Any]]]] = {
    "groups": (TREE_GROUP, _text),
    "heads": (TREE_HEAD, _text),
    "receipts": ("receipt.>", _attested),
    "deliveries": ("inbox.>", _attested),
    "journeys": ("journey.>", _entry),
    "cursors": ("cursor.>", _cursor),
    "witnesses": ("tree.witness.>", _witness),
}
