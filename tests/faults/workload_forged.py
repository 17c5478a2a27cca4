"""What the workload does wrong on purpose: forgeries, ids used twice, and the same bytes again.

Nothing of it may ever be accepted, however the services and the server fail meanwhile.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from contracts import jws
from contracts.identifiers import agency_of, new_reference
from contracts.seal import Sealed, seal
from tests.faults.workload import DUTY_BASIS, REFUSED, Family, Move
from tests.faults.workload_people import FRONT

_KIND: Final = "referral.submitted"


def _forged(family: Family, sealed: Sealed, message: str, **changes: Any) -> None:
    made = Move(
        sealed, message, family.first.agency, family.child, _KIND, expect=REFUSED, forged=True
    )
    family.moves.append(replace(made, waits=family.waits, **changes))


def _referral(family: Family, message: str, key: jws.PrivateKey) -> Sealed:
    """A referral in the name of the first helper, signed by `key`."""
    who = family.first.person
    said = [family.statement("concern.what_happened", who)]
    content = {"concern": "child_in_need", "source": "2A"}
    event, disclosures = family.crew.event(
        _KIND, family.child, who, [FRONT], said, id=message, basis=DUTY_BASIS, content=content
    )
    return seal(event, key, disclosures)


def by_a_stranger(family: Family) -> None:
    """Signed by a key that the directory does not hold."""
    message = new_reference()
    _forged(family, _referral(family, message, jws.PrivateKey.generate()), message)


def by_a_colleague(family: Family) -> None:
    """Signed by somebody else's valid key."""
    message = new_reference()
    key = family.crew.keys[family.second.person]
    _forged(family, _referral(family, message, key), message)


def with_a_bent_signature(family: Family) -> None:
    """Signed well, and one bit of the signature turned."""
    message = new_reference()
    sealed = _referral(family, message, family.crew.keys[family.first.person])
    document = orjson.loads(sealed.text)
    first = document["signatures"][0]
    signature = first["signature"]
    first["signature"] = ("B" if signature[0] == "A" else "A") + signature[1:]
    _forged(family, Sealed(orjson.dumps(document).decode(), sealed.disclosures), message)


def with_other_words(family: Family) -> None:
    """The payload exchanged under a signature that was made over another."""
    message = new_reference()
    key = family.crew.keys[family.first.person]
    signed, other = (_referral(family, one, key) for one in (new_reference(), message))
    document, words = orjson.loads(signed.text), orjson.loads(other.text)
    document["payload"] = words["payload"]
    _forged(family, Sealed(orjson.dumps(document).decode(), other.disclosures), message)


def of_another_child(family: Family) -> None:
    """A good seal handed in under another child's reference."""
    message = new_reference()
    sealed = _referral(family, message, family.crew.keys[family.first.person])
    _forged(family, sealed, message, child=new_reference())


def in_another_lane(family: Family) -> None:
    """A good seal handed in by another agency as its own."""
    message = new_reference()
    sealed = _referral(family, message, family.crew.keys[family.first.person])
    _forged(family, sealed, message, agency=agency_of(family.second.person))


FORGERIES: Final[tuple[Callable[[Family], None], ...]] = (
    by_a_stranger,
    by_a_colleague,
    with_a_bent_signature,
    with_other_words,
    of_another_child,
    in_another_lane,
)


def sprinkle(family: Family) -> None:
    """Add to a story now and then a forgery, an id used twice, and bytes sent again."""
    chance = family.random
    told = list(family.moves)
    if chance.random() < 1 / 3:
        chance.choice(FORGERIES)(family)
    if family.waits and chance.random() < 1 / 6:
        first = family.first.person
        used = next((m for m in told if m.agency == family.first.agency), None)
        if used is not None:
            sealed = _referral(family, used.message, family.crew.keys[first])
            move = Move(sealed, used.message, used.agency, family.child, _KIND, REFUSED)
            family.moves.append(replace(move, waits=True))
    for _ in range(2):
        if chance.random() < 1 / 3:
            family.repeat(chance.choice(told))
