"""`handrail send`: the answer in words and as JSON, exit codes, and sending again."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts.document import Document, parse
from contracts.identifiers import new_reference
from contracts.records import DeliveredTo, shown_digest
from services.agency import sending
from services.cli import sending as cli_sending
from services.cli.founding import create
from services.cli.main import app
from services.cli.messages import current_directory, seal_document, statements_of
from services.cli.output import when
from services.cli.sent import SentLog
from services.cli.showing import content_words, withheld
from services.runtime.connection import connect
from services.runtime.partnership import Partnership
from tests.area import FRONT, TEACHER, Area
from tests.unit.cli_exchange import Exchange

RUNNER = CliRunner()
EXAMPLES = Path(__file__).parents[2] / "examples"
OFFICER = "demo.police.will-penrose"
ABUSE = EXAMPLES / "accepted" / "police-domestic-abuse-attended.json"
WITHHELD = EXAMPLES / "accepted" / "health-visitor-new-baby-health-withheld.json"
OVERRIDE = EXAMPLES / "accepted" / "school-consent-set-aside-line-manager-signs.json"
REFUSED = EXAMPLES / "refused" / "override.line-manager" / "set-aside-alone.json"


@pytest.fixture
def partnership(tmp_path: Path) -> Partnership:
    """Give a demonstration partnership of the test's own."""
    return create(tmp_path / "state", now=datetime.now(UTC), demonstration=True)


@pytest.fixture
def exchange(partnership: Partnership, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """Give an exchange in memory, and connect every desk to it."""
    made = Exchange(partnership)
    monkeypatch.setattr(cli_sending, "desk", made.desk)
    return made


def send(partnership: Partnership, *arguments: str | Path) -> Result:
    """Run `handrail send` on the partnership's folder."""
    return RUNNER.invoke(
        app, ["send", *map(str, arguments), "--dir", str(partnership.folder), "--timeout", "1"]
    )


def told(result: Result) -> dict[str, Any]:
    """Return what was printed with `--json`."""
    made: dict[str, Any] = json.loads(result.stdout)
    return made


@pytest.mark.usefixtures("exchange")
def test_an_accepted_message_says_to_whom_it_went(partnership: Partnership) -> None:
    """Exit code 0; the receipt names recipients and basis."""
    shown = send(partnership, ABUSE, "--as", OFFICER)

    assert shown.exit_code == 0
    assert "Accepted" in shown.stdout
    assert "First Response (demo.first-response): statements (10), none withheld" in shown.stdout
    assert "statutory_duty" in shown.stdout


@pytest.mark.usefixtures("exchange")
def test_what_is_withheld_is_told_by_category(partnership: Partnership) -> None:
    """The sender learns from the receipt which statements the recipient may not see."""
    arguments = (WITHHELD, "--as", "demo.health-visiting.laura-finch")

    assert "withheld for want of consent: health (1)" in send(partnership, *arguments).stdout
    assert told(send(partnership, *arguments, "--json"))["to"] == [
        {
            "agency": "demo.first-response",
            "name": "First Response",
            "statements": 10,
            "withheld": {"health": 1},
        }
    ]


@pytest.mark.usefixtures("exchange")
def test_a_refusal_tells_every_reason_with_citation_and_remedy(partnership: Partnership) -> None:
    """Exit code 3; code, paragraph and what to do now for each reason."""
    author = "demo.riverside-surgery.peter-voss"
    shown = send(partnership, REFUSED, "--as", author)
    assert shown.exit_code == 3
    assert "override.line-manager" in shown.stdout
    assert "003 §2.3" in shown.stdout
    assert "let the author's line manager" in shown.stdout

    as_json = send(partnership, REFUSED, "--as", author, "--json")
    assert as_json.exit_code == 3
    reason = told(as_json)["reasons"][0]
    assert reason.keys() == {"code", "detail", "citation", "message", "remedy"}
    assert all(reason[name] for name in ("code", "citation", "message", "remedy"))


def test_no_answer_is_exit_code_four_and_says_how_to_go_on(
    partnership: Partnership, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that the exchange has not answered can be repeated by its id."""
    monkeypatch.setattr(sending, "LEAST_S", 0.1)
    exchange.silent = True
    shown = send(partnership, ABUSE, "--as", OFFICER)
    assert shown.exit_code == 4
    assert "--resend" in shown.stdout

    result = told(send(partnership, ABUSE, "--as", OFFICER, "--json"))
    assert (result["outcome"], result["stored"]) == ("no_answer", True)


def test_the_same_document_again_is_a_new_message_with_a_warning(
    partnership: Partnership, exchange: Exchange
) -> None:
    """Nothing is dropped as a duplicate; the sender is told of the first one."""
    first = send(partnership, ABUSE, "--as", OFFICER)
    second = send(partnership, ABUSE, "--as", OFFICER)

    assert "the same document went" not in first.stderr
    assert "the same document went as message" in second.stderr
    assert len(exchange.records) == 2


def test_resend_gets_the_first_receipt(partnership: Partnership, exchange: Exchange) -> None:
    """The same document under its id is not decided twice, and about the same child."""
    first = told(send(partnership, ABUSE, "--as", OFFICER, "--json"))
    again = told(send(partnership, ABUSE, "--as", OFFICER, "--resend", first["message"], "--json"))

    assert again["receipt"] == first["receipt"]
    assert again["child"] == first["child"]
    assert len(exchange.published) == 1


def test_resend_after_no_answer_sends_once_more(
    partnership: Partnership, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first sending never arrived, the repeated one is decided, about the same child."""
    monkeypatch.setattr(sending, "LEAST_S", 0.1)
    exchange.silent = True
    lost = told(send(partnership, ABUSE, "--as", OFFICER, "--json"))
    exchange.silent = False
    again = send(partnership, ABUSE, "--as", OFFICER, "--resend", lost["message"], "--json")

    assert again.exit_code == 0
    assert (told(again)["message"], told(again)["child"]) == (lost["message"], lost["child"])


@pytest.mark.usefixtures("exchange")
def test_resend_refuses_another_document(partnership: Partnership) -> None:
    """An id is never given to other words than those that went under it."""
    first = told(send(partnership, ABUSE, "--as", OFFICER, "--json"))
    other = send(partnership, REFUSED, "--as", OFFICER, "--resend", first["message"], "--json")
    assert (other.exit_code, told(other)["error"]["code"]) == (1, "document.other-content")

    bad = send(partnership, ABUSE, "--as", OFFICER, "--resend", "x", "--json")
    assert told(bad)["error"]["code"] == "send.other-id"


@pytest.mark.usefixtures("exchange")
def test_a_sealed_file_goes_as_it_is_and_twice_to_the_same_receipt(
    partnership: Partnership, tmp_path: Path
) -> None:
    """A sealed file says itself who sends it; its receipt can be kept and proved."""
    file, receipt = tmp_path / "sealed.json", tmp_path / "receipt.json"
    state = ["--dir", str(partnership.folder)]
    RUNNER.invoke(app, ["seal", str(ABUSE), "--as", OFFICER, "--out", str(file), *state])
    first = told(send(partnership, file, "--json", "--receipt", receipt))
    again = told(send(partnership, file, "--json"))

    assert first["outcome"] == "accepted"
    assert first["receipt"] == again["receipt"] == json.loads(receipt.read_bytes())
    proved = RUNNER.invoke(app, ["verify", str(receipt), *state, "--json"])
    assert proved.exit_code == 0
    assert json.loads(proved.stdout)["message"] == first["message"]


@pytest.mark.usefixtures("exchange")
def test_one_person_countersigns_for_another_in_a_demonstration_only(
    partnership: Partnership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--countersign` works where the directory says that nothing is real, and nowhere else."""
    arguments = (OVERRIDE, "--as", "demo.hilltop-school.jo-marsh")
    signer = ("--countersign", "demo.hilltop-school.ruth-adeyemi")
    assert send(partnership, *arguments, *signer).exit_code == 0

    earnest = current_directory(partnership)
    document = earnest.document.model_copy(update={"demonstration": False})
    monkeypatch.setattr(earnest, "document", document)
    monkeypatch.setattr("tests.unit.cli_exchange.current_directory", lambda _: earnest)
    refused = send(partnership, *arguments, *signer, "--json")
    assert told(refused)["error"]["code"] == "countersign.apart"


@pytest.mark.usefixtures("exchange")
@pytest.mark.parametrize(
    ("content", "code", "exit_code"),
    [
        (b'{"kind": "x", "a": "' + b"x" * 2_000_000 + b'"}', "seal.too-large", 3),
        (b"not JSON", "document.invalid", 1),
        (b'{"payload": 1, "signatures": []}', "seal.unreadable", 3),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused(
    partnership: Partnership, tmp_path: Path, content: bytes, code: str, exit_code: int
) -> None:
    """Each has its code; 3 is the exit code where the exchange would refuse for the same reason."""
    file = tmp_path / "file.json"
    file.write_bytes(content)
    refused = send(partnership, file, "--as", OFFICER, "--json")
    assert (refused.exit_code, told(refused)["error"]["code"]) == (exit_code, code)


@pytest.mark.usefixtures("exchange")
def test_who_sends_must_be_said_and_be_somebody(partnership: Partnership, tmp_path: Path) -> None:
    """A plain document needs an author whom the directory holds, with a key in the folder."""
    assert told(send(partnership, ABUSE, "--json"))["error"]["code"] == "send.no-author"
    nobody = send(partnership, ABUSE, "--as", "demo.police.nobody", "--json")
    assert told(nobody)["error"]["code"] == "practitioner.unknown"
    missing = send(partnership, tmp_path / "none.json", "--as", OFFICER, "--json")
    assert told(missing)["error"]["code"] == "file.unreadable"


def test_the_log_of_what_was_sent_holds_no_word_of_it(
    partnership: Partnership, exchange: Exchange
) -> None:
    """Digests and ids only; the digest of a guess is not to be found in it."""
    send(partnership, ABUSE, "--as", OFFICER)
    kept = (partnership.folder / "db" / "sent.sqlite").read_bytes()
    document: Document = parse(json.loads(ABUSE.read_bytes()))

    assert exchange.records
    for statement in document.statements:
        if isinstance(statement.value, str) and len(statement.value) > 3:
            assert statement.value.encode() not in kept
    assert SentLog(partnership.folder).before(document, "demo.police") is not None
    assert SentLog(partnership.folder).before(document, "demo.housing") is None


def test_what_cannot_be_told_is_not_guessed(partnership: Partnership) -> None:
    """A digest that no division by categories explains gives no answer."""
    document = parse(json.loads(ABUSE.read_bytes()))
    sealed = seal_document(
        partnership, current_directory(partnership), document, OFFICER, datetime.now(UTC)
    )
    statements = statements_of(sealed)
    one_missing = shown_digest(tuple(s.digest for s in statements[1:]))

    assert withheld(statements, DeliveredTo(agency="demo.housing", shown=one_missing)) is None
    hidden = withheld(statements, DeliveredTo(agency="demo.housing", shown=shown_digest(())))
    assert hidden is not None
    assert sum(count for _, count in hidden) == len(statements)


def test_that_an_address_is_kept_from_a_recipient_is_not_told_to_the_sender() -> None:
    """Neither alone nor with what consent does not cover is it counted; the rest is."""
    area = Area()
    keys = ("identity.name", "identity.address", "views.child")
    said = [area.statement(key) for key in keys]
    basis = {"kind": "statutory_duty", "provision": "CA1989-s17"}
    sealed = area.sealed("story.added", new_reference(), TEACHER, [FRONT], said, basis=basis)
    statements = statements_of(sealed)
    by_key = {one.statement.question: one.digest for one in statements}

    def told_of(*shown: str) -> dict[str, int] | None:
        digests = tuple(by_key[key] for key in shown)
        found = withheld(statements, DeliveredTo(agency=FRONT, shown=shown_digest(digests)))
        return None if found is None else {name.value: count for name, count in found}

    assert told_of(*keys) == told_of("identity.name", "views.child") == {}
    assert told_of("views.child") == {"identity": 1}
    assert told_of("identity.name") == {"views": 1}


@pytest.mark.parametrize("port", [None, 1])
def test_without_a_server_there_is_no_answer(
    partnership: Partnership, monkeypatch: pytest.MonkeyPatch, port: int | None
) -> None:
    """Exit code 4, as for an answer that does not come, and the error says what to do."""
    monkeypatch.setattr("services.cli.desk.connect", partial(connect, timeout_s=0.5))
    if port is not None:
        (partnership.folder / "nats").mkdir()
        (partnership.folder / "nats" / "port").write_text(f"{port}\n")
    shown = send(partnership, ABUSE, "--as", OFFICER, "--json")
    assert shown.exit_code == 4
    assert told(shown)["error"]["code"] == ("nats.unreachable" if port else "nats.not-running")
    assert "handrail up" in told(shown)["error"]["remedy"]


def test_content_is_shown_in_words() -> None:
    """Whom a concern was discussed with is a sentence, and nothing in it moves a terminal."""
    said = {"line_manager": "demo.hilltop-school.ruth\x1b[2J", "at": "2026-11-20T09:30:00Z"}
    shown = content_words(said)
    assert shown.startswith("line manager demo.hilltop-school.ruth")
    assert f", at {when('2026-11-20T09:30:00Z')}" in shown
    assert not set("{}'\x1b") & set(shown)
