"""Logs say what the table lists, and nothing that somebody else wrote."""

import ast
import io
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from contracts.errors import HandrailError
from services.runtime import log
from services.runtime.keystore import monthly_key

SECRET = "Maisie Smith, 12 Oak Lane"
ADDRESSES: dict[str, str] = {}
ROOT = Path(__file__).parents[2]


class Lines(io.StringIO):
    """Collect what is logged."""

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Every line so far, parsed."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Configure logging for one test and put everything back afterwards."""
    root = logging.getLogger()
    before, structure = (root.handlers[:], root.level), structlog.get_config()
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    stream = Lines()
    log.configure("demo.exchange", stream, "DEBUG")
    yield stream
    structlog.configure(**structure)
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level = before[0], before[1]
    logging.captureWarnings(False)


def test_listed_keys_are_written_as_one_json_object(lines: Lines) -> None:
    """A listed key with a value of its shape reaches the log as it is."""
    log.get("services.exchange.worker").info(
        "group.committed", agency="demo.hilltop-school", sequence=7, duration_ms=1.5
    )

    (entry,) = lines.entries
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "group.committed",
        "service": "demo.exchange",
        "module": "services.exchange.worker",
        "agency": "demo.hilltop-school",
        "sequence": 7,
        "duration_ms": 1.5,
        "level": "info",
    }


@pytest.mark.parametrize(
    "keys",
    [
        {"name": SECRET},
        {"data": {"child": {"name": SECRET}}},
        {"kind": SECRET},
        {"kind": {"nested": SECRET}},
        {"agency": [SECRET]},
        {"sequence": SECRET},
        {"message_id": SECRET},
        {"subject": f"inbox.{SECRET}"},
    ],
    ids=str,
)
def test_what_is_not_listed_is_dropped_and_counted(lines: Lines, keys: dict[str, Any]) -> None:
    """A key outside the table, or a value without its key's shape, leaves only a count."""
    log.get("test").warning("message.failed", **keys)

    assert "Smith" not in lines.getvalue()
    assert lines.entries[0]["dropped"] == len(keys)


def test_the_code_of_a_server_error_is_kept(lines: Lines) -> None:
    """A code may be one of ours, or the number that NATS gives an error, and no longer number."""
    for code in ("seal.invalid", "10071", 10071):
        log.get("test").warning("message.failed", code=code)
    log.get("test").warning("message.failed", code="9434765919")

    assert [entry.get("code") for entry in lines.entries] == ["seal.invalid", "10071", 10071, None]


def test_a_context_variable_is_held_to_the_same_table(lines: Lines) -> None:
    """What is bound to the context is filtered like what is passed, and may name the service."""
    structlog.contextvars.bind_contextvars(service="demo.story", child_name=SECRET)
    log.get("test").info("statement.stored")

    assert "Smith" not in lines.getvalue()
    assert lines.entries[0]["service"] == "demo.story"


def test_an_event_that_is_a_sentence_is_not_written(lines: Lines) -> None:
    """An event that is not a dotted name, or that is given arguments to hold, is replaced."""
    log.get("test").info(f"could not read {SECRET}")
    log.get("test").info("read %s", SECRET)

    assert "Smith" not in lines.getvalue()
    assert [entry["event"] for entry in lines.entries] == [log.UNLISTED_EVENT] * 2


def test_an_exception_leaves_its_type_and_our_line_only(lines: Lines) -> None:
    """Neither the text of an exception nor of its cause nor a local variable is logged."""
    child_name = SECRET
    try:
        ADDRESSES[child_name]
    except KeyError as cause:
        cause.__cause__ = ValueError(f"bad {child_name}")
        log.get("test").exception("message.failed")

    (entry,) = lines.entries
    assert "Smith" not in lines.getvalue()
    assert entry["error_type"] == "KeyError"
    assert "where" not in entry


def test_an_exception_names_the_line_of_our_own_code(lines: Lines) -> None:
    """The place of an exception is the innermost line in our packages; its code is kept."""
    with pytest.raises(HandrailError) as caught:
        monthly_key("intake", datetime(2026, 11, 1))  # noqa: DTZ001
    log.get("test").error("message.failed", exc_info=caught.value)

    (entry,) = lines.entries
    assert re.fullmatch(r"services\.runtime\.keystore:\d+", entry["where"])
    assert entry["code"] == "time.zone-missing"


def test_lines_of_other_libraries_lose_their_text(lines: Lines) -> None:
    """A foreign record leaves its logger's name, its level and the type of its exception."""
    foreign = logging.getLogger("nats.aio.client")
    foreign.error("failed on %s", SECRET, exc_info=RuntimeError(SECRET))
    foreign.info("connected for %s", SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, stacklevel=1)

    assert "Smith" not in lines.getvalue()
    failed, warned = lines.entries
    assert (failed["event"], failed["module"], failed["level"], failed["error_type"]) == (
        "library.message",
        "nats.aio.client",
        "error",
        "RuntimeError",
    )
    assert warned["module"] == "py.warnings"


def test_an_uncaught_exception_is_logged_without_its_text(lines: Lines) -> None:
    """What ends the process is named by type; Python's own traceback is not printed."""
    error = RuntimeError(SECRET)
    sys.excepthook(RuntimeError, error, None)

    assert "Smith" not in lines.getvalue()
    assert lines.entries[0]["event"] == "process.failed"


def test_a_process_that_is_not_configured_is_held_to_the_table() -> None:
    """Before `configure` a log line already holds nothing that is not listed."""
    program = "from services.runtime import log; log.get('x').error('a.b', name='Maisie', count=1)"
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout == ""
    assert json.loads(told.stderr)["count"] == 1
    assert "Maisie" not in told.stderr


def test_every_log_call_in_services_uses_listed_names() -> None:
    """No call builds its event from values, and none passes a key that would be dropped."""
    calls = [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path in sorted((ROOT / "services").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "_log"
    ]
    events = {place: call.args[0] if call.args else None for place, call in calls}
    built = {
        place
        for place, event in events.items()
        if not (isinstance(event, ast.Constant) and log.is_event(str(event.value)))
    }
    keys = {(place, word.arg) for place, call in calls for word in call.keywords if word.arg}

    assert calls
    assert built == set()
    assert {(place, key) for place, key in keys if key not in {*log.LISTED, "exc_info"}} == set()
