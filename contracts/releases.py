"""Why something is released from quarantine, and what can come of it: closed sets of words."""

from enum import StrEnum


class ReleaseReason(StrEnum):
    """Why something is released: what was mended since it was set aside."""

    DIRECTORY_CORRECTED = "directory-corrected"
    KEY_RESTORED = "key-restored"
    CLOCK_CORRECTED = "clock-corrected"
    RULES_CORRECTED = "rules-corrected"
    FAULT_MENDED = "fault-mended"
    SENDER_ASKED = "sender-asked"


class ReleaseOutcome(StrEnum):
    """What came of a release.

    `delivered_again` is for a delivery that goes to the agency's own processing once more; `gone`
    says that the bytes are no longer there; `repeated` that the same message had its final receipt.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    REPEATED = "repeated"
    DELIVERED_AGAIN = "delivered_again"
    GONE = "gone"


FINAL = frozenset(ReleaseOutcome) - {ReleaseOutcome.QUARANTINED}
"""After these nothing is left in quarantine."""
