"""Documents attached to statements on a running system: who gets them, and what becomes of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import document as documents
from contracts.attachments import CHUNK, MAX_SIZE, chunks_of
from contracts.errors import HandrailError
from services.agency.attachments import CHUNK_OF, FETCH, sign_fetch
from services.cli.attachments import read_files
from services.cli.desk import desk, wait_for
from services.cli.messages import current_directory, seal_document
from services.cli.output import now
from services.runtime.connection import connect
from services.runtime.subscribing import ask
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

COUNTERSIGNER = "demo.caf-team.ali-rezaei"
SURGERY, DOCTOR = "demo.riverside-surgery", "demo.riverside-surgery.nadia-rahman"
WORDS = {"question": "concern.what_happened", "value": "as told", "said_by": "teacher"}
MINUTES = b"%PDF-1.7 minutes: Quillotine agreed to the zither"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("attachments")) as started:
        yield started


def minutes(file: str, **more: Any) -> dict[str, Any]:
    """A statement that is a document in `file`."""
    return {
        "question": "meeting.minutes",
        "said_by": "class teacher",
        "attachment": file,
        **more,
    }


def sent(system: System, content: bytes, **more: Any) -> dict[str, Any]:
    """Send a referral with a document attached, and give the answer once it is received."""
    (system.papers / "minutes.pdf").write_bytes(content)
    document = referral(**{"statements": [WORDS, minutes("minutes.pdf")], **more})
    answer = system.send(document, TEACHER).json
    received(system, FRONT, answer["message"])
    return answer


def opened(system: System, message: str, folder: Path, reader: str = DUTY) -> dict[str, Any]:
    """Open a message and fetch what is attached, once the story has stored it."""
    return readable(system, message, reader, "--attachments", folder)


def having(told: dict[str, Any]) -> dict[str, Any]:
    """Give the one statement of an answer that has a document."""
    (one,) = (s for s in told["statements"] if s["statement"].get("attachment"))
    return dict(one)


def rows(system: System, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Look into the database of attachments."""
    uri = f"file:{system.folder / 'db' / 'story-attachments.sqlite'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def stored_for(system: System, child: str) -> list[str]:
    """Name the objects stored about a child."""
    return [row[0] for row in rows(system, "SELECT object FROM stored WHERE child = ?", child)]


def anywhere(folder: Path, words: bytes) -> list[Path]:
    """Name every file below a folder that holds these bytes."""
    return [p for p in folder.rglob("*") if p.is_file() and words in p.read_bytes()]


def test_a_document_of_25_mb_goes_round_and_comes_out_byte_for_byte(
    system: System, tmp_path: Path
) -> None:
    """The largest document arrives whole, under a neutral name, and stands nowhere in the clear."""
    content = MINUTES + bytes(range(256)) * ((MAX_SIZE - len(MINUTES)) // 256 + 1)
    content = content[:MAX_SIZE]
    answer = sent(system, content)

    told = opened(system, answer["message"], tmp_path / "out")

    (one,) = told["attachments"]
    assert one["file"] == str(tmp_path / "out" / "meeting.minutes-1.pdf")
    assert Path(one["file"]).read_bytes() == content
    assert Path(one["file"]).stat().st_mode & 0o077 == 0
    assert having(told)["document"] == "stored"
    assert rows(system, "SELECT count(*) FROM chunks")[0][0] >= chunks_of(MAX_SIZE)
    assert anywhere(system.folder, b"Quillotine agreed") == []


def test_one_byte_more_is_refused_before_anything_is_sent(system: System) -> None:
    """A document of more than 25 MB is turned away where it is, with its code."""
    before = rows(system, "SELECT count(*) FROM stored")
    (system.papers / "large.pdf").write_bytes(MINUTES.ljust(MAX_SIZE + 1, b"x"))

    said = system.send(referral(statements=[WORDS, minutes("large.pdf")]), TEACHER, code=1)

    assert said.json["error"]["code"] == "attachment.too-large"
    assert rows(system, "SELECT count(*) FROM stored") == before


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("program.pdf", b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 64, "attachment.unknown-type"),
        ("empty.pdf", b"", "attachment.empty"),
        ("absent.pdf", None, "file.unreadable"),
    ],
)
def test_what_is_no_document_is_refused_whatever_its_name(
    system: System, name: str, content: bytes | None, code: str
) -> None:
    """The form is told by content; a name proves nothing."""
    if content is not None:
        (system.papers / name).write_bytes(content)

    said = system.send(referral(statements=[WORDS, minutes(name)]), TEACHER, code=1)

    assert said.json["error"]["code"] == code


def test_whoever_may_not_read_the_statement_gets_no_document(
    system: System, tmp_path: Path
) -> None:
    """A withheld statement is only counted; asked for by its digest it is as if not there."""
    consent = {
        "covers": "sharing",
        "given_by": "parent_with_responsibility",
        "given_at": now().isoformat(),
        "roles": ["first_response"],
        "categories": ["concern"],
    }
    answer = sent(
        system,
        MINUTES,
        basis={"kind": "consent"},
        consents=[consent],
    )

    told = opened(system, answer["message"], tmp_path / "out")

    assert (told["withheld"], told["attachments"]) == (1, [])
    assert [s["statement"]["question"] for s in told["statements"]] == ["concern.what_happened"]
    assert not (tmp_path / "out").exists()
    child, shown = told["delivery"]["child"], told["statements"][0]["digest"]
    hidden = _digests(system, answer["message"]) - {shown}
    assert hidden
    for digest in hidden:
        assert _refusal(system, DUTY, child, answer["message"], digest) == "story.not-found"
    # The statement that is shown has no document, and says no more than that.
    assert _refusal(system, DUTY, child, answer["message"], shown) == "story.not-found"


def test_breaking_the_glass_gives_out_the_documents_of_what_it_shows(
    system: System, tmp_path: Path
) -> None:
    """One record and one notice cover the words and the documents; no further read is made."""
    consent = {
        "covers": "sharing",
        "given_by": "parent_with_responsibility",
        "given_at": now().isoformat(),
        "roles": ["first_response"],
        "categories": ["concern"],
    }
    answer = sent(system, MINUTES, basis={"kind": "consent"}, consents=[consent])
    told = opened(system, answer["message"], tmp_path / "out")
    assert (told["withheld"], told["attachments"]) == (1, [])
    child = told["delivery"]["child"]
    before = len(_reads(system, child))

    asked = ("story", "break-glass", child, "--as", DUTY, "--reason", "missing_child")
    broken = system.run(*asked, "--because", "not come home", "--attachments", tmp_path / "glass")

    (one,) = broken["attachments"]
    assert Path(one["file"]).read_bytes() == MINUTES
    assert having(broken)["document"] == "stored"
    *_, (who, _, shown) = _reads(system, child)
    assert (who, one["digest"] in shown) == (DUTY, True)
    assert len(_reads(system, child)) == before + 1
    assert len(_story(system, "SELECT id FROM glass_notices WHERE child = ?", child)) == 1


def test_another_agency_can_neither_fetch_nor_overwrite(system: System, tmp_path: Path) -> None:
    """Not by digest, not with another's ticket, and not on another's subject."""
    answer = sent(system, MINUTES)
    told = opened(system, answer["message"], tmp_path / "out")
    child, digest = told["delivery"]["child"], having(told)["digest"]
    attachment = having(told)["statement"]["attachment"]

    assert _refusal(system, DOCTOR, child, answer["message"], digest) == "story.not-found"
    ticket = wait_for(_ticket(system, DUTY, child, answer["message"], digest))
    chunk = orjson.dumps({"ticket": ticket, "number": 0})
    assert wait_for(_asked(system, SURGERY, CHUNK_OF, chunk)) == "attachment.no-ticket"
    head = {
        "child": child,
        "object": attachment["object"],
        "size": attachment["size"],
        "number": 0,
    }
    forged = orjson.dumps(head) + b"\n" + bytes(attachment["size"] + 16)
    for agency in (SURGERY, SCHOOL):
        assert wait_for(_asked(system, agency, "attach", forged)) == "attachment.other"
    assert wait_for(_on_anothers_subject(system, chunk)) == "service.no-answer"
    assert opened(system, answer["message"], tmp_path / "again")["attachments"][0]["file"]


def test_a_tampered_object_is_not_taken_for_the_document(system: System, tmp_path: Path) -> None:
    """One changed bit of what is stored, and nothing of it is written."""
    answer = sent(system, MINUTES.ljust(2 * CHUNK, b"x"))
    opened(system, answer["message"], tmp_path / "before")
    (name,) = stored_for(system, answer["child"])
    path = system.folder / "db" / "story-attachments.sqlite"
    with closing(sqlite3.connect(path, timeout=20)) as connection, connection:
        whole = (name, 1)
        query = "SELECT ciphertext FROM chunks WHERE object = ? AND number = ?"
        found = bytearray(connection.execute(query, whole).fetchone()[0])
        found[100] ^= 1
        change = "UPDATE chunks SET ciphertext = ? WHERE object = ? AND number = ?"
        connection.execute(change, (bytes(found), *whole))

    told = opened(system, answer["message"], tmp_path / "out")

    assert [one.get("code") for one in told["attachments"]] == ["attachment.damaged"]
    assert not (tmp_path / "out").exists()


def test_an_attachment_never_uploaded_is_said_to_be_missing(system: System, tmp_path: Path) -> None:
    """The exchange cannot see it, so the message is accepted; whoever opens it is told."""
    (system.papers / "minutes.pdf").write_bytes(MINUTES)
    written = documents.parse(referral(statements=[WORDS, minutes("minutes.pdf")]))
    whole, _ = read_files(written, system.papers)
    message = wait_for(_submitted(system, whole))
    received(system, FRONT, message)

    told = opened(system, message, tmp_path / "out")

    assert having(told)["document"] == "missing"
    assert [one.get("code") for one in told["attachments"]] == ["attachment.missing"]


def test_a_sealed_file_is_sent_with_its_documents(system: System, tmp_path: Path) -> None:
    """Sealing binds the document by hash; sending finds the file by content, or says it lacks."""
    (tmp_path / "minutes.txt").write_bytes(b"The hens were read to.\n")
    paper = tmp_path / "document.json"
    paper.write_bytes(orjson.dumps(referral(statements=[WORDS, minutes("minutes.txt")])))
    sealed = tmp_path / "sealed.json"
    system.run("seal", paper, "--as", TEACHER, "--out", sealed)
    (tmp_path / "minutes.txt").rename(tmp_path / "another-name")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    lacking = system.run("send", sealed, "--attachments", elsewhere, code=1)
    answer = system.run("send", sealed)
    received(system, FRONT, answer["message"])
    told = opened(system, answer["message"], tmp_path / "out")

    assert lacking["error"]["code"] == "attachment.no-file"
    assert (tmp_path / "out" / "meeting.minutes-1.txt").read_bytes() == b"The hens were read to.\n"
    assert len(told["attachments"]) == 1


def test_with_its_statement_erased_a_document_is_gone_and_every_fetch_recorded(
    system: System, tmp_path: Path
) -> None:
    """The object leaves its store, no ticket is given any more, and who had it stays recorded."""
    answer = sent(system, MINUTES, child=supported_child(system), kind="story.added", data={})
    child, message = answer["child"], answer["message"]
    told = opened(system, message, tmp_path / "out")
    digest = having(told)["digest"]
    (name,) = stored_for(system, child)
    assert name == having(told)["statement"]["attachment"]["object"]
    (ciphertext,) = rows(system, "SELECT ciphertext FROM chunks WHERE object = ?", name)[0]
    assert anywhere(system.folder, ciphertext)
    reads = _reads(system, child)
    assert len(reads) == 2  # the statement's, and the document's

    words = ("--because", "request", "--as", CAF_MANAGER, "--countersign", COUNTERSIGNER)
    system.run("erase", child, *words, "--message", message)
    until(lambda: stored_for(system, child), lambda found: not found)

    assert rows(system, "SELECT number FROM chunks WHERE object = ?", name) == []
    until(lambda: anywhere(system.folder, ciphertext), lambda found: not found)
    refused = system.run("open", message, "--as", DUTY, "--attachments", tmp_path, code=1)
    assert refused["error"]["code"] == "story.erased"
    assert _refusal(system, DUTY, child, message, digest) == "story.erased"
    assert _reads(system, child) == reads


async def _submitted(system: System, written: documents.Document) -> str:
    async with desk(system.partnership, SCHOOL) as place:
        sealed = seal_document(system.partnership, place.directory, written, TEACHER, now())
        answer = await place.submit(sealed, 30)
        return str(answer.decision.message)  # type: ignore[union-attr]


async def _ticket(system: System, reader: str, child: str, message: str, digest: str) -> str:
    agency = reader.rpartition(".")[0]
    key = system.partnership.practitioner_key(reader)
    request = sign_fetch(key, child, message, digest, "to look", now())
    async with desk(system.partnership, agency) as place:
        return str((await place.ask(FETCH, request))["ticket"])


def _refusal(system: System, reader: str, child: str, message: str, digest: str) -> str:
    with pytest.raises(HandrailError) as caught:
        wait_for(_ticket(system, reader, child, message, digest))
    return caught.value.code


async def _asked(system: System, agency: str, verb: str, body: bytes) -> str:
    async with desk(system.partnership, agency) as place:
        try:
            await ask(place.client, f"agency.{agency}.{verb}", body)
        except HandrailError as error:
            return error.code
    return ""


async def _on_anothers_subject(system: System, body: bytes) -> str:
    """Ask as the service of the surgery's gateway on the subject of First Response."""
    partnership = system.partnership
    found = current_directory(partnership).agencies[SURGERY]
    identity = partnership.nkey(f"{found.gateway}-service")
    client = await connect(partnership.nats_url(), identity, name="test")
    try:
        await ask(client, f"story.{FRONT}.{CHUNK_OF}", body, timeout_s=1)
    except HandrailError as error:
        return error.code
    finally:
        await client.close()
    return ""


def _digests(system: System, message: str) -> set[str]:
    query = (
        "SELECT s.digest FROM statements s JOIN messages m ON m.ledger = s.ledger "
        "WHERE m.message = ?"
    )
    return {row[0] for row in _story(system, query, message)}


def _reads(system: System, child: str) -> list[tuple[Any, ...]]:
    return _story(system, "SELECT practitioner, read_at, shown FROM reads WHERE child = ?", child)


def _story(system: System, query: str, *values: str) -> list[tuple[Any, ...]]:
    uri = f"file:{system.folder / 'db' / 'story.sqlite'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(query, values).fetchall()
