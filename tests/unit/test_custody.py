"""The chain of custody out of signed messages alone: proved, or told what is not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.custody import Chain, Doubt, Finding, Piece, prove_custody
from contracts.directory import Directory
from contracts.event import Signer
from contracts.identifiers import new_reference
from contracts.records import Decision, Entry
from contracts.roles import Capacity
from contracts.seal import Sealed
from tests import messages as m
from tests.area import (
    CAF,
    CAF_MANAGER,
    CAF_WORKER,
    CARE,
    DOCTOR,
    HEAD,
    MANAGER,
    SCHOOL,
    TEACHER,
    WORKER,
    Area,
)
from tests.crafting import payload_of, resealed
from tests.tracking import LedgerWriter
from tests.unit.test_kinds_linking import RETIRED, SURVIVOR, linked

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Play:
    """Messages decided as the exchange decides, and the pieces that the ledger keeps of them."""

    def __init__(self) -> None:
        self.ledger = LedgerWriter(Area(NOW))
        self.child = self.ledger.stepped_up()

    @property
    def area(self) -> Area:
        """The partnership."""
        return self.ledger.area

    @property
    def pieces(self) -> list[Piece]:
        """What the ledger holds of the journey, each linked to the one before."""
        made: list[Piece] = []
        for record in self.ledger.records:
            entry = Entry.model_validate_json(record.data)
            decision = Decision.model_validate_json(entry.decision)
            before = made[-1].digest if made else ""
            digest = f"record {decision.entry}"
            made.append(Piece(entry.sealed, decision.now, decision.entry, digest, before))
        return made

    def prove(self, pieces: Sequence[Piece] | None = None) -> Chain:
        """Prove all, or other pieces."""
        given_ = self.pieces if pieces is None else pieces
        return prove_custody(self.child, given_, self.area.directory)

    def with_more(self, sealed: Sealed) -> Chain:
        """Prove what the ledger holds and then one more message that the exchange never took."""
        self.ledger.later(minutes=5)
        last = self.pieces[-1]
        number = (last.number or 0) + 1
        more = Piece(sealed, self.area.now, number, "more", last.digest)
        return self.prove([*self.pieces, more])


@pytest.fixture
def play() -> Play:
    """Give a step up that has ended with the social worker leading."""
    return Play()


PLAYED = Play()
PLAYED.ledger.stepped_down(PLAYED.child)


def found(chain: Chain) -> list[tuple[Doubt, str]]:
    """The doubts and codes of what was found."""
    return [(one.doubt, one.code) for one in chain.findings]


def test_a_step_up_and_a_step_down_are_proved_whole() -> None:
    """Three leads follow one another without gap or overlap, each by their own signature."""
    chain = PLAYED.prove()

    assert chain.holds
    assert chain.complete
    assert [one.practitioner for one in chain.led] == [TEACHER, WORKER, TEACHER]
    assert all(one.until == after.since for one, after in pairwise(chain.led))
    assert all(one.until_by == after.by for one, after in pairwise(chain.led))
    assert all(one.practitioner in one.signed_by for one in chain.led)
    assert chain.led[-1].until is None
    assert chain.messages == len(PLAYED.ledger.records)


def test_the_proof_agrees_with_the_journey_without_asking_it() -> None:
    """Who leads at the end, since when and by which message is what the exchange folded."""
    lead = PLAYED.ledger.journeys[PLAYED.child].lead
    last = PLAYED.prove().led[-1]
    assert lead is not None
    assert (last.practitioner, last.by) == (lead.practitioner, lead.by)


def test_closing_without_support_is_a_legal_end(play: Play) -> None:
    """After the family's no nobody leads, and that is no gap (003 §5.7)."""
    play.ledger.later(hours=1)
    play.ledger.accept(m.closed(play.area, play.child, "declined"))
    chain = play.prove()

    assert chain.holds
    assert chain.led[-1].until == play.area.now
    assert chain.led[-1].until_kind == "case.closed"


def test_a_message_left_out_is_a_gap_wherever_it_was() -> None:
    """No message of the journey can be kept back unseen, the first one neither."""
    pieces = PLAYED.pieces
    for number in range(len(pieces) - 1):
        chain = PLAYED.prove([*pieces[:number], *pieces[number + 1 :]])
        assert (Doubt.GAP, "chain.entry-missing") in found(chain)
        assert not chain.complete


def test_without_the_proposal_an_acceptance_proves_nothing() -> None:
    """Who was never proposed does not lead, whatever they signed."""
    pieces = PLAYED.pieces
    kinds = [payload_of(piece.sealed)["type"] for piece in pieces]
    proposed = kinds.index("handrail.lead.proposed")
    chain = PLAYED.prove([*pieces[:proposed], *pieces[proposed + 1 :]])

    assert (Doubt.UNPROVED, "chain.no-proposal") in found(chain)
    assert chain.led[0].practitioner == TEACHER
    assert WORKER not in {one.practitioner for one in chain.led}


def test_a_record_put_in_the_place_of_another_breaks_the_links() -> None:
    """Entries name the hash of the one before, so that numbers alone cannot be made to fit."""
    pieces = PLAYED.pieces
    pieces[4] = replace(pieces[4], digest="another")
    assert found(PLAYED.prove(pieces)) == [(Doubt.GAP, "chain.entry-missing")]


def test_sealed_files_alone_prove_who_led_but_not_that_all_are_there() -> None:
    """Without the ledger's numbers the chain holds, by the times of sealing, and says so."""
    chain = PLAYED.prove([Piece(piece.sealed) for piece in PLAYED.pieces])

    assert chain.holds
    assert not chain.complete
    assert [one.practitioner for one in chain.led] == [TEACHER, WORKER, TEACHER]


@pytest.mark.parametrize("place", range(len(PLAYED.pieces)))
def test_a_changed_message_proves_nothing(place: int) -> None:
    """Whatever is altered in a seal, it is told and has no part in the chain."""
    pieces = PLAYED.pieces
    text = pieces[place].sealed.text
    middle = text.index('"payload":"') + 60
    other = "A" if text[middle] != "A" else "B"
    changed = Sealed(text[:middle] + other + text[middle + 1 :])
    pieces[place] = replace(pieces[place], sealed=changed)
    chain = PLAYED.prove(pieces)

    assert chain.findings[0].doubt is Doubt.UNPROVED
    assert chain.findings[0].code.startswith(("seal.", "message."))
    assert chain.messages < len(pieces)


def test_a_proposal_accepted_twice_is_a_double(play: Play) -> None:
    """A second signed acceptance of one proposal is two people's claim, and both are told."""
    accepted = payload_of(play.pieces[-1].sealed)["data"]["answers"]
    again = m.lead_answered(play.area, play.child, accepted, HEAD, (SCHOOL, CARE))
    chain = play.with_more(again)

    assert found(chain) == [(Doubt.DOUBLE, "chain.accepted-twice")]
    assert chain.led[-1].practitioner == WORKER


def test_a_second_lead_declared_is_a_double(play: Play) -> None:
    """A case declared open with a lead while another leads moves nothing."""
    chain = play.with_more(m.opened_before(play.area, play.child))
    assert found(chain) == [(Doubt.DOUBLE, "chain.second-lead")]
    assert chain.led[-1].practitioner == WORKER


def test_only_the_person_proposed_accepts(play: Play) -> None:
    """An acceptance that a colleague signed is not proved, and the lead stays."""
    play.ledger.later(hours=1)
    proposal = play.ledger.accept(
        m.lead_proposed(play.area, play.child, CAF_WORKER, WORKER, (SCHOOL, CAF))
    )
    chain = play.with_more(
        m.lead_answered(play.area, play.child, proposal, CAF_MANAGER, (SCHOOL, CARE))
    )
    assert found(chain) == [(Doubt.UNPROVED, "chain.not-the-proposed")]
    assert chain.led[-1].practitioner == WORKER
    refused = m.lead_answered(
        play.area, play.child, proposal, CAF_MANAGER, (SCHOOL, CARE), yes=False
    )
    assert found(play.with_more(refused)) == [(Doubt.UNPROVED, "chain.not-theirs-to-end")]


def test_nobody_is_declared_lead_without_signing() -> None:
    """A case open before begins no custody where the lead did not countersign (ADR 0006)."""
    area, child = Area(NOW), new_reference()
    alone = area.sealed(
        "case.opened-before",
        child,
        CAF_MANAGER,
        [SCHOOL],
        capacity=Capacity.TEAM_MANAGER,
        content={"level": "early_help", "lead": TEACHER},
    )
    chain = prove_custody(child, [Piece(alone, NOW, 1)], area.directory)

    assert found(chain) == [(Doubt.UNPROVED, "chain.not-accepted")]
    assert chain.led == ()


def test_a_signature_in_a_capacity_that_nobody_gave_proves_nothing() -> None:
    """A teacher who signs as team manager declares no case open, and a school closes none."""
    area, child = Area(NOW), new_reference()
    content = {"level": "early_help", "lead": TEACHER}
    posing = area.sealed(
        "case.opened-before",
        child,
        CAF_WORKER,
        [SCHOOL],
        capacity=Capacity.TEAM_MANAGER,
        countersigners=(Signer(id=TEACHER, capacity=Capacity.LEAD_PROFESSIONAL),),
        content=content,
    )
    closing = area.sealed("case.closed", child, TEACHER, [CARE], content={"support": "declined"})
    pieces = [Piece(posing, NOW, 1, "1"), Piece(closing, NOW, 2, "2", "1")]
    chain = prove_custody(child, pieces, area.directory)

    assert [one.code for one in chain.findings] == ["practitioner.capacity", "message.role-may-not"]
    assert chain.led == ()


def test_a_key_revoked_before_the_message_came_proves_nothing() -> None:
    """A key known as compromised signs nothing that arrives later; before that it did."""
    area = PLAYED.area

    def revoked(at: datetime) -> Directory:
        people = tuple(
            p.model_copy(update={"keys": (p.keys[0].model_copy(update={"compromised_at": at}),)})
            if p.id == WORKER
            else p
            for p in area.document.practitioners
        )
        return Directory(area.document.model_copy(update={"practitioners": people}))

    after = prove_custody(PLAYED.child, PLAYED.pieces, revoked(area.now + timedelta(days=1)))
    before = prove_custody(PLAYED.child, PLAYED.pieces, revoked(NOW))
    assert after.holds
    assert "seal.key-revoked" in {one.code for one in before.findings}
    assert WORKER not in {one.practitioner for one in before.led}


def test_what_does_not_belong_has_no_part(play: Play) -> None:
    """Another child's message, the same one again, and one out of its time are told."""
    other = m.referral(play.area, new_reference())
    assert found(play.with_more(other)) == [(Doubt.UNPROVED, "chain.other-child")]
    again = play.pieces[-1].sealed
    assert found(play.with_more(again)) == [(Doubt.UNPROVED, "chain.repeated")]
    last = play.pieces[-1]
    early = m.referral(play.area, play.child, time=NOW)
    late = Piece(early, NOW, (last.number or 0) + 1, "more", last.digest)
    chain = play.prove([*play.pieces, late])
    assert found(chain) == [(Doubt.UNPROVED, "chain.out-of-order")]


def test_a_forged_message_is_told_by_its_seal(play: Play) -> None:
    """What another key signed in somebody's name is not theirs."""
    last = play.pieces[-1]
    forged = resealed(last.sealed, play.area.keys[MANAGER], lambda payload: None)
    assert "seal.signers-mismatch" in play.area.codes(forged)
    chain = play.prove([*play.pieces[:-1], replace(last, sealed=forged)])
    assert chain.findings == (
        Finding(Doubt.UNPROVED, "seal.signers-mismatch", payload_of(forged)["id"]),
    )
    assert chain.led[-1].practitioner == TEACHER


@given(st.lists(st.integers(0, len(PLAYED.pieces) - 1), max_size=len(PLAYED.pieces) + 4))
def test_in_whatever_order_they_come_nobody_leads_unsigned_or_twice(places: list[int]) -> None:
    """Any selection in any order raises nothing and never makes two lead at one instant."""
    pieces = PLAYED.pieces
    chain = PLAYED.prove([pieces[place] for place in places])

    assert all(one.practitioner in one.signed_by for one in chain.led)
    for one, after in pairwise(chain.led):
        assert one.until is not None
        assert one.until <= after.since
    if [*places] != sorted(set(places)) or (places and places != [*range(len(places))]):
        assert not chain.holds


def test_a_retired_reference_ends_its_lead_by_the_joining_message() -> None:
    """Its chain ends legally with the join, the survivor's goes on, and nobody leads it again."""
    two = Two(Area(NOW))
    first, second = two.pieces(RETIRED), two.pieces(SURVIVOR)
    retired, survivor = (
        prove_custody(child, pieces, two.area.directory)
        for child, pieces in ((RETIRED, first), (SURVIVOR, second))
    )
    assert retired.holds
    assert survivor.holds
    assert retired.led[-1].until_kind == "child.linked"
    assert [one.practitioner for one in (*retired.led, *survivor.led) if one.until is None] == [
        TEACHER
    ]

    again = m.opened_before(two.area, RETIRED, lead=DOCTOR)
    chain = prove_custody(RETIRED, [*first, Piece(again, NOW)], two.area.directory)
    assert (Doubt.DOUBLE, "chain.led-elsewhere") in found(chain)


def test_a_join_that_names_another_lead_is_not_proved() -> None:
    """The survivor's chain holds the named lead against who leads it."""
    area = Area(NOW)
    told = linked(area, SURVIVOR, RETIRED, content={"lead": DOCTOR})
    pieces = [Piece(m.opened_before(area, SURVIVOR, lead=TEACHER), NOW), Piece(told, NOW)]
    chain = prove_custody(SURVIVOR, pieces, area.directory)
    assert found(chain) == [(Doubt.UNPROVED, "chain.other-lead")]


class Two:
    """A child under two references, joined."""

    def __init__(self, area: Area) -> None:
        self.area = area
        first = linked(area, RETIRED, SURVIVOR)
        event_id = payload_of(first)["id"]
        self._sealed = {
            RETIRED: (m.opened_before(area, RETIRED, lead=DOCTOR), first),
            SURVIVOR: (
                m.opened_before(area, SURVIVOR, lead=TEACHER),
                linked(area, SURVIVOR, RETIRED, answers=event_id),
            ),
        }

    def pieces(self, child: str) -> list[Piece]:
        """The messages about one of the references."""
        return [Piece(sealed, NOW) for sealed in self._sealed[child]]
