"""Showing messages, statements and the exchange's answers to people, and as JSON."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from contracts.attachments import MediaType
from contracts.directory import Directory
from contracts.messages import KINDS
from contracts.questions import Category, questions
from contracts.reasons import reasons
from contracts.records import Decision, DeliveredTo, Ground, Outcome, shown_digest
from contracts.seal import Sealed
from contracts.statements import Disclosed
from contracts.values import Value
from contracts.whose import locating
from services.cli.messages import event_of, statements_of
from services.cli.output import plain, say, table, when


def show_message(sealed: Sealed) -> None:
    """Print what a sealed message says, so that whoever signs has read it."""
    event = event_of(sealed)
    say(f"{title(event.kind)} ({event.kind}), sealed {when(event.time)}")
    say(f"  about child   {event.subject}")
    for signer in event.signers:
        say(f"  to be signed  by {signer.id} as {signer.capacity.value}")
    to = ", ".join(recipient.agency for recipient in event.data.recipients)
    say(f"  addressed to  {to or 'nobody but the journey'}")
    say(f"  basis         {_members(event.data.basis)}")
    for consent in event.data.consents:
        say(f"  consent       {_members(consent)}")
    for name, value in event.data.content.items():
        say(f"  {name:<13} {content_words(value)}")
    show_statements(d.statement.model_dump(mode="json") for d in statements_of(sealed))


def _members(value: Value) -> str:
    said = value.model_dump(mode="json", exclude_defaults=True)
    kind = getattr(value, "kind", "")
    rest = ", ".join(f"{name} {_words(member)}" for name, member in said.items() if name != "kind")
    return plain(f"{kind}: {rest}" if kind and rest else kind or rest)


def content_words(value: object) -> str:
    """Return a member of a message's content for people, with nothing that moves a terminal."""
    if not isinstance(value, Mapping):
        return plain(_words(value))
    return ", ".join(
        f"{plain(name).replace('_', ' ')} {when(said) if name == 'at' else plain(_words(said))}"
        for name, said in value.items()
        if said is not None
    )


def _words(member: object) -> str:
    return ", ".join(map(str, member)) if isinstance(member, list | tuple) else str(member)


def show_statements(statements: Iterable[Mapping[str, Any]]) -> None:
    """Print statements as a table; `statements` have the contract's JSON form."""
    catalogue = questions()
    rows = []
    for said in statements:
        question = catalogue.get(str(said.get("question")))
        value = said.get("value")
        answer = said.get("answer", "given")
        told = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        told = _with_attachment(_with_original(told, said), said.get("attachment"))
        rows.append(
            (
                question.text if question else said.get("question"),
                told if told is not None else str(answer).replace("_", " "),
                f"{said.get('said_by')} ({said.get('standing', 'fact')})",
            )
        )
    if rows:
        table(("question", "answer", "said by"), rows)


def _with_original(told: object, said: Mapping[str, Any]) -> object:
    """Return the answer with what was typed beside it, where that was put into another form."""
    typed = said.get("original")
    return told if typed is None else f"{told} (typed: {_words(typed)})"


def _with_attachment(told: object, attachment: Mapping[str, Any] | None) -> object:
    if not attachment:
        return told
    suffix, size = MediaType(attachment["media_type"]).suffix, int(attachment["size"])
    words = f"[document attached: {suffix}, {size / 1_000_000:.1f} MB]"
    return words if told is None else f"{told} {words}"


def show_attachments(told: Mapping[str, Any]) -> None:
    """Print which documents of an answer's statements are not there, and what became of the rest.

    `attachments` in it is what `services.cli.attachments.fetch_all` gave.
    """
    for one in told["statements"]:
        if one.get("document") == "missing":
            question = plain(one["statement"]["question"])
            say(f"The document attached to {question} has not been uploaded.")
    for one in told.get("attachments", ()):
        question = plain(one["question"])
        if "file" in one:
            say(f"Attached to {question}: {one['file']}")
        else:
            say(f"Not fetched, attached to {question}: {plain(one['message'])} ({one['code']})")
            say(f"  what to do  {plain(one['remedy'])}")


def title(kind: str) -> str:
    """Return what people call a kind of message."""
    return KINDS[kind].title if kind in KINDS else kind


def withheld(
    statements: tuple[Disclosed, ...], to: DeliveredTo
) -> tuple[tuple[Category, int], ...] | None:
    """Return which categories a recipient may not see, and how many statements of each.

    A receipt holds the digest of what may be seen; as consent is given by category, the one
    division by categories that leads to it is what was decided. None when there is no such. What
    tells where the child lives is never counted: that an address is kept from somebody is not told.
    """
    known = questions()
    where = {one.digest for one in statements if known[one.statement.question].number in locating()}
    every: dict[Category, list[str]] = {}
    for one in statements:
        every.setdefault(one.statement.category, []).append(one.digest)
    elsewhere = {name: [d for d in some if d not in where] for name, some in every.items()}
    held_back = _held_back(every, to.shown) if where else None
    if held_back is None:
        held_back = _held_back(elsewhere, to.shown)
    if held_back is None:
        return None
    return tuple((name, len(elsewhere[name])) for name in held_back if elsewhere[name])


def _held_back(
    by_category: Mapping[Category, list[str]], shown: str
) -> tuple[Category, ...] | None:
    """Return the categories without which the digests are those that `shown` is the digest of."""
    for hidden in range(len(by_category) + 1):
        for held_back in combinations(by_category, hidden):
            seen = [d for name, some in by_category.items() if name not in held_back for d in some]
            if shown_digest(tuple(seen)) == shown:
                return held_back
    return None


def explained(ground: Ground) -> dict[str, str]:
    """Return a reason for refusal with its citation and remedy."""
    reason = reasons().get(ground.code)
    return {
        "code": ground.code,
        "detail": ground.detail,
        "citation": reason.citation if reason else "",
        "message": reason.message if reason else "",
        "remedy": reason.remedy if reason else "",
    }


def decision_json(
    decision: Decision, statements: tuple[Disclosed, ...], directory: Directory
) -> dict[str, Any]:
    """Return what was decided, with names and explanations, for JSON and for printing."""
    return {
        "outcome": decision.outcome.value,
        "basis": decision.basis,
        "rules": list(decision.rules),
        "decided_at": decision.now.isoformat(),
        "held_until": decision.until.isoformat() if decision.until else None,
        "to": [_recipient(to, statements, directory) for to in decision.to],
        "reasons": [explained(ground) for ground in decision.reasons],
    }


def show_decision(told: Mapping[str, Any]) -> None:
    """Print a decision: to whom and what is withheld, or every reason with what to do now.

    Of what is held, until when it waits, and for what.
    """
    outcome = Outcome(told["outcome"])
    say(f"{outcome.value.capitalize()}: {title(told['kind'])}, message {told['message']}")
    say(f"  about child  {told['child']}")
    say(f"  decided      {when(told['decided_at'])}")
    if outcome is Outcome.ACCEPTED:
        say(f"  basis        {told['basis']} ({', '.join(told['rules']) or 'no rule named'})")
        for to in told["to"]:
            say(f"  went to      {plain(to['name'])} ({to['agency']}){_withheld_words(to)}")
    if outcome is Outcome.HELD:
        say(f"  waits until  {when(told['held_until'])} at the latest, because of:")
    for reason in told["reasons"]:
        detail = f" ({plain(reason['detail'])})" if reason["detail"] else ""
        say(f"\n  {reason['code']}{detail}: {plain(reason['message'])}")
        say(f"    see         {reason['citation']}")
        say(f"    what to do  {reason['remedy']}")


def _recipient(
    to: DeliveredTo, statements: tuple[Disclosed, ...], directory: Directory
) -> dict[str, Any]:
    agency = directory.agencies.get(to.agency)
    hidden = withheld(statements, to)
    return {
        "agency": to.agency,
        "name": agency.name if agency else to.agency,
        "statements": len(statements),
        "withheld": None if hidden is None else {c.value: number for c, number in hidden},
    }


def _withheld_words(to: Mapping[str, Any]) -> str:
    if not to["statements"]:
        return ""
    if to["withheld"] is None:
        return ": which statements it may see is not known here"
    if not to["withheld"]:
        return f": statements ({to['statements']}), none withheld for want of consent"
    hidden = ", ".join(f"{name} ({number})" for name, number in to["withheld"].items())
    return f": statements ({to['statements']}), withheld for want of consent: {hidden}"
