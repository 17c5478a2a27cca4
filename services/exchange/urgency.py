"""Whether a message is about child protection, or history: what a decision never stops. Pure."""

from contracts.consents import BasisKind, StatutoryBasis, StatutoryProvision
from contracts.kinds import Opened, Situation
from contracts.messages.referral import Concern


def raises_protection(message: Opened) -> bool:
    """Tell whether the message raises a child-protection concern, on whatever basis."""
    return getattr(message.content, "concern", None) is Concern.CHILD_PROTECTION


def asks_for_protection(message: Opened) -> bool:
    """Tell whether the message itself asks somebody to protect a child, and is asked for no more.

    Passing on what was asked is judged as every message is: who was asked has it anyway.
    """
    return message.kind.asks and raises_protection(message)


def serves_protection(s: Situation) -> bool:
    """Tell whether the message goes as child protection, or serves an enquiry under s.47."""
    basis = s.event.data.basis
    if basis.kind == BasisKind.PROTECTION.value or raises_protection(s.message):
        return True
    enquiry = StatutoryProvision.CHILDREN_ACT_1989_S47
    return isinstance(basis, StatutoryBasis) and basis.provision is enquiry


def is_history(s: Situation) -> bool:
    """Tell whether the message only says what went on before Handrail."""
    return s.event.data.history is not None
