"""Hostile evidence files whose decisions, groups or receipts are wrong."""

import orjson

from contracts import base64url, jws
from contracts.evidence import Code, Evidence
from contracts.log import digest_of
from contracts.records import GROUP_TYP, Decision
from services.exchange.attesting import LaneStep, Leaves, attest
from tests.evidence.base import Base
from tests.evidence.changing import changed_in, reserialised, with_answer, with_entry, with_log
from tests.evidence.hostile import case


def _with_group(base: Base, number: int, text: str) -> Evidence:
    """The file with a group's text replaced, and every reference to it."""
    evidence = base.evidence
    groups = list(evidence.groups)
    old, groups[number - 1] = digest_of(groups[number - 1]), text
    made = evidence.model_dump_json(by_alias=True).replace(old, digest_of(text))
    return Evidence.model_validate_json(made).model_copy(update={"groups": tuple(groups)})


def _resigned(base: Base, key: jws.PrivateKey) -> str:
    payload = base64url.decode(orjson.loads(base.evidence.groups[0])["payload"]) or b""
    return jws.sign(payload, key, GROUP_TYP).decode()


def _without_its_proof(evidence: Evidence) -> Evidence:
    """The file without its log: what is forged here never stood in it."""
    return evidence.model_copy(update={"log": None})


@case(Code.GROUP_NOT_SIGNED)
def re_signed_by_another_exchange(base: Base) -> Evidence:
    """A key that the directory does not know has signed a group again."""
    return _without_its_proof(_with_group(base, 1, _resigned(base, jws.PrivateKey.generate())))


@case(Code.GROUP_NOT_SIGNED)
def group_signed_by_the_tracker(base: Base) -> Evidence:
    """Another service of the partnership has signed a group."""
    return _without_its_proof(_with_group(base, 1, _resigned(base, base.area.services["tracker"])))


@case(Code.OTHER_PARTNERSHIP)
def tracker_in_the_exchanges_place(base: Base) -> Evidence:
    """The tracker is said to have decided, and has signed the group of an invented refusal."""
    said = {"exchange": "demo.tracker", "message": "INVENTED0000000000000"}
    text = changed_in(base.evidence.answers[-1].decision, **said)
    made, leaves = Decision.model_validate_json(text), Leaves()
    leaves.add(text)
    key = base.area.services["tracker"]
    step = LaneStep(made.lane, made.sequence, made.sequence, "")
    group = attest(leaves, [step], "demo.tracker", key, base.area.now)
    changes = {
        "exchange": "demo.tracker",
        "journeys": (),
        "clocks": (),
        "answers": (base.answer(text, group, 0),),
        "groups": (group.token,),
    }
    return _without_its_proof(base.evidence.model_copy(update=changes))


@case(Code.GROUP_NOT_SIGNED)
def not_canonical_base64(base: Base) -> Evidence:
    """A group's payload is spelled with padding, which sloppy readers take."""
    made = orjson.loads(base.evidence.groups[0])
    made["payload"] += "="
    return _without_its_proof(_with_group(base, 1, orjson.dumps(made).decode()))


@case(Code.GROUP_NOT_SIGNED)
def unsigned_algorithm(base: Base) -> Evidence:
    """A group says that it needs no signature (RFC 7515 `none`)."""
    made = orjson.loads(base.evidence.groups[0])
    header = base64url.encode(b'{"alg":"none","typ":"handrail-group+jws"}')
    made["signatures"] = [{"protected": header, "signature": ""}]
    return _without_its_proof(_with_group(base, 1, orjson.dumps(made).decode()))


@case(Code.GROUP_TWICE)
def group_twice(base: Base) -> Evidence:
    """The same group stands in the file a second time."""
    groups = base.evidence.groups
    return base.evidence.model_copy(update={"groups": (*groups, groups[0])})


@case(Code.GROUP_ABSENT)
def group_left_out(base: Base) -> Evidence:
    """A group that decisions name was taken out."""
    evidence = base.evidence
    included = evidence.log.included[1:] if evidence.log else ()
    return with_log(evidence.model_copy(update={"groups": evidence.groups[1:]}), included=included)


@case(Code.NO_ATTESTATION)
def attestation_stripped(base: Base) -> Evidence:
    """A decision stands there without the exchange's attestation."""
    return with_entry(base.evidence, 4, group=None, place=None)


@case(Code.NOT_ATTESTED)
def decision_text_reserialised(base: Base) -> Evidence:
    """A decision says the same in other bytes than those that were attested."""
    text = base.evidence.journeys[0].entries[1].decision
    return with_entry(base.evidence, 2, decision=reserialised(text))


@case(Code.NOT_ATTESTED)
def decision_backdated(base: Base) -> Evidence:
    """A decision was made a day earlier than it was."""
    text = base.evidence.journeys[0].entries[3].decision
    return with_entry(base.evidence, 4, decision=changed_in(text, now="2026-03-03T12:00:00Z"))


@case(Code.NOT_ATTESTED)
def recipient_added(base: Base) -> Evidence:
    """A decision says that the message went to an agency which never got it."""
    text = base.evidence.journeys[0].entries[1].decision
    more = [*orjson.loads(text)["to"], {"agency": "demo.mill-lane-surgery", "shown": "0" * 64}]
    return with_entry(base.evidence, 2, decision=changed_in(text, to=more))


@case(Code.NOT_ATTESTED)
def place_of_the_neighbour(base: Base) -> Evidence:
    """A decision is said to stand where another stands in the same group."""
    entries = base.evidence.journeys[0].entries
    return with_entry(base.evidence, 1, place=entries[1].place)


@case(Code.NOT_ATTESTED)
def entry_attestation_of_another_group(base: Base) -> Evidence:
    """An entry names another group of the exchange than the one that its decision stands in."""
    return with_entry(base.evidence, 1, group=digest_of(base.evidence.groups[1]))


@case(Code.NOT_ATTESTED)
def path_bent(base: Base) -> Evidence:
    """A step of a decision's path to the root of its group was changed."""
    place = base.evidence.journeys[0].entries[0].place
    assert place is not None
    bent = place.model_copy(update={"path": ("A" * 43, *place.path[1:])})
    return with_entry(base.evidence, 1, place=bent)


@case(Code.OTHER_DECISION)
def swapped_receipt(base: Base) -> Evidence:
    """A message stands with the attested decision of another message."""
    other = base.evidence.journeys[0].entries[2]
    said = {"decision": other.decision, "group": other.group, "place": other.place}
    return with_entry(base.evidence, 4, **said)


@case(Code.OTHER_DECISION)
def refusal_as_acceptance(base: Base) -> Evidence:
    """A message stands with a decision that refused one."""
    refused = base.evidence.answers[-1]
    said = {"decision": refused.decision, "group": refused.group, "place": refused.place}
    return with_entry(base.evidence, 4, **said)


@case(Code.NOT_ATTESTED)
def refusal_softened(base: Base) -> Evidence:
    """A receipt gives another reason for refusing than the exchange attested."""
    last = len(base.evidence.answers)
    text = base.evidence.answers[-1].decision
    reasons = [{"code": "statements.missing", "detail": ""}]
    return with_answer(base.evidence, last, decision=changed_in(text, reasons=reasons))


@case(Code.LANE_NOT_ATTESTED)
def lane_of_another_receipt(base: Base) -> Evidence:
    """A receipt says of its lane what another's says."""
    other = base.evidence.answers[-1]
    return with_answer(base.evidence, 1, lane=other.lane, lane_place=other.lane_place)


@case(Code.TWO_ANSWERS)
def two_answers(base: Base) -> Evidence:
    """The exchange has attested that it accepted a message, and that it refused the same."""
    text = base.evidence.journeys[0].entries[3].decision
    other = changed_in(text, outcome="refused", to=[], entry=0)
    made = base.decided(other)
    answer = base.answer(other, made, 0)
    base.log.texts.remove(made.token)
    return _without_its_proof(
        base.evidence.model_copy(
            update={
                "answers": (*base.evidence.answers, answer),
                "groups": (*base.evidence.groups, made.token),
            }
        )
    )


@case(Code.OTHER_CHILD)
def receipt_of_another_child(base: Base) -> Evidence:
    """A receipt about another child stands among the receipts."""
    said = {"child": "OTHER000000000000000", "message": "ANOTHER0000000000000"}
    other = changed_in(base.evidence.answers[-1].decision, **said)
    made = base.decided(other)
    answer = base.answer(other, made, 0)
    base.log.texts.remove(made.token)
    return _without_its_proof(
        base.evidence.model_copy(
            update={
                "answers": (*base.evidence.answers, answer),
                "groups": (*base.evidence.groups, made.token),
            }
        )
    )
