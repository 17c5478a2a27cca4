"""What the consent decision is asked and what it answers: frozen values."""

from dataclasses import dataclass
from datetime import datetime

from contracts.consents import Basis, ConsentHeld
from contracts.event import Signer
from contracts.protecting import ProtectedAddress
from contracts.questions import Category
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.whose import Purpose


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """One message towards one recipient, at one instant.

    `sender` and `recipient` are agency ids, `recipient_role` is None when the directory does not
    hold the recipient. `line_managers` are the author's line manager and deputy. `categories` has
    one entry per statement, in the message's order. `consents` are those that the journey holds,
    then those that the message itself carries. `now` has a time zone. `protection` says that the
    message raises a child-protection concern. `questions` are the numbers of the questions that
    the statements answer, in the same order; without them a statement counts as being about
    everybody, and as telling where the child lives. `purpose` is what the message is for,
    `protected` who may learn the child's address, where it is protected.
    """

    basis: Basis
    sender: str
    author: str
    countersigners: tuple[Signer, ...]
    line_managers: frozenset[str]
    recipient: str
    recipient_role: Role | None
    categories: tuple[Category, ...]
    consents: tuple[ConsentHeld, ...]
    now: datetime
    protection: bool = False
    questions: tuple[int, ...] = ()
    purpose: Purpose | None = None
    protected: ProtectedAddress | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """The recipient may have the message, and of its statements those that `shown` marks.

    `rules` are ids of `consent.RULES`: first the one that carries the sharing, then those that
    hold single statements back. `shown` has one entry per statement, in the message's order.
    """

    rules: tuple[str, ...]
    shown: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Withhold:
    """The recipient may have nothing of the message.

    `rules` are the ids of all rules that withhold, in the order of `consent.RULES`; a rule that
    could not be worked out has `.failed` after its id. `reasons` tell the sender what to do.
    """

    rules: tuple[str, ...]
    reasons: tuple[Refusal, ...]
