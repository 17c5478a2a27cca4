"""The kinds of message, one module per chapter of the guidance, and the closed registry of them."""

from contracts.kinds import Kind
from contracts.messages import (
    assessment,
    closing,
    lead,
    notices,
    recording,
    referral,
    stepdown,
    stepup,
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (referral, stepup, assessment, lead, stepdown, closing, recording, notices)
    for kind in module.KINDS
}
