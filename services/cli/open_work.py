"""What is open for a practitioner: shown before they leave, so that it is handed on."""

from typing import TYPE_CHECKING, Any, Final

from contracts.errors import HandrailError
from services.cli.output import plain, say, warn, when

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership

_AWAY: Final = frozenset(
    {
        "nkey.missing",
        "nats.not-running",
        "nats.unreachable",
        "service.unreachable",
        "service.no-answer",
    }
)
_HOW: Final = {
    "leads": "handrail lead propose CHILD PRACTITIONER --as PERSON",
    "proposals": "the proposing agency: handrail lead withdraw PROPOSAL --as PERSON",
    "requests": "handrail practitioner hand-on CHILD --from ID --to ID --as PERSON",
}


def open_work(partnership: "Partnership", practitioner: str) -> dict[str, Any] | None:
    """Return what the tracker holds open for a practitioner, or None where it cannot be asked.

    `leads`, `proposals` and `requests`, each with the child's reference. Raises HandrailError
    `practitioner.unknown`, and what the tracker answers on purpose.
    """
    from services.cli.amending import read_directory, unknown
    from services.cli.desk import ask_operator, wait_for

    if practitioner not in read_directory(partnership).practitioners:
        raise unknown(practitioner)
    try:
        told = wait_for(ask_operator(partnership, "tracker.open-for", practitioner=practitioner))
    except HandrailError as error:
        if error.code not in _AWAY:
            raise
        return None
    return told


def show_open_work(told: dict[str, Any] | None, practitioner: str) -> None:
    """Print what is open, and how each kind of it is handed on."""
    if told is None:
        warn(
            f"what is open for {practitioner} is not known, because the tracker is not to be had; "
            "ask again with `handrail practitioner work ID`"
        )
        return
    if not any(told[name] for name in _HOW):
        say(f"Nothing is open for {practitioner}.")
        return
    say(f"Open for {practitioner}, to be handed on:")
    for one in told["leads"]:
        say(f"  leads child {plain(one['child'])} since {when(one['since'])}")
    for one in told["proposals"]:
        say(f"  is asked to lead child {plain(one['child'])} (message {plain(one['message'])})")
    for one in told["requests"]:
        say(
            f"  {plain(one['kind'])} about child {plain(one['child'])} from {plain(one['from'])} "
            f"(message {plain(one['message'])})"
        )
    for name, how in _HOW.items():
        if told[name]:
            warn(f"{name}: {how}")
