"""A family withdraws a consent: at once, by whoever works with it, and who shares on it hears."""

from pathlib import Path
from typing import Any

import pytest

from contracts.consents import Consent
from contracts.roles import Role
from contracts.seal import Sealed
from services.runtime.sql import engine
from services.tracker.store import prepare
from tests import messages as m
from tests.area import CARE, DOCTOR, DUTY, GP, SCHOOL, TEACHER, WORKER, Area
from tests.telling import rows_of
from tests.tracking import LedgerWriter
from tests.unit.test_decision import Play


@pytest.fixture
def play() -> Play:
    """A play in which the school leads and took a consent, and the doctor has a part."""
    made = Play(Area())
    made.accept(m.opened_before(made.area, made.child))
    known = [made.area.statement("needs.development", by=TEACHER)]
    duty = {"kind": "statutory_duty", "provision": "CA1989-s17"}
    made.accept(made.area.sealed("story.added", made.child, TEACHER, (GP,), known, basis=duty))
    return made


def taken(play: Play, by: str = TEACHER, **scope: Any) -> Consent:
    """A consent that `by` took and recorded, to share with the CAF team."""
    agreed = m.consent(play.area, taken_by=by, **{"roles": (Role.CAF_TEAM,), **scope})
    play.accept(play.area.sealed("consent.recorded", play.child, by, consents=(agreed,)))
    return agreed


def withdrawn(play: Play, agreed: Consent, by: str, *to: str) -> Sealed:
    """`by` records that the family withdrew it."""
    content = {"consent": agreed.id}
    return play.area.sealed("consent.withdrawn", play.child, by, to, content=content)


def test_only_who_works_with_the_family_says_that_it_withdrew(play: Play) -> None:
    """A part alone is not enough; to have taken it, to lead or to be asked for help is."""
    assert play.refused(withdrawn(play, taken(play), DOCTOR)) == {"consent.not-theirs"}
    play.accept(withdrawn(play, taken(play), TEACHER))
    play.accept(withdrawn(play, taken(play, DOCTOR), DOCTOR))
    play.accept(withdrawn(play, taken(play, DOCTOR), TEACHER))
    play.accept(m.step_up(play.area, play.child))
    play.accept(withdrawn(play, taken(play), DUTY))


def test_whoever_the_family_shared_with_says_that_it_withdrew(play: Play) -> None:
    """A consent that names the agency, or its role, is taken back through it."""
    play.accept(withdrawn(play, taken(play, roles=(), recipients=(GP,)), DOCTOR))
    play.accept(withdrawn(play, taken(play, roles=(Role.UNIVERSAL,)), DOCTOR))


def test_an_outsider_says_nothing_of_it(play: Play) -> None:
    """And learns nothing about it, though the consent names it or its role."""
    named = taken(play, roles=(Role.SOCIAL_CARE,), recipients=(CARE,))

    assert play.refused(withdrawn(play, taken(play), WORKER)) == {"consent.no-part"}
    assert play.refused(withdrawn(play, named, WORKER)) == {"consent.no-part"}


def test_it_takes_effect_whoever_is_told_and_the_others_are_waited_for(tmp_path: Path) -> None:
    """Nobody has to be a recipient, and who shares on it is shown as not told yet."""
    database = engine(f"sqlite:///{tmp_path}/t.sqlite")
    prepare(database)
    ledger = LedgerWriter(Area())
    child = ledger.stepped_up()
    area = ledger.area
    agreed = m.consent(area)
    ledger.accept(area.sealed("consent.recorded", child, TEACHER, consents=(agreed,)))
    word = ledger.accept(
        area.sealed("consent.withdrawn", child, TEACHER, content={"consent": agreed.id})
    )
    ledger.later(days=4)

    held = next(c for c in ledger.journeys[child].consents if c.consent.id == agreed.id)
    rows = rows_of(database, ledger, child, word)
    database.dispose()

    assert held.withdrawn_at is not None
    assert (rows["lead_professional"]["state"], rows["lead_professional"]["agency"]) == (
        "not_yet",
        CARE,
    )
    assert rows["lead_professional"]["late"] is True
    assert rows["partner_agencies"]["state"] == "not_yet"
    assert SCHOOL not in rows["partner_agencies"]["agencies"]
