"""Asking on a family's behalf, as a person and through the agency's own service."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from contracts.errors import HandrailError
from services.agency.personal import sign_personal
from services.agency.reading import ReadRequest
from services.cli.desk import Desk


async def ask_personally(
    place: Desk,
    asker: str,
    verb: str,
    form: type[ReadRequest],
    child: str,
    purpose: str,
    at: datetime,
    **said: object,
) -> dict[str, Any]:
    """Sign a request of `form` with the asker's key, ask `verb`, and return the answer.

    Raises `ask.invalid` for references of another form, `key.*`, and what is answered.
    """
    key = place.partnership.practitioner_key(asker)
    try:
        request = sign_personal(key, form, child, purpose, at, **said)
    except ValidationError:
        raise HandrailError(
            "ask.invalid",
            "a child, a message or a statement is not named by its reference",
            "copy the references as `handrail inbox` and `handrail access` show them",
        ) from None
    return await place.ask(verb, request)
