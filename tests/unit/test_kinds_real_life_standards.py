"""What is said about clocks: warned, missed, explained, extended, paused; and a lead who left."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.directory import RulesInForce
from contracts.event import Signer
from contracts.journey import MOST_RECENT
from contracts.journey_bounds import MOST_STANDARDS
from contracts.roles import Capacity
from contracts.rules import RulePack, shipped_packs
from tests import messages as m
from tests import messages_real_life as r
from tests.area import CARE, DOCTOR, DUTY, DUTY_MANAGER, FRONT, HEAD, SCHOOL, TEACHER, WORKER, Area
from tests.unit.kinds_playing import state
from tests.unit.test_decision import Play

MANAGER_SIGNS = (Signer(id=DUTY_MANAGER, capacity=Capacity.LINE_MANAGER),)


def extendable(area: Area) -> Area:
    """The area under a pack of its own, by which managers may extend the decision's clock."""
    clock = (
        shipped_packs()
        .clocks[r.CLOCK]
        .model_copy(update={"extendable_by": (Capacity.LINE_MANAGER, Capacity.TEAM_MANAGER)})
    )
    own = RulePack(format=2, id="board", version="1", title="Ours", source="Board", clocks=(clock,))
    since = area.now - timedelta(days=100)
    rules = RulesInForce(since=since, packs=shipped_packs().names, own=(own,))
    area.document = area.document.model_copy(update={"rule_changes": (rules,)})
    return area


@pytest.fixture
def play() -> Play:
    """A play in which the school has referred the child to First Response."""
    made = Play(extendable(Area()))
    made.accept(m.referral(made.area, made.child))
    return made


def extended(play: Play, started_by: str, **changes: Any) -> Any:
    """An extension by two days, on information that is awaited."""
    until = changes.pop("until", play.area.now + timedelta(days=2))
    content = r.clock(started_by, until=until, because="information_awaited")
    return r.standard(play.area, play.child, "extended", content, **changes)


def test_a_missed_standard_is_explained_in_words(play: Play) -> None:
    """000 l.37: the reason is recorded, signed and kept with the miss."""
    area, child, request = play.area, play.child, play.last
    play.accept(r.missed(area, child, request))
    assert [s.state for s in state(play).standards] == ["missed"]
    play.accept(r.explained(area, child, r.clock(request)))
    assert [s.state for s in state(play).standards] == ["explained"]
    silent = r.explained(area, child, r.clock(request), statements=[])
    assert play.refused(silent) == {"statements.required"}


def test_what_nobody_was_told_is_missed_is_not_explained(play: Play) -> None:
    """000 l.37: a warning is no miss; and once missed it stays so, whatever is asked for then."""
    area, child, request = play.area, play.child, play.last
    early = r.explained(area, child, r.clock(request))
    assert play.refused(early) == {"standard.not-missed"}
    play.accept(r.warned(area, child, request))
    assert play.refused(early) == {"standard.not-missed"}
    play.accept(r.missed(area, child, request))
    play.accept(extended(play, request))
    play.accept(r.explained(area, child, r.clock(request)))


def test_evidence_for_an_unknown_clock_is_refused(play: Play) -> None:
    """A rule that is not in force, or a message nobody knows, starts no clock."""
    area, child, request = play.area, play.child, play.last
    no_rule = r.explained(area, child, r.clock(request, "no-such-rule"))
    assert play.refused(no_rule) == {"standard.unknown"}
    no_message = r.explained(area, child, r.clock("0123456789ABCDEFGH"))
    assert play.refused(no_message) == {"standard.unknown"}


def test_a_clock_started_long_ago_is_known_once_somebody_was_warned(play: Play) -> None:
    """However many messages lie between, a clock that was warned of can be named."""
    area, child = play.area, play.child
    early = "EARLY0123456789AB"
    play.accept(r.warned(area, child, early))
    for _ in range(MOST_RECENT):
        play.accept(r.by_tracker(area, child, "lead.left", FRONT, {"practitioner": TEACHER}))
    play.accept(extended(play, early))


def test_what_is_known_of_clocks_stays_bounded(play: Play) -> None:
    """A journey stays small however many clocks run out."""
    area, child = play.area, play.child
    for number in range(MOST_STANDARDS + 1):
        play.accept(r.missed(area, child, f"STARTED{number:012}"))
    assert len(state(play).standards) == MOST_STANDARDS
    assert state(play).standards[0].started_by == f"STARTED{1:012}"


def test_nobody_explains_anothers_standard(play: Play) -> None:
    """Only who asked, who was asked and who leads speaks of a request's clocks."""
    area, child, request = play.area, play.child, play.last
    play.accept(m.referral(area, child, author=DOCTOR))
    sent = r.explained(area, child, r.clock(request), author=DOCTOR)
    assert play.refused(sent) == {"standard.not-yours"}


def test_an_agency_without_a_part_says_nothing_of_clocks(play: Play) -> None:
    """Nobody from outside speaks of what is owed to a child."""
    sent = r.explained(play.area, play.child, r.clock(play.last), author=WORKER)
    assert "message.no-part" in play.refused(sent)


def test_an_extension_is_authorised_by_a_manager(play: Play) -> None:
    """002: a postponement is authorised by name; one practitioner alone extends nothing."""
    request = play.last
    plain = {"author": DUTY, "capacity": Capacity.DUTY_WORKER}
    assert play.refused(extended(play, request, **plain)) == {"standard.needs-manager"}
    play.accept(extended(play, request, **plain, countersigners=MANAGER_SIGNS))
    play.accept(extended(play, request))
    assert state(play).standards[-1].state == "extended"


def test_a_standard_that_its_rule_lets_nobody_extend_is_not_extended() -> None:
    """Neither more time nor a pause is given where the rule names nobody who may."""
    play = Play(Area())
    play.accept(m.referral(play.area, play.child))
    pause = r.clock(play.last, because="other")
    assert play.refused(extended(play, play.last)) == {"standard.not-extendable"}
    paused = r.standard(play.area, play.child, "paused", pause)
    assert play.refused(paused) == {"standard.not-extendable"}


def test_only_who_owes_a_standard_speaks_of_it() -> None:
    """The agency that asked cannot give the one that owes the answer more time."""
    play = Play(extendable(Area()))
    play.accept(m.referral(play.area, play.child))
    asked = {"author": HEAD, "capacity": Capacity.LINE_MANAGER}
    assert "standard.not-yours" in play.refused(extended(play, play.last, **asked))


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_an_extension_ends_later_and_within_a_year(play: Play, days: int) -> None:
    """No extension lies in the past, and none is for good."""
    until = play.area.now + timedelta(days=days)
    assert play.refused(extended(play, play.last, until=until)) == {"standard.until"}


def test_a_pause_is_begun_and_ended_once(play: Play) -> None:
    """What is paused is resumed; what runs is not resumed, and what is paused not paused again."""
    area, child, request = play.area, play.child, play.last
    resume = r.standard(area, child, "resumed", r.clock(request))
    pause = r.standard(area, child, "paused", r.clock(request, because="court_or_police"))
    assert play.refused(resume) == {"standard.not-paused"}
    play.accept(pause)
    again = r.standard(area, child, "paused", r.clock(request, because="other"))
    assert play.refused(again) == {"standard.already-paused"}
    play.accept(resume)
    assert state(play).standards[-1].state == "resumed"
    alone = r.standard(
        area,
        child,
        "paused",
        r.clock(request, because="other"),
        author=DUTY,
        capacity=Capacity.DUTY_WORKER,
    )
    assert play.refused(alone) == {"standard.needs-manager"}


def test_a_proposal_that_nobody_answered_in_time_has_lapsed(play: Play) -> None:
    """After the miss another may be proposed by whoever may propose."""
    area = play.area
    other = Play(area)
    other.accept(m.care_opened_before(area, other.child))
    other.accept(m.lead_proposed(area, other.child, TEACHER, WORKER, (SCHOOL,)))
    other.accept(r.missed(area, other.child, other.last, "answer-lead-proposal"))
    assert [p.lapsed for p in state(other).proposals] == [True]


def test_the_journey_knows_that_the_lead_has_left(play: Play) -> None:
    """Only the departure of who leads now counts, and the lead stays until another accepts."""
    area = play.area
    led = Play(area)
    led.accept(m.opened_before(area, led.child))
    led.accept(r.lead_left(area, led.child, DOCTOR, FRONT))
    assert state(led).lead_left == ""
    led.accept(r.lead_left(area, led.child, TEACHER, SCHOOL))
    assert state(led).lead_left == TEACHER
    assert led.leads == TEACHER


@pytest.mark.parametrize("kind", ["standard.warned", "lead.left", "standard.missed"])
def test_nobody_but_a_service_seals_a_notice(play: Play, kind: str) -> None:
    """A notice of a service cannot be made up by a practitioner."""
    contents = {
        "standard.warned": r.clock(play.last, due_at=play.area.now),
        "standard.missed": r.clock(play.last, due_at=play.area.now, manager=DUTY_MANAGER),
        "lead.left": {"practitioner": TEACHER},
    }
    sent = play.area.sealed(kind, play.child, DUTY, [CARE], content=contents[kind])
    assert play.refused(sent) == {"notice.service"}
