"""`handrail quarantine`: what was set aside, why, and releasing it to where it came from."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from contracts.releases import ReleaseReason
from services.cli.options import Dir, Json, load
from services.cli.output import Exit, asking, command, plain, print_json, say, table, warn, when

if TYPE_CHECKING:
    from services.cli.quarantine_places import Places, Survey
    from services.runtime.partnership import Partnership

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="What was set aside: list, show and release it.")

_OPEN: Final = ("in quarantine", "in quarantine again")
_AT_ONCE: Final = 50
_SETTLED_WITHIN_S: Final = 5.0
_RIGHT: Final = frozenset({"accepted", "repeated", "delivered", "delivered_again", "stored"})
_WORDS: Final = {
    "accepted": "released: accepted and delivered",
    "refused": "released: opened and refused; the sender has a receipt with the reasons",
    "quarantined": "still refused: it is in quarantine again",
    "repeated": "already decided: the message has its receipt",
    "delivered": "released: the agency's service has taken it in",
    "delivered_again": "released: it lies in the agency's inbox, whose service has not come to it",
    "stored": "released: the story holds its statements",
    "gone": "gone: the bytes are no longer there",
    "pending": "ordered, and not decided yet: look again with `handrail quarantine show`",
    "unknown": "no such item",
}


@app.command("list")
@command
def list_(
    *,
    open_only: Annotated[
        bool, typer.Option("--open", help="Leave out what was released or is gone.")
    ] = False,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """List what was set aside in every place: a digest and why; never the bytes.

    Exit code: 0 every place at hand was asked, 4 one of them does not answer and is named.
    """
    survey = _run(state, lambda place: place.survey())
    items = [one for one in survey.items if not open_only or one["state"] in _OPEN]
    if as_json:
        not_asked = list(survey.not_asked)
        print_json({"quarantined": items, "not_asked": not_asked, "more": survey.more})
        raise typer.Exit(_exit_of_survey(survey))
    _tell_missing(survey)
    if not items:
        where = "No place that was asked holds anything" if survey.not_asked else "Nothing is"
        say(f"{where} in quarantine.")
        raise typer.Exit(_exit_of_survey(survey))
    table(
        ("item", "since", "reasons", "state", "released", "digest"),
        (
            (
                one["item"],
                when(one["at"]),
                _codes(one["reasons"]),
                one["state"],
                len(one["releases"]) or "",
                one["digest"][:16],
            )
            for one in items
        ),
    )
    if survey.more:
        say(f"and {survey.more} older ones")
    raise typer.Exit(_exit_of_survey(survey))


@app.command()
@asking
def show(
    item: Annotated[str, typer.Argument(help="As the first column of `list` has it.")],
    *,
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Show one item: where it lies, why and what to do, and every release; never the bytes.

    Exit code: 4 where it may lie in a place that does not answer.
    """
    from services.cli.quarantine_places import in_words

    survey = _run(state, lambda place: place.survey())
    found = survey.item(item)
    explained = [
        {**one, "means": in_words(one["code"])[0], "remedy": in_words(one["code"])[1]}
        for one in found["reasons"]
    ]
    if as_json:
        print_json({**found, "reasons": explained})
        return
    say(f"{plain(found['item'])}: {found['state']}")
    for name in ("place", "agency", "lane", "sequence", "digest", "seen"):
        say(f"  {name:<10} {plain(found[name])}")
    say(f"  {'since':<10} {when(found['at'])}")
    for one in explained:
        detail = f" ({plain(one['detail'])})" if one["detail"] else ""
        say(f"  {plain(one['code'])}{detail}: {plain(one['means'])}")
        say(f"    what to do  {plain(one['remedy'])}")
    for one in found["releases"]:
        why = " ".join(filter(None, (one["because"], one["reference"])))
        say(f"  released   {when(one['at'])} by {plain(one['by'])}, {plain(why)}")
        say(f"             {_words(one)}")


@app.command()
@asking
def release(  # noqa: PLR0913 - each is an option of its own
    items: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM…", help="Items as `list` has them.")
    ] = None,
    *,
    because: Annotated[ReleaseReason, typer.Option(help="What was mended; kept with the release.")],
    reference: Annotated[
        str, typer.Option(metavar="REF", help="Leads to your own papers, such as a ticket number.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="All that lie in quarantine, of the reason given.")
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="CODE", help="With --all: only those with this reason.")
    ] = "",
    who: Annotated[
        str, typer.Option("--as", metavar="PRACTITIONER", help="Who releases; else the operator.")
    ] = "",
    state: Dir = None,
    as_json: Json = False,
) -> None:
    """Release items to where they came from: each is opened and decided anew, as it arrived.

    A delivery goes to the agency's service once more. Every release is kept, with what came of it.
    Exit code: 0 all released, 3 something stays refused or is gone, 4 something is not decided yet
    or a place where more may lie does not answer.
    """
    _check_choice(items or (), everything=everything, reason=reason)
    by = _who(load(state), who)
    why = {"because": because.value, "reference": reference, "by": by}
    survey, results = _run(state, lambda place: _release(place, items or (), reason, why))
    silent = survey.silent if everything else ()
    if as_json:
        told = {"not_asked": list(survey.not_asked), "more": survey.more} if everything else {}
        print_json({"results": results, **told})
    else:
        _tell_results(survey, results, everything=everything)
    raise typer.Exit(_exit_of(results) or (Exit.NO_ANSWER if silent else Exit.OK))


async def _release(
    place: "Places", names: Sequence[str], reason: str, why: Mapping[str, str]
) -> "tuple[Survey, list[dict[str, Any]]]":
    survey = await place.survey()
    chosen = [survey.item(name) for name in names] or [
        one
        for one in survey.items
        if one["state"] in _OPEN and any(r["code"] == reason for r in one["reasons"])
    ]
    stories = [one for one in chosen if one["place"] == "story"]
    others = [one for one in chosen if one["place"] != "story"]
    results: list[dict[str, Any]] = []
    for start in range(0, len(others), _AT_ONCE):
        results += await _ask_exchange(place, others[start : start + _AT_ONCE], why)
    for one in stories:
        from services.cli.quarantine_places import STORY_RELEASE

        results.append(await place.ask(STORY_RELEASE, sequence=one["sequence"], **why))
    return survey, results


def _tell_results(
    survey: "Survey", results: Sequence[Mapping[str, Any]], *, everything: bool
) -> None:
    for one in results:
        say(f"{plain(one['item'])}: {_words(one)}")
    if not everything:
        return
    if not results:
        say("Nothing that is listed is to be released." if survey.silent else "Nothing to release.")
    _tell_missing(survey)
    if survey.more:
        say(f"{survey.more} older ones are not listed: release again for those.")


async def _ask_exchange(
    place: "Places", chosen: Sequence[Mapping[str, Any]], why: Mapping[str, str]
) -> list[dict[str, Any]]:
    from services.cli.quarantine_places import RELEASE, settled_again

    wanted = [{name: one[name] for name in ("lane", "sequence", "digest")} for one in chosen]
    told = (await place.ask(RELEASE, items=wanted, **why))["results"]
    return [
        await settled_again(place, one["agency"], result, _SETTLED_WITHIN_S)
        if result["outcome"] == "delivered_again" and "message" in result
        else result
        for one, result in zip(chosen, told, strict=True)
    ]


def _run(state: Dir, work: "Callable[[Places], Awaitable[T]]") -> T:
    """Connect to every place, do `work`, and close the connections."""
    import sys

    from services.cli.desk import wait_for
    from services.cli.messages import current_directory
    from services.cli.quarantine_places import connect_places
    from services.runtime import log

    partnership = load(state)
    log.configure("cli", sys.stderr, "ERROR")
    agencies = [(a.id, a.gateway) for a in current_directory(partnership).document.agencies]

    async def whole() -> T:
        place = await connect_places(partnership, agencies)
        try:
            return await work(place)
        finally:
            await place.close()

    return wait_for(whole())


def _who(partnership: "Partnership", who: str) -> str:
    """Return who releases; raises HandrailError `practitioner.unknown`."""
    from contracts.quarantine import OPERATOR
    from services.cli.messages import current_directory, person
    from services.cli.output import now

    return person(current_directory(partnership), who, now()).id if who else OPERATOR


def _check_choice(items: Iterable[str], *, everything: bool, reason: str) -> None:
    named = bool(list(items))
    if named == everything or bool(reason) != everything:
        raise typer.BadParameter("name items, or give --all together with --reason")


def _exit_of(results: Iterable[Mapping[str, Any]]) -> Exit:
    outcomes = {one["outcome"] for one in results}
    if outcomes - _RIGHT - {"pending"}:
        return Exit.REFUSED
    return Exit.NO_ANSWER if "pending" in outcomes else Exit.OK


def _exit_of_survey(survey: "Survey") -> Exit:
    """Return whether every place whose identity is at hand has answered."""
    return Exit.NO_ANSWER if survey.silent else Exit.OK


def _words(one: Mapping[str, Any]) -> str:
    words = _WORDS.get(one["outcome"], plain(one["outcome"]))
    codes = _codes(one.get("reasons") or ())
    before = "; another release did it" if one.get("released_before") else ""
    return f"{words}{f' ({codes})' if codes else ''}{before}"


def _codes(reasons: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(plain(one["code"]) for one in reasons)


def _tell_missing(survey: "Survey") -> None:
    for one in survey.not_asked:
        warn(f"{one['place']} was not asked ({one['why']}): what it set aside is not in this list")
