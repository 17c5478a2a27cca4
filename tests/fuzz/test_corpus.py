"""What fuzzing has found once stays found: every file of the corpus, and what each stood for."""

from pathlib import Path

import pytest

from contracts.attachments import sniff
from contracts.errors import HandrailError
from contracts.evidence.findings import Code
from contracts.evidence.reading import read as read_evidence
from contracts.rules import load_pack
from contracts.subjects import journey
from services.runtime.subscribing import Record
from services.tracker.entries import read
from tests.fuzz.registry import CORPUS, TARGETS, found_before
from tests.fuzz.sampling import CHILD
from tests.fuzz.world import NOW

FOUND = [(name, path) for name in TARGETS for path in found_before(name)]


@pytest.mark.parametrize(("name", "path"), FOUND, ids=lambda x: getattr(x, "name", x))
def test_what_was_found_once_is_answered_from_the_closed_set(name: str, path: Path) -> None:
    """No input that ever escaped its closed set does so again."""
    TARGETS[name].outcome(path.read_bytes())


def test_every_file_of_the_corpus_belongs_to_a_target() -> None:
    """No file lies where nothing replays it."""
    assert {path.parent.name for path in CORPUS.rglob("*") if path.is_file()} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_good_is_answered_from_the_closed_set(name: str) -> None:
    """Every target answers all it begins with, and something of that is good."""
    target = TARGETS[name]
    answers = {target.outcome(seed) for seed in target.seeds()}
    assert answers - {"none"}
    assert len(target.outcomes) > 1


def test_an_empty_root_key_is_not_taken_for_none_given() -> None:
    """Evidence read by an empty root key does not hold on the word of the key inside it."""
    honest = TARGETS["evidence"].seeds()[0]
    assert read_evidence(honest).root_believed
    (finding,) = read_evidence(honest, "").findings
    assert finding.code is Code.OTHER_ROOT


def _corpus(name: str, file: str) -> bytes:
    return (CORPUS / name / file).read_bytes()


def test_protection_with_a_required_part_missing_is_refused_and_not_an_error() -> None:
    """A request named child protection that lacks what its kind requires is refused for that."""
    found = TARGETS["message"].outcome(
        _corpus("message", "protection-without-a-required-part.json")
    )
    assert found == "message.wrong-content"


def test_a_document_with_more_of_a_consent_than_the_contract_takes_is_invalid() -> None:
    """A consent too long for the contract is told as a fault of the document, before sealing."""
    with pytest.raises(HandrailError) as caught:
        TARGETS["document"].run(_corpus("document", "a-consent-with-too-many-categories.json"))
    assert caught.value.code == "document.invalid"
    assert "$.consents[0].categories" in caught.value.message


def test_a_rule_pack_with_a_number_of_thousands_of_digits_is_a_bad_pack() -> None:
    """What Python will not make a number of is a mistake of the file."""
    text = _corpus("rule-pack", "a-number-of-thousands-of-digits.toml").decode()
    with pytest.raises(HandrailError) as caught:
        load_pack(text, "own.toml")
    assert caught.value.code == "rules.bad-pack"


@pytest.mark.parametrize("how", ["deflated", "lzma"])
def test_an_archive_whose_first_member_is_packed_and_damaged_is_of_no_form(how: str) -> None:
    """Nothing of a stranger's archive is unpacked to tell what it is."""
    assert sniff(_corpus("attachment", f"a-mimetype-{how}-and-damaged.zip")) is None


@pytest.mark.parametrize(
    "file", ["a-journey-whose-answers-are-a-list.json", "a-journey-with-an-empty-mark.json"]
)
def test_a_journey_of_another_form_is_an_unreadable_entry_to_the_tracker(file: str) -> None:
    """The tracker says that it cannot read a record, however it is damaged."""
    record = Record("LEDGER", journey(CHILD), 1, NOW, 1, _corpus("ledger", file), {})
    with pytest.raises(HandrailError) as caught:
        read(record)
    assert caught.value.code == "entry.unreadable"
