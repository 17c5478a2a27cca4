"""The kinds of message, one module per chapter of the guidance, and the closed registry of them."""

from contracts.kinds import Kind
from contracts.messages import (
    assessment,
    caf,
    closing,
    corrections,
    family,
    lead,
    meetings,
    notices,
    partners,
    parts,
    plans,
    recording,
    referral,
    standards,
    stepdown,
    stepup,
    tasks,
    telling,
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (
        referral,
        stepup,
        assessment,
        lead,
        stepdown,
        closing,
        recording,
        caf,
        family,
        meetings,
        plans,
        telling,
        corrections,
        standards,
        partners,
        tasks,
        parts,
        notices,
    )
    for kind in module.KINDS
}
