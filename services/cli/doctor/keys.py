"""What is about to end: the directory, keys, certificates, keys of the month, and backups' age."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from contracts.directory import Directory
from contracts.key_times import Ending, Expiring, expiring
from services.cli.doctor.finding import DENIED, Finding, ok, some, unchecked, warning, wrong
from services.runtime.keystore import KeyStore, destroyed_at, monthly_key

SOON: Final = timedelta(days=30)
BACKUP_EVERY: Final = timedelta(days=7)
LAST_BACKUP: Final = Path("seen") / "backup.json"
"""Where `handrail backup` writes down when it was last done."""

_ENDS: Final = {
    Ending.DIRECTORY: (
        "after a grace of days nothing is decided any more",
        "renew it where keys/root.key is: `handrail partnership renew`",
    ),
    Ending.PRACTITIONER: (
        "what they seal after that is refused",
        "give them a new key in time: `handrail key rotate`",
    ),
    Ending.SERVICE: (
        "what the service attests after that is not believed",
        "give it a new key in time: `handrail key rotate`",
    ),
    Ending.WITNESS: (
        "what the gateway witnesses of the log after that does not count",
        "give it a new key in time: `handrail log rekey GATEWAY`",
    ),
    Ending.DELIVERY: (
        "child protection then opens through the story service alone",
        "make those of the months to come: `handrail partnership renew`",
    ),
    Ending.TRUSTED: (
        "messages of that partnership are refused after that",
        "fetch its newer directory: `handrail partnership trust refresh --directory FILE`",
    ),
}

_AUTHORITY: Final = "tls/ca.pem"
_AUTHORITY_ENDS: Final = (
    "make another authority: move keys/tls/ca.key and tls/ca.pem away, write the servers' files "
    "again with `handrail partnership server`, and hand out the new tls/ca.pem"
)
_SERVER_ENDS: Final = (
    "have it made anew with `handrail partnership server`, copy it to the server, and reload that"
)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What was found of keys and dates in the folder.

    `certificates` are ends of validity by file; `intake` the months of the intake keys here, None
    where this folder is not the exchange's; `overdue` the keys whose destruction is due;
    `last_backup` None where none is known. `unread` names what the user who asks may not read:
    `keys`, and `backup` for when the last one was.
    """

    ending: tuple[Expiring, ...]
    certificates: dict[str, datetime]
    intake: frozenset[str] | None
    overdue: tuple[str, ...]
    last_backup: datetime | None
    invented: bool
    unread: frozenset[str] = frozenset()


def gather(folder: Path, directory: Directory, now: datetime) -> KeyFacts:
    """Look at the dates of everything that ends; `now` is an instant in UTC."""
    unread: set[str] = set()
    intake, last_backup = None, None
    overdue: tuple[str, ...] = ()
    try:
        intake, overdue = _months(folder), tuple(_overdue(KeyStore(folder / "keys"), now))
    except PermissionError:
        unread.add("keys")
    try:
        last_backup = _last_backup(folder)
    except PermissionError:
        unread.add("backup")
    return KeyFacts(
        ending=expiring(directory, now, SOON),
        certificates=dict(_certificates(folder / "tls")),
        intake=intake,
        overdue=overdue,
        last_backup=last_backup,
        invented=directory.document.demonstration,
        unread=frozenset(unread),
    )


def judge(facts: KeyFacts, now: datetime) -> Iterator[Finding]:
    """Yield what the facts mean at the instant `now`."""
    yield from _of_ending(facts.ending, now)
    for name, end in facts.certificates.items():
        yield _of_certificate(name, end, now)
    if facts.intake is not None:
        yield _of_intake(facts.intake, now)
    if "keys" in facts.unread:
        yield unchecked("destruction", f"some of the keys {DENIED}")
    else:
        yield _of_overdue(facts.overdue)
    if "backup" in facts.unread:
        yield unchecked("backup", f"{LAST_BACKUP} {DENIED}")
    else:
        yield _of_backup(facts, now)


def _of_ending(ending: tuple[Expiring, ...], now: datetime) -> Iterator[Finding]:
    if not ending:
        yield ok("expiry", f"nothing in the directory ends within {SOON.days} days")
    for one in ending:
        means, remedy = _ENDS[one.what]
        what = f"{one.what.value} of {one.holder} {_ends(one.at, now)}"
        make = wrong if one.at <= now else warning
        yield make(f"expiry.{one.what.value}", what, means, remedy)


def _of_certificate(name: str, end: datetime, now: datetime) -> Finding:
    what = f"{name} {_ends(end, now)}"
    if end > now + SOON:
        return ok("certificate", what)
    means = "nobody connects to a server whose certificate has ended"
    remedy = _AUTHORITY_ENDS if name == _AUTHORITY else _SERVER_ENDS
    return (wrong if end <= now else warning)("certificate", what, means, remedy)


def _of_intake(months: frozenset[str], now: datetime) -> Finding:
    wanted = {monthly_key("intake", at).partition("/")[2] for at in (now,)}
    if wanted <= months:
        return ok("intake-key", f"that of {some(wanted)} is here")
    return wrong(
        "intake-key",
        f"that of {some(wanted - months)} is missing",
        "senders cannot encrypt to the exchange, and nothing sent this month opens",
        "start the exchange, which makes it; if it was there before, restore keys/intake",
    )


def _of_overdue(names: tuple[str, ...]) -> Finding:
    if not names:
        return ok("destruction", "no key of the month is overdue")
    return warning(
        "destruction",
        f"{some(names)} should have been destroyed",
        "what was encrypted to them stays readable longer than families were told",
        "start the service that holds them, which destroys them, or delete what was restored",
    )


def _of_backup(facts: KeyFacts, now: datetime) -> Finding:
    remedy = (
        "run `handrail backup create DIR` and keep the three parts apart, as docs/operating.md says"
    )
    means = "what happened since then is lost with this machine"
    if facts.last_backup is None:
        if facts.invented:
            return unchecked("backup", "a demonstration needs none")
        return warning("backup", "none is known", "everything is lost with this machine", remedy)
    what = f"the last was on {facts.last_backup:%d %B %Y}"
    late = now - facts.last_backup > BACKUP_EVERY
    return warning("backup", what, means, remedy) if late else ok("backup", what)


def _ends(at: datetime, now: datetime) -> str:
    days = (at - now).days
    return f"ended on {at:%d %B %Y}" if at <= now else f"ends on {at:%d %B %Y}, in {days} days"


def _certificates(folder: Path) -> Iterator[tuple[str, datetime]]:
    for path in sorted(folder.glob("*.pem")):
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            continue
        yield f"tls/{path.name}", found.not_valid_after_utc


def _months(folder: Path) -> frozenset[str] | None:
    """Return the months of the intake keys, None where this folder is not the exchange's.

    Raises PermissionError, where a folder of keys may not be looked into.
    """
    for below in ("keys", "keys/services", "keys/intake", "keys/delivery"):
        with suppress(FileNotFoundError), os.scandir(folder / below) as entries:
            next(entries, None)
    if not any((folder / "keys" / "services").glob("exchange*")):
        return None
    return frozenset(name.partition("/")[2] for name in KeyStore(folder / "keys").names("intake"))


def _overdue(keys: KeyStore, now: datetime) -> Iterator[str]:
    for purpose in ("intake", "delivery"):
        for name in keys.names(purpose):
            month = name.rpartition("/")[2]
            if destroyed_at(month) <= now - timedelta(days=1):
                yield name


def _last_backup(folder: Path) -> datetime | None:
    """Return when the last backup was made; raises PermissionError."""
    try:
        said = json.loads((folder / LAST_BACKUP).read_text(encoding="utf-8"))
        return datetime.fromisoformat(said["at"]).astimezone(UTC)
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError):
        return None
