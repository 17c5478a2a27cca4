"""Cover, deputies, closing days and desks from the command line, in the signed directory."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.desks import who_sees
from contracts.directory import Closure, Directory
from contracts.event import Recipient
from contracts.worktime import LONDON
from services.cli.amending import read_directory
from services.cli.founding import create
from services.cli.main import app
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings

RUNNER = CliRunner()
SCHOOL, SURGERY, FRONT = "demo.hilltop-school", "demo.riverside-surgery", "demo.first-response"
HEAD, DEPUTY, TEACHER = f"{SCHOOL}.ruth-adeyemi", f"{SCHOOL}.ken-liddle", f"{SCHOOL}.jo-marsh"
DUTY = f"{FRONT}.claire-dunmore"
TODAY = datetime.now(LONDON).date()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a demonstration partnership that no service runs on."""
    create(tmp_path / "state", now=datetime.now(UTC), demonstration=True)
    return tmp_path / "state"


def run(folder: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run a command on the folder with `--json` and return what it printed."""
    words = [*map(str, arguments), "--dir", str(folder), "--json"]
    done = RUNNER.invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code == code, done.output
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def refused(folder: Path, *arguments: object) -> str:
    """Run a command that must fail and change nothing, and return its code."""
    before = directory_of(folder).document.version
    error = run(folder, *arguments, code=1)["error"]
    assert error["remedy"]
    assert directory_of(folder).document.version == before
    return str(error["code"])


def directory_of(folder: Path) -> Directory:
    """Return the verified directory of a folder of state."""
    return read_directory(Partnership.load(Settings.load(state_dir=folder)))


def seen_by(folder: Path, person: str, day: date) -> tuple[str, ...]:
    """Who sees a message to a person at noon of a day."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=LONDON)
    return who_sees(directory_of(folder), Recipient(agency=SCHOOL, practitioner=person), noon)


def test_cover_holds_on_its_first_and_last_day_and_ends_by_itself(folder: Path) -> None:
    """Whole local days: nobody has to remember to end it."""
    first, last = TODAY + timedelta(days=3), TODAY + timedelta(days=5)
    told = run(folder, "practitioner", "cover", TEACHER, "--by", DEPUTY, "--from", first,
               "--until", last)  # fmt: skip

    assert told["cover"][0]["by"] == DEPUTY
    for day in (first, last):
        assert seen_by(folder, TEACHER, day) == (DEPUTY,)
    for day in (first - timedelta(days=1), last + timedelta(days=1)):
        assert seen_by(folder, TEACHER, day) == (TEACHER,)


def test_somebody_who_is_back_is_covered_no_more(folder: Path) -> None:
    """Cover under way ends now, and cover that was to come is taken away."""
    later = TODAY + timedelta(days=40)
    run(folder, "practitioner", "cover", TEACHER, "--by", DEPUTY, "--until", TODAY)
    run(folder, "practitioner", "cover", TEACHER, "--by", HEAD, "--from", later, "--until", later)
    told = run(folder, "practitioner", "cover", TEACHER, "--back")

    assert [one["by"] for one in told["cover"]] == [DEPUTY]
    assert directory_of(folder).practitioners[TEACHER].covered_by(datetime.now(UTC)) is None
    assert seen_by(folder, TEACHER, later) == (TEACHER,)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((TEACHER,), "cover.incomplete"),
        ((TEACHER, "--by", DEPUTY), "cover.incomplete"),
        ((TEACHER, "--by", DUTY, "--until", TODAY), "directory.cover.other-agency"),
        ((TEACHER, "--by", TEACHER, "--until", TODAY), "directory.cover.oneself"),
        ((TEACHER, "--by", f"{SCHOOL}.nobody", "--until", TODAY), "practitioner.unknown"),
        ((TEACHER, "--by", "nobody", "--until", TODAY), "directory.bad-entry"),
        ((TEACHER, "--by", DEPUTY, "--until", "2020-01-01"), "directory.cover.bad-times"),
        ((f"{SCHOOL}.nobody", "--by", DEPUTY, "--until", TODAY), "practitioner.unknown"),
    ],
)
def test_cover_that_cannot_be_is_refused(
    folder: Path, words: tuple[object, ...], code: str
) -> None:
    """Each mistake has a code and a remedy, and no new version is signed."""
    assert refused(folder, "practitioner", "cover", *words) == code


def test_two_who_would_cover_for_each_other_are_refused(folder: Path) -> None:
    """Somebody has to be there."""
    run(folder, "practitioner", "cover", TEACHER, "--by", DEPUTY, "--until", TODAY)
    words = ("practitioner", "cover", DEPUTY, "--by", TEACHER, "--until", TODAY)
    assert refused(folder, *words) == "directory.cover.circle"
    words = ("practitioner", "cover", TEACHER, "--by", HEAD, "--until", TODAY)
    assert refused(folder, *words) == "directory.cover.overlaps"


def test_another_deputy_or_line_manager_is_named(folder: Path) -> None:
    """One is changed without the other, and only to somebody of the same agency."""
    told = run(folder, "practitioner", "change", TEACHER, "--deputy", DEPUTY)
    assert (told["deputy"], told["line_manager"]) == (DEPUTY, HEAD)
    words = ("practitioner", "change", TEACHER, "--deputy")
    assert refused(folder, *words, DUTY) == "directory.deputy.unknown"
    assert refused(folder, *words, TEACHER) == "directory.deputy.unknown"
    assert refused(folder, *words, f"{SCHOOL}.nobody") == "practitioner.unknown"


def test_who_leaves_is_followed_by_the_deputy_and_the_gaps_are_told(folder: Path) -> None:
    """What is addressed to them shows for the deputy, and every place that names them is told."""
    run(folder, "practitioner", "cover", TEACHER, "--by", HEAD, "--until", TODAY)
    told = run(folder, "practitioner", "leave", HEAD)

    assert {f"duty desk of {SCHOOL}", f"line manager of {TEACHER}", f"cover for {TEACHER}"} <= set(
        told["still_named_as"]
    )
    assert told["open"] is None
    assert seen_by(folder, HEAD, TODAY + timedelta(days=1)) == (DEPUTY,)
    assert run(folder, "practitioner", "work", HEAD)["open"] is None


def test_a_fault_that_was_there_before_stops_no_other_change(folder: Path) -> None:
    """Cover by somebody who has left since is not the fault of whoever changes a deputy."""
    run(folder, "practitioner", "cover", TEACHER, "--by", HEAD, "--until", TODAY)
    run(folder, "practitioner", "leave", HEAD)
    run(folder, "practitioner", "change", TEACHER, "--deputy", DEPUTY)


def test_a_school_closes_for_its_holidays_and_takes_one_back(folder: Path) -> None:
    """Closures stand in the order of their days; overlapping or backward ones are refused."""
    words = ("partnership", "agency", "close", SCHOOL)
    run(folder, *words, "--from", "2027-07-21", "--to", "2027-08-31")
    told = run(folder, *words, "--from", "2027-02-15")

    assert told["closures"] == [
        {"first": "2027-02-15", "last": "2027-02-15"},
        {"first": "2027-07-21", "last": "2027-08-31"},
    ]
    for wrong in (("2027-08-31", "2027-09-01"), ("2027-05-02", "2027-05-01")):
        code = refused(folder, *words, "--from", wrong[0], "--to", wrong[1])
        assert code == "directory.closure.bad-dates"
    assert refused(folder, *words, "--from", "2027-07-22", "--cancel") == "closure.unknown"
    run(folder, *words, "--from", "2027-07-21", "--cancel")
    kept = directory_of(folder).agencies[SCHOOL].closures
    assert kept == (Closure(first=date(2027, 2, 15), last=date(2027, 2, 15)),)


def test_an_agency_that_never_closes_and_another_duty_desk(folder: Path) -> None:
    """The front door is always open; who is at the duty desk changes with the directory."""
    words = ("partnership", "agency", "change", FRONT)
    told = run(folder, *words, "--always-open")
    assert (told["always_open"], told["duty_desk"] is not None) == (True, True)
    other = next(
        p.id
        for p in directory_of(folder).people(FRONT, datetime.now(UTC))
        if p.id != told["duty_desk"]
    )
    told = run(folder, *words, "--duty-desk", other, "--not-always-open")
    assert (told["always_open"], told["duty_desk"]) == (False, other)
    assert refused(folder, *words, "--duty-desk", TEACHER) == "directory.duty-desk.other-agency"
    assert refused(folder, *words, "--duty-desk", "x.y") == "practitioner.unknown"
    assert refused(folder, *words, "--duty-desk", f"{FRONT}.nobody") == "practitioner.unknown"
    assert refused(folder, *words, "--duty-desk", other) == "agency.unchanged"
    assert refused(folder, *words) == "agency.unchanged"
    unknown = ("partnership", "agency", "change", "demo.nowhere", "--always-open")
    assert refused(folder, *unknown) == "agency.unknown"


def test_somebody_who_has_left_is_at_no_duty_desk(folder: Path) -> None:
    """What is addressed to nobody there would otherwise be seen by nobody."""
    gone = next(p.id for p in directory_of(folder).people(FRONT, datetime.now(UTC)) if p.id != DUTY)
    run(folder, "practitioner", "leave", gone)
    words = ("partnership", "agency", "change", FRONT, "--duty-desk", gone)
    assert refused(folder, *words) == "practitioner.unknown"


def test_an_agency_is_always_open_or_closes_and_not_for_years(folder: Path) -> None:
    """The two contradict one another, and a closure without end would stop every clock."""
    close = ("partnership", "agency", "close", SCHOOL)
    assert refused(folder, *close, "--from", "2027-01-01", "--to", "2028-02-05") == (
        "directory.closure.too-long"
    )
    run(folder, *close, "--from", "2027-01-01", "--to", "2028-02-04")
    change = ("partnership", "agency", "change", SCHOOL)
    assert refused(folder, *change, "--always-open") == "directory.closure.always-open"
    run(folder, *close, "--from", "2027-01-01", "--cancel")
    run(folder, *change, "--always-open")
    again = refused(folder, *close, "--from", "2027-07-21", "--to", "2027-08-31")
    assert again == "directory.closure.always-open"


def test_nothing_to_do_signs_nothing(folder: Path) -> None:
    """Who is back without having been covered, and a change of nothing, make no new version."""
    assert refused(folder, "practitioner", "cover", TEACHER, "--back") == "cover.none"
    assert refused(folder, "practitioner", "change", TEACHER) == "practitioner.unchanged"


def test_the_work_of_somebody_nobody_knows_is_an_error(folder: Path) -> None:
    """A slip of the pen is not somebody for whom nothing is open."""
    words = ("practitioner", "work", f"{SCHOOL}.jo-mash")
    assert refused(folder, *words) == "practitioner.unknown"


def test_a_surgery_with_one_doctor_gets_a_safeguarding_lead_elsewhere(folder: Path) -> None:
    """Two doctors name one of their own; the last one left may have somebody outside."""
    words = ("partnership", "agency", "change", SURGERY, "--safeguarding-lead")
    assert refused(folder, *words, HEAD) == "directory.safeguarding-lead.other-agency"
    run(folder, "practitioner", "leave", f"{SURGERY}.peter-voss")
    assert run(folder, *words, HEAD)["safeguarding_lead"] == HEAD
    assert refused(folder, *words, f"{SCHOOL}.nobody") == "practitioner.unknown"
    now = datetime.now(UTC)
    assert HEAD in directory_of(folder).line_managers(f"{SURGERY}.nadia-rahman", now)
    assert run(folder, *words, "none")["safeguarding_lead"] is None


def test_an_inbox_needs_an_agency_or_a_person(folder: Path) -> None:
    """Without either, the command says what to name."""
    assert refused(folder, "inbox") == "inbox.whose"
