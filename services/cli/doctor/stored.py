"""What lies on the disk: the ledger's stream, the databases, and the keys beside the story.

It needs nothing that runs. Databases are read without being changed, each for a bounded time.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts.subjects import LEDGER, inbox_consumer
from services.cli.doctor.databases import Condition, column, condition
from services.cli.doctor.finding import AS_ANOTHER, DENIED, Finding, ok, some, unchecked, wrong
from services.cli.whole_folder import STORY_TABLES, half, is_empty, is_restored_half, records_in
from services.runtime.partnership import FILE

_STORY: Final = "story.sqlite"
_KEYS: Final = "story-keys.sqlite"
_INBOX_TABLE: Final = "deliveries"
_WITHIN_S: Final = 10.0

_WITH_WORDS: Final = "select distinct messages.child from messages join statements using (ledger)"
_TAKEN_IN: Final = "select agency from deliveries union select agency from quarantine"
_RESTORE: Final = (
    "stop everything, keep the folder as it is, and put back the last backup: see Backups in "
    "docs/operating.md"
)


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What was found; None stands for what could not be looked at.

    `databases` tells of each how it stands, those among them that have to be there beside a ledger
    that is used. `inboxes` tells by agency whether its store here knows of any delivery. `keyless`
    counts children whose statements are stored and whose key is not. `reached` is the newest
    sequence of the ledger that the story has stored.
    """

    half_restored: bool
    ledger: bool | None
    used: bool
    databases: Mapping[str, Condition] | None = field(default_factory=dict[str, Condition])
    inboxes: Mapping[str, bool] = field(default_factory=dict[str, bool])
    keyless: int | None = None
    reached: int | None = None

    def that_are(self, wanted: Condition) -> tuple[str, ...]:
        """Return the names of the databases that stand like that."""
        return tuple(name for name, how in (self.databases or {}).items() if how is wanted)


def gather(
    folder: Path, gateways: Mapping[str, str] | None = None, *, within_s: float = _WITHIN_S
) -> StoredFacts:
    """Look at what is stored in the folder of state; every database for at most `within_s`.

    `gateways` names the gateway of each agency that is served from this folder.
    """
    served, streams = gateways or {}, _streams(folder)
    told = _databases(folder, _originals(streams or [], served), within_s)
    story, keys = folder / "db" / _STORY, folder / "db" / _KEYS
    has_story = told is not None and told.get(_STORY) is Condition.WHOLE
    found = told or {}
    return StoredFacts(
        half_restored=is_restored_half(folder),
        ledger=None if streams is None else any(path.name == LEDGER for path in streams),
        used=bool(streams) or bool(found.keys() - {"sent.sqlite"}),
        databases=told,
        inboxes=_inboxes(folder, found, served, within_s),
        keyless=_keyless(story, keys, found.get(_KEYS), within_s) if has_story else None,
        reached=_reached(story, within_s) if has_story else None,
    )


def judge(
    facts: StoredFacts,
    *,
    embedded: bool,
    last: int | None = None,
    delivered: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """Yield what the facts mean.

    `last` is the newest sequence of the ledger, and `delivered` the agencies whose service has
    settled deliveries, where a running exchange tells.
    """
    if facts.half_restored:
        yield wrong(
            "restore",
            "a restore into this folder did not end",
            "part of what the backup holds is not here, and nothing starts",
            "run `handrail restore` again, the whole into a new folder",
        )
    yield from _of_databases(facts)
    yield from _of_inboxes(facts.inboxes, delivered)
    if embedded:
        yield from _of_ledger(facts, last)
    if facts.keyless:
        yield wrong(
            "story.keys",
            f"the keys of {facts.keyless} children are not beside their statements",
            "what was said about them cannot be read any more",
            _RESTORE,
        )
    elif facts.keyless == 0:
        yield ok("story.keys", "every child with statements has its key")


def nothing_here(folder: Path) -> Finding:
    """Return what is wrong with a folder that holds no partnership."""
    means = "nothing can be started or checked here"
    try:
        what, remedy = _in_its_place(folder)
    except PermissionError:
        what, remedy = f"this folder {DENIED}", AS_ANOTHER
    return wrong("partnership", what, means, remedy)


def _in_its_place(folder: Path) -> tuple[str, str]:
    """Return what is there instead of a partnership, and the remedy; raises PermissionError."""
    if (folder / FILE).exists():
        if not os.access(folder / FILE, os.R_OK):
            return f"{FILE} {DENIED}", AS_ANOTHER
        return f"{FILE} cannot be read", "put it back from the last backup"
    if is_empty(folder):
        what = "this folder holds no partnership" if folder.exists() else "there is no such folder"
        return what, (
            "name the folder of state with --dir, or make one: `handrail partnership create`"
        )
    error = half(folder)
    return error.message, error.remedy


def _of_databases(facts: StoredFacts) -> Iterator[Finding]:
    if facts.databases is None:
        yield unchecked("databases", f"db {DENIED}")
        return
    damaged, missing = facts.that_are(Condition.DAMAGED), facts.that_are(Condition.MISSING)
    unread, denied = facts.that_are(Condition.UNREAD), facts.that_are(Condition.DENIED)
    sound = facts.that_are(Condition.WHOLE)
    if damaged:
        yield wrong(
            "databases",
            f"{some(damaged)} damaged",
            "what was stored there may be lost, and its service fails or does not start",
            f"{_RESTORE}; db/tracker.sqlite alone can be made anew: `handrail tracker rebuild`",
        )
    if missing:
        yield wrong(
            "databases",
            f"{some(missing)} missing, or empty, beside a ledger that is used",
            "what was stored there is lost, and nothing else holds it",
            f"start nothing, which would make an empty one in its place; {_RESTORE}",
        )
    if denied:
        yield unchecked("databases", f"{some(denied)} {DENIED}")
    if unread:
        yield unchecked("databases", f"{some(unread)} took too long, or could not be opened")
    if sound and not (damaged or missing or denied):
        yield ok("databases", f"{len(sound)} are whole")


def _of_inboxes(inboxes: Mapping[str, bool], delivered: frozenset[str]) -> Iterator[Finding]:
    empty = [agency for agency, knows in inboxes.items() if agency in delivered and not knows]
    if empty:
        yield wrong(
            "inboxes",
            f"nothing is stored here of what was delivered to {some(empty)}",
            "their inboxes were lost and begun anew: what they were sent before is in no inbox",
            _RESTORE,
        )


def _of_ledger(facts: StoredFacts, last: int | None) -> Iterator[Finding]:
    means = "the record of everything decided is not there; nothing else can rebuild it"
    if facts.ledger is None:
        yield unchecked("ledger", f"the server's store {DENIED}")
    elif facts.used and not facts.ledger:
        yield wrong(
            "ledger", "it is not in the server's store, and other state is", means, _RESTORE
        )
    elif last is not None and facts.reached is not None and facts.reached > last:
        what = f"it ends at {last}, and the story has stored what stood at {facts.reached}"
        yield wrong("ledger", what, means, _RESTORE)
    elif facts.ledger:
        yield ok("ledger", "its stream is in the server's store")


def _streams(folder: Path) -> list[Path] | None:
    """Return the folders of the streams in the server's store, None where they cannot be seen."""
    try:
        accounts = list((folder / "nats" / "store" / "jetstream").iterdir())
        places = [account / "streams" for account in accounts]
        return [stream for place in places if place.is_dir() for stream in place.iterdir()]
    except PermissionError:
        return None
    except (FileNotFoundError, NotADirectoryError):
        return []


def _originals(streams: list[Path], served: Mapping[str, str]) -> dict[str, str]:
    """Return the databases that have to be there, each with the table that it has to hold.

    None, where nothing is in the ledger yet; an agency's once its reader was made in the ledger.
    """
    ledger = next((path for path in streams if path.name == LEDGER), None)
    if ledger is None or not records_in(ledger):
        return {}
    read = {a: g for a, g in served.items() if (ledger / "obs" / inbox_consumer(a)).is_dir()}
    return STORY_TABLES | {_store_of(gateway): _INBOX_TABLE for gateway in read.values()}


def _databases(
    folder: Path, originals: Mapping[str, str], within_s: float
) -> dict[str, Condition] | None:
    """Return how each database stands, None where the folder may not be looked into."""
    try:
        there = {path.name for path in (folder / "db").iterdir() if path.suffix == ".sqlite"}
    except FileNotFoundError:
        there = set()
    except PermissionError:
        return None
    try:
        return {
            name: condition(folder / "db" / name, originals.get(name), within_s)
            for name in sorted(there | originals.keys())
        }
    except PermissionError:
        return None


def _inboxes(
    folder: Path, told: Mapping[str, Condition], served: Mapping[str, str], within_s: float
) -> dict[str, bool]:
    """Tell by agency whether its store knows of a delivery; what cannot be read is left out."""
    known: dict[str, bool] = {}
    for gateway in set(served.values()):
        name = _store_of(gateway)
        found = None
        if told.get(name) is Condition.WHOLE:
            found = column(folder / "db" / name, within_s, _TAKEN_IN)
        if found is not None:
            known |= {agency: agency in found for agency, at in served.items() if at == gateway}
    return known


def _store_of(gateway: str) -> str:
    return f"agency-{gateway}.sqlite"


def _keyless(story: Path, keys: Path, how: Condition | None, within_s: float) -> int | None:
    """Count children with statements and no key; one erased meanwhile is not among them."""
    first = column(story, within_s, _WITH_WORDS)
    is_there = how not in (None, Condition.MISSING)
    held = column(keys, within_s, "select child from child_keys") if is_there else set()
    if first is None or held is None:
        return None
    again = column(story, within_s, _WITH_WORDS) if first - held else first
    return None if again is None else len((first & again) - held)


def _reached(story: Path, within_s: float) -> int | None:
    found = column(story, within_s, "select coalesce(max(ledger), 0) from messages")
    return next(iter(found)) if found else None
