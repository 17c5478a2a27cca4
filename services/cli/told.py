"""`handrail told`: evidence that people were told of an outcome, or why they were not."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from services.cli.choices import Form, Person, Provision, WhyNot
from services.cli.options import As, Dir, Json, Timeout, load
from services.cli.output import Exit, command, plain

if TYPE_CHECKING:
    from services.runtime.partnership import Partnership

_AWAY = frozenset({"nkey.missing", "service.unreachable", "service.no-answer"})
_WITHOUT_INBOX = frozenset({"family", "manager"})


def _people(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, (one.strip() for one in text.split(",")))))


def _known_people(text: str) -> str:
    """Return what was given for --people; ends the command where somebody in it is not known."""
    known = get_args(Person)
    for one in _people(text):
        if one not in known:
            raise typer.BadParameter(f"{plain(one)!r} is none of {', '.join(known)}")
    if not _people(text):
        raise typer.BadParameter(f"name one or more of {', '.join(known)}")
    return text


@command
def told(  # noqa: PLR0913 - one parameter per option
    child: Annotated[str, typer.Argument(help="The child's reference.")],
    message: Annotated[str, typer.Argument(help="The id of the message they were told of.")],
    *,
    author: As,
    people: Annotated[
        str,
        typer.Option(
            metavar="PEOPLE",
            callback=_known_people,
            help="Who, with commas: referrer, lead_professional, family, partner_agencies, "
            "invitees, manager, caf_team, first_response.",
        ),
    ],
    form: Annotated[
        Form,
        typer.Option(help="What they were given: outcome, copy or contact (word whom to contact)."),
    ] = "outcome",
    not_appropriate: Annotated[
        WhyNot | None,
        typer.Option(
            metavar="CODE",
            help="Why they were not told: unsafe_for_child, unsafe_for_another, not_reachable or "
            "asked_not_to_be; --reason says it in words.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, in words.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
            help="When, in local time, where that was not now: 2026-11-20T15:30.",
        ),
    ] = None,
    provision: Annotated[
        Provision, typer.Option(help="The duty on which the reason is shared, by Act and section.")
    ] = "CA2004-s10",
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="AGENCY", help="Tell this agency as well; repeat for more."),
    ] = None,
    timeout: Timeout = 30,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Record that people were told of an outcome, or that telling them was not appropriate.

    Agencies among them get this message itself. A family counts as told once it is recorded here.
    """
    from services.cli.desk import wait_for

    named = _people(people)
    written = _written(named, message, form, not_appropriate, reason, provision)
    written |= {"child": child}
    if at is not None:
        written["occurred_at"] = at.astimezone().isoformat()
    silent = not_appropriate is not None
    work = _send(
        load(state),
        written,
        author,
        people=() if silent else named,
        also=tuple(also or ()),
        timeout_s=timeout,
        as_json=as_json,
    )
    raise typer.Exit(wait_for(work))


def _written(
    people: list[str],
    message: str,
    form: str,
    not_appropriate: str | None,
    reason: str | None,
    provision: str,
) -> dict[str, Any]:
    """Return kind, data, basis and statements of the evidence; raises `told.reason`."""
    from contracts.errors import HandrailError
    from services.cli.answers import in_words

    if (not_appropriate is None) != (reason is None):
        raise HandrailError(
            "told.reason",
            "why somebody was not told has a code and a reason in words, and both or neither",
            "give --not-appropriate and --reason together, or leave both out",
        )
    about: dict[str, Any] = {"people": people, "of": message}
    if not_appropriate is None or reason is None:
        return {
            "kind": "people.told",
            "data": {**about, "form": form},
            "basis": {"kind": "notice"},
        }
    return {
        "kind": "people.not-told",
        "data": {**about, "because": not_appropriate},
        **in_words({"telling.reason": reason}, provision),
    }


async def _send(
    partnership: "Partnership",
    written: dict[str, Any],
    author: str,
    *,
    people: Iterable[str],
    also: tuple[str, ...],
    timeout_s: float,
    as_json: bool,
) -> Exit:
    from contracts.identifiers import agency_of
    from services.cli.desk import desk
    from services.cli.receiving import send_answer

    own = agency_of(author)
    async with desk(partnership, own) as place:
        rows = await _to_be_told(partnership, written["child"])
        told_of = written["data"]["of"]
        found = _agencies([r for r in rows if r["message"] == told_of], people)
        to = dict.fromkeys((*found, *also))
        to.pop(own, None)
        written = {**written, "recipients": list(to)}
        code, _ = await send_answer(place, written, author, timeout_s=timeout_s, as_json=as_json)
        return code


async def _to_be_told(partnership: "Partnership", child: str) -> list[Mapping[str, Any]]:
    """Return who must be told of the child's messages; nobody where no tracker is to be had."""
    from contracts.errors import HandrailError
    from services.cli.desk import ask_operator
    from services.cli.output import warn

    try:
        told_of = await ask_operator(partnership, "tracker.track", child=child)
    except HandrailError as error:
        if error.code not in _AWAY:
            raise
        warn("the tracker is not to be had, so agencies have to be named with --also")
        return []
    rows: list[Mapping[str, Any]] = told_of["telling"]
    return rows


def _agencies(rows: Iterable[Mapping[str, Any]], people: Iterable[str]) -> list[str]:
    """Return the agencies of those `people` who have not been told yet; of a role the first."""
    named = frozenset(people) - _WITHOUT_INBOX
    waiting = [r for r in rows if r["person"] in named and r["state"] != "told"]
    return [r["agency"] or r["agencies"][0] for r in waiting if r["agency"] or r["agencies"]]
