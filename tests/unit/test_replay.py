"""Guarantees of a replay before anything is sent: ids, senders, documents, order and memory."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.cin import Census, Fault, read_census
from contracts.cin.faults import Effect
from contracts.codes import ReferralSource
from contracts.directory import Agency, Directory, DirectoryDocument, Practitioner
from contracts.document import to_event
from contracts.errors import HandrailError
from contracts.identifiers import agency_of, is_reference
from contracts.roles import Role
from services.cli.main import app
from services.cli.replay.memory import Memory
from services.cli.replay.naming import Names, local_key
from services.cli.replay.plan import Letter, Plan, make_plan
from services.cli.replay.prepare import read_return
from services.cli.replay.routing import Routes
from services.runtime.keystore import KeyStore
from tests.unit.cin_returns import (
    ACTION,
    ALONE,
    BORN,
    DATED,
    ID,
    MALE,
    NEED,
    SOUND,
    SOURCE,
    TRAITS,
    child,
    closed,
    conference,
    died,
    document,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
FRONT, CARE, SCHOOL = "demo.front", "demo.care", "demo.school"
KEY = b"k" * 32


def agency(name: str, role: Role, code: str | None = None, left: datetime | None = None) -> Agency:
    """Make an agency of `demo` whose duty desk is `desk`."""
    return Agency.model_validate(
        {
            "id": f"demo.{name}",
            "name": name,
            "role": role,
            "gateway": "all",
            "source_code": code,
            "duty_desk": f"demo.{name}.desk",
            "left_at": left,
        }
    )


TAKING_PART = (
    agency("front", Role.FIRST_RESPONSE),
    agency("care", Role.SOCIAL_CARE),
    agency("old-school", Role.UNIVERSAL, "2A", NOW - timedelta(days=1)),
    agency("school", Role.UNIVERSAL, "2A"),
    agency("later-school", Role.UNIVERSAL, "2A"),
)


def directory(*agencies: Agency) -> Directory:
    """Make a directory in which every agency has the people `desk` and `other`."""
    handles = ("other", "desk")
    people = [Practitioner(id=f"{a.id}.{h}", name=h) for a in agencies for h in handles]
    return Directory(
        DirectoryDocument(
            partnership="demo",
            version=1,
            issued_at=NOW,
            expires_at=NOW + timedelta(days=1),
            agencies=agencies,
            practitioners=tuple(people),
        )
    )


def routes(*agencies: Agency, without: str = "", before: dict[str, str] | None = None) -> Routes:
    """Make routes in a folder that holds everybody's key but that of `without`."""
    found = directory(*(agencies or TAKING_PART))
    signers = set(found.practitioners) - {without}
    return Routes(found, NOW, signers, before or {})


def planned(data: bytes, way: Routes | None = None, digest: str = "d", key: bytes = KEY) -> Plan:
    """Read a return and plan it."""
    census: Census = read_census(data)
    return make_plan(census, digest, Names(key, census.local_authority), way or routes())


def only(data: bytes) -> Letter:
    """Give the one letter of a return."""
    (letter,) = planned(data).letters
    return letter


def said(letter: Letter) -> dict[str, object]:
    """Give what a letter's statements say: a value, or why there is none."""
    return {
        s.question: s.answer.value if s.value is None else s.value
        for s in letter.document.statements
    }


def of_source(code: str) -> bytes:
    """Write a return with one referral of that source."""
    return document(child(DATED + f"<ReferralSource>{code}</ReferralSource>" + NEED + ACTION))


@pytest.mark.parametrize("fault", [f for f in Fault if f.effect is Effect.REFUSES])
def test_a_fault_that_refuses_keeps_a_referral_from_being_sealed(fault: Fault) -> None:
    """What the file itself shows to be wrong is never sealed, and is told by its code."""
    plan = planned(ALONE[fault])

    assert plan.kept[-1].codes == (fault,)
    assert fault in {code for kept in plan.kept for code in kept.codes}


@pytest.mark.parametrize("fault", [f for f in Fault if f.effect is not Effect.REFUSES])
def test_any_other_fault_lets_the_referral_go(fault: Fault) -> None:
    """A fault that keeps an event back, or only warns, keeps no referral back."""
    plan = planned(ALONE[fault])

    assert not plan.kept
    assert sum(plan.events_kept.values()) == (fault.effect is Effect.KEEPS_BACK)


def test_what_no_document_can_hold_is_kept_back_and_stops_nothing_else() -> None:
    """An identifier without an end is a fault of its own record alone."""
    endless = child(SOUND, identifiers=f"<LAchildID>{'A' * 20_001}</LAchildID>{BORN}{MALE}")
    plan = planned(document(endless, child(SOUND)))

    assert [kept.codes for kept in plan.kept] == [("document.invalid",)]
    assert len(list(plan.letters)) == 1


def test_every_letter_is_history_on_statutory_duty() -> None:
    """Whatever is sent is marked as history of its own day, on section 17 of the Act of 1989."""
    data = document(
        child(
            SOUND + conference("2025-06-10") + closed("2025-07-01"), identifiers=died("2025-07-02")
        )
    )
    letters = list(planned(data).letters)

    assert [
        (one.document.kind, one.document.history.occurred_on if one.document.history else "")
        for one in letters
    ] == [
        ("referral.submitted", "2025-06-02"),
        ("conference.held", "2025-06-10"),
        ("case.closed", "2025-07-01"),
        ("story.added", "2025-07-02"),
    ]
    assert [one.agency for one in letters] == [SCHOOL, CARE, CARE, CARE]
    assert [one.follows for one in letters] == [False, True, True, True]
    for one in letters:
        assert one.document.basis.model_dump() == {
            "kind": "statutory_duty",
            "provision": "CA1989-s17",
        }
    assert [said(one) for one in letters[1:]] == [
        {"conference.held_on": "2025-06-10"},
        {"closure.reason": "RC7"},
        {"child.died_on": "2025-07-02"},
    ]


def test_a_referral_says_what_the_return_says_in_its_codes() -> None:
    """Every field that a statement can hold arrives under its question, as the standard's code."""
    data = document(
        child(
            SOUND,
            identifiers=f"{ID}<UPN>P207000016049</UPN>{BORN}{MALE}",
            traits=TRAITS + "<Disabilities><Disability>MOB</Disability>"
            "<Disability>AUT</Disability></Disabilities>",
        )
    )

    assert said(only(data)) == {
        "identity.local_reference": "A1",
        "identity.born_on": "2015-05-05",
        "identity.sex": "M",
        "identity.ethnicity": "WBRI",
        "identity.disability": ("MOB", "AUT"),
        "identity.upn": "P207000016049",
        "needs.primary": "N4",
    }


@pytest.mark.parametrize(
    ("identifiers", "traits", "question", "answer"),
    [
        ("", "<Ethnicity>REFU</Ethnicity>", "identity.ethnicity", "declined"),
        ("", "<Ethnicity>NOBT</Ethnicity>", "identity.ethnicity", "not_asked"),
        ("<UPNunknown>UN4</UPNunknown>", TRAITS, "identity.upn", "not_known"),
        ("<UPNunknown>UN1</UPNunknown>", TRAITS, "identity.upn", "not_applicable"),
    ],
)
def test_a_code_for_no_answer_is_no_value(
    identifiers: str, traits: str, question: str, answer: str
) -> None:
    """Refused, not asked and not known are told apart and never pass for a value."""
    data = document(child(SOUND, identifiers=ID + identifiers + BORN + MALE, traits=traits))

    assert said(only(data))[question] == answer


def test_a_closed_case_leaves_no_support_and_no_lead() -> None:
    """A closure says that no support is needed, for the return names no lead professional."""
    letters = list(planned(document(child(SOUND + closed("2025-07-01", "RC9")))).letters)

    assert letters[-1].document.data.model_dump(mode="json") == {"support": "not_needed"}
    assert said(letters[-1]) == {"closure.reason": "RC9"}


@pytest.mark.parametrize("source", [s for s in ReferralSource if not s.names_agency])
def test_first_response_records_what_a_person_said(source: ReferralSource) -> None:
    """A referral whose source names no agency goes from First Response, on that person's behalf."""
    letter = only(of_source(source))

    assert (letter.agency, letter.author) == (FRONT, f"{FRONT}.desk")
    data = letter.document.data.model_dump(mode="json")
    assert (data["source"], data["recorded_for"]) == (source, source)


def test_a_referral_goes_from_the_agency_that_its_source_names() -> None:
    """The first agency of that source code that still takes part sends it to First Response."""
    letter = only(of_source("2A"))

    assert letter.agency == SCHOOL
    assert letter.document.recipients == (FRONT,)
    assert letter.document.data.model_dump(mode="json")["recorded_for"] is None


def test_first_response_records_for_an_agency_that_takes_no_part() -> None:
    """A source code that no agency has is no fault of the file."""
    letter = only(of_source("6"))

    assert letter.agency == FRONT
    assert letter.document.data.model_dump(mode="json")["recorded_for"] == "6"


def test_a_message_keeps_its_agency_when_others_join() -> None:
    """The agency that a message went from before is asked for its receipt, whoever comes first."""
    before = {letter.message: letter.agency for letter in planned(of_source("2A")).letters}
    joined = (agency("first-school", Role.UNIVERSAL, "2A"), *TAKING_PART)

    assert [one.agency for one in planned(of_source("2A"), routes(*joined)).letters] == [
        "demo.first-school"
    ]
    again = planned(of_source("2A"), routes(*joined, before=before))
    assert {one.message: one.agency for one in again.letters} == before


def test_somebody_else_signs_where_the_duty_desk_has_no_key_here() -> None:
    """Who signs is somebody whose key this folder holds."""
    (letter,) = planned(of_source("2A"), routes(without=f"{SCHOOL}.desk")).letters

    assert letter.author == f"{SCHOOL}.other"


def test_without_a_key_or_a_front_door_the_replay_says_so() -> None:
    """What the folder or the partnership lacks is an error with a remedy, before anything goes."""
    nobody = Routes(directory(*TAKING_PART), NOW, frozenset(), {})
    with pytest.raises(HandrailError) as caught:
        planned(of_source("2A"), nobody)
    assert caught.value.code == "replay.no-signer"
    with pytest.raises(HandrailError) as caught:
        routes(agency("care", Role.SOCIAL_CARE))
    assert caught.value.code == "replay.no-agency"


def test_a_child_is_told_in_time_order() -> None:
    """Letters of one child follow the days, whatever the file's order; a referral comes first."""
    later = DATED.replace("06-02", "08-01") + SOURCE + NEED + ACTION
    data = document(child(later + closed("2025-08-01"), SOUND + closed("2025-08-01")))
    (letters,) = planned(data).children

    days = [one.document.history.occurred_on for one in letters if one.document.history]
    assert days == ["2025-06-02", "2025-08-01", "2025-08-01", "2025-08-01"]
    assert [one.document.kind for one in letters] == [
        "referral.submitted",
        "case.closed",
        "referral.submitted",
        "case.closed",
    ]
    assert len({one.document.child for one in letters}) == 1


def test_ids_derive_from_the_file_under_the_local_key() -> None:
    """The same record has the same id in every run and return; under another key it has another."""
    whole = document(
        child(SOUND + closed("2025-07-01")),
        child(SOUND, identifiers=ID.replace("A1", "B2") + BORN + MALE),
    )

    first = [(one.message, one.document.child) for one in planned(whole).letters]
    assert first == [(o.message, o.document.child) for o in planned(whole, digest="x").letters]
    alone = planned(document(child(SOUND)))
    assert [one.message for one in alone.letters] == [first[0][0]]
    other = [(one.message, one.document.child) for one in planned(whole, key=b"x" * 32).letters]
    named = {name for pair in first + other for name in pair}
    assert len(named) == 2 * (3 + 2)
    assert all(map(is_reference, named))


def test_faulty_records_are_told_apart() -> None:
    """Each record that is kept back has a name of its own, also without any identifier."""
    nameless = child(SOUND, SOUND, identifiers=BORN + MALE)
    plan = planned(document(nameless, nameless))

    assert len({kept.record for kept in plan.kept}) == len(plan.kept) == 4


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The secret of a folder stays the same, and nobody else may read it."""
    keys = KeyStore(tmp_path / "keys")
    made = local_key(keys)

    assert local_key(keys) == made
    assert len(made) == 32
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    with pytest.raises(HandrailError) as caught:
        local_key(keys)
    assert caught.value.code == "key.exposed"


def test_the_memory_keeps_what_was_turned_away_and_whence_it_went(tmp_path: Path) -> None:
    """A record is new once, and a message stays with the agency from which it first went."""
    memory = Memory(tmp_path)
    assert memory.keep({"one": ["x"]}) == {"one"}
    memory.send({"m": FRONT})
    memory.close()

    memory = Memory(tmp_path)
    assert memory.keep({"one": ["x"], "two": ["y"]}) == {"two"}
    memory.send({"m": CARE, "n": CARE})
    assert memory.agencies() == {"m": FRONT, "n": CARE}
    memory.close()


def test_the_memory_says_nothing_about_a_child(tmp_path: Path) -> None:
    """Neither an identifier nor a date of the file can be found in what is kept of it."""
    odd = ID.replace("A1", "ZEBRA77")
    plan = planned(document(child(SOUND, SOUND, identifiers=odd + BORN + MALE)))
    memory = Memory(tmp_path)
    memory.keep({kept.record: kept.codes for kept in plan.kept})
    memory.send({letter.message: letter.agency for letter in plan.letters})
    memory.close()

    kept = b"".join(path.read_bytes() for path in (tmp_path / "replay").iterdir())
    assert b"referral.repeated" in kept
    for secret in (b"ZEBRA77", b"2025-06-02", b"2015-05-05"):
        assert secret not in kept
    assert "ZEBRA77" not in repr(plan)


def test_a_memory_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    """A damaged file is an error with a remedy."""
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / "memory.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(HandrailError) as caught:
        Memory(tmp_path)
    assert caught.value.code == "replay.no-memory"


def test_the_shared_return_is_planned_in_full(shared_data: Path) -> None:
    """Every referral is either kept back by the file's own fault or becomes a sealable message."""
    data = (shared_data / "cin" / "fake_CIN_data.xml").read_bytes()
    agencies = [
        agency(f"of-{source.lower()}", Role.UNIVERSAL, source)
        for source in ReferralSource
        if source.names_agency
    ]
    known = directory(*TAKING_PART[:2], *agencies)
    plan = planned(data, Routes(known, NOW, set(known.practitioners), {}))

    letters = list(plan.letters)
    assert len(plan.kept) == 30
    assert sum(not letter.follows for letter in letters) == 372
    assert len({letter.message for letter in letters}) == len(letters) == 932
    for letter in letters:
        event, _ = to_event(letter.document, known.practitioners[letter.author], NOW)
        assert (event.id, event.agency) == (letter.message, agency_of(letter.author))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file.unreadable"),
        (b"", "cin.unreadable"),
        (b"%PDF-1.7", "cin.unreadable"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><Message>&x;</Message>', "cin.unreadable"),
        (b"<Message/>", "cin.unreadable"),
    ],
)
def test_a_file_that_is_no_return_is_told_with_code_and_remedy(
    tmp_path: Path, content: bytes | None, code: str
) -> None:
    """A missing file, one that is no XML, and one that declares entities end with a clear error."""
    file = tmp_path / "return.xml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(HandrailError) as caught:
        read_census(read_return(file))

    assert caught.value.code == code
    assert caught.value.remedy


def test_the_command_says_so_without_a_partnership(tmp_path: Path) -> None:
    """Where there is nothing to replay into, the command ends with the code and what to do."""
    where = ["--dir", str(tmp_path / "state"), "--json"]
    ended = CliRunner().invoke(app, ["replay", "cin", str(tmp_path / "x.xml"), *where])

    assert ended.exit_code == 1
    assert '"partnership.missing"' in ended.stdout
