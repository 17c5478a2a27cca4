"""What may have happened to bytes, answers and the log: the columns that must show it.

`BYTES` bends the evidence as the rest of `DAMAGE` does; `SQL` bends the services' own databases,
each statement in a copy of them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from tests.faults.checker_evidence import Evidence
from tests.faults.checks_found import BASIS, CLOCKS, FORGED, LOST, UNPROVED
from tests.faults.checks_log import LAST
from tests.faults.checks_records import Entry, Reading


def _other_bytes_in_record(e: Evidence) -> None:
    e.stores.deliveries[0] = replace(e.stores.deliveries[0], record="0" * 64)


def _words_that_do_not_open(e: Evidence) -> None:
    place = _with_words(e)
    e.stores.story[place] = replace(e.stores.story[place], words=(), closed=1)


def _words_of_another(e: Evidence) -> None:
    place = _with_words(e)
    words = ("0" * 43,) * len(e.stores.story[place].words)
    e.stores.story[place] = replace(e.stores.story[place], words=words, packed=words)


def _pack_of_another(e: Evidence) -> None:
    place = _with_words(e)
    e.stores.story[place] = replace(e.stores.story[place], packed=("0" * 43,))


def _fewer_words_and_the_exchange_agrees(e: Evidence) -> None:
    place = _with_words(e)
    told = e.stores.story[place]
    e.stores.story[place] = replace(told, words=told.words[1:], packed=told.words[1:])
    e.bend(place - 1, statements=len(told.words) - 1)


def _with_words(e: Evidence) -> int:
    return next(at for at, told in e.stores.story.items() if told.words)


def _recipient_left_out_and_the_exchange_agrees(e: Evidence) -> None:
    place = e.first("journey.", lambda body: len(orjson.loads(body["decision"])["to"]) > 0)
    decision = orjson.loads(orjson.loads(e.records[place][1])["decision"])
    gone = decision["to"].pop()["agency"]
    e.bend(place, decision=orjson.dumps(decision).decode())
    e.records = [one for one in e.records if one[0] != f"inbox.{gone}.{decision['message']}"]
    e.stores.deliveries = [
        row
        for row in e.stores.deliveries
        if (row.agency, row.message) != (gone, decision["message"])
    ]


def _held_and_never_decided(e: Evidence) -> None:
    ghost = replace(e.sent[0], message="M" * 26, sealed="0" * 64, submission="0" * 64)
    e.sent.append(ghost)
    e.records.append((f"held.{ghost.child}.{ghost.message}", b'{"state":"held"}'))


def _told_otherwise(e: Evidence) -> None:
    e.heard[0] = replace(e.heard[0], outcome="held")


def _decided_anew(e: Evidence) -> None:
    e.heard[-1] = replace(e.heard[-1], decision="0" * 64)


def _groups_swapped(e: Evidence) -> None:
    first, second = [n for n, (subject, _) in enumerate(e.records) if subject == "tree.group"][:2]
    e.records[first], e.records[second] = e.records[second], e.records[first]


def _heads_lost(e: Evidence) -> None:
    e.records = [one for one in e.records if one[0] != "tree.head"]


def _newest_head_lost(e: Evidence) -> None:
    del e.records[max(n for n, (subject, _) in enumerate(e.records) if subject == "tree.head")]


def _head_again(e: Evidence) -> None:
    e.records.append(e.records[e.first("tree.head")])


def _head_by_nobody(e: Evidence) -> None:
    e.records.append(("tree.head", b"{}"))


def _witness_for_another(e: Evidence) -> None:
    place = e.first("tree.witness.")
    e.records[place] = ("tree.witness.demo.nobody", e.records[place][1])


def _witness_of_another_log(e: Evidence) -> None:
    """Leave the witnesses' words as they are, and none of the groups and heads they speak of."""
    e.records = [one for one in e.records if one[0] not in ("tree.group", "tree.head")]


def _witness_again(e: Evidence) -> None:
    e.records.append([one for one in e.records if one[0].startswith("tree.witness.")][-1])


def _witnesses_lost(e: Evidence) -> None:
    e.records = [one for one in e.records if not one[0].startswith("tree.witness.")]


def _a_gateway_never_witnessed(e: Evidence) -> None:
    gone = e.records[e.first("tree.witness.")][0]
    e.records = [one for one in e.records if one[0] != gone]


def _a_witness_stopped(e: Evidence) -> None:
    """Leave what one witness signed before the newest heads, and nothing since."""
    stopped = e.records[e.first("tree.witness.")][0]
    heads = [n for n, (subject, _) in enumerate(e.records) if subject == "tree.head"]
    since = heads[-LAST:][0]
    e.records = [one for n, one in enumerate(e.records) if n < since or one[0] != stopped]


def _witness_by_another_gateway(e: Evidence) -> None:
    """Have another gateway carry the agency for which a witness signed."""
    agency = e.records[e.first("tree.witness.")][0].removeprefix("tree.witness.")
    others = set(e.trust.carriers.values()) - {e.trust.carriers[agency]}
    e.trust.carriers = {**e.trust.carriers, agency: min(others)}


def _not_in_quarantine(e: Evidence) -> None:
    e.records[e.first("quarantine.")] = _OF_NOTHING


def _another_in_quarantine(e: Evidence) -> None:
    place = e.first("quarantine.")
    e.bend(place, sequence=orjson.loads(e.records[place][1])["sequence"] + 1000)


def _in_quarantine_again(e: Evidence) -> None:
    e.records.append(e.records[e.first("quarantine.")])


def _refused_on_nothing(e: Evidence) -> None:
    """Leave a refusal without the record by which it guards the journey that it was decided on."""
    receipt = e.first("receipt.", lambda body: '"outcome":"refused"' in body["decision"])
    place = e.first(e.records[receipt][0].replace("receipt.", "check.", 1))
    e.records[place] = _OF_NOTHING


def _records_of_no_kind(e: Evidence) -> None:
    kinds = ("quarantine.", "check.")
    e.records = [(f"other.{s}" if s.startswith(kinds) else s, data) for s, data in e.records]


_OF_NOTHING: Final = ("check.demo.nobody.nothing", b"{}")
"""A record that says nothing, in the place of another: those after it keep their sequences."""


def _delivered_as_a_notice(e: Evidence) -> None:
    """Put an accepted message into another inbox, as if it were a notice of the exchange's own."""
    place = e.first("inbox.", lambda body: "entry" in orjson.loads(body["decision"]))
    body = orjson.loads(e.records[place][1])
    decision = {k: v for k, v in orjson.loads(body["decision"]).items() if k != "entry"}
    body["decision"] = orjson.dumps(decision).decode()
    e.records.append((f"inbox.demo.probation.{decision['message']}", orjson.dumps(body)))


def _noticed(**changes: Any) -> Callable[[Reading], None]:
    """Have the first entry be what a service said."""

    def bend(reading: Reading) -> None:
        journey = next(iter(reading.journeys.values()))
        said = {"author": "demo.tracker", "basis": "notice", "due_at": "2000-01-01T00:00:00Z"}
        given = {name: changes[name] for name in changes if name != "kind"}
        first: Entry = journey[0]
        kind = changes.get("kind", "standard.missed")
        journey[0] = replace(first, kind=kind, said=replace(first.said, **{**said, **given}))

    return bend


def _missed_before_its_time(e: Evidence) -> None:
    e.bends.append(_noticed(due_at="2999-01-01T00:00:00Z"))


def _notice_of_another_service(e: Evidence) -> None:
    e.bends.append(_noticed(author="demo.story"))


def _referral_by_a_service(e: Evidence) -> None:
    e.bends.append(_noticed(kind="referral.submitted"))


BYTES: Final[dict[Callable[[Evidence], None], str]] = {
    _other_bytes_in_record: LOST,
    _words_that_do_not_open: LOST,
    _words_of_another: LOST,
    _pack_of_another: LOST,
    _fewer_words_and_the_exchange_agrees: LOST,
    _recipient_left_out_and_the_exchange_agrees: LOST,
    _held_and_never_decided: LOST,
    _told_otherwise: LOST,
    _decided_anew: LOST,
    _groups_swapped: UNPROVED,
    _heads_lost: UNPROVED,
    _newest_head_lost: UNPROVED,
    _head_again: UNPROVED,
    _head_by_nobody: UNPROVED,
    _witness_for_another: UNPROVED,
    _witness_of_another_log: UNPROVED,
    _witness_again: UNPROVED,
    _witnesses_lost: UNPROVED,
    _a_gateway_never_witnessed: UNPROVED,
    _a_witness_stopped: UNPROVED,
    _witness_by_another_gateway: UNPROVED,
    _records_of_no_kind: UNPROVED,
    _not_in_quarantine: LOST,
    _another_in_quarantine: LOST,
    _in_quarantine_again: LOST,
    _refused_on_nothing: LOST,
    _delivered_as_a_notice: BASIS,
    _missed_before_its_time: CLOCKS,
    _notice_of_another_service: FORGED,
    _referral_by_a_service: FORGED,
}

SQL: Final[dict[str, tuple[str, str]]] = {
    "every child's key gone": ("story-keys", "DELETE FROM child_keys"),
    "another key for each child": ("story-keys", "UPDATE child_keys SET secret = zeroblob(32)"),
    "ciphertexts overwritten": (
        "story",
        "UPDATE statements SET ciphertext = zeroblob(length(ciphertext))",
    ),
    "one statement's key overwritten": (
        "story",
        (
            "UPDATE statements SET wrapped_key = zeroblob(40)"
            " WHERE rowid = (SELECT min(rowid) FROM statements)"
        ),
    ),
    "one statement under another's digest": (
        "story",
        (
            "UPDATE statements SET digest = (SELECT max(digest) FROM statements)"
            " WHERE rowid = (SELECT min(rowid) FROM statements)"
        ),
    ),
    "packs overwritten": ("story", "UPDATE packs SET ciphertext = zeroblob(length(ciphertext))"),
    "delivered bytes gone": ("agency-*", "UPDATE deliveries SET record = ''"),
    "nothing shown": (
        "agency-*",
        (
            "UPDATE deliveries SET record = json_set(record, '$.shown', json('[]'))"
            " WHERE json_array_length(record, '$.shown') > 0"
        ),
    ),
    "delivered disclosures gone": (
        "agency-*",
        (
            "UPDATE deliveries SET record = json_remove(record, '$.disclosures')"
            " WHERE json_extract(record, '$.disclosures') IS NOT NULL"
        ),
    ),
}
"""Which databases, by the pattern of their names, and what is done to their rows; all is loss."""
