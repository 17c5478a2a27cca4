"""What is stored is exactly what was decided, and what can never be had is said to be so."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from contracts import jws, subjects
from contracts.directory import Directory
from contracts.errors import HandrailError
from contracts.event import TYP
from contracts.seal import Sealed, seal
from services.runtime.keystore import KeyStore
from services.runtime.settlement import PermanentFault
from services.story.entries import cursors_of, entries_of, tell
from services.story.intake import IntakeKeys
from tests.area import TEACHER, Area
from tests.unit.story_cases import LANE, WORDS, Exchange, Written, cursor, record


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    """Give an exchange."""
    return Exchange()


def told(exchange: Exchange, written: Written, directory: Directory | None = None) -> list[object]:
    """Tell and give the values of the statements."""
    (entry,) = entries_of((written.record(7),))
    made = tell(
        entry, written.submission, directory or exchange.area.directory, exchange.key_of_month
    )
    assert (made.entry.ledger, made.event.id) == (7, written.id)
    return [one.statement.value for one in made.statements]


def fault(exchange: Exchange, written: Written) -> str:
    """Fail to tell for good, and give the code."""
    with pytest.raises(PermanentFault) as caught:
        told(exchange, written)
    return caught.value.code


def with_teachers_key(area: Area, **changed: object) -> Directory:
    """Give the directory with the teacher's key changed, or without it."""
    people = [
        p.model_copy(
            update={"keys": tuple(k.model_copy(update=changed) for k in p.keys) if changed else ()}
        )
        if p.id == TEACHER
        else p
        for p in area.document.practitioners
    ]
    return Directory(area.document.model_copy(update={"practitioners": tuple(people)}))


def test_an_accepted_message_is_told_in_its_own_order(exchange: Exchange) -> None:
    """Every statement of an accepted message comes out, in the order in which it was sealed."""
    words = [("views.child", "first"), ("concern.harm", "second"), ("family.contact", "third")]

    written = exchange.accept(exchange.referral(words=words))

    assert told(exchange, written) == ["first", "second", "third"]


def test_a_message_without_statements_is_told_too(exchange: Exchange) -> None:
    """A message that says nothing about the family is known, with no statement."""
    assert told(exchange, exchange.accept(exchange.referral(words=()))) == []


@pytest.mark.parametrize("ended", ["retired_at", "compromised_at", "valid_to"])
def test_a_key_that_ended_since_takes_nothing_back(exchange: Exchange, ended: str) -> None:
    """What the exchange accepted is stored even if its signer's key has ended since."""
    written = exchange.accept(exchange.referral())
    long_ago = exchange.area.now - timedelta(days=100)

    assert told(exchange, written, with_teachers_key(exchange.area, **{ended: long_ago})) == [WORDS]
    assert told(exchange, written, with_teachers_key(exchange.area)) == [WORDS]


def test_a_wrong_signature_is_never_stored(exchange: Exchange) -> None:
    """A ledger entry about words that nobody signed stores nothing."""
    genuine = exchange.referral()
    event, disclosures = exchange.area.event(
        "referral.submitted", "CHILD000000000000001", TEACHER, basis={"kind": "notice"}
    )
    stolen = jws.parse(genuine.text, TYP)
    assert isinstance(stolen, jws.Parsed)
    forged = jws.parse(seal(event, jws.PrivateKey.generate(), disclosures).text, TYP)
    assert isinstance(forged, jws.Parsed)
    (one,) = stolen.signatures
    entry = {"protected": one.protected, "signature": one.signature}
    text = jws.assemble(forged.payload, (entry,)).decode()

    assert fault(exchange, exchange.accept(Sealed(text))) == "seal.bad-signature"


def test_another_submission_than_the_one_decided_is_never_stored(exchange: Exchange) -> None:
    """The bytes in the lane must be those whose digest the decision names, about that message."""
    sealed, other = exchange.referral(), exchange.referral()
    swapped = exchange.accept(sealed, submission=exchange.submission(other))
    encrypted_anew = replace(exchange.accept(sealed), submission=exchange.submission(sealed))

    assert fault(exchange, swapped) == "story.submission-mismatch"
    assert fault(exchange, encrypted_anew) == "story.submission-mismatch"


def test_what_cannot_be_decrypted_or_lacks_a_disclosure_is_a_permanent_fault(
    exchange: Exchange,
) -> None:
    """A submission that will never open is told apart from one that may open later."""
    sealed = exchange.referral(words=[("views.child", "one"), ("views.parents", "two")])
    stranger = Exchange(exchange.area)
    bare = orjson.dumps({"v": 1, "seal": sealed.text})

    undecryptable = exchange.accept(sealed, submission=stranger.submission(sealed))
    stripped = exchange.accept(sealed, submission=bare)
    unreadable = exchange.accept(sealed, submission=b"{}")

    assert fault(exchange, undecryptable) == "seal.disclosures-unreadable"
    assert fault(exchange, stripped) == "statements.missing"
    assert fault(exchange, unreadable) == "seal.unreadable"


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "refused"},
        {"child": None},
        {"message": None},
        {"child": "ANOTHERCHILD00000001"},
        {"sequence": "x"},
    ],
    ids=str,
)
def test_an_entry_of_another_form_is_a_permanent_fault(
    exchange: Exchange, change: dict[str, object]
) -> None:
    """A journey entry that does not say what was accepted about that child is set aside."""
    written = exchange.accept(exchange.referral(), deviating=change)

    with pytest.raises(PermanentFault) as caught:
        entries_of((written.record(1),))
    assert caught.value.code == "story.entry-unreadable"


def test_records_are_told_apart_by_subject(exchange: Exchange) -> None:
    """Entries and cursors are taken, everything else in the ledger is passed over."""
    written = exchange.accept(exchange.referral())
    records = (
        record("receipt.demo.hilltop-school.X", b"not json", 1),
        written.record(2),
        record(subjects.cursor(LANE), cursor(9), 3),
    )

    assert [(e.ledger, e.message) for e in entries_of(records)] == [(2, written.id)]
    assert [(c.ledger, c.lane, c.sequence) for c in cursors_of(records)] == [(3, LANE, 9)]
    with pytest.raises(PermanentFault):
        cursors_of((record(subjects.cursor(LANE), b"{}", 4),))


def test_a_missing_intake_key_is_waited_for_until_its_time_is_up(
    exchange: Exchange, tmp_path: Path
) -> None:
    """A key that is not there yet is a passing fault, one that was destroyed by rule is not."""
    store = KeyStore(tmp_path)
    keys, now = IntakeKeys(store), exchange.area.now

    with pytest.raises(HandrailError) as missing:
        keys.of(exchange.month, now)
    made = store.create_encryption(f"intake/{exchange.month}")
    found = keys.of(exchange.month, now)
    with pytest.raises(PermanentFault) as destroyed:
        keys.of(exchange.month, now + timedelta(days=70))

    assert missing.value.code == "story.intake-key-missing"
    assert not isinstance(missing.value, PermanentFault)
    assert found.private_bytes_raw() == made.private_bytes_raw()
    assert destroyed.value.code == "story.intake-key-destroyed"


def test_nothing_told_shows_in_a_text_form(exchange: Exchange) -> None:
    """The text form of what is told, as an error report would show it, holds no word."""
    written = exchange.accept(exchange.referral())
    (entry,) = entries_of((written.record(1),))
    made = tell(entry, written.submission, exchange.area.directory, exchange.key_of_month)

    assert WORDS not in repr(made)
    assert made.statements[0].disclosure not in repr(made)
