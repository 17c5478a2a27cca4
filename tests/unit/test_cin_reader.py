"""Guarantees of the reader of a CIN return: it reads what is there and survives the rest."""

import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.cin import (
    Census,
    Child,
    EventKind,
    Fault,
    Referral,
    events,
    parse,
    read_census,
    referral_faults,
)
from contracts.codes import (
    ClosureReason,
    Disability,
    Ethnicity,
    PrimaryNeed,
    ReferralSource,
    Sex,
    UpnUnknown,
)
from contracts.errors import HandrailError
from tests.unit.cin_returns import (
    BORN,
    HEADER,
    ID,
    SOUND,
    all_faults,
    child,
    closed,
    conference,
    document,
    last,
)


def census_or_code(data: bytes) -> Census | str:
    """Read a return, or give the code of the error with which it was turned away."""
    try:
        return read_census(data)
    except HandrailError as error:
        return error.code


def test_a_sound_return_has_no_fault_and_is_read_in_full() -> None:
    """Every field of a return reaches the values, with children and referrals in file order."""
    identifiers = (
        "<LAchildID>B2</LAchildID><UPN>P207000016049</UPN><FormerUPN>B801200005001</FormerUPN>"
        "<UPNunknown>UN3</UPNunknown>"
        f"{BORN}<ExpectedPersonBirthDate>2015-05-20</ExpectedPersonBirthDate>"
        "<Sex>F</Sex><PersonDeathDate>2025-12-24Z</PersonDeathDate>"
    )
    traits = (
        "<Ethnicity>CHNE</Ethnicity><Disabilities><Disability>MOB</Disability>"
        "<Disability>AUT</Disability></Disabilities>"
    )
    later = (
        "<CINreferralDate>2025-09-01</CINreferralDate><ReferralSource>10</ReferralSource>"
        "<ReferralNFA>true</ReferralNFA>"
    )
    data = document(
        child(SOUND),
        child(
            later,
            SOUND + closed("2025-08-01", "RC9") + conference("2025-07-01"),
            identifiers=identifiers,
            traits=traits,
        ),
    )

    census = read_census(data)

    assert (census.local_authority, census.year) == ("975", "2026")
    assert census.reference_date == date(2026, 3, 31)
    assert [found.la_child_id for found in census.children] == ["A1", "B2"]
    assert census.children[1] == Child(
        la_child_id="B2",
        upn="P207000016049",
        former_upn="B801200005001",
        upn_unknown=UpnUnknown.EDUCATED_ELSEWHERE,
        birth_date=date(2015, 5, 5),
        expected_birth_date=date(2015, 5, 20),
        death_date=date(2025, 12, 24),
        sex=Sex.FEMALE,
        ethnicity=Ethnicity.CHINESE,
        disabilities=(Disability.MOBILITY, Disability.AUTISM),
        reference_date=date(2026, 3, 31),
        referrals=(
            Referral(
                position=0,
                referral_date=date(2025, 9, 1),
                source=ReferralSource.UNKNOWN,
                no_further_action=True,
            ),
            Referral(
                position=1,
                referral_date=date(2025, 6, 2),
                source=ReferralSource.SCHOOL,
                need=PrimaryNeed.ACUTE_STRESS,
                closure_date=date(2025, 8, 1),
                closure_reason=ClosureReason.EARLY_HELP,
                conference_dates=(date(2025, 7, 1),),
                no_further_action=False,
            ),
        ),
    )
    assert all_faults(data) == set()


@pytest.mark.parametrize(("code", "sex"), [("1", Sex.MALE), ("2", Sex.FEMALE), ("9", Sex.UNKNOWN)])
def test_an_older_return_gives_sex_as_gender(code: str, sex: Sex) -> None:
    """`GenderCurrent` is read where there is no `Sex`."""
    older = f"{ID}{BORN}<GenderCurrent>{code}</GenderCurrent>"

    assert last(document(child(SOUND, identifiers=older)))[0].sex is sex


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_a_return_is_read_in_every_usual_encoding(encoding: str) -> None:
    """The encoding of the file does not change what is read, with and without byte order mark."""
    name = encoding.removesuffix("-sig")
    text = document(child(SOUND)).decode()
    data = f'<?xml version="1.0" encoding="{name}"?>{text}'.encode(encoding)

    assert read_census(data) == read_census(text.encode())


def test_namespaces_comments_and_unknown_elements_are_passed_over() -> None:
    """What a return holds beyond the schema does not change what is read."""
    plain = document(child(SOUND))
    dressed = (
        plain.replace(b"<Message>", b'<Message xmlns="urn:x"><!-- c --><Other><Deep/></Other>')
        .replace(b"<Children>", b"<Children><Other>1</Other>")
        .replace(b"<CINdetails>", b"<CINdetails><Assessments><A>1</A></Assessments>")
        .replace(b"<Ethnicity>WBRI", b"<Ethnicity>W<!-- c -->BRI")
    )

    assert read_census(dressed) == read_census(plain)


def test_a_field_given_twice_is_read_as_neither() -> None:
    """Where a record names two sources the reader does not choose between them."""
    twice = document(child(SOUND + "<ReferralSource>6</ReferralSource>"))

    assert referral_faults(*last(twice)) == (Fault.SOURCE_UNKNOWN,)


def test_nothing_of_a_child_shows_in_a_representation() -> None:
    """A value that ends up in a log line or a traceback gives nothing of the child away."""
    census = read_census(document(child(SOUND)))
    shown = repr(census) + repr(census.children[0].referrals[0])

    assert not any(text in shown for text in ("A1", "2015", "2025", "WBRI"))


ENTITIES = (
    '<!DOCTYPE Message [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
)
EXTERNAL = '<!DOCTYPE Message [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
HOSTILE = {
    "empty": b"",
    "not XML": b"LAchildID,UPN\nSECRET,1\n",
    "cut short": document(child(SOUND))[:-20],
    "two roots": document(child(SOUND)) * 2,
    "undefined entity": document(child(SOUND)).replace(b"A1", b"&SECRET;"),
    "entity expansion": ENTITIES.encode() + document(child("&b;")),
    "external entity": EXTERNAL.encode() + document(child("&x;")),
    "external document type": b'<!DOCTYPE Message SYSTEM "http://127.0.0.1:9/x.dtd">'
    + document(child(SOUND)),
    "unknown encoding": b'<?xml version="1.0" encoding="SECRET"?>' + document(child(SOUND)),
    "multi-byte encoding": b'<?xml version="1.0" encoding="gb18030"?>' + document(child(SOUND)),
    "no text encoding": b'<?xml version="1.0" encoding="rot13"?>' + document(child(SOUND)),
    "escape encoding": b'<?xml version="1.0" encoding="unicode_escape"?>' + document(child(SOUND)),
    "encoding far behind": b"<?xml version='1.0'" + b" " * 2_000 + b"encoding='hz'?><Message/>",
    "wide escape encoding": '<?xml version="1.0" encoding="unicode_escape"?><a/>'.encode("utf-16"),
    "invalid bytes": document(child(SOUND)).replace(b"A1", b"\xff\xfe"),
    "other root": b"<Return><SECRET/></Return>",
    "no children": f"<Message>{HEADER}</Message>".encode(),
    "other collection": document(child(SOUND)).replace(b">CIN<", b">SECRET<"),
    "nested deeply": b"<Message>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</Message>",
    "record without end": document(child(SOUND, traits="<a/>" * 6_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_return_is_turned_away_with_one_error(name: str) -> None:
    """Whatever is wrong with the bytes, the error is `cin.unreadable`, with a remedy, no data."""
    with pytest.raises(HandrailError) as caught:
        read_census(HOSTILE[name])

    assert caught.value.code == "cin.unreadable"
    assert caught.value.remedy
    assert "SECRET" not in f"{caught.value}{caught.value.remedy}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_file_beyond_the_bound_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A return of the largest size is read, one byte more is turned away."""
    data = document(child(SOUND))
    monkeypatch.setattr(parse, "MAX_BYTES", len(data))

    assert len(read_census(data).children) == 1
    with pytest.raises(HandrailError, match=r"cin\.unreadable"):
        read_census(data + b" ")


def test_the_bound_of_a_record_is_no_bound_on_the_number_of_records() -> None:
    """Many ordinary children together may have more elements than one record may."""
    assert len(read_census(document(*[child(SOUND)] * 1_000)).children) == 1_000


def test_memory_follows_the_largest_record_and_not_the_file() -> None:
    """What stands between the records is let go while the file is read."""
    filler = "<Other>" + "<a/>" * 300_000 + "</Other>"
    data = document(filler, child(SOUND))
    tracemalloc.start()
    try:
        read_census(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2 * len(data)


@given(st.binary(max_size=400))
def test_no_bytes_surface_as_another_error(data: bytes) -> None:
    """Arbitrary bytes are read or turned away, and never surface as a fault of the program."""
    assert isinstance(census_or_code(data), Census) or census_or_code(data) == "cin.unreadable"


@given(st.data())
def test_no_change_of_a_return_surfaces_as_another_error(draw: st.DataObject) -> None:
    """A return with bytes put in the place of others is read and judged, or turned away."""
    data = document(child(SOUND + closed("2025-07-01") + conference("2025-06-20"), SOUND))
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, min(len(data), start + 12)))
    filling = draw.draw(st.binary(max_size=12) | st.text("<>/&;0123456789-ARC", max_size=12))
    changed = data[:start] + (filling.encode() if isinstance(filling, str) else filling)
    census = census_or_code(changed + data[end:])
    if isinstance(census, str):
        assert census == "cin.unreadable"
        return
    for found in census.children:
        for referral in found.referrals:
            dates = [event.date for event in events(found, referral)]
            assert dates == sorted(dates)
            assert not (referral_faults(found, referral) and dates)


def test_a_published_return_of_made_up_children_is_read_in_full(shared_data: Path) -> None:
    """A return by others gives all its children and refuses only what it shows to be wrong."""
    census = read_census((shared_data / "cin" / "fake_CIN_data.xml").read_bytes())
    pairs = [(found, referral) for found in census.children for referral in found.referrals]
    refusals = Counter(fault for pair in pairs for fault in referral_faults(*pair))
    sent = Counter(event.kind for pair in pairs for event in events(*pair))

    assert len(census.children) == 332
    assert len(pairs) == 402
    assert all(referral.no_further_action for _, referral in pairs)
    assert refusals == {Fault.REFERRAL_AFTER_DEATH: 30, Fault.REFERRAL_AFTER_REFERENCE_DATE: 8}
    assert sum(not referral_faults(*pair) for pair in pairs) == 372
    assert sent == {EventKind.CONFERENCE: 325, EventKind.CLOSURE: 235}
