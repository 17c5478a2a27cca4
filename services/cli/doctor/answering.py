"""The services: whether each answers, and what it says that a person should look at."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from services.cli.doctor.finding import DENIED, Finding, ok, some, unchecked, warning, wrong

Answers = Mapping[str, Mapping[str, Any] | str]
"""By service: what it answered, or the code of why it did not."""

_LOG_BEHIND: Final = timedelta(minutes=10)
_JUST_SIGNED: Final = timedelta(minutes=2)
_BEGUN: Final = 100
_UNASKED: Final = {
    "nkey.missing": "the identity to ask it with is not in this folder",
    "system.denied": f"an identity to ask it with {DENIED}",
}
_RUN: Final = "start it: `handrail up` starts everything, `handrail run` one alone"


def judge_services(answers: Answers) -> Iterator[Finding]:
    """Yield the services that do not answer."""
    silent = {name: told for name, told in answers.items() if isinstance(told, str)}
    for name, code in silent.items():
        if code in _UNASKED:
            yield unchecked(f"service.{name}", _UNASKED[code])
            continue
        yield wrong(f"service.{name}", f"does not answer ({code})", _without(name), _RUN)
    if len(silent) < len(answers):
        yield ok("services", f"{len(answers) - len(silent)} of {len(answers)} answer")


def judge_exchange(told: Mapping[str, Any] | str) -> Iterator[Finding]:
    """Yield whether the exchange keeps starting again."""
    if isinstance(told, str):
        return
    restarts, groups = int(told.get("restarts") or 0), int(told.get("groups") or 0)
    if restarts > max(10, groups // 10):
        yield warning(
            "exchange.restarts",
            f"{restarts} times from the cursors, for {groups} groups",
            "deciding is slow, and something keeps failing",
            "read logs/exchange.log for `worker.interrupted` and `group.not-committed`",
        )
    else:
        yield ok("exchange.restarts", f"{restarts} for {groups} groups")


def judge_tracker(told: Mapping[str, Any] | str) -> Iterator[Finding]:
    """Yield what the tracker could not tell anybody yet."""
    if isinstance(told, str):
        return
    for name, means in (
        ("overdue", "a clock ran out and its manager has not been told"),
        ("unconfirmed", "the exchange has not accepted these notices yet"),
    ):
        count = int(told.get(name) or 0)
        if count:
            yield warning(
                f"tracker.{name}",
                str(count),
                means,
                "look again in a minute; if it stays, read logs/up.log for `notice.`",
            )
    if not told.get("overdue") and not told.get("unconfirmed"):
        yield ok("tracker", "nobody waits to be told")


def judge_quarantine(survey: Mapping[str, Any] | str) -> Finding:
    """Return how much lies in quarantine."""
    if isinstance(survey, str):
        return unchecked("quarantine", f"the exchange does not tell ({survey})")
    count, unasked = int(survey["open"]), tuple(survey["not_asked"])
    if count:
        return warning(
            "quarantine",
            f"{count} items",
            "something was sent, or delivered, and nobody acts on it",
            "`handrail quarantine list --open` says why, and `show` what to do",
        )
    if unasked:
        return unchecked("quarantine", f"{some(unasked)} could not be asked")
    return ok("quarantine", "empty")


def judge_log(
    told: Mapping[str, Any] | str, gateways: tuple[str, ...], now: datetime
) -> Iterator[Finding]:
    """Yield whether the log of decisions is signed, and witnessed by `gateways`, at `now`."""
    if isinstance(told, str):
        yield unchecked("log", f"the exchange does not tell ({told})")
        return
    if told.get("reason"):
        yield wrong(
            "log",
            f"{told['state']} ({told['reason']})",
            "the ledger does not hold what was signed, or cannot be read through: something may "
            "have been removed or rewritten",
            "do not start anything anew; compare with the witnesses' heads and the last backup",
        )
        return
    head = told.get("head") or {}
    left = int(told.get("groups") or 0) - int(head.get("size") or 0)
    behind = head and datetime.fromisoformat(str(head["at"])) < now - _LOG_BEHIND
    if left > 0 and (behind or not head):
        yield warning(
            "log",
            f"{left} groups are not under a signed head",
            "what was decided since cannot be proved to be in the log",
            "read logs/exchange.log for `log.`; start the exchange again if it says nothing",
        )
    else:
        yield ok("log", f"{told.get('groups') or 0} groups, signed")
    if head:
        yield _of_witnesses(told, gateways, head, now)


def _of_witnesses(
    told: Mapping[str, Any], gateways: tuple[str, ...], head: Mapping[str, Any], now: datetime
) -> Finding:
    late, size = set(gateways), int(head["size"])
    made = datetime.fromisoformat(str(head["at"]))
    for one in told.get("witnesses") or ():
        fresh = datetime.fromisoformat(str(one["at"])) > now - _LOG_BEHIND
        if int(one["size"]) >= size or fresh:
            late.discard(str(one["witness"]))
    if late and made > now - _JUST_SIGNED and size < _BEGUN:
        return unchecked("log.witnesses", "the log has just begun; look again in a few minutes")
    if not late:
        return ok("log.witnesses", f"{len(gateways)} gateways have signed the newest heads")
    return warning(
        "log.witnesses",
        f"{some(late)} are behind",
        "fewer others can say that nothing was removed or rewritten",
        "see that their services run, and that the directory names their gateways' witness keys",
    )


def _without(name: str) -> str:
    return {
        "exchange": "nothing is decided but child protection",
        "exchange-urgent": "child protection is not decided",
        "story": "no statement can be read, but child protection",
        "tracker": "no clock runs, and nobody is told of standards missed",
    }.get(name, "its people see neither inbox nor desk")
