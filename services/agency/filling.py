"""A practitioner's signed request about a form: what is still to ask, or the form filled in."""

import secrets
from datetime import datetime
from typing import Final, Literal

from contracts import jws
from contracts.values import ShortText
from services.agency.reading import ReadRequest

FORM_TYP: Final = "handrail-form+jws"

What = Literal["missing", "prefill"]


class FormRequest(ReadRequest):
    """For one form about the child: `form` is its name or the kind of message that carries it."""

    message: None = None
    form: ShortText
    what: What


def sign_form_request(
    key: jws.Signer, what: What, form: str, child: str, purpose: str, at: datetime
) -> bytes:
    """Return a request signed by `key`; `at` is an instant. Raises ValidationError on bad parts."""
    request = FormRequest(
        child=child,
        form=form,
        what=what,
        purpose=purpose,
        at=at,
        nonce=secrets.token_urlsafe(18),
    )
    return jws.sign(request.model_dump_json(exclude_none=True).encode(), key, FORM_TYP)
