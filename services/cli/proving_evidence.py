"""What an evidence file proves, told to whoever verifies it: in sentences, and for machines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from contracts.custody import Led
from contracts.directory import Directory, open_directory
from contracts.errors import HandrailError
from contracts.evidence import Report, against, load, read
from contracts.evidence.form import MOST_BYTES, Evidence
from contracts.evidence.report import Answered, Logged, Taken
from contracts.evidence.words import words_of
from contracts.kinds import iso
from services.cli.output import when
from services.cli.proving import check_root

_HEADINGS: Final = ("Wrong", "Proved", "Only claimed", "Not proved")


def prove_evidence(
    data: bytes, root_x: str | None, directory: bytes | None, kept: Sequence[bytes] = ()
) -> Report:
    """Return what the bytes of an evidence file prove, held against the `kept` files.

    `directory` is one that is known here; without `root_x` the file's own root key is believed.
    Raises HandrailError `verify.bad-root`, and `directory.untrusted` for a directory that the root
    key did not sign.
    """
    if root_x is not None:
        check_root(root_x)
    return against(read(data, root_x, _known(data, root_x, directory)), kept, root_x)


def _known(data: bytes, root_x: str | None, directory: bytes | None) -> Directory | None:
    if directory is None:
        return None
    evidence = None if root_x else load(data)
    root = root_x or (evidence.root if isinstance(evidence, Evidence) else None)
    return None if root is None else open_directory(directory, root)


def read_bounded(path: Path) -> bytes:
    """Return a file's bytes, of too large a file only so many that it is seen to be too large.

    Raises HandrailError `file.unreadable`.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError:
        raise HandrailError(
            "file.unreadable", f"the file {path} cannot be read", "check its name and permissions"
        ) from None


def sections(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the report in sentences, under the headings in the order in which they are read."""
    words = words_of(report, when)
    told = (words.wrong, words.proved, words.claimed, words.not_proved)
    return tuple(zip(_HEADINGS, told, strict=True))


def as_json(report: Report) -> dict[str, Any]:
    """Return the report for machines."""
    evidence, directory = report.evidence, report.directory
    words = words_of(report, iso)
    return {
        "holds": report.holds,
        "what": "evidence",
        "child": evidence.child if evidence else None,
        "message": evidence.message if evidence else None,
        "partnership": evidence.partnership if evidence else None,
        "root": (directory.root_x if directory else None) or (evidence and evidence.root),
        "root_believed": report.root_believed,
        "directory_version": directory.document.version if directory else None,
        "messages": [_message(one) for one in report.taken],
        "answers": [_answer(one) for one in report.answered],
        "led": [_led(leads.child, one) for leads in report.leads for one in leads.led],
        "log": _log(report.logged) if report.logged else None,
        "findings": [
            {"code": one.code.value, "what": one.words, "where": one.where, "detail": one.detail}
            for one in report.findings
        ],
        "proved": list(words.proved),
        "claimed": list(words.claimed),
        "not_proved": list(words.not_proved),
    }


def _message(one: Taken) -> dict[str, Any]:
    return {
        "child": one.child,
        "number": one.number,
        "message": one.message,
        "kind": one.event.kind,
        "sealed_at": iso(one.event.time),
        "decided_at": iso(one.decision.now),
        "signed_by": [{"id": by.id, "capacity": by.capacity.value} for by in one.by],
    }


def _answer(one: Answered) -> dict[str, Any]:
    return {
        "message": one.decision.message,
        "agency": one.decision.agency,
        "outcome": one.decision.outcome.value,
        "at": iso(one.decision.now),
        "reasons": [ground.code for ground in one.decision.reasons],
    }


def _led(child: str, one: Led) -> dict[str, Any]:
    return {
        "child": child,
        "practitioner": one.practitioner,
        "from": iso(one.since),
        "to": iso(one.until) if one.until else None,
    }


def _log(logged: Logged) -> dict[str, Any]:
    return {
        "size": logged.size,
        "at": iso(logged.at),
        "included": logged.included,
        "missing": logged.missing,
        "witnesses": [
            {
                "agency": one.agency,
                "gateway": one.gateway,
                "at": iso(one.at),
                "size": one.size,
                "doubtful": one.doubtful,
            }
            for one in logged.witnesses
        ],
        "before": logged.before,
        "doubtful": logged.doubtful,
        "of": logged.of,
    }
