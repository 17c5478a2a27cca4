"""What an evidence file proves, in which words, and what it says no more than is proved."""

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import pytest

from contracts import jws
from contracts.clocks import Extension
from contracts.directory import open_directory, sign_directory
from contracts.evidence import Code, Evidence, Finding, Report, against, dump, load, read
from contracts.evidence.words import words_of
from contracts.log import digest_of
from contracts.records import Receipt
from contracts.roots import sign_change
from tests.area import CARE, DUTY, SCHOOL, TEACHER, WORKER
from tests.evidence.base import Base
from tests.evidence.changing import (
    changed_in,
    said_of,
    with_answer,
    with_clock,
    with_entries,
    with_said,
)
from tests.evidence.hostile_journeys import tail_cut_though_it_was_answered
from tests.evidence.hostile_kept import receipt_of_the_tail

_RULE = "acknowledge-request"


@pytest.fixture(scope="module")
def base() -> Base:
    """Give an honest file and all that it was made from."""
    return Base()


def at(instant: datetime) -> str:
    """Write an instant."""
    return f"{instant:%d.%m. %H:%M}"


def proved(base: Base, evidence: Evidence | None = None) -> Report:
    """Read a file with the root key that the partnership has made known."""
    return read(dump(evidence or base.evidence), base.area.root.x)


def receipt_of(base: Base, number: int) -> bytes:
    """The receipt that an agency kept of the `number`th answer."""
    answer = base.evidence.answers[number - 1]
    group = next(a.token for a in base.attestations if answer.group == digest_of(a.token))
    body = {**answer.model_dump(mode="json"), "group": group}
    return Receipt.model_validate(body).model_dump_json().encode()


def test_the_same_evidence_is_always_the_same_bytes(base: Base) -> None:
    """Written, read and written again, a file does not change by a byte."""
    data = dump(base.evidence)
    again = load(data)

    assert isinstance(again, Evidence)
    assert dump(again) == data
    assert next(iter(orjson.loads(data))) == "handrail-evidence"


def test_what_is_proved_is_told_with_who_signed_and_who_decided(base: Base) -> None:
    """Messages, refusals, leads, the log and its witnesses each have a sentence of their own."""
    report = proved(base)
    said = "\n".join(words_of(report, at).proved)

    assert report.holds
    assert f"{DUTY} of demo.first-response (duty worker) signed “Decision on a step up”" in said
    assert f"countersigned by {TEACHER} of {SCHOOL} (lead professional)" in said
    assert "demo.exchange accepted it at" in said
    assert f"demo.exchange refused message {base.refused} of demo.first-response" in said
    assert f"{TEACHER} led {base.child} from" in said
    assert f"{WORKER} led {base.child} from" in said
    assert (
        f"Signed messages join the references {', '.join(sorted((base.child, base.retired)))}"
        in said
    )
    assert f"1 of 3 witnesses signed that they saw the log with all 7 of these: {SCHOOL} at" in said
    assert f"{CARE} signed that it saw the first 6 attestations of the log, 6 of these" in said


def test_clocks_are_told_as_the_trackers_word_and_checked_against_the_rules(base: Base) -> None:
    """Nothing of a clock is among what is proved; when it was due is worked out anew."""
    report = proved(base)
    words = words_of(report, at)
    missed = next(one for one in report.clocks if one.clock.rule == _RULE and one.missed_by)

    assert missed.due_proved
    assert not [line for line in words.proved if "clock" in line]
    assert any(
        line.startswith(f"By the tracker's word the clock “{_RULE}”") for line in words.claimed
    )


def test_an_extended_clock_is_the_trackers_word_alone(base: Base) -> None:
    """What an extension did does not follow from the rule, and is not told as if it did."""
    clock = next(c.clock for c in said_of(base).clocks if c.clock.rule == _RULE)
    extension = {
        "message": clock.message,
        "by": DUTY,
        "at": clock.started_at,
        "was_due_at": clock.due_at,
        "until": clock.due_at + timedelta(days=2),
        "because": "family_asked",
        "effective": True,
    }
    made = with_clock(
        base,
        _RULE,
        due_at=clock.due_at + timedelta(days=2),
        extensions=(Extension.model_validate(extension),),
    )
    report = proved(base, made)

    assert report.holds
    assert not next(c for c in report.clocks if c.clock.extensions).due_proved


def test_a_calendar_that_is_not_the_usual_one_is_told(base: Base) -> None:
    """Closing days are the operator's word, on which every due time rests."""
    made = with_said(base, closing_days=(date(2026, 8, 3),))

    claimed = words_of(proved(base, made), at).claimed
    assert any("leave out 1 closing days" in line for line in claimed)


def test_without_a_root_key_its_own_is_believed_and_printed(base: Base) -> None:
    """The reader is told which key to compare, and that nothing else vouches for it."""
    report = read(dump(base.evidence))

    assert report.holds
    assert report.root_believed
    assert any(base.area.root.x in line for line in words_of(report, at).claimed)
    assert not any(base.area.root.x in line for line in words_of(proved(base), at).claimed)


def test_a_reader_pinned_to_an_earlier_root_follows_its_changes(base: Base) -> None:
    """The directory brings the signed changes of the root, so the first root key is enough."""
    new = jws.PrivateKey.generate()
    change = sign_change("demo", 1, base.area.root, new, base.area.now)
    document = base.area.document.model_copy(update={"root_changes": (change,), "version": 2})
    made = base.evidence.model_copy(
        update={"root": new.x, "directory": sign_directory(document, new).decode()}
    )

    assert read(dump(made), base.area.root.x).holds
    assert read(dump(made), new.x).holds
    assert read(dump(made), jws.PrivateKey.generate().x).codes == {Code.OTHER_ROOT}


def test_a_file_from_before_the_root_changed_is_proved_by_the_newest_directory(base: Base) -> None:
    """Whoever knows the new root alone needs the directory that tells of the change."""
    new = jws.PrivateKey.generate()
    change = sign_change("demo", 1, base.area.root, new, base.area.now)
    document = base.area.document.model_copy(update={"root_changes": (change,), "version": 2})
    newest = open_directory(sign_directory(document, new), new.x)

    assert read(dump(base.evidence), new.x).codes == {Code.OTHER_ROOT}
    assert read(dump(base.evidence), new.x, newest).holds
    assert read(dump(Base().evidence), new.x, newest).codes == {Code.OTHER_ROOT}


def test_what_is_missing_is_named_by_its_numbers(base: Base) -> None:
    """A gap is told as the numbers that the exchange's decisions skip."""

    def without(entries: list[Any]) -> None:
        del entries[3:5], entries[0]

    report = proved(base, with_entries(base.evidence, without))

    assert [f.where for f in report.findings] == [f"{base.child}, number 1, 4-5"]
    assert not [one for one in report.leads if one.child == base.child]


def test_a_file_without_its_log_says_that_it_proves_less(base: Base) -> None:
    """Decisions are attested all the same; that nobody was shown others is then not proved."""
    report = proved(base, base.evidence.model_copy(update={"log": None}))
    lines = words_of(report, at).not_proved

    assert report.holds
    assert any("stand in the log" in line for line in lines)
    assert any("no witness" in line for line in lines)


def test_an_accepted_message_that_was_kept_must_be_there_itself(base: Base) -> None:
    """The answer to it is not enough, though that is the very answer that was kept."""
    made = tail_cut_though_it_was_answered(base)
    assert isinstance(made, Evidence)
    report = against(proved(base, made), [receipt_of_the_tail(base)])

    assert report.codes == {Code.ENTRY_MISSING, Code.KEPT_ABSENT}


def test_a_kept_receipt_agrees_with_an_honest_file(base: Base) -> None:
    """Receipts of accepted and of refused messages, and the file itself, are all found in it."""
    kept = [receipt_of(base, 1), receipt_of(base, len(base.evidence.answers)), dump(base.evidence)]
    report = against(proved(base), kept)

    assert report.holds
    assert any("in files: 3" in line for line in words_of(report, at).proved)


def test_a_kept_receipt_shows_what_was_left_out(base: Base) -> None:
    """Whoever kept a receipt notices that its message, refused or not, was taken out."""
    fewer = base.evidence.model_copy(update={"answers": base.evidence.answers[:-1]})
    kept = receipt_of(base, len(base.evidence.answers))

    assert proved(base, fewer).holds
    assert against(proved(base, fewer), [kept]).codes == {Code.KEPT_ABSENT}
    assert against(proved(base, fewer), [dump(base.evidence)]).codes == {Code.KEPT_ABSENT}


def test_a_kept_receipt_shows_another_decision(base: Base) -> None:
    """An exchange that decides the same message twice is caught by the receipt it gave before."""
    last = len(base.evidence.answers)
    kept = receipt_of(base, last)
    other = changed_in(base.evidence.answers[-1].decision, reasons=[{"code": "lead.none"}])
    made = base.decided(other)
    base.log.texts.remove(made.token)
    answer = base.answer(other, made, 0)
    changed = with_answer(base.evidence, last, **{n: getattr(answer, n) for n in _PARTS})
    changed = changed.model_copy(
        update={"groups": (*base.evidence.groups, made.token), "log": None}
    )

    assert proved(base, changed).holds
    assert against(proved(base, changed), [kept]).codes == {Code.KEPT_DIFFERS}


_PARTS = ("decision", "group", "place", "lane", "lane_place")


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        (lambda _: b"", Code.KEPT_NOT_ATTESTED),
        (lambda _: b'{"handrail-evidence": 1}', Code.KEPT_NOT_ATTESTED),
        (lambda _: receipt_of(Base(), 1), Code.KEPT_NOT_ATTESTED),
        (lambda base: receipt_of(base.again(), 1), Code.KEPT_ELSEWHERE),
    ],
)
def test_a_kept_file_that_says_nothing_here_is_told(
    base: Base, kept: Callable[[Base], bytes], code: Code
) -> None:
    """What is no receipt of this exchange, or is about another child, is not passed over."""
    assert against(proved(base), [kept(base)]).codes == {code}


def test_two_heads_of_one_size_are_one_log(base: Base) -> None:
    """A file whose log has been rewritten contradicts the one that was made before."""
    other = base.again()
    theirs = other.evidence.model_copy(update={"child": other.child})

    assert Code.LOG_FORKED in against(proved(base), [dump(theirs)]).codes


def test_whatever_the_bytes_are_nothing_else_is_proved(base: Base) -> None:
    """A file damaged anywhere gives findings, or proves nothing but what the honest one does."""
    honest, data = proved(base), dump(base.evidence)
    chance = random.Random(20260302)
    for _ in range(150):
        place = chance.randrange(len(data))
        damaged = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        report = read(damaged, base.area.root.x)
        assert all(isinstance(one, Finding) for one in report.findings)
        assert {one.message for one in report.taken} <= {one.message for one in honest.taken}
        if report.holds:
            assert report.taken == honest.taken


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b'"handrail-evidence"', b"{}", b'{"handrail-evidence":1}', b"\xff"],
)
def test_what_is_no_evidence_is_told(data: bytes) -> None:
    """Nothing raises, and nothing holds."""
    report = read(data)

    assert not report.holds
    assert len(report.findings) == 1
    assert words_of(report, at).proved == ()
