"""Who may have signed what, read from the directory's own bytes; nothing of the services is asked.

Only the arithmetic is the contract's: signatures (RFC 7515, RFC 9864) and Merkle paths (RFC 9162).
"""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from contracts import base64url, jws
from contracts.merkle import leaf_hash, root_from

_DIRECTORY: Final = "handrail-directory+jws"
_GROUP: Final = "handrail-group+jws"
_MESSAGE: Final = "handrail+sd-jwt"


@dataclass
class Trust:
    """The keys of the directory, by name, and whose each is; `witnesses` are gateways'.

    `carriers` are the gateways of agencies, by agency.
    """

    keys: dict[str, jws.PublicKey]
    holders: dict[str, str]
    services: frozenset[str]
    exchange: str
    witnesses: dict[str, str] = field(default_factory=dict)
    carriers: dict[str, str] = field(default_factory=dict)
    groups: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    @property
    def exchange_keys(self) -> frozenset[str]:
        """The names of the exchange's keys."""
        return frozenset(kid for kid, holder in self.holders.items() if holder == self.exchange)

    def witness_keys(self, agency: str) -> frozenset[str]:
        """Return the names of the witness keys of the gateway that carries an agency."""
        carrier = self.carriers.get(agency)
        return frozenset(kid for kid, gateway in self.witnesses.items() if gateway == carrier)

    def said(self, seal: str) -> tuple[dict[str, Any], bool]:
        """Return what a seal says, and whether author and countersigners signed exactly that."""
        parsed = jws.parse(seal, _MESSAGE)
        if isinstance(parsed, jws.Unacceptable):
            return {}, False
        event: dict[str, Any] = orjson.loads(base64url.decode(parsed.payload) or b"{}")
        data = event.get("data", {})
        named = [one["id"] for one in (data.get("author"), *data.get("countersigners", ())) if one]
        signers = [self.holders.get(one.kid) for one in parsed.signatures]
        whole = jws.verify(parsed, self.keys) is not None
        return event, whole and sorted(named) == sorted(map(str, signers))

    def signed(self, token: str, typ: str, by: Container[str]) -> dict[str, Any] | None:
        """Return what a single key, one of those `by`, signed as a `typ`, or None."""
        parsed = jws.parse(token, typ)
        if isinstance(parsed, jws.Unacceptable) or len(parsed.signatures) != 1:
            return None
        payload = jws.verify(parsed, self.keys) if parsed.signatures[0].kid in by else None
        made: dict[str, Any] | None = orjson.loads(payload) if payload else None
        return made

    def group(self, token: str) -> dict[str, Any] | None:
        """Return the group that the exchange signed, or None for anything else."""
        if token not in self.groups:
            self.groups[token] = self._group(token)
        return self.groups[token]

    def _group(self, token: str) -> dict[str, Any] | None:
        return self.signed(token, _GROUP, self.exchange_keys)

    def attested(self, leaf: str, token: str, place: dict[str, Any]) -> bool:
        """Tell whether `leaf` stands at `place` in the group that the exchange signed."""
        group = self.group(token)
        if group is None:
            return False
        path = [base64url.decode(step) or b"" for step in place["path"]]
        root = root_from(leaf_hash(leaf.encode()), place["index"], group["size"], path)
        return root is not None and base64url.encode(root) == group["root"]


def trust(directory: bytes, root_x: str) -> Trust:
    """Return whom the directory names, once its root has been seen to have signed it.

    Raises ValueError when it has not: then nothing can be checked.
    """
    root = jws.PublicKey(root_x)
    parsed = jws.parse(directory, _DIRECTORY)
    payload = None
    if not isinstance(parsed, jws.Unacceptable):
        payload = jws.verify(parsed, {root.kid: root})
    if payload is None:
        msg = "the directory is not signed by the partnership's root"
        raise ValueError(msg)
    document = orjson.loads(payload)
    keys: dict[str, jws.PublicKey] = {}
    holders: dict[str, str] = {}
    for holder in (*document["practitioners"], *document["services"]):
        for key in holder.get("keys", ()):
            keys[key["kid"]] = jws.PublicKey(key["x"])
            holders[key["kid"]] = holder["id"]
    witnesses: dict[str, str] = {}
    for gateway in document["gateways"]:
        for key in gateway.get("witness", ()):
            keys[key["kid"]] = jws.PublicKey(key["x"])
            witnesses[key["kid"]] = gateway["id"]
    services = frozenset(service["id"] for service in document["services"])
    carriers = {one["id"]: one["gateway"] for one in document["agencies"]}
    exchange = f"{document['partnership']}.exchange"
    return Trust(keys, holders, services, exchange, witnesses, carriers)
