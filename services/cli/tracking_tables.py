"""The tables of `handrail track`: messages, who had to be told of them, and clocks.

An instant that took place stands before the one at which it arrived, where the two differ.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from services.cli.output import say, table, when

_Rows = Iterable[Mapping[str, Any]]
_HOW: Final = {
    "message": "by the message itself",
    "later": "by a later message",
    "recorded": "as recorded",
}


def show_messages(messages: _Rows, told: _Rows) -> None:
    """Print the messages in order, with the agencies that each went to."""
    reached: dict[str, list[str]] = {}
    for one in told:
        when_taken = f" (taken {when(one['acknowledged_at'])})" if one["acknowledged_at"] else ""
        reached.setdefault(one["message"], []).append(f"{one['agency']}{when_taken}")
    say("\nMessages")
    table(
        ("decided", "what", "from", "outcome", "went to"),
        (
            (
                _arrived(m["occurred_at"], m["decided_at"]),
                f"{m['title']}\n{m['id']}",
                m["agency"],
                m["outcome"],
                "\n".join(reached.get(m["id"], [])),
            )
            for m in messages
        ),
    )


def show_telling(telling: _Rows) -> None:
    """Print who had to be told of which message: told, not yet, or why not."""
    rows = [
        (
            one["message"],
            _words(one["person"]),
            one["agency"] or ", ".join(one["agencies"]) or "-",
            _state(one),
            when(one["due_at"]),
            _arrived(one["told_at"], one["recorded_at"]),
            one["by"],
        )
        for one in telling
    ]
    if rows:
        say("\nWho must be told")
        table(("message", "who", "agency", "state", "due", "told", "evidence"), rows)


def show_clocks(clocks: _Rows) -> None:
    """Print the clocks, each with what has been said about it."""
    rows = [
        (
            f"{c['title']}\n{c['id']}",
            c["agency"],
            _arrived(c["started_at"], c["started_arrived_at"]),
            _due(c),
            _arrived(c["stopped_at"], c["stopped_arrived_at"]),
            "\n".join((_words(c["state"]), *_remarks(c))),
        )
        for c in clocks
    ]
    if rows:
        say("\nClocks")
        table(("standard", "agency", "started", "due", "stopped", "state"), rows)


def _state(one: Mapping[str, Any]) -> str:
    state = _words(one["state"])
    if one["state"] == "told":
        how = _HOW.get(one["how"], "")
        taken = f", taken {when(one['acknowledged_at'])}" if one["acknowledged_at"] else ""
        return f"told{' late' if one['late'] else ''} {how}{taken}"
    if one["state"] == "not_appropriate":
        return f"{state}: {_words(one['because'])}"
    return f"{state}, overdue" if one["late"] else state


def _due(clock: Mapping[str, Any]) -> str:
    due = when(clock["due_at"])
    before = clock["original_due_at"]
    return due if before == clock["due_at"] else f"{due}\n(before: {when(before)})"


def _remarks(clock: Mapping[str, Any]) -> Iterator[str]:
    for one in clock["extensions"]:
        done = "extended" if one["effective"] else "extension without effect"
        yield f"{done} by {one['by']}: {_words(one['because'])}"
    for one in clock["pauses"]:
        until = f" until {when(one['until'])}" if one["until"] else ""
        done = "paused" if one["effective"] else "pause without effect"
        yield f"{done} {when(one['at'])}{until} by {one['by']}: {_words(one['because'])}"
    if clock["warned"]:
        yield f"warned before the end ({clock['warned']})"
    if clock["manager"]:
        yield f"manager told: {clock['manager']}"
    if clock["explained"]:
        said = clock["explained"]
        yield f"explained by {said['by']} on {when(said['at'])}: {_words(said['cause'])}"
    elif clock["notice"]:
        yield "reason not recorded yet"
    if clock["evidence_late"]:
        yield "kept in time; the evidence came later"


def _arrived(took_place: object, arrived: object) -> str:
    """Return when something took place, and when that arrived if it was not at once."""
    if not took_place or took_place == arrived:
        return when(arrived)
    return f"{when(took_place)}\n(arrived {when(arrived)})"


def _words(code: object) -> str:
    return str(code).replace("_", " ")
