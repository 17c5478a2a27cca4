"""Hostile evidence files whose log, or whose witnesses, are wrong."""

from datetime import timedelta

from contracts import jws
from contracts.evidence import Code, Evidence
from tests.area import WORKER
from tests.evidence.base import Base
from tests.evidence.changing import proof_of, with_log, with_witness, witness_of
from tests.evidence.hostile import case
from tests.evidence.logbook import Logbook


def _with_inclusion(base: Base, number: int, **changes: object) -> Evidence:
    included = list(proof_of(base.evidence).included)
    included[number - 1] = included[number - 1].model_copy(update=changes)
    return with_log(base.evidence, included=tuple(included))


def _size(base: Base) -> int:
    return len(base.log.texts)


@case(Code.HEAD_NOT_SIGNED)
def forged_head(base: Base) -> Evidence:
    """The head of the log is signed by a key that nobody holds."""
    return with_log(base.evidence, head=base.log.head(key=jws.PrivateKey.generate()))


@case(Code.HEAD_NOT_SIGNED)
def head_signed_by_a_witness(base: Base) -> Evidence:
    """A witness has signed the head in the exchange's place."""
    return with_log(base.evidence, head=base.log.head(key=base.witnesses["schools"]))


@case(Code.HEAD_NOT_SIGNED)
def head_of_another_log(base: Base) -> Evidence:
    """The exchange has signed a head of a log that is not its own."""
    return with_log(base.evidence, head=base.log.head(log="demo.tracker"))


@case(Code.BEYOND_HEAD)
def head_smaller_than_index(base: Base) -> Evidence:
    """A group is placed beyond the size of the head."""
    return _with_inclusion(base, 1, index=_size(base) + 3)


@case(Code.NOT_IN_LOG)
def inclusion_path_bent(base: Base) -> Evidence:
    """A step of a group's path to the head was changed."""
    path = proof_of(base.evidence).included[0].path
    return _with_inclusion(base, 1, path=("A" * 43, *path[1:]))


@case(Code.NOT_IN_LOG)
def inclusion_path_shortened(base: Base) -> Evidence:
    """The last step of a group's path to the head was taken away."""
    return _with_inclusion(base, 1, path=proof_of(base.evidence).included[0].path[:-1])


@case(Code.NOT_IN_LOG)
def inclusion_of_the_neighbour(base: Base) -> Evidence:
    """A group is said to stand where another group stands."""
    other = proof_of(base.evidence).included[1]
    return _with_inclusion(base, 1, index=other.index, path=other.path)


@case(Code.NOT_LOGGED)
def inclusion_left_out(base: Base) -> Evidence:
    """The log's proof says nothing of a group on which a decision rests."""
    return with_log(base.evidence, included=proof_of(base.evidence).included[1:])


@case(Code.LOG_TWICE)
def inclusion_twice(base: Base) -> Evidence:
    """The log's proof names a group twice."""
    included = proof_of(base.evidence).included
    return with_log(base.evidence, included=(*included, included[0]))


@case(Code.NOT_IN_LOG)
def group_never_logged(base: Base) -> Evidence:
    """The exchange has signed a group of which the witnessed log has another in its place."""
    other = Logbook(base.area, ["group of another", *base.log.texts[1:]])
    changed = [other.included(text) for text in other.texts if text in base.evidence.groups]
    first = proof_of(base.evidence).included[0]
    return with_log(base.evidence, included=(first, *changed))


@case(Code.LOG_FORKED)
def consistency_path_bent(base: Base) -> Evidence:
    """A step of the proof that a witness's head is the beginning of this one was changed."""
    path = witness_of(base.evidence, 2).path
    return with_witness(base.evidence, 2, path=("A" * 43, *path[1:]))


@case(Code.LOG_FORKED)
def consistency_path_left_out(base: Base) -> Evidence:
    """Nothing proves that a witness's head is the beginning of this one."""
    return with_witness(base.evidence, 2, path=())


@case(Code.LOG_FORKED)
def forked_log(base: Base) -> Evidence:
    """A witness has been shown a log in which one group is another."""
    fork = Logbook(base.area, [*base.log.texts[:2], "another group", *base.log.texts[3:]])
    size = _size(base) - 2
    seen = fork.witnessed("caf", fork.head(size), size, base.witnesses["caf"])
    return with_log(base.evidence, witnesses=(*proof_of(base.evidence).witnesses, seen))


@case(Code.WITNESS_OTHER_HEAD)
def witness_signed_other_head(base: Base) -> Evidence:
    """The head beside a witness's signature is not the one that it signed."""
    return with_witness(base.evidence, 2, head=proof_of(base.evidence).head)


@case(Code.WITNESS_OTHER_HEAD)
def witness_of_a_forged_head(base: Base) -> Evidence:
    """A witness has signed a head that the exchange never signed."""
    size = _size(base)
    forged = base.log.head(key=jws.PrivateKey.generate())
    seen = base.log.witnessed("caf", forged, size, base.witnesses["caf"])
    return with_log(base.evidence, witnesses=(seen,))


@case(Code.WITNESS_NOT_SIGNED)
def message_signer_key_used_as_witness(base: Base) -> Evidence:
    """A practitioner's key has signed as a witness."""
    size = _size(base)
    seen = base.log.witnessed("caf", base.log.head(), size, base.area.keys[WORKER])
    return with_log(base.evidence, witnesses=(seen,))


@case(Code.WITNESS_NOT_SIGNED)
def witness_in_anothers_name(base: Base) -> Evidence:
    """A gateway has signed as a witness in the name of another gateway."""
    size = _size(base)
    seen = base.log.witnessed("caf", base.log.head(), size, base.witnesses["schools"])
    return with_log(base.evidence, witnesses=(seen,))


@case(Code.WITNESS_NOT_SIGNED)
def exchange_as_its_own_witness(base: Base) -> Evidence:
    """The exchange has signed as the witness of its own log."""
    size = _size(base)
    key = base.area.services["exchange"]
    seen = base.log.witnessed("caf", base.log.head(), size, key)
    return with_log(base.evidence, witnesses=(seen,))


@case(Code.SIGNED_BEFORE)
def head_dated_before_its_groups(base: Base) -> Evidence:
    """The exchange has dated a head days before the attestations that are in it."""
    early = base.log.head(at=base.area.now - timedelta(days=10))
    return with_log(base.evidence, head=early, witnesses=())


@case(Code.SIGNED_BEFORE)
def witness_dated_before_its_head(base: Base) -> Evidence:
    """A witness says that it saw a head days before that was signed."""
    key, early = base.witnesses["caf"], base.area.now - timedelta(days=10)
    seen = base.log.witnessed("caf", base.log.head(), _size(base), key, at=early)
    return with_log(base.evidence, witnesses=(seen,))


@case(Code.LOG_TWICE)
def witness_twice(base: Base) -> Evidence:
    """One witness stands there twice, to count for two."""
    witnesses = proof_of(base.evidence).witnesses
    return with_log(base.evidence, witnesses=(*witnesses, witnesses[0]))
