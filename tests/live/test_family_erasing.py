"""What is erased is in no file of any store or stream, and everything that was proved stays so."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import subjects
from contracts.questions import questions
from services.agency.sending import receipt_of
from services.cli.desk import desk, wait_for
from services.runtime.connection import connect
from services.runtime.nats_config import HUB_PREFIX
from tests.live.commands import (
    CAF_MANAGER,
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    System,
    readable,
    received,
    referral,
    running,
    supported_child,
    until,
)

pytestmark = pytest.mark.live

CAF = "demo.caf-team"
COUNTERSIGNER = "demo.caf-team.ali-rezaei"
HAPPENED = "Wrenfield Quillotine heard the zither break at dusk"
HOME = "Quillotine sleeps beside the ochre harmonium"
PROTECTION = "Zephyrine counted eleven violet bruises, she says"
STAYS = "Mulberry reads aloud to the hens every morning"
SECRETS = (HAPPENED, HOME, PROTECTION)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("erasing")) as started:
        yield started


def forms(text: str) -> list[bytes]:
    """Every form in which a text might stand in a file: plain, hex, and base64 at any offset."""
    raw = text.encode()
    found = [raw, raw.hex().encode(), raw.hex().upper().encode(), text.encode("utf-16-le")]
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + raw)
        # The first and last characters depend on what stands beside the text.
        inner = encoded[4 if offset else 0 : len(encoded) - 4]
        found += [inner, inner.replace(b"+", b"-").replace(b"/", b"_")]
    return found


def files_with(folder: Path, *wanted: bytes) -> set[str]:
    """Name every file below `folder` that holds any of the byte strings."""
    found: set[str] = set()
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # the server moves its blocks while they are searched
            data = path.read_bytes() if path.is_file() else b""
            if any(one in data for one in wanted):
                found.add(str(path.relative_to(folder)))
    return found


def files_with_text(folder: Path, *texts: str) -> set[str]:
    """Name every file below `folder` that holds any of the texts, in any form."""
    return files_with(folder, *(form for text in texts for form in forms(text)))


def rows(system: System, name: str, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Look into a database of the state folder."""
    uri = f"file:{system.folder / 'db' / name}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def kept(system: System, message: str) -> list[bytes]:
    """Give what the story keeps of a message's statements: ciphertexts and wrapped keys."""
    query = (
        "SELECT s.ciphertext, s.wrapped_key FROM statements s "
        "JOIN messages m ON m.ledger = s.ledger WHERE m.message = ?"
    )
    return [part for row in rows(system, "story.sqlite", query, message) for part in row]


def child_key(system: System, child: str) -> bytes | None:
    """Give the child's key as its store holds it."""
    query = "SELECT secret FROM child_keys WHERE child = ?"
    found = rows(system, "story-keys.sqlite", query, child)
    return bytes(found[0][0]) if found else None


def proofs(system: System, child: str, sent: dict[str, str]) -> tuple[Any, ...]:
    """Give what is proved: the chain of custody, every receipt, and the clocks."""
    chain = system.run("lead", "chain", child)
    track = system.run("track", child)
    names = ("id", "rule", "started_at", "due_at", "message")
    clocks = sorted(tuple(clock[name] for name in names) for clock in track["clocks"])
    receipts = wait_for(_receipts(system, sent))
    custody = [(c["practitioner"], c["from"], c["by"]) for c in track["custody"]]
    return chain["holds"], chain["led"], custody, clocks, receipts


async def _receipts(system: System, sent: dict[str, str]) -> list[str]:
    """Fetch and verify the signed receipt of every message."""
    found: list[str] = []
    for message, agency in sent.items():
        async with desk(system.partnership, agency) as place:
            answer = await receipt_of(
                place.client, place.partnership, place.directory, agency, message
            )
        assert answer is not None
        found.append(answer.receipt.model_dump_json())
    return found


def answered(system: System, child: str) -> set[str]:
    """Give the keys of the questions that the journey in the ledger counts as answered."""
    numbers = {str(q.number): q.key for q in questions().values()}
    return {numbers[n] for n in wait_for(_journey(system, child)).get("answered", {})}


async def _journey(system: System, child: str) -> dict[str, Any]:
    partnership = system.partnership
    client = await connect(partnership.nats_url(), partnership.nkey("story"), name="test")
    try:
        stream = client.jetstream(prefix=HUB_PREFIX)
        found = await stream.get_last_msg(subjects.LEDGER, subjects.journey(child))
        return dict(orjson.loads(found.data or b"{}")["journey"])
    finally:
        await client.close()


def said(question: str, words: str, by: str = "mother") -> dict[str, str]:
    """A statement of a document."""
    return {"question": question, "value": words, "said_by": by}


def told(system: System, child: str, *statements: dict[str, str], **more: Any) -> str:
    """Send a message of the school about a child, and return its id once it is received."""
    document = referral(child=child, statements=list(statements), **more)
    message: str = system.send(document, TEACHER).json["message"]
    received(system, FRONT, message)
    return message


def erase(system: System, child: str, *more: str, code: int = 0) -> dict[str, Any]:
    """Erase as the CAF team's data protection officer, countersigned by a manager there.

    What is to be erased may have been received and not be stored by the story yet: asked again.
    """
    words = ("--because", "request", "--as", CAF_MANAGER, "--countersign", COUNTERSIGNER, *more)
    if code:
        return system.run("erase", child, *words, code=code)
    told = until(
        lambda: system.ask("erase", child, *words),
        lambda made: made.get("error", {}).get("code") != "erasure.nothing",
    )
    assert "error" not in told, told
    return told


def test_what_is_erased_is_in_no_file_and_what_was_proved_stays_proved(system: System) -> None:
    """Plain words stand in no store before or after; keys and ciphertexts go with the erasure."""
    child = supported_child(system)
    first = told(
        system,
        child,
        said("concern.what_happened", HAPPENED),
        said("identity.address", HOME),
        kind="story.added",
        data={},
    )
    second = told(system, child, said("views.child", STAYS, "child"), kind="story.added", data={})
    third = told(
        system,
        child,
        said("concern.what_happened", PROTECTION),
        data={"concern": "child_protection", "source": "2A"},
        basis={"kind": "child_protection"},
    )
    sent = {first: SCHOOL, second: SCHOOL, third: SCHOOL}
    for message in sent:
        readable(system, message, DUTY)
    key, parts, spared = child_key(system, child), kept(system, first), kept(system, second)
    before = proofs(system, child, sent)

    assert files_with_text(system.papers, *SECRETS)  # the search finds what is there to be found
    assert files_with_text(system.folder, *SECRETS, STAYS) == set()
    assert key is not None
    assert files_with(system.folder, key)
    assert len(parts) == 4
    assert files_with(system.folder, *parts)
    assert before[0] is True
    assert {"concern.what_happened", "identity.address", "views.child"} <= answered(system, child)

    erase(system, child, "--message", first)
    until(lambda: kept(system, first), lambda found: not found)
    refused = system.run("open", first, "--as", DUTY, code=1)

    assert refused["error"]["code"] == "story.erased"
    until(lambda: files_with(system.folder, key, *parts), lambda found: not found)
    assert files_with_text(system.folder, *SECRETS, STAYS) == set()
    assert proofs(system, child, sent) == before
    opened = system.run("open", second, "--as", DUTY)
    assert [one["statement"]["value"] for one in opened["statements"]] == [STAYS]
    assert not files_with(system.folder, spared[1])  # the same words, under another key
    assert "identity.address" not in answered(system, child)
    assert {"concern.what_happened", "views.child"} <= answered(system, child)

    _everything(system, child, sent, before)


def _everything(system: System, child: str, sent: dict[str, str], before: tuple[Any, ...]) -> None:
    """Erase everything about the child: nothing opens, nothing is found, everything is proved."""
    key = child_key(system, child)
    parts = [part for message in sent for part in kept(system, message)]
    assert key is not None
    assert parts

    erase(system, child)
    until(lambda: child_key(system, child), lambda found: found is None)
    until(lambda: files_with(system.folder, key, *parts), lambda found: not found)

    assert files_with_text(system.folder, *SECRETS, STAYS) == set()
    assert proofs(system, child, sent) == before
    assert answered(system, child) == set()
