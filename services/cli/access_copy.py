"""The copy of everything held as two things: what is given, and what a person has to look at first.

What a rule keeps back stands in the list for the person alone, with the message and the agency it
came from; the copy itself only counts it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consent.telling import TELLING
from contracts.directory import Directory
from contracts.questions import questions
from services.cli.family_words import Section, agency_name, moment, words

Facts = Mapping[str, Any]
_BY_PERSON: Final = "access.kept-back"
_PROVES: Final = (
    "They prove that a message was taken, when and from whom, without saying what was in it."
)


@dataclass(frozen=True, slots=True)
class Copy:
    """What is given to the family (`given`), and what is for the person who gives it (`review`)."""

    given: dict[str, Any]
    review: dict[str, Any]


def divided(parts: Iterable[Facts], receipts: Iterable[Facts]) -> Copy:
    """Return what the story service answered, part by part, divided; raises KeyError for others."""
    several = list(parts)
    first = several[0]
    statements = [one for part in several for one in part["statements"]]
    given = {
        "made_at": first["at"],
        "reference": first["child"],
        "statements": [_told(one) for one in statements if one["kept_back"] is None],
        "kept_back": sum(1 for one in statements if one["kept_back"] is not None),
        "asked_of_others": sum(first["withheld"].values()),
        **{name: _open_to_all(first[name]) for name in ("messages", "reads")},
        "consents": first["consents"],
        "erasures": first["erasures"],
        "receipts": list(receipts),
    }
    review = {
        "made_at": first["at"],
        "statements": [_looked_at(one) for one in statements if _wants_a_person(one)],
        **{
            name: [one for one in first[name] if one["kept_back"]] for name in ("messages", "reads")
        },
        "held_by_others": first["withheld"],
    }
    return Copy(given, review)


def copy_sections(given: Facts, directory: Directory) -> tuple[Section, ...]:
    """Return the copy as a family reads it."""
    left = []
    if given["kept_back"]:
        left.append(
            f"{given['kept_back']} more are held and not given here, because they are about other "
            "people or could harm somebody. You may ask why, and have the decision looked at again."
        )
    if given["asked_of_others"]:
        left.append(
            f"{given['asked_of_others']} more were said to others and are not ours to read. "
            "We tell you whom to ask."
        )
    said = tuple(_words_of(one, directory) for one in given["statements"])
    return (
        Section("statements", "What is written down about me", tuple(left), said),
        Section("messages", "Which messages were sent", (), _messages(given, directory)),
        Section("reads", "Who has opened it", (), _reads(given, directory)),
        Section(
            "receipts",
            "How this can be checked",
            (f"{len(given['receipts'])} signed receipts are in the file copy.json.", _PROVES),
        ),
    )


def review_lines(review: Facts, directory: Directory) -> Iterator[str]:
    """Yield, line by line, what a person has to look at before the copy is given."""
    yield "NOT FOR THE FAMILY. For whoever gives the copy: look at each of these first."
    yield "Give one that is kept back with --release DIGEST, keep one back with --keep-back DIGEST."
    for one in review["statements"]:
        rule = one["kept_back"]
        why = TELLING[rule].says if rule else "free text: does it name or describe anybody else?"
        whose = agency_name(directory, one["sender"])
        yield f"{'kept back' if rule else 'given   '}  {one['digest']}  {whose}: {why}"
    for name in ("messages", "reads"):
        for one in review[name]:
            at = moment(one.get("accepted_at") or one["at"])
            whose = agency_name(directory, one.get("sender") or one["agency"])
            yield f"kept back  {name[:-1]} of {at}, {whose}: {TELLING[one['kept_back']].says}"
    for agency, count in review["held_by_others"].items():
        yield f"not ours   {count} said by {agency_name(directory, agency)}: pass the request on"


def _told(one: Facts) -> dict[str, Any]:
    return {name: one[name] for name in ("message", "sender", "digest", "category", "statement")}


def _looked_at(one: Facts) -> dict[str, Any]:
    return {name: one[name] for name in ("message", "sender", "digest", "category", "kept_back")}


def _wants_a_person(one: Facts) -> bool:
    return bool(one["to_review"]) and one["kept_back"] != _BY_PERSON


def _open_to_all(several: Iterable[Facts]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in one.items() if name != "kept_back"}
        for one in several
        if one["kept_back"] is None
    ]


def _words_of(one: Facts, directory: Directory) -> str:
    said = one["statement"]
    question = questions().get(said["question"])
    asked = question.text if question else said["question"]
    value = said.get("value")
    told = words(said["answer"]) if value is None else _value(value)
    if said.get("original") is not None:
        told += f" (as it was typed: {_value(said['original'])})"
    return (
        f"{asked}: {told} (said by {said['said_by']}, {words(said['standing'])}; written down by "
        f"{agency_name(directory, one['sender'])} on {moment(said['recorded_at'])})"
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _messages(given: Facts, directory: Directory) -> tuple[str, ...]:
    return tuple(
        f"{moment(one['accepted_at'])}: {agency_name(directory, one['sender'])} to "
        f"{', '.join(agency_name(directory, a) for a in one['recipients']) or 'nobody else'}"
        for one in given["messages"]
    )


def _reads(given: Facts, directory: Directory) -> tuple[str, ...]:
    return tuple(
        f"{moment(one['at'])}: {agency_name(directory, one['agency'])}, {one['shown']} answers"
        + (f", to {one['purpose'].removeprefix('to ')}" if one["purpose"] else "")
        for one in given["reads"]
    )
