"""What a desk asks of the story service on a family's behalf goes through its agency's service.

The agency service looks at the signature first, so that what nobody of the agency signed never
leaves the gateway; the story service looks again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from nats.aio.client import Client

from services.agency import attachments, same
from services.agency.faults import Unproven, fault
from services.agency.personal import TYPES, AccessRequest, ErasureRequest, FamilyRequest
from services.agency.reading import ReadRequest, verify_request
from services.agency.trusting import judged
from services.runtime.directories import DirectoryHolder
from services.runtime.subscribing import Request, ask

PERSONAL: Final[Mapping[str, type[ReadRequest]]] = {
    "family": FamilyRequest,
    "access": AccessRequest,
    "erasable": ErasureRequest,
}
"""The last token of the subject, by the agency's name and by the story's, and what is signed."""

_TYPES: Final = {**TYPES, **same.TYPES, **attachments.TYPES}
_ANSWERS_WITHIN_S: Final = 8.0


class Forwarder:
    """Hand one kind of signed request on to the story service, for one agency."""

    def __init__(
        self,
        agency: str,
        verb: str,
        form: type[ReadRequest],
        client: Client,
        directory: DirectoryHolder,
        clock: Callable[[], datetime],
    ) -> None:
        """Ask through `client`; `clock` gives the instant by which a signature is judged."""
        self._agency, self._verb, self._form = agency, verb, form
        self._client, self._directory, self._clock = client, directory, clock

    async def forward(self, request: Request) -> bytes:
        """Answer what the story service answers; raises that, or `read.*` for a bad request."""
        now = self._clock()
        asked = await judged(
            self._directory,
            lambda d: verify_request(
                request.data, self._agency, d, now, form=self._form, typ=_TYPES[self._form]
            ),
        )
        if isinstance(asked, Unproven):
            raise fault(asked.code)
        subject = f"story.{self._agency}.{self._verb}"
        return await ask(self._client, subject, request.data, timeout_s=_ANSWERS_WITHIN_S)
