"""What the commands of a receiving agency share: its deliveries, and answering them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from contracts import document as documents
from contracts.errors import HandrailError
from contracts.messages.corrections import REDIRECTED
from services.agency.faults import fault
from services.agency.items import State
from services.agency.sending import Answered, NoAnswer
from services.cli.desk import Desk
from services.cli.messages import seal_document
from services.cli.output import Exit, now, warn
from services.cli.sending import tell


async def delivery(place: Desk, message: str) -> dict[str, Any]:
    """Return what the agency's inbox holds about a message.

    Raises `delivery.unknown`, and `delivery.withdrawn` for what nobody is to read or answer.
    """
    held = await place.ask("delivery", orjson.dumps({"message": message}))
    if held["state"] == State.WITHDRAWN:
        raise fault("delivery.withdrawn")
    return held


def request_in(held: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the id and the kind of the request that a delivery brings, redirected or not.

    The kind of a redirected one is None where whoever redirected it did not say.
    """
    if held["kind"] != REDIRECTED.name:
        return held["message"], held["kind"]
    return held["answers"], held["content"].get("of_kind")


async def send_answer(
    place: Desk,
    written: dict[str, Any],
    author: str,
    *,
    timeout_s: float,
    as_json: bool,
    countersigners: Sequence[str] = (),
) -> tuple[Exit, Answered | NoAnswer]:
    """Seal and send a document, print the answer, and return the exit code and the answer."""
    made = documents.parse(written)
    sealed = seal_document(place.partnership, place.directory, made, author, now(), countersigners)
    answer = await place.submit(sealed, timeout_s)
    return tell(sealed, answer, place.directory, as_json=as_json), answer


async def note(place: Desk, message: str, state: str, answer: Answered | NoAnswer) -> None:
    """Have the agency's inbox show what has become of a delivery, on the exchange's receipt.

    The answer has been given whether or not the inbox can show it, so a failure is a warning.
    """
    if isinstance(answer, NoAnswer) or answer.decision.outcome != "accepted":
        return
    said = {
        "message": message,
        "state": state,
        "receipt": answer.receipt.model_dump(mode="json"),
    }
    try:
        await place.ask("note", orjson.dumps(said))
    except HandrailError as error:
        warn(f"the inbox does not show it yet ({error.code}: {error.message})")
