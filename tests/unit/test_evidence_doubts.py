"""What an evidence file leaves open: revoked keys, the log's edges, and clocks nobody told of."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.directory import open_directory, sign_directory
from contracts.evidence import Code, Evidence, Report, dump, read
from contracts.evidence.words import words_of
from contracts.kinds import iso
from contracts.log import LogProof, Witnessed, digest_of
from tests.area import CAF, CARE, SCHOOL
from tests.evidence.base import Base
from tests.evidence.changing import changed_in, proof_of, said_of, with_log, with_said
from tests.evidence.logbook import Logbook


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


def test_attestations_by_a_key_revoked_later_are_told_as_doubtful(base: Base) -> None:
    """Whoever has the key could have signed them after it was revoked, with an earlier instant."""
    document = base.area.document
    exchange, *others = document.services
    revoked = base.area.now + timedelta(days=1)
    key = exchange.keys[0].model_copy(update={"compromised_at": revoked})
    services = (exchange.model_copy(update={"keys": (key,)}), *others)
    newest = document.model_copy(update={"services": services, "version": 2})
    report = read(
        dump(base.evidence),
        base.area.root.x,
        open_directory(sign_directory(newest, base.area.root), base.area.root.x),
    )

    assert report.holds
    assert report.doubtful == len(base.evidence.groups)
    assert report.logged is not None
    assert report.logged.doubtful
    lines = words_of(report, at).not_proved
    assert [line.split(" are ")[0] for line in lines if "revocation" in line] == [
        f"That {report.doubtful} attestations",
        "That 1 heads of the log",
    ]


def test_witnesses_and_clocks_by_a_key_revoked_later_are_told_as_doubtful(base: Base) -> None:
    """A witness's or the tracker's key that was revoked since vouches for no instant before."""
    document, revoked = base.area.document, base.area.now + timedelta(days=1)

    def compromised(one: Any, keys: str) -> Any:
        key = getattr(one, keys)[0].model_copy(update={"compromised_at": revoked})
        return one.model_copy(update={keys: (key,)})

    schools, *gateways = document.gateways
    services = tuple(
        compromised(one, "keys") if one.id == "demo.tracker" else one for one in document.services
    )
    changes = {"gateways": (compromised(schools, "witness"), *gateways), "services": services}
    newest = document.model_copy(update={**changes, "version": 2})
    known = open_directory(sign_directory(newest, base.area.root), base.area.root.x)
    words = words_of(read(dump(base.evidence), base.area.root.x, known), at)

    assert not words.wrong
    assert not [line for line in words.proved if "witnesses signed" in line]
    assert [line.split(" signed that")[0] for line in words.proved if "saw" in line] == [CARE]
    assert any("decisions in 1 attestations: no witness" in line for line in words.not_proved)
    assert [line.split(" are ")[0] for line in words.not_proved if "revocation" in line] == [
        "That 1 signatures of witnesses",
        f"That {len(base.evidence.clocks)} answers of the tracker about clocks",
    ]


def test_attestations_newer_than_the_head_are_counted_and_not_proved(base: Base) -> None:
    """What the log did not hold yet is told as such, and is no fault."""
    proof = base.evidence.log
    assert proof is not None
    last = proof.included[-1].group
    made = with_log(base.evidence, included=proof.included[:-1], missing=(last,))
    report = proved(base, made)

    assert report.holds
    assert report.logged is not None
    assert (report.logged.included, report.logged.missing) == (len(proof.included) - 1, 1)
    assert any("1 attestations" in line for line in words_of(report, at).not_proved)


def test_attestations_from_before_there_was_a_log_are_counted_and_not_proved(base: Base) -> None:
    """Where the file holds the first group of the log, older ones are no fault; their order is."""
    first, *_, last = (digest_of(one.token) for one in base.attestations)
    later = Logbook(base.area, base.log.texts[1:])
    proof = LogProof(
        head=later.head(),
        included=tuple(later.included(one) for one in base.evidence.groups[1:]),
        missing=(first,),
    )
    report = proved(base, base.evidence.model_copy(update={"log": proof}))
    without = with_log(
        base.evidence.model_copy(update={"log": proof}), included=(), missing=(first, last)
    )

    assert report.holds
    assert report.logged is not None
    assert (report.logged.before, report.logged.missing) == (1, 0)
    assert any("older than the log is" in line for line in words_of(report, at).not_proved)
    assert Code.NOT_LOGGED in proved(base, without).codes


def test_a_log_that_holds_nothing_of_the_file_proves_nothing_of_it(base: Base) -> None:
    """Neither the head nor its witnesses are told of as proving what is not in the log yet."""
    report = proved(base)
    assert report.logged is not None
    empty = replace(report, logged=replace(report.logged, places={}))
    words = words_of(empty, at)

    assert not [line for line in words.proved if "log" in line]
    assert any("no witness" in line for line in words.not_proved)


def witnessed(base: Base, **sizes: int) -> tuple[Witnessed, ...]:
    """The signatures of witnesses that saw the log when it was of these sizes."""
    return tuple(
        base.log.witnessed(gateway, base.log.head(size), size, base.witnesses[gateway])
        for gateway, size in ((name.replace("_", "-"), size) for name, size in sizes.items())
    )


def test_a_witness_that_saw_the_log_earlier_has_not_seen_what_came_later(base: Base) -> None:
    """Old signatures beside newer decisions vouch for none: the exchange could make those anew."""
    seen = witnessed(base, schools=1, social_care=1, caf=1)
    report = proved(base, with_log(base.evidence, witnesses=seen))
    words = words_of(report, at)
    whole = len(base.evidence.groups)

    assert report.holds
    assert not [line for line in words.proved if "witnesses signed" in line]
    for agency in (SCHOOL, CARE, CAF):
        assert any(
            line.startswith(
                f"{agency} signed that it saw the first 1 attestations of the log, 1 of"
            )
            for line in words.proved
        )
    assert any(f"in {whole - 1} attestations: no witness" in line for line in words.not_proved)


def test_a_witness_counts_from_the_head_on_that_holds_all_of_the_file(base: Base) -> None:
    """One group more or less decides it, and one witness of all of it is enough for all."""
    places = [one.index for one in proof_of(base.evidence).included]
    seen = witnessed(base, schools=max(places) + 1, social_care=max(places), caf=2)
    words = words_of(proved(base, with_log(base.evidence, witnesses=seen)), at)
    whole = [line for line in words.proved if "witnesses signed" in line]

    assert len(whole) == 1
    assert whole[0].startswith("1 of 3 witnesses signed")
    assert SCHOOL in whole[0]
    assert CARE not in whole[0]
    assert not [line for line in words.not_proved if "no witness" in line]


def test_of_a_message_that_is_held_the_final_answer_may_have_been_left_out(base: Base) -> None:
    """That a message is held says nothing of what was decided of it since."""
    until = iso(base.area.now + timedelta(hours=1))
    other = base.again()
    held = other.refusal(outcome="held", reasons=[], until=until)
    refused = changed_in(held, outcome="refused", until=None, reasons=[{"code": "lead.none"}])
    both = other.decided(held, refused)
    answers = (other.answer(held, both, 0), other.answer(refused, both, 1))
    bare: dict[str, Any] = {"child": None, "journeys": (), "clocks": (), "log": None}
    about = {**bare, "message": other.refused, "groups": (both.token,)}
    whole = other.evidence.model_copy(update={**about, "answers": answers})
    cut = whole.model_copy(update={"answers": answers[:1]})

    assert proved(base, whole).holds
    assert proved(base, cut).holds
    assert not since(proved(base, whole))
    assert len(since(proved(base, cut))) == 1


def since(report: Report) -> list[str]:
    """What is told of decisions that may have been made since."""
    return [line for line in words_of(report, at).not_proved if "decided since" in line]


def test_a_notice_that_is_not_in_the_file_is_not_claimed(base: Base) -> None:
    """A file about one message does not hold the notice that it was missed, and says just that."""
    one = next(c for c in said_of(base).clocks if c.missed_notice)
    journey = base.evidence.journeys[0]
    entry = next(e for e in journey.entries if one.clock.message in e.decision)
    made = with_said(base, message=one.clock.message, clocks=(one,))
    groups = tuple(text for text in made.groups if digest_of(text) == entry.group)
    said = {
        "child": None,
        "message": one.clock.message,
        "journeys": (journey.model_copy(update={"entries": (entry,)}),),
        "answers": (),
        "clocks": made.clocks[:1],
        "groups": groups,
    }
    report = proved(base, made.model_copy(update=said))

    assert report.holds
    assert [timed.missed_by for timed in report.clocks] == [""]
    notices = [line for line in words_of(report, at).claimed if "notice" in line]
    assert not [line for line in notices if "signed the notice" in line]
    assert [
        f"notice {one.missed_notice} of its miss is not in this file" in n for n in notices
    ] == [True]


def test_a_file_without_clocks_says_so(base: Base) -> None:
    """That the tracker's word was left out is told, of every reference."""
    made = base.evidence.model_copy(update={"clocks": ()})
    lines = [line for line in words_of(proved(base, made), at).not_proved if "clocks" in line]

    assert proved(base, made).holds
    assert len(lines) == 1
    assert base.child in lines[0]
    assert base.retired in lines[0]
