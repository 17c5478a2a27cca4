"""What the agency services refuse in their own right, each with what to do now.

Reasons of the contract's closed list keep their code, message and remedy.
"""

from dataclasses import dataclass
from typing import Final

from contracts.errors import HandrailError
from contracts.seal import refused


@dataclass(frozen=True, slots=True)
class Unproven:
    """Why something that claims to be genuine is not; `code` never holds what was sent."""

    code: str


_TELL_EXCHANGE: Final = "leave it alone and tell the partnership's operator at once"
_FAULTS: Final = {
    "lane.full": (
        "what this agency has sent and is not decided yet fills its lane: nothing more was taken",
        "telephone what cannot wait, tell the partnership's operator, and send again later",
    ),
    "delivery.unreadable": ("this is not the record of a delivery", _TELL_EXCHANGE),
    "delivery.not-attested": ("the exchange did not sign this delivery's decision", _TELL_EXCHANGE),
    "delivery.other-seal": ("the decision is about another sealed message", _TELL_EXCHANGE),
    "delivery.other-agency": ("the delivery was decided for another agency", _TELL_EXCHANGE),
    "delivery.shown-mismatch": ("the exchange decided to show other statements", _TELL_EXCHANGE),
    "delivery.notice-author": (
        "a notice of this kind is not sealed by the service that it belongs to",
        _TELL_EXCHANGE,
    ),
    "delivery.unknown": (
        "this agency's inbox holds no such message",
        "check the message id with `handrail inbox`",
    ),
    "delivery.withdrawn": (
        "the sender withdrew this message because it was sent in error",
        "use nothing of what it said; ask the sender if you have acted on it",
    ),
    "inbox.not-here": (
        "that is not a practitioner of this agency",
        "name somebody of the agency whose inbox it is",
    ),
    "request.invalid": (
        "the request is not of the form that this subject takes",
        "send it with the `handrail` command, or compare it with the published form",
    ),
    "read.unreadable": (
        "this is not a signed request to read",
        "open the message with `handrail open`, which signs the request",
    ),
    "read.unknown-key": (
        "the request is not signed by a key of the partnership's directory",
        "sign with the practitioner's own key, or have the key added to the directory",
    ),
    "read.bad-signature": (
        "the signature does not fit the request",
        "sign the request again with the practitioner's own key",
    ),
    "read.not-practitioner": (
        "the request is not signed by a practitioner of this agency",
        "have it opened by somebody who works in the agency that received it",
    ),
    "read.key-not-valid": (
        "the key was not valid when the request was signed, or has been revoked",
        "sign with the practitioner's present key",
    ),
    "read.not-now": (
        "the request was signed more than five minutes from now",
        "set the clock right and sign the request again",
    ),
    "read.replayed": ("this request has been answered before", "sign a new request"),
    "read.child-mismatch": (
        "the message is about another child than the request names",
        "sign the request for the child of this message",
    ),
    "note.not-attested": (
        "the exchange did not sign this receipt",
        "fetch the receipt of the message from the exchange again",
    ),
    "note.not-an-answer": (
        "the receipt is not of an accepted answer by this agency to that message",
        "give the receipt of the acknowledgement or decision that answers it",
    ),
    "match.not-referring": (
        "whether a child is known is asked only before a referral or another first message",
        "name the message that you are about to send, such as `referral.submitted`",
    ),
    "match.invalid": (
        "what identifies the child is not in the form that is asked for",
        "give JSON with nhs_number or nhs_number_absent, upn, name, born_on and postcode",
    ),
    "match.no-key": (
        "the exchange's intake key could not be had, and none is remembered",
        "ask again in a minute; do not let it keep you from referring under a new reference",
    ),
    "match.unreadable": (
        "what was asked cannot be opened with the intake key of that month",
        "ask again with the newest intake key; `handrail same ask` fetches it",
    ),
    "match.no-reason": (
        "the NHS number is neither given nor is it said why not",
        "give it, or say `unknown_would_delay` or `withheld_detrimental`",
    ),
    "match.too-little": (
        "what is given identifies nobody: no right number, and no name with a date of birth",
        "correct it or give name and date of birth; otherwise refer under a new reference",
    ),
    "match.too-many": (
        "you have asked as often as anybody may in an hour",
        "refer under a new reference; First Response is shown whom it may be the same as",
    ),
    "match.nobody-referred": (
        "too many of your questions this week were followed by no message about a child",
        "refer those whom you asked about, or tell your partnership why you did not",
    ),
    "match.not-your-desk": (
        "possible matches are looked at by First Response and the CAF team",
        "ask one of them",
    ),
    "match.no-pair": (
        "these two references are not on the list of possible matches",
        "look at the list with `handrail same possible`",
    ),
    "directory.not-refreshed": (
        "the exchange could not be asked for the newest directory",
        "wait until the exchange is back, then try again",
    ),
}


def fault(code: str) -> HandrailError:
    """Return the error of `code`, of this module or of the contract's closed list."""
    if code in _FAULTS:
        return HandrailError(code, *_FAULTS[code])
    return refused(code)
