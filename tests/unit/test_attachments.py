"""Attachments: what may be attached, encrypted so that only the whole document ever opens."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.attachments import (
    CHUNK,
    MAX_SIZE,
    Attachment,
    MediaType,
    chunk_size,
    chunks_of,
    decrypt,
    describe,
    encrypt,
    sniff,
    stored_size,
)
from contracts.document import parse, to_event
from contracts.errors import HandrailError
from contracts.statements import Answer, Statement, open_disclosures, seal_statements
from services.agency.attachments import Head, Piece, read_piece, read_wanted, write_piece
from services.cli.showing import show_statements
from tests.area import TEACHER, Area

AREA = Area()
CHILD = "C" * 26
PDF = b"%PDF-1.7 minutes"


def packed(*members: tuple[str, bytes]) -> bytes:
    """A ZIP archive with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


DOCX = packed(("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>"))
ODT = packed(("mimetype", MediaType.ODT.value.encode()), ("content.xml", b"<x/>"))


def chunks(attachment: Attachment, content: bytes) -> list[bytes]:
    """Every encrypted chunk, in order."""
    return [encrypt(attachment, content, n) for n in range(chunks_of(attachment.size))]


def code(attachment: Attachment, parts: list[bytes]) -> str:
    """Why these chunks are not the document."""
    with pytest.raises(HandrailError) as caught:
        decrypt(attachment, parts)
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (PDF, MediaType.PDF),
        (b"\x89PNG\r\n\x1a\n....", MediaType.PNG),
        (b"\xff\xd8\xff\xe0....", MediaType.JPEG),
        (DOCX, MediaType.DOCX),
        (ODT, MediaType.ODT),
        ("Zażółć\u00a0gęślą\r\n\tjaźń\n".encode(), MediaType.TEXT),
        ("\ufeffwith a mark".encode(), MediaType.TEXT),
        (packed(("evil.exe", b"MZ")), None),
        (packed(("mimetype", b"application/vnd.oasis.opendocument.calc")), None),
        (DOCX[:40], None),
        (b"MZ\x90\x00\x03", None),
        (b"\x00text", None),
        ("Latin: ü".encode("latin-1"), None),
        (b"GIF89a\x01\x00", None),
    ],
    # An archive has the time of its making in its bytes, so they name no test.
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_a_form_is_told_by_content(content: bytes, found: MediaType | None) -> None:
    """Six forms are known, and nothing else passes for one."""
    assert sniff(content) is found


@given(st.binary())
def test_any_bytes_can_be_looked_at(content: bytes) -> None:
    """Whatever is handed in gets an answer, also behind the marks of each form."""
    for start in (b"", b"PK\x03\x04", DOCX[:50], ODT[:-9]):
        assert sniff(start + content) in (*MediaType, None)


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_encrypted_comes_back_byte_for_byte(size: int) -> None:
    """At every edge of a chunk the document returns, and takes the room that is reckoned."""
    content = (b"words " * (size // 6 + 1))[:size]
    made = describe(content)
    parts = chunks(made, content)

    assert decrypt(made, parts) == content
    assert [len(part) for part in parts] == [chunk_size(size, n) for n in range(len(parts))]
    assert sum(map(len, parts)) == stored_size(size)
    assert all(content[:64] not in part for part in parts if size > 64)


def test_nothing_but_the_whole_document_opens() -> None:
    """A bit changed, a chunk left out, doubled, moved or of another document: damaged."""
    content = PDF.ljust(3 * CHUNK, b"x")
    made, other = describe(content), describe(content)
    parts = chunks(made, content)
    changed = bytes([parts[0][0] ^ 1]) + parts[0][1:]
    for wrong in (
        [],
        [changed, *parts[1:]],
        parts[:-1],
        [*parts, parts[-1]],
        [parts[1], parts[0], parts[2]],
        [*parts[:2], b""],
        chunks(other, content),
    ):
        assert code(made, wrong) == "attachment.damaged"
    assert code(made.model_copy(update={"sha256": "0" * 64}), parts) == "attachment.damaged"
    assert code(made.model_copy(update={"object": other.object}), parts) == "attachment.damaged"


def test_a_form_other_than_the_statement_says_is_refused() -> None:
    """A program announced as a PDF is not written to anybody's disk."""
    honest = describe(b"plain words")
    lying = honest.model_copy(update={"media_type": MediaType.PDF})
    assert code(lying, chunks(honest, b"plain words")) == "attachment.other-type"


def test_size_is_bounded_to_the_byte() -> None:
    """25 MB may be attached, one byte more may not, nor may nothing."""
    assert describe(b"x" * MAX_SIZE).size == MAX_SIZE
    wrong = {"attachment.too-large": b"x" * (MAX_SIZE + 1), "attachment.empty": b""}
    for found, content in wrong.items():
        with pytest.raises(HandrailError) as caught:
            describe(content)
        assert caught.value.code == found


def test_no_text_form_shows_the_key() -> None:
    """What is logged or shown by accident opens nothing."""
    made = describe(PDF)
    assert made.key not in f"{made!r} {made}"
    assert len({describe(PDF).key for _ in range(8)}) == 8


def test_an_attachment_travels_in_the_disclosure_and_nowhere_else() -> None:
    """A statement may have one in place of a value; the seal holds but its digest."""
    made = describe(PDF)
    said = Statement(
        question="meeting.minutes",
        said_by="chair",
        recorded_by=TEACHER,
        recorded_at=AREA.now,
        attachment=made,
    )
    sealed = seal_statements([said])
    elements = [one["..."] for one in sealed.elements]
    opened = open_disclosures(elements, sealed.bound, sealed.salt, sealed.disclosures)

    assert isinstance(opened, tuple)
    assert opened[0].statement == said
    assert made.key not in str(sealed.elements)


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "views.child"},
        {"answer": Answer.NOT_KNOWN},
        {"attachment": {"size": MAX_SIZE + 1}},
        {"attachment": {"size": 0}},
        {"attachment": {"size": 1.5}},
        {"attachment": {"media_type": "text/html"}},
        {"attachment": {"sha256": "F" * 64}},
        {"attachment": {"key": "short"}},
        {"attachment": {"object": "../../../../etc/passwd"}},
        {"attachment": {"name": "Maisie.pdf"}},
    ],
)
def test_an_attachment_of_another_form_is_no_statement(changes: dict[str, object]) -> None:
    """Sizes, forms and names are closed, and only some questions take a document."""
    made = describe(PDF).model_dump(mode="json")
    said = {
        "question": "meeting.minutes",
        "said_by": "chair",
        "recorded_by": TEACHER,
        "recorded_at": AREA.now,
    }
    given = changes.get("attachment")
    Statement.model_validate({**said, "attachment": made})
    whole = {**made, **given} if isinstance(given, dict) else made
    with pytest.raises(ValidationError):
        Statement.model_validate({**said, **changes, "attachment": whole})


def test_a_file_that_was_not_read_is_not_sealed() -> None:
    """A document that names a file is sealed by a command that reads it, and by no other."""
    written = {
        "kind": "referral.submitted",
        "child": "new",
        "recipients": ["demo.first-response"],
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        "data": {"concern": "child_in_need", "source": "2A"},
        "statements": [
            {"question": "meeting.minutes", "said_by": "chair", "attachment": "minutes.pdf"}
        ],
    }
    author = AREA.directory.practitioner(TEACHER, AREA.now)
    assert author is not None
    with pytest.raises(HandrailError) as caught:
        to_event(parse(written), author, AREA.now)
    assert caught.value.code == "attachment.not-read"


@given(st.binary(max_size=300))
def test_junk_is_no_chunk(data: bytes) -> None:
    """Whatever a gateway uploads or asks for is read, or answered with a code."""
    head = Head(child=CHILD, object="A" * 22, size=3, number=0)
    good = write_piece(Piece(head, b"x" * 19))
    assert read_piece(good).head == head
    for wrong in (data, good + data + b"x", good[:-1], b"{}\n" + data):
        with pytest.raises(HandrailError) as caught:
            read_piece(wrong)
        assert caught.value.code == "attachment.invalid"
    with pytest.raises(HandrailError):
        read_wanted(data)


def test_a_document_carries_on_an_attachment_as_it_was_told() -> None:
    """A form filled in from the story keeps the same object, hash and key beside its statement."""
    made = describe(PDF)
    written = {
        "kind": "referral.submitted",
        "child": CHILD,
        "recipients": ["demo.first-response"],
        "basis": {"kind": "statutory_duty", "provision": "CA1989-s17"},
        "data": {"concern": "child_in_need", "source": "2A"},
        "statements": [
            {
                "question": "meeting.minutes",
                "said_by": "chair",
                "attachment": made.model_dump(mode="json"),
                "carried_from": "MESSAGE0000000000000",
            }
        ],
    }
    author = AREA.directory.practitioner(TEACHER, AREA.now)
    assert author is not None
    event, beside = to_event(parse(written), author, AREA.now)
    assert beside is not None
    elements = [one.digest for one in event.data.statements]
    opened = open_disclosures(elements, event.data.bound, beside.salt, beside.items)
    assert isinstance(opened, tuple)
    assert opened[0].statement.attachment == made


def test_people_are_shown_form_and_size_and_never_the_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A table of statements says that a document is there, also where it stands alone."""
    made = describe(PDF)
    said = {"question": "meeting.minutes", "said_by": "chair"}
    attachment = made.model_dump(mode="json")
    show_statements([{**said, "attachment": attachment}])
    show_statements([{**said, "value": "Agreed.", "attachment": attachment}])

    shown = capsys.readouterr().out
    assert shown.count("[document attached: pdf, 0.0 MB]") == 2
    assert "Agreed. [document" in shown
    assert made.key not in shown
