"""A practitioner's signed request to break the glass: why, by a code and in the person's words."""

import secrets
from datetime import datetime
from typing import Final

from contracts import jws
from contracts.protecting import BreakGlassReason
from services.agency.reading import ReadRequest

GLASS_TYP: Final = "handrail-break-glass+jws"


class GlassRequest(ReadRequest):
    """A request for all of a child's story; `purpose` holds the reader's own words."""

    reason: BreakGlassReason


def sign_glass_request(
    key: jws.Signer, child: str, reason: BreakGlassReason, words: str, at: datetime
) -> bytes:
    """Return a request signed by `key`; `at` is an instant. Raises ValidationError on bad parts."""
    request = GlassRequest(
        child=child, reason=reason, purpose=words, at=at, nonce=secrets.token_urlsafe(18)
    )
    return jws.sign(request.model_dump_json().encode(), key, GLASS_TYP)
