"""Answers as they are typed: put into the contract's form with one reading, or refused before."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import normalise
from contracts.codes import AssessmentFactor, PrimaryNeed
from contracts.directory import Practitioner
from contracts.document import Document, parse, to_event
from contracts.errors import HandrailError
from contracts.forms import Place, forms
from contracts.kinds import Opened
from contracts.messages import KINDS
from contracts.questions import questions
from contracts.reasons import reasons
from contracts.seal import open_seal
from contracts.statements import Statement, open_disclosures
from contracts.typed_answers import in_form
from services.cli.access_copy import _words_of
from services.cli.founding import create
from services.cli.messages import current_directory, seal_document
from services.cli.showing import show_statements
from services.exchange.decision import Accepted, decide
from services.story.filling import Heard, document, fill
from tests.unit.test_document import referral

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TEACHER = Practitioner(id="demo.hilltop-school.jo-marsh", name="Jo Marsh")
BORN, SEX, ETHNICITY = "identity.born_on", "identity.sex", "identity.ethnicity"
NHS, UPN, NAME, POSTCODE = (
    "identity.nhs_number",
    "identity.upn",
    "identity.name",
    "identity.postcode",
)
DISABILITY = "identity.disability"

SPELLINGS = {
    "WBRI": ("White - British", "white british", "WHITE: BRITISH", "White UK", "W/British", "wbri"),
    "WIRT": ("Traveller - Irish Heritage", "Irish Traveller"),
    "WROM": ("Gypsy / Roma", "Romany"),
    "WOTH": ("Any other White background", "White Polish"),
    "MWBC": ("Mixed - White & Black Caribbean", "White/Caribbean"),
    "MOTH": ("Other Mixed",),
    "AIND": ("Asian or Asian British - Indian", "British Indian"),
    "APKN": ("Asian/Asian British: Pakistani",),
    "ABAN": ("Bengali (Bangladeshi)",),
    "BCRB": ("Black Caribbean", "Afro-Caribbean"),
    "BAFR": ("Black - Somali", "Black African"),
    "CHNE": ("chinese",),
    "OOTH": ("Arab",),
    "REFU": ("Prefer not to say",),
    "NOBT": ("Not yet obtained",),
}
MESSY: list[tuple[str, Any, Any]] = [
    *((ETHNICITY, typed, code) for code, several in SPELLINGS.items() for typed in several),
    (SEX, "Male", "M"),
    (SEX, "Male / 1 / M", "M"),
    (SEX, "1", "M"),
    (SEX, 2, "F"),
    (SEX, "girl", "F"),
    (BORN, "13/04/2015", "2015-04-13"),
    (BORN, "04/13/2015", "2015-04-13"),
    (BORN, "2015-13-04", "2015-04-13"),
    (BORN, "13.4.15", "2015-04-13"),
    (BORN, "05/05/2015", "2015-05-05"),
    (BORN, "12th April 2015", "2015-04-12"),
    (BORN, "2015-04-13 00:00:00", "2015-04-13"),
    (NHS, "943 476 5919", "9434765919"),
    (NHS, "943-476-5919", "9434765919"),
    (NHS, 9434765919, "9434765919"),
    (UPN, "j801 2004 10907", "J801200410907"),
    (POSTCODE, "sw1a1aa", "SW1A 1AA"),
    (NAME, "Zoe\u0308  Ma\u0301rquez", "Zo\u00eb M\u00e1rquez"),
    (NAME, "O'BRIEN, Siobh\u00e1n", "Siobh\u00e1n O'BRIEN"),
    (DISABILITY, ("Mobility", "aut"), ("MOB", "AUT")),
    (DISABILITY, "Mobility; AUT", ("MOB", "AUT")),
    ("needs.primary", "N2 - Child's disability", "N2"),
    ("education.sen_provision", "Special educational needs support", "K"),
    ("closure.reason", "rc8", "RC8"),
    ("identity.religion_group", "muslim", "G"),
]
IN_FORM: list[tuple[str, Any]] = [
    (ETHNICITY, "WBRI"),
    (SEX, "M"),
    (BORN, "2015-04-12"),
    (BORN, "2027-03-01"),
    (NHS, "9434765919"),
    (UPN, "J801200410907"),
    (POSTCODE, "SW1A 1AA"),
    (NAME, "Zo\u00eb M\u00e1rquez"),
    (NAME, "Unborn baby of Ada"),
    (NAME, "Amir, known as Ami"),
    (NAME, "Ida 2"),
    (DISABILITY, ("MOB", "AUT")),
    ("needs.primary", "N2"),
    ("concern.what_happened", "13/04/2015, Male"),
    ("family.parents", "Smith, John"),
]
UNCLEAR: list[tuple[str, Any, str]] = [
    (ETHNICITY, "White", "statements.code"),
    (ETHNICITY, "Martian", "statements.code"),
    (SEX, "Male / 2", "statements.code"),
    (SEX, True, "statements.code"),
    (SEX, ("M",), "statements.code"),
    (DISABILITY, ("Mobility", "a limp"), "statements.code"),
    ("needs.primary", "N2 - Low income", "statements.code"),
    (BORN, "12/04/2015", "statements.unclear"),
    (BORN, "31/02/2015", "statements.unclear"),
    (BORN, "about 2015", "statements.unclear"),
    (BORN, "13/04/2015" + " " * 200, "statements.unclear"),
    (POSTCODE, "SW1A OAA", "statements.unclear"),
    (NAME, "Jos\u00c3\u00a9", "statements.unclear"),
    (NHS, "9434765910", "statements.number"),
    (NHS, "943476S919", "statements.number"),
    (NHS, "9999999999", "statements.number"),
    (UPN, "A801200410907", "statements.number"),
]


def written(question: str, value: Any, **changes: Any) -> dict[str, Any]:
    """Give a document with one answer."""
    said = {"question": question, "value": value, "said_by": "school record"}
    said |= changes.pop("said", {})
    return referral(statements=[said], **changes)


def sealed(document: Document) -> Statement:
    """Give the one statement that is sealed of a document."""
    event, beside = to_event(in_form(document, NOW), TEACHER, NOW)
    assert beside is not None
    digests = [element.digest for element in event.data.statements]
    opened = open_disclosures(digests, event.data.bound, beside.salt, beside.items)
    assert isinstance(opened, tuple)
    return opened[0].statement


def refusal(made: dict[str, Any]) -> HandrailError:
    """Give what a document is refused with before it is sealed."""
    with pytest.raises(HandrailError) as caught:
        in_form(parse(made), NOW)
    return caught.value


@pytest.mark.parametrize(("question", "typed", "value"), MESSY, ids=str)
def test_a_messy_answer_is_sealed_in_form_with_what_was_typed(
    question: str, typed: Any, value: Any
) -> None:
    """The sealed value is the contract's, and the original stands beside it as it was typed."""
    statement = sealed(parse(written(question, typed)))

    assert statement.value == value
    assert statement.original == (typed if isinstance(typed, tuple) else str(typed))
    assert questions()[question].takes(statement.value)


def test_at_least_twenty_spellings_of_ethnicity_are_in_the_table() -> None:
    """The table of messy answers holds what school systems write."""
    assert sum(question == ETHNICITY for question, _, _ in MESSY) >= 20


@pytest.mark.parametrize(("question", "value"), IN_FORM, ids=str)
def test_an_answer_in_form_stays_and_has_no_original(question: str, value: Any) -> None:
    """Where nothing changed nothing is added, not even an empty member."""
    document = parse(written(question, value))
    statement = sealed(document)

    assert statement.value == value
    assert "original" not in statement.model_dump(mode="json", exclude_defaults=True)
    assert in_form(document, NOW) == document


@pytest.mark.parametrize(("question", "typed", "code"), UNCLEAR, ids=str)
def test_what_has_no_certain_reading_is_refused_with_its_place_and_never_its_value(
    question: str, typed: Any, code: str
) -> None:
    """The refusal has a code of the closed list, names place and question, and says what to do."""
    error = refusal(written(question, typed))

    assert error.code == code
    assert f"$.statements[0] ({question})" in error.message
    assert error.remedy == reasons()[code].remedy
    assert str(typed).strip() not in error.message + error.remedy


def test_every_unclear_answer_is_told_at_once() -> None:
    """Three faults of three sorts are named together, each with what to do."""
    wrong = ((BORN, "12/04/2015"), (NHS, "1"), (SEX, "x"))
    said = [{"question": q, "value": v, "said_by": "school record"} for q, v in wrong]
    error = refusal(referral(statements=said))

    assert all(f"$.statements[{n}]" in error.message for n in range(3))
    assert all(reasons()[f"statements.{c}"].remedy in error.remedy for c in ("number", "code"))


@pytest.mark.parametrize(("question", "typed", "_"), UNCLEAR, ids=str)
@pytest.mark.parametrize(
    "urgent",
    [
        {"data": {"concern": "child_protection", "source": "2A"}},
        {"basis": {"kind": "statutory_duty", "provision": "CA1989-s47"}},
    ],
    ids=["concern", "section 47"],
)
def test_child_protection_goes_as_it_was_typed(
    question: str, typed: Any, _: str, urgent: dict[str, Any]
) -> None:
    """What cannot be read with certainty is neither refused nor changed; the rest is put right."""
    said = {"question": SEX, "value": "Male", "said_by": "school record"}
    made = written(question, typed, **urgent)
    made["statements"].append(said)
    left, right = in_form(parse(made), NOW).statements

    assert (left.value, left.original) == (typed, None)
    assert (right.value, right.original) == ("M", "Male")


def test_the_exchange_takes_child_protection_with_answers_as_typed(tmp_path: Path) -> None:
    """A referral for protection with unreadable answers is sealed, accepted and delivered."""
    at = datetime.now(UTC)
    partnership = create(tmp_path, now=at, demonstration=True)
    directory = current_directory(partnership)
    said = [
        {"question": "concern.harm", "value": "Hit today.", "said_by": "child"},
        *({"question": q, "value": v, "said_by": "record"} for q, v, _ in UNCLEAR),
    ]
    made = referral(
        statements=said,
        data={"concern": "child_protection", "source": "2A"},
        basis={"kind": "child_protection"},
        consents=[],
    )
    message = seal_document(partnership, directory, parse(made), TEACHER.id, at)
    opened = open_seal(message, directory, at)

    assert isinstance(opened, Opened)
    assert isinstance(decide(opened, directory, None, at), Accepted)
    assert len(opened.statements) == len(said)


def test_what_another_seal_carried_is_never_refused_here() -> None:
    """A carried answer was typed elsewhere: certain ones are put right, others stay as told."""
    carried = {"carried_from": "MESSAGE0000000000000"}

    assert sealed(parse(written(BORN, "12/04/2015", said=carried))).value == "12/04/2015"
    right = sealed(parse(written(BORN, "13/04/2015", said=carried)))
    assert (right.value, right.original) == ("2015-04-13", "13/04/2015")


def test_a_prefilled_form_keeps_what_was_typed_over_the_next_seal() -> None:
    """An answer filled in by the story goes on with its original, and sealing leaves both alone."""
    first = sealed(parse(written(SEX, "Male / 1 / M")))
    heard = Heard(first, "d" * 43, "MESSAGE0000000000000")
    form = next(form for form in forms().values() if SEX in form.asks)
    filled = fill([Place(questions()[SEX], required=False)], [heard], NOW.date().isoformat())
    made = document(form, KINDS[form.kind], "CHILD000000000000001", filled)
    (said,) = [s for s in made["statements"] if s["question"] == SEX]
    again = sealed(parse(written(SEX, "M", said=said)))

    assert said["original"] == "Male / 1 / M"
    assert (again.value, again.original) == ("M", "Male / 1 / M")
    assert (again.recorded_by, again.carried_from) == (TEACHER.id, heard.message)


def test_an_original_is_bounded_and_stands_beside_a_value() -> None:
    """It is never longer than 200 characters, and never without the value that it became."""
    for wrong in ({"original": "x" * 201}, {"original": ""}, {"original": ["x"] * 65}):
        with pytest.raises(HandrailError, match=r"document\.invalid"):
            parse(written(SEX, "M", said=wrong))
    bare = {"question": SEX, "answer": "declined", "said_by": "mother", "original": "Male"}
    with pytest.raises(HandrailError, match="no value beside it"):
        parse(referral(statements=[bare]))
    with pytest.raises(ValueError, match="beside a value"):
        Statement.model_validate({**bare, "recorded_by": TEACHER.id, "recorded_at": NOW})


def test_the_original_is_shown_beside_the_value(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever opens a message, and a family that reads its copy, see both."""
    said = sealed(parse(written(BORN, "13/04/2015"))).model_dump(mode="json", exclude_none=True)
    show_statements([said])
    directory: Any = type("None", (), {"agencies": {}})()

    assert "2015-04-13 (typed: 13/04/2015)" in " ".join(capsys.readouterr().out.split())
    told = _words_of({"statement": said, "sender": "demo.hilltop-school"}, directory)
    assert "2015-04-13 (as it was typed: 13/04/2015)" in told


def test_an_original_never_stands_in_a_repr() -> None:
    """What is typed of a child is not in what a log may hold of an object."""
    assert "13/04/2015" not in repr(sealed(parse(written(BORN, "13/04/2015"))))


@pytest.mark.parametrize("codes", [AssessmentFactor, PrimaryNeed], ids=lambda c: c.__name__)
def test_every_code_and_label_of_a_set_reads_as_that_code(codes: Any) -> None:
    """No label is another's, in any capitals, alone or beside its code."""
    for code in codes:
        for text in (code.value.lower(), code.label.upper(), f"{code.value}: {code.label}"):
            assert normalise.coded(text, codes).value is code


ANY = st.text(min_size=1, max_size=40) | st.integers(-(2**63), 2**63 - 1) | st.booleans()


@given(
    st.sampled_from([SEX, ETHNICITY, BORN, NHS, UPN, POSTCODE, NAME, DISABILITY]),
    ANY | st.lists(st.text(min_size=1, max_size=20), max_size=70),
)
def test_no_answer_surfaces_as_another_error_and_none_is_lost(question: str, value: Any) -> None:
    """Whatever is typed is sealed in form with its original, or as it was, or refused."""
    try:
        document = parse(json.loads(json.dumps(written(question, value))))
        statement = sealed(document)
    except HandrailError as error:
        assert error.code in {"document.invalid", *reasons()}  # noqa: PT017 - either may be
        return
    typed = document.statements[0].value
    if statement.value != typed:
        assert statement.original == (typed if isinstance(typed, tuple) else str(typed))


@given(st.dates(date(2001, 1, 1), date(2026, 11, 20)))
def test_a_day_first_date_is_read_only_where_the_calendar_leaves_one_reading(day: date) -> None:
    """Day and month that could change places are refused, all others come out as they are."""
    made = written(BORN, f"{day:%d/%m/%Y}")
    if day.day <= 12 and day.day != day.month:
        assert refusal(made).code == "statements.unclear"
    else:
        assert sealed(parse(made)).value == day.isoformat()
