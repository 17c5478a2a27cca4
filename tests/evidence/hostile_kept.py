"""Hostile evidence files that only what somebody kept gives away."""

from contracts.evidence import Code, Evidence, dump
from contracts.evidence.form import EvidenceAnswer, EvidenceEntry
from contracts.log import LogProof, digest_of
from contracts.records import Receipt
from tests.evidence.base import Base
from tests.evidence.changing import with_entries
from tests.evidence.hostile import case
from tests.evidence.logbook import Logbook

_LEFT = 5


def _receipt(base: Base, answer: EvidenceAnswer) -> bytes:
    group = next(text for text in base.evidence.groups if digest_of(text) == answer.group)
    body = {**answer.model_dump(mode="json"), "group": group}
    return Receipt.model_validate(body).model_dump_json().encode()


def receipt_of_the_tail(base: Base) -> bytes:
    """The receipt of the first message that is cut off."""
    decision = base.evidence.journeys[0].entries[_LEFT].decision
    return _receipt(base, next(a for a in base.evidence.answers if a.decision == decision))


def _refusal(base: Base) -> bytes:
    return _receipt(base, base.evidence.answers[-1])


def _proof(base: Base, texts: list[str]) -> LogProof:
    """Prove the groups of the file in a log of these texts, with a witness."""
    log = Logbook(base.area, texts)
    head = log.head()
    return LogProof(
        head=head,
        included=tuple(log.included(group) for group in base.evidence.groups),
        witnesses=(log.witnessed("schools", head, len(texts), base.witnesses["schools"]),),
    )


def _with_log(base: Base, texts: list[str]) -> Evidence:
    return base.evidence.model_copy(update={"log": _proof(base, texts)})


def before_the_rewriting(base: Base) -> bytes:
    """A file made when the group of another child still stood in the log."""
    return dump(_with_log(base, ["group of another child", *base.log.texts]))


@case(Code.KEPT_ABSENT, keeps=receipt_of_the_tail)
def tail_cut_off(base: Base) -> Evidence:
    """The last messages were taken out, with their answers and all clocks."""

    def cut(entries: list[EvidenceEntry]) -> None:
        del entries[_LEFT:]

    gone = {one.decision for one in base.evidence.journeys[0].entries[_LEFT:]}
    answers = tuple(one for one in base.evidence.answers if one.decision not in gone)
    changes = {"clocks": (), "answers": answers}
    return with_entries(base.evidence, cut).model_copy(update=changes)


@case(Code.KEPT_ABSENT, keeps=_refusal)
def refusal_left_out(base: Base) -> Evidence:
    """A refusal was taken out."""
    return base.evidence.model_copy(update={"answers": base.evidence.answers[:-1]})


@case(Code.LOG_FORKED, keeps=before_the_rewriting)
def log_rewritten_since(base: Base) -> Evidence:
    """A group of another child was taken out of the log, which has grown since."""
    return _with_log(base, [*base.log.texts, "later", "and later still"])


@case(Code.LOG_FORKED, keeps=before_the_rewriting)
def log_rewritten_to_the_same_size(base: Base) -> Evidence:
    """A group of another child was taken out of the log, and another put in its place."""
    return _with_log(base, ["another group", *base.log.texts])
