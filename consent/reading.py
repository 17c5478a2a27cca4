"""Decide again, at the moment of reading, which statements a person may see (design §3, step 5).

What a consent carried when the message was accepted, it may not carry any more: a withdrawal
takes effect on the next read. What needed no consent stays readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from consent import bases
from consent.decision import GATES, Gate, Share, ShareRequest, judge
from consent.rules import FAILED, RuleFailedError, ask
from contracts.consents import Basis, BasisKind, ConsentHeld, ProtectionBasis
from contracts.protecting import ProtectedAddress
from contracts.questions import Category
from contracts.roles import Role
from contracts.whose import Purpose


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A statement as it was accepted: its category and how the message that carried it travelled.

    `basis`, `sender` and `protection` are the message's own; `recipients` are the ids of the
    agencies to which it was accepted. `question` is the number of the question it answers, 0
    where that is not known, and `purpose` what the message was for. `own`: the sender's agency
    recorded it itself, and did not carry it on from another's message.
    """

    category: Category
    basis: Basis
    sender: str
    recipients: frozenset[str]
    protection: bool = False
    question: int = 0
    purpose: Purpose | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A person of the agency `reader` asks to see statements about one child at the instant `now`.

    `reader_role` is None when the directory does not hold the agency now. `consents` are those
    that the journey holds now, withdrawn ones among them. `now` has a time zone. `practitioner` is
    who reads; `must_not_know` and `protected` are what the journey says now of people who must not
    learn of a referral and of a protected address.
    """

    reader: str
    reader_role: Role | None
    statements: tuple[KeptStatement, ...]
    consents: tuple[ConsentHeld, ...]
    now: datetime
    practitioner: str = ""
    must_not_know: tuple[str, ...] = ()
    protected: ProtectedAddress | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether the reader may see a statement, and the ids of the rules that say so."""

    shown: bool
    rules: tuple[str, ...]


# The line manager's signature was checked when the message was accepted and cannot lapse; that the
# reader is known is asked before.
_GATES: Final[Mapping[str, Gate]] = {
    **GATES,
    BasisKind.OVERRIDE: replace(GATES[BasisKind.OVERRIDE], checks=(bases.OVERRIDE_GROUND,)),
}


def decide_read(request: ReadRequest) -> tuple[Seen, ...]:
    """Return for each statement, in order, whether the reader may see it now.

    A consent counts only if the message named it: a later consent lets a later message share.
    Pure, and never raises for what a request holds; what cannot be worked out is not shown.
    """
    known: dict[tuple[int, ...], Seen] = {}
    return tuple([_once(known, request, kept) for kept in request.statements])


def _once(known: dict[tuple[int, ...], Seen], request: ReadRequest, kept: KeptStatement) -> Seen:
    """Decide alike statements of one message once; its parts are known by being the same objects.

    `request` holds them for as long as `known` is looked at, so no other object has their place.
    """
    key = tuple(
        map(
            id,
            (
                kept.basis,
                kept.sender,
                kept.recipients,
                kept.category,
                kept.question,
                kept.protection,
                kept.purpose,
                kept.own,
            ),
        )
    )
    found = known.get(key)
    if found is None:
        found = known[key] = _seen(request, kept)
    return found


def _seen(request: ReadRequest, kept: KeptStatement) -> Seen:
    try:
        if ask("recipient.unknown", _reader_unknown, request) is not False:
            return Seen(shown=False, rules=("recipient.unknown",))
        if ask("read.must-not-know", must_not_know, request) is not False:
            return Seen(shown=False, rules=("read.must-not-know",))
        if ask("read.own-words", _own_words, request, kept) is True:
            return Seen(shown=True, rules=("read.own-words",))
        if ask("read.not-recipient", _not_recipient, request, kept) is not False:
            return Seen(shown=False, rules=("read.not-recipient",))
    except RuleFailedError as failed:
        return Seen(shown=False, rules=(failed.rule + FAILED,))
    outcome = judge(as_shared(request, kept), _GATES)
    return Seen(isinstance(outcome, Share) and outcome.shown == (True,), outcome.rules)


def _reader_unknown(request: ReadRequest) -> bool:
    return bases.unknown_agency(request.reader, request.reader_role)


def must_not_know(request: ReadRequest) -> bool:
    """Tell whether the reader is a person who must not learn of a referral."""
    return request.practitioner in request.must_not_know


def _own_words(request: ReadRequest, kept: KeptStatement) -> bool:
    """Tell whether the reader's agency said it itself; carrying on words makes them nobody's own.

    Else who was sent them could keep them, against the family's word, by saying them again.
    """
    return kept.own is True and request.reader == kept.sender


def _not_recipient(request: ReadRequest, kept: KeptStatement) -> bool:
    return request.reader not in kept.recipients


def _as_protection(kept: KeptStatement) -> bool:
    return kept.protection and kept.basis.kind != BasisKind.NOTICE.value


def as_shared(request: ReadRequest, kept: KeptStatement) -> ShareRequest:
    """Return the statement as if it were shared with the reader now."""
    return ShareRequest(
        # Child protection comes before consent, as it did when it was shared (003 §2.2).
        basis=ProtectionBasis() if _as_protection(kept) else kept.basis,
        sender=kept.sender,
        author="",
        countersigners=(),
        line_managers=frozenset(),
        recipient=request.reader,
        recipient_role=request.reader_role,
        categories=(kept.category,),
        consents=request.consents,
        now=request.now,
        protection=kept.protection,
        questions=(kept.question,),
        purpose=kept.purpose,
        protected=request.protected,
    )
