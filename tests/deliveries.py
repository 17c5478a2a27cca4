"""Deliveries and receipts made by hand, as an exchange writes them, and as a forger would."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from contracts import base64url, jws
from contracts.kinds import iso
from contracts.merkle import Tree, leaf_hash
from contracts.records import GROUP_TYP, shown_digest
from contracts.seal import Disclosures, Sealed, peek
from contracts.statements import digest_of
from contracts.submission import encrypt, raw_public
from tests.area import Area


def digests(sealed: Sealed) -> tuple[str, ...]:
    """Return the digests of the statements that a message really has."""
    return tuple(digest_of(d) for d in sealed.disclosures.items) if sealed.disclosures else ()


def decision(area: Area, sealed: Sealed, to: Mapping[str, Sequence[str]], **changes: object) -> str:
    """Write the text of an acceptance of `sealed`, delivered to agencies with the digests shown."""
    event = peek(sealed)
    assert not hasattr(event, "code")
    body = {
        "v": 1,
        "exchange": "demo.exchange",
        "outcome": "accepted",
        "agency": event.agency,
        "lane": "SUBMIT_x",
        "sequence": 1,
        "submission": "0" * 64,
        "sealed": sealed.digest,
        "message": event.id,
        "child": event.subject,
        "kind": event.kind,
        "basis": event.data.basis.kind,
        "to": [{"agency": agency, "shown": shown_digest(tuple(s))} for agency, s in to.items()],
        "entry": 1,
        "now": iso(area.now),
        **changes,
    }
    return orjson.dumps(body).decode()


def group(
    area: Area, texts: Sequence[str], key: jws.PrivateKey | None = None
) -> list[dict[str, Any]]:
    """Give each text its place in one group that the exchange's key, or another, signed."""
    tree = Tree([leaf_hash(text.encode()) for text in texts])
    signed = {
        "v": 1,
        "exchange": "demo.exchange",
        "root": base64url.encode(tree.root),
        "size": tree.size,
        "at": iso(area.now),
    }
    token = jws.sign(orjson.dumps(signed), key or area.services["exchange"], GROUP_TYP).decode()
    return [
        {
            "decision": text,
            "group": token,
            "place": {"index": i, "path": [base64url.encode(step) for step in tree.path(i)]},
        }
        for i, text in enumerate(texts)
    ]


def delivery(
    area: Area,
    sealed: Sealed,
    agency: str,
    *,
    to: Mapping[str, Sequence[str]] | None = None,
    key: jws.PrivateKey | None = None,
    changes: Mapping[str, object] | None = None,
    **record: object,
) -> bytes:
    """Write the record of one delivery to `agency`, all shown; `changes` go into the decision.

    `record` replaces members of the record after the decision was attested.
    """
    shown = digests(sealed)
    text = decision(area, sealed, {agency: shown} if to is None else to, **(changes or {}))
    placed = group(area, [text, "another leaf", "a third"], key)[0]
    return orjson.dumps({"v": 1, "seal": sealed.text, **placed, "shown": shown, **record})


def boxed(
    area: Area, sealed: Sealed, agency: str, items: Sequence[str] | None = None
) -> dict[str, str]:
    """Encrypt the disclosures of `sealed`, or other `items`, to the delivery key of `agency`."""
    assert sealed.disclosures is not None
    shown = sealed.disclosures.items if items is None else tuple(items)
    plain = Disclosures(base64url.encode(b"0" * 16), shown)
    public = raw_public(area.delivery[agency])
    return encrypt(plain, sealed.digest, f"{area.now:%Y-%m}", public).model_dump()


def receipt(
    area: Area, sealed: Sealed, key: jws.PrivateKey | None = None, **changes: object
) -> dict[str, Any]:
    """Write the receipt of an accepted message, as JSON; `changes` go into the decision."""
    lane = orjson.dumps({"v": 1, "lane": "SUBMIT_x", "first": 1, "last": 1, "before": ""}).decode()
    made, of_lane = group(area, [decision(area, sealed, {}, **changes), lane], key)
    return {"v": 1, **made, "lane": lane, "lane_place": of_lane["place"]}
