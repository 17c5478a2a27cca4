"""Hostile evidence files by whoever holds the exchange's key: history is decided anew."""

from datetime import datetime

import orjson

from contracts.evidence import Code, Evidence
from contracts.log import LogProof, digest_of
from contracts.records import Decision
from services.exchange.attesting import Attestation, LaneStep, Leaves, attest
from tests.area import FRONT
from tests.evidence.base import EXCHANGE, Base, place_in
from tests.evidence.changing import changed_in, with_entry, with_log
from tests.evidence.hostile import case
from tests.evidence.logbook import Logbook

_NUMBER = 3


def _attested(base: Base, text: str, at: datetime) -> Attestation:
    """Have the exchange attest one decision today, and say that it did so at `at`."""
    made, leaves = Decision.model_validate_json(text), Leaves()
    leaves.add(text)
    step = LaneStep(made.lane, made.sequence, made.sequence, "")
    return attest(leaves, [step], EXCHANGE, base.area.services["exchange"], at)


def _rewritten(base: Base, at: datetime | None = None) -> tuple[Evidence, str]:
    """The file whose third message went to nobody, and the group in which that was decided."""
    entry = base.evidence.journeys[0].entries[_NUMBER - 1]
    text = changed_in(entry.decision, basis="consent", to=[])
    made = _attested(base, text, at or Decision.model_validate_json(text).now)
    name = digest_of(made.token)
    changed = with_entry(base.evidence, _NUMBER, decision=text, group=name, place=place_in(made, 0))
    answers = tuple(one for one in changed.answers if one.decision != entry.decision)
    groups = (*changed.groups, made.token)
    return changed.model_copy(update={"answers": answers, "groups": groups}), made.token


def _logged_today(base: Base, evidence: Evidence, group: str) -> Evidence:
    """The file with the real log, at whose end the new group has been put, and a witness of it."""
    log = Logbook(base.area, [*base.log.texts, group])
    head, size = log.head(), len(log.texts)
    proof = LogProof(
        head=head,
        included=tuple(log.included(text) for text in evidence.groups),
        witnesses=(log.witnessed("schools", head, size, base.witnesses["schools"]),),
    )
    return evidence.model_copy(update={"log": proof})


@case(Code.NOT_LOGGED)
def rewritten_decision_said_to_be_missing(base: Base) -> Evidence:
    """A decision was replaced by one that is dated back, and the log is said not to have it yet."""
    evidence, group = _rewritten(base)
    return with_log(evidence, missing=(digest_of(group),))


@case(Code.LOG_ORDER)
def rewritten_decision_attested_just_now(base: Base) -> Evidence:
    """A decision was replaced by one of today, which the log has not taken in yet."""
    evidence, group = _rewritten(base, base.area.now)
    return with_log(evidence, missing=(digest_of(group),))


@case(Code.LOG_ORDER)
def rewritten_decision_put_into_the_log(base: Base) -> Evidence:
    """A decision was replaced by one that is dated back, and stands at the end of the real log."""
    evidence, group = _rewritten(base)
    return _logged_today(base, evidence, group)


@case(Code.LOG_ORDER)
def invented_refusal_put_into_the_log(base: Base) -> Evidence:
    """A refusal that is to be old stands in the log behind later submissions of its lane."""
    text = base.evidence.answers[-1].decision
    said = {"sequence": 1, "message": "INVENTED0000000000000", "sealed": "0" * 64}
    first = next(
        one.decision
        for one in base.evidence.answers
        if orjson.loads(one.decision)["agency"] == FRONT
    )
    refusal = changed_in(text, now=orjson.loads(first)["now"], **said)
    made = _attested(base, refusal, Decision.model_validate_json(refusal).now)
    answers = (*base.evidence.answers, base.answer(refusal, made, 0))
    groups = (*base.evidence.groups, made.token)
    evidence = base.evidence.model_copy(update={"answers": answers, "groups": groups})
    return _logged_today(base, evidence, made.token)


@case(Code.LOG_ORDER)
def refusal_invented_with_the_lane_of_another(base: Base) -> Evidence:
    """A refusal of today stands in the log with the very leaf of the lane by which another did."""
    said = {"message": "INVENTED0000000000000", "sealed": "0" * 64}
    refusal = changed_in(base.evidence.answers[-1].decision, **said)
    made = _attested(base, refusal, Decision.model_validate_json(refusal).now)
    answers = (*base.evidence.answers, base.answer(refusal, made, 0))
    groups = (*base.evidence.groups, made.token)
    evidence = base.evidence.model_copy(update={"answers": answers, "groups": groups})
    return _logged_today(base, evidence, made.token)


@case(Code.SIGNED_BEFORE)
def decision_after_its_attestation(base: Base) -> Evidence:
    """A decision is later than the group in which it stands."""
    entry = base.evidence.journeys[0].entries[0]
    evidence, _ = _rewritten(base, Decision.model_validate_json(entry.decision).now)
    return evidence.model_copy(update={"log": None})
