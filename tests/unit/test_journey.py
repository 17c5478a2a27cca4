"""The journey: comes back from the ledger as it went in, stays bounded, and holds no words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.consents import Consent, ConsentHeld, Covers, GivenBy
from contracts.identifiers import new_reference
from contracts.journey import Assessment, Journey, Lead, Proposal, Request
from contracts.journey_json import FOLD_VERSION, dump, load
from contracts.kinds import iso
from contracts.questions import Category
from contracts.roles import Level, Role
from services.exchange.decision import Accepted, decide
from tests import messages as m
from tests.area import CAF, FRONT, PACK, SCHOOL, TEACHER, Area

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CHILD = "C" * 26

_ids = st.integers(0, 9).map(lambda n: f"{n}" * 26)
_agencies = st.sampled_from([SCHOOL, CAF, FRONT])
_START = datetime(2000, 1, 1, tzinfo=UTC)
_times = st.integers(0, 3_000_000_000).map(lambda seconds: _START + timedelta(seconds=seconds))
_stamps = _times.map(iso)
_consents = st.builds(
    Consent,
    id=_ids,
    covers=st.sampled_from(Covers),
    given_by=st.sampled_from(GivenBy),
    taken_by=st.just(TEACHER),
    given_at=_times,
    expires_at=st.none() | _times,
    recipients=st.lists(_agencies, max_size=2).map(tuple),
    roles=st.lists(st.sampled_from(Role), max_size=2).map(tuple),
    categories=st.lists(st.sampled_from(Category), max_size=2).map(tuple),
)
_requests = st.builds(
    Request,
    id=_ids,
    kind=st.sampled_from(["referral.submitted", "stepup.requested"]),
    agency=_agencies,
    author=st.just(TEACHER),
    to=st.lists(_agencies, max_size=2).map(tuple),
    at=_stamps,
    protection=st.booleans(),
    acknowledged_by=st.lists(_agencies, max_size=2, unique=True).map(tuple),
    outcome=st.sampled_from(["", "assess", "not_met"]),
)
JOURNEYS = st.builds(
    Journey,
    child=st.just(CHILD),
    entries=st.integers(0, 10**6),
    now=_stamps,
    level=st.sampled_from(Level),
    case_open=st.booleans(),
    lead=st.none() | st.builds(Lead, st.just(TEACHER), _agencies, _stamps, _ids),
    proposals=st.lists(
        st.builds(Proposal, _ids, st.just(TEACHER), _agencies, st.just(TEACHER), _stamps),
        max_size=2,
    ).map(tuple),
    requests=st.lists(_requests, max_size=4).map(tuple),
    assessment=st.none() | st.builds(Assessment, _ids, _agencies, st.booleans()),
    consents=st.lists(
        st.builds(ConsentHeld, consent=_consents, withdrawn_at=st.none() | _times), max_size=3
    ).map(tuple),
    answered=st.dictionaries(
        st.integers(1, 99).map(str), st.tuples(st.just("2026-03-02"), _agencies), max_size=3
    ),
    involved=st.lists(_agencies, unique=True).map(tuple),
    child_in_need_since=st.just("") | _stamps,
    protection_plan_ended=st.just("") | _stamps,
    support=st.sampled_from(["", "chosen", "declined"]),
)


@given(JOURNEYS)
def test_a_journey_comes_back_from_the_ledger_as_it_was(journey: Journey) -> None:
    """Whatever state a child is in, its compact form gives the same state again."""
    written = dump(journey)
    assert load(orjson.loads(written)) == journey
    assert dump(load(orjson.loads(written))) == written
    assert orjson.loads(written)["v"] == FOLD_VERSION


@given(st.lists(_requests, min_size=1, max_size=60))
def test_requests_are_bounded_and_no_open_one_is_ever_let_go(requests: list[Request]) -> None:
    """Old decided requests go; an open one stays however many came after it."""
    journey, latest = Journey(child=CHILD), dict[str, Request]()
    for number, request in enumerate(requests):
        made = replace(request, id=f"{number:026}")
        journey, latest[made.id] = journey.with_request(made), made
    held = {r.id for r in journey.requests}
    assert {r.id for r in latest.values() if not r.outcome} <= held
    assert sum(bool(r.outcome) for r in journey.requests) <= 13
    assert [r.id for r in journey.requests] == sorted(held)


@given(_requests, st.sampled_from(["assess", "not_met"]))
def test_a_request_is_held_once_whatever_becomes_of_it(request: Request, outcome: str) -> None:
    """A later state of a request stands in the place of the earlier one."""
    journey = Journey(child=CHILD).with_request(request)
    after = journey.with_request(replace(request, outcome=outcome))
    assert [r.outcome for r in after.requests] == [outcome]
    assert after.request(request.id) == after.requests[0]
    assert after.request("X" * 26) is None


def test_a_consent_once_held_is_not_changed_by_carrying_it_again() -> None:
    """Neither its scope nor its withdrawal can be undone by sending the same id again."""
    area = Area(NOW)
    first = m.consent(area)
    withdrawn = ConsentHeld(consent=first, withdrawn_at=NOW)
    journey = Journey(child=CHILD, consents=(withdrawn,))
    wider = first.model_copy(update={"categories": tuple(Category), "expires_at": None})
    assert journey.with_consents((wider,), NOW) is journey
    other = m.consent(area)
    assert [c.consent.id for c in journey.with_consents((other,), NOW).consents] == [
        first.id,
        other.id,
    ]


def test_an_agency_is_involved_once() -> None:
    """Order of involvement is kept, and nobody stands twice."""
    journey = Journey(child=CHILD).with_involved(SCHOOL, CAF, SCHOOL).with_involved(CAF, FRONT)
    assert journey.involved == (SCHOOL, CAF, FRONT)
    assert journey.with_involved(CAF) is journey


@pytest.fixture(scope="module")
def stepped_up() -> tuple[Area, Journey]:
    """The journey after a step up with its whole pack."""
    area = Area(NOW)
    journey: Journey | None = None
    for sealed in (m.opened_before(area, CHILD), m.step_up(area, CHILD)):
        verdict = decide(area.open(sealed), area.directory, journey, NOW)
        assert isinstance(verdict, Accepted), verdict
        journey = verdict.journey
    assert journey is not None
    return area, journey


def test_a_journey_holds_numbers_of_questions_and_never_an_answer(
    stepped_up: tuple[Area, Journey],
) -> None:
    """Of what a family said it keeps which question, which day and which agency."""
    _, journey = stepped_up
    assert set(journey.answered.values()) == {("2026-03-02", SCHOOL)}
    assert len(journey.answered) == len(PACK)
    written = dump(journey)
    assert not any(words in written for words in (b"as told", b"pack.", b'parent"'))


def test_now_never_goes_back(stepped_up: tuple[Area, Journey]) -> None:
    """A fold at a later instant moves the journey on by one entry."""
    area, journey = stepped_up
    later = NOW + timedelta(hours=1)
    sealed = m.step_up(area, CHILD, id=new_reference())
    verdict = decide(area.open(sealed, later), area.directory, journey, later)
    assert isinstance(verdict, Accepted)
    assert (verdict.journey.entries, verdict.journey.now) == (journey.entries + 1, iso(later))
