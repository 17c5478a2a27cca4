"""What the log and its witnesses prove of an evidence file, and what they leave open, in words."""

from collections.abc import Callable, Iterator
from datetime import datetime

from contracts.evidence.report import Logged

_ALONE = (
    "That whoever runs the servers has shown everybody the same decisions{of}: no witness of"
    " another agency has signed for {them}."
)


def proved_by_log(logged: Logged, exchange: str, when: Callable[[datetime], str]) -> Iterator[str]:
    """Yield what is proved by the log of `exchange`, instants written by `when`.

    A witness vouches for what stood in the log when it looked, and for nothing that came later.
    """
    if not logged.included:
        return
    yield (
        f"{logged.included} attestations stand in the log of {exchange}, whose head of"
        f" {logged.size} it signed at {when(logged.at)}."
    )
    whole = [one for one in logged.sure if logged.seen_by(one) == logged.included]
    if whole:
        names = ", ".join(f"{one.agency} at {when(one.at)}" for one in whole)
        yield (
            f"{len({one.gateway for one in whole})} of {logged.of} witnesses signed that they saw"
            f" the log with all {logged.included} of these: {names}."
        )
    for one in logged.sure:
        if one not in whole:
            yield (
                f"{one.agency} signed that it saw the first {one.size} attestations of the log,"
                f" {logged.seen_by(one)} of these among them, at {when(one.at)}."
            )


def not_proved_by_log(logged: Logged | None) -> Iterator[str]:
    """Yield what the log leaves open, and for how many attestations no witness has signed."""
    if logged is None:
        yield "That the attestations stand in the log: the file holds no proof of it."
        yield _ALONE.format(of="", them="it")
        return
    if logged.missing:
        yield (
            f"That {logged.missing} attestations stand in the log, and that any witness has seen"
            " these: its head is older."
        )
    if logged.before:
        yield f"That {logged.before} attestations stand in a log: they are older than the log is."
    unseen = logged.included - logged.seen_by(*logged.sure)
    if unseen:
        yield _ALONE.format(of=f" in {unseen} attestations", them="these")
    elif not logged.included:
        yield _ALONE.format(of="", them="it")
