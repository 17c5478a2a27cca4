"""The examples: each is decided as its index says, when all are played in their order."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.codes import (
    AssessmentFactor,
    ClosureReason,
    Disability,
    Ethnicity,
    PrimaryNeed,
    ReferralSource,
    Sex,
    is_nhs_number,
    is_upn,
)
from contracts.document import Document
from contracts.errors import HandrailError
from contracts.journey import Journey
from contracts.kinds import Opened
from contracts.messages import KINDS
from contracts.records import Outcome
from contracts.seal import open_seal
from services.cli.founding import create
from services.cli.messages import current_directory, seal_document
from services.exchange.decision import Accepted, Refused, decide
from tests.examples import Example, examples

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = examples(FOLDER)

CODES = {
    "identity.sex": Sex,
    "identity.ethnicity": Ethnicity,
    "identity.disability": Disability,
    "needs.primary": PrimaryNeed,
    "concern.factors": AssessmentFactor,
    "closure.reason": ClosureReason,
}


def test_every_example_is_decided_as_it_says(tmp_path: Path) -> None:
    """Outcome and every reason for a refusal are those of the index."""
    partnership = create(tmp_path, now=datetime.now(UTC), demonstration=True)
    directory = current_directory(partnership)
    journeys: dict[str, Journey] = {}
    for example in EXAMPLES:
        sealed = seal_document(
            partnership,
            directory,
            example.document(),
            example.author,
            datetime.now(UTC),
            example.countersigners,
            as_typed=True,
        )
        opened = open_seal(sealed, directory, datetime.now(UTC))
        assert isinstance(opened, Opened), (example.name, opened)
        child = opened.event.subject
        verdict = decide(opened, directory, journeys.get(child), datetime.now(UTC))
        if isinstance(verdict, Accepted):
            assert example.outcome is Outcome.ACCEPTED, example.name
            journeys[child] = verdict.journey
        else:
            assert isinstance(verdict, Refused), example.name
            assert example.outcome is Outcome.REFUSED, (example.name, verdict.reasons)
            assert {r.code for r in verdict.reasons} == example.reasons, example.name


def test_every_file_is_in_the_index_once_and_refusals_lie_under_their_reason() -> None:
    """The folders and the index agree."""
    names = [example.name for example in EXAMPLES]
    on_disk = {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*.json")}

    assert sorted(names) == sorted(on_disk)
    for example in EXAMPLES:
        if example.outcome is Outcome.REFUSED:
            assert example.path.parent.name in example.reasons, example.name
        else:
            assert example.path.parent.name == "accepted", example.name


def test_what_must_go_before_goes_before() -> None:
    """Every `after` names an accepted example that stands earlier in the index."""
    before: set[str] = set()
    for example in EXAMPLES:
        assert set(example.after) <= before, example.name
        if example.outcome is Outcome.ACCEPTED:
            before.add(example.name)


def test_the_examples_are_varied() -> None:
    """They come from every referral source that names an agency and use every basis of sharing."""
    documents = [example.document() for example in EXAMPLES]
    sources = {getattr(d.data, "source", None) for d in documents}

    assert {source for source in ReferralSource if source.names_agency} <= sources
    assert {d.basis.kind for d in documents} == {
        "consent",
        "consent_override",
        "statutory_duty",
        "court_order",
        "child_protection",
        "notice",
    }
    assert len(EXAMPLES) >= 60
    assert len({code for example in EXAMPLES for code in example.reasons}) >= 20


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_codes_and_numbers_are_those_of_the_standards(example: Example) -> None:
    """Coded answers are DfE codes; NHS numbers and UPNs have their check characters."""
    document: Document = example.document()
    assert document.kind in KINDS
    wrong = set[str]()
    for statement in document.statements:
        value = statement.value
        if value is None:
            continue
        if statement.question in CODES:
            given = value if isinstance(value, tuple) else (str(value),)
            wrong |= {code for code in given if CODES[statement.question].read(code) is None}
        if statement.question == "identity.nhs_number":
            assert is_nhs_number(str(value))
        if statement.question == "identity.upn":
            assert is_upn(str(value))
    assert bool(wrong) == ("statements.code" in example.reasons), wrong


def test_a_folder_without_an_index_says_so(tmp_path: Path) -> None:
    """A missing or broken index is told with a remedy."""
    with pytest.raises(HandrailError, match=r"examples\.missing"):
        examples(tmp_path)
    (tmp_path / "examples.toml").write_text('[[example]]\nfile = "x"\n')
    with pytest.raises(HandrailError, match=r"examples\.missing"):
        examples(tmp_path)
