"""Structured logs that can only say what the table below lists.

A log line is one JSON object. A key that the table does not name, or a value that has not the
shape of its key, is dropped and counted under `dropped`; an exception leaves its type and the place
in our own code, never its text. So a child's data cannot reach a log by way of a message somebody
else wrote. Lines of other libraries keep the name of their logger and the level and nothing else.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from contracts.errors import HandrailError

_EVENT: Final = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[a-z]+(?:-[a-z]+)*){1,3}")
_CODE: Final = re.compile(r"[a-z][a-z0-9._/-]{0,79}")
_ERROR_CODE: Final = re.compile(_CODE.pattern + r"|\d{3,5}")
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_PLACE: Final = re.compile(r"[A-Za-z_][\w.]{0,159}(?::\d+)?")

UNLISTED_EVENT: Final = "event.unlisted"
_OUR_PACKAGES: Final = frozenset({"contracts", "consent", "services"})


def _number(value: object) -> bool:
    return isinstance(value, (bool, int, float))


def _text(shape: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None


def _number_or(shape: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: _number(value) or _text(shape)(value)


_code, _id, _place = _text(_CODE), _text(_ID), _text(_PLACE)

LISTED: Final[Mapping[str, Callable[[object], bool]]] = {
    "service": _code,
    "module": _place,
    "kind": _code,
    "code": _number_or(_ERROR_CODE),
    "rule": _code,
    "reason": _code,
    "state": _code,
    "agency": _id,
    "lane": _id,
    "stream": _id,
    "consumer": _id,
    "message_id": _id,
    "group": _id,
    "version": _number_or(_ID),
    "error_type": _place,
    "where": _place,
    "sequence": _number,
    "from_sequence": _number,
    "to_sequence": _number,
    "count": _number,
    "accepted": _number,
    "refused": _number,
    "held": _number,
    "pending": _number,
    "records": _number,
    "attempt": _number,
    "delay_s": _number,
    "duration_ms": _number,
    "size": _number,
    "port": _number,
    "pid": _number,
    "exit_code": _number,
}
"""Every key a log line may carry, with the shape its value must have."""


def configure(service: str, stream: TextIO | None = None, level: str = "INFO") -> None:
    """Send every log of this process to `stream` as JSON lines.

    `service` names the process in each line unless a context variable `service` says otherwise,
    `stream` is standard error when left out, `level` is a name known to `logging`. Takes over the
    standard library's root logger, `warnings` and the hooks for uncaught exceptions as well: each
    of them would print text.
    """
    _configure_structlog(service, stream, level)
    _take_over_standard_logging()
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def get(name: str) -> FilteringBoundLogger:
    """Return the logger called `name`, usually a module's `__name__`.

    Events are literals such as `batch.committed`: lower-case words joined by dots and hyphens.
    """
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


def is_event(name: str) -> bool:
    """Tell whether `name` may be an event: two to four lower-case words joined by dots."""
    return _EVENT.fullmatch(name) is not None


def error_keys(error: BaseException) -> dict[str, str]:
    """Say of `error` what may be logged: its type, our line it came from, its code if it has one.

    The place is `module:line` of the innermost frame in our own packages and is left out when the
    traceback has none.
    """
    keys = {"error_type": type(error).__name__}
    ours = [
        f"{module}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if (module := str(frame.f_globals.get("__name__", ""))).partition(".")[0] in _OUR_PACKAGES
    ]
    if ours:
        keys["where"] = ours[-1]
    if isinstance(error, HandrailError):
        keys["code"] = error.code
    return keys


def _configure_structlog(service: str, stream: TextIO | None, level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _naming(service),
            _only_listed,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Standard error is looked up late: it may have been replaced since.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr if stream is None else stream),
        cache_logger_on_first_use=False,
    )


def _naming(service: str) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return add_service


def _only_listed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep what the table lists and count the rest."""
    name = event.pop("event", None)
    error = _exception_of(event.pop("exc_info", None))
    if error is not None:
        event = {**error_keys(error), **event}
    kept = {key: value for key, value in event.items() if key in LISTED and LISTED[key](value)}
    dropped = len(event) - len(kept)
    if not (isinstance(name, str) and is_event(name)):
        name, dropped = UNLISTED_EVENT, dropped + 1
    return {"event": name, **kept, **({"dropped": dropped} if dropped else {})}


def _exception_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return next((part for part in exc_info if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if exc_info else None


class _NamesOnly(logging.Handler):
    """Log of a foreign record who wrote it and how grave it is."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record without its text and arguments."""
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        get(record.name).log(level, "library.message", exc_info=record.exc_info)


def _take_over_standard_logging() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_NamesOnly(level=logging.WARNING)]
    root.setLevel(logging.WARNING)
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    logging.captureWarnings(True)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    get(__name__).critical("process.failed", exc_info=(kind, error, trace))


# A process that has not called `configure` yet is held to the table too.
_configure_structlog("handrail", None, "WARNING")
