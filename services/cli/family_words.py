"""The family's page in plain words: sections that text and HTML show alike.

Written for parents and young people: short sentences, no codes, and of every agency how to reach
it. Times are those of the wall clock in England.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.contact import Contact
from contracts.directory import Directory
from contracts.worktime import LONDON

_BASES: Final = {
    "consent": "because you agreed",
    "consent_override": "without asking you first, because waiting would have done harm",
    "statutory_duty": "because the law says that they may or must",
    "court_order": "because a court ordered it",
}
_GIVERS: Final = {
    "parent_with_responsibility": "a parent",
    "young_person": "the young person",
    "carer": "a carer",
}
_ROLES: Final = {
    "universal": "schools, doctors and other services for everybody",
    "caf_team": "the early help (CAF) team",
    "first_response": "First Response",
    "social_care": "children's social care",
}
_CATEGORIES: Final = {
    "identity": "who you are and where you live",
    "family": "your family",
    "health": "health",
    "education": "school and learning",
    "needs": "what you need help with",
    "concern": "what people worry about",
    "views": "what you think and want",
    "plan": "plans",
    "decision": "decisions",
    "safety": "safety",
}
_BECAUSE: Final = {
    "request": "you asked for it",
    "retention": "it had been kept for as long as it may be",
    "error": "it was wrong",
    "court": "a court ordered it",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what is said under it, and a list; `id` is stable and holds no personal data."""

    id: str
    heading: str
    said: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


def sections(facts: Mapping[str, Any], directory: Directory) -> tuple[Section, ...]:
    """Return the page that `facts`, as the story service gave them, make with names of `directory`.

    Raises KeyError for facts of another form.
    """
    return (
        Section("holders", "Who holds my story", *_holders(facts, directory)),
        Section("seen", "Who has seen it", *_reads(facts, directory)),
        Section("agreed", "What I agreed to", *_consents(facts, directory)),
        Section("lead", "Who my lead professional is", *_lead(facts, directory)),
        Section("next", "What happens next, and by when", *_next(facts, directory)),
        Section("erased", "What has been erased", *_erased(facts)),
        Section("rights", "What I can ask for", (), _RIGHTS),
    )


_Part = tuple[tuple[str, ...], tuple[str, ...]]

_RIGHTS: Final = (
    "A copy of what is held about me. It comes within one month and costs nothing.",
    "That something wrong is put right, or that my own view is written beside it.",
    "That something is erased. If it cannot be, I am told why.",
    "To change my mind about what I agreed to, at any time. It counts from that moment on.",
    "To complain to the Information Commissioner's Office: ico.org.uk, telephone 0303 123 1113.",
)


def day(instant: str) -> str:
    """Return the local day of an RFC 3339 instant, as in `Monday 23 November 2026`."""
    made = datetime.fromisoformat(instant).astimezone(LONDON)
    return f"{made:%A} {made.day} {made:%B %Y}"


def moment(instant: str) -> str:
    """Return local day and time of an RFC 3339 instant, as in `Monday 23 November 2026, 17:00`."""
    return f"{day(instant)}, {datetime.fromisoformat(instant).astimezone(LONDON):%H:%M}"


def agency_name(directory: Directory, agency: str) -> str:
    """Return what an agency is called; its id where the directory does not hold it any more."""
    found = directory.agencies.get(agency)
    return found.name if found else agency


def reached(contact: Contact | None) -> str:
    """Return how somebody is reached, in words; "" where nothing is known."""
    if contact is None:
        return ""
    known = (("telephone ", contact.telephone), ("e-mail ", contact.email))
    return ", ".join(word + value for word, value in known if value)


def _holders(facts: Mapping[str, Any], directory: Directory) -> _Part:
    items = tuple(_holder(one, directory) for one in facts["holders"])
    if not items:
        return ("No agency holds anything that you or others have said.",), ()
    return ("These hold something that was said about you, by you or by others.",), items


def _holder(one: Mapping[str, Any], directory: Directory) -> str:
    found = directory.agencies.get(one["agency"])
    how = reached(found.contact) if found else ""
    since = f"{agency_name(directory, one['agency'])}, since {day(one['since'])}"
    return f"{since} ({how})" if how else since


def _reads(facts: Mapping[str, Any], directory: Directory) -> _Part:
    items = tuple(_read(one, directory) for one in facts["reads"])
    if not items:
        return ("Nobody has opened it yet.",), ()
    return ("Each time somebody opens it, that is written down.",), items


def _read(one: Mapping[str, Any], directory: Directory) -> str:
    reasons = [_BASES[basis] for basis in one["basis"] if basis in _BASES]
    why = f", {' and '.join(reasons)}" if reasons else ""
    answers = "1 answer" if one["count"] == 1 else f"{one['count']} answers"
    who = f"a {words(one['role'])} at {agency_name(directory, one['agency'])}"
    return f"{moment(one['at'])}: {who} saw {answers}{why}"


def _consents(facts: Mapping[str, Any], directory: Directory) -> _Part:
    items = tuple(_consent(one, directory) for one in facts["consents"])
    said = []
    if facts["support"] == "declined":
        said.append("You said no to early help. Nobody may go on with it unless you ask.")
    if not items:
        said.append("No agreement of yours is written down.")
    return tuple(said), items


def _consent(held: Mapping[str, Any], directory: Directory) -> str:
    consent = held["consent"]
    yes = consent.get("decision", "given") == "given"
    what = "getting help" if consent["covers"] == "service" else "information being shared"
    giver = _GIVERS.get(consent["given_by"], "somebody else")
    first = f"{day(consent['given_at'])}: {giver} said {'yes' if yes else 'no'} to {what}"
    parts = [first, *_scope(consent, directory), *_until(held, yes=yes)]
    return "; ".join(parts) + "."


def _scope(consent: Mapping[str, Any], directory: Directory) -> Iterator[str]:
    about = [_CATEGORIES.get(c, words(c)) for c in consent.get("categories", ())]
    named = [agency_name(directory, a) for a in consent.get("recipients", ())]
    named += [_ROLES.get(r, words(r)) for r in consent.get("roles", ())]
    if about:
        yield f"about {', '.join(about)}"
    if named:
        yield f"with {', '.join(named)}"
    for kept in consent.get("may_not_see", ()):
        whom = [agency_name(directory, a) for a in kept.get("agencies", ())]
        whom += [_ROLES.get(r, words(r)) for r in kept.get("roles", ())]
        what = [_CATEGORIES.get(c, words(c)) for c in kept.get("categories", ())]
        yield f"{', '.join(whom) or 'nobody'} may {'not ' if whom else ''}see " + (
            ", ".join(what) or "it"
        )


def _until(held: Mapping[str, Any], *, yes: bool) -> Iterator[str]:
    consent = held["consent"]
    if held.get("withdrawn_at"):
        yield f"taken back on {moment(held['withdrawn_at'])}, and not used since"
    elif consent.get("expires_at"):
        yield f"until {day(consent['expires_at'])}"
    elif yes:
        yield "until you change your mind"
    if consent.get("review_at") and not held.get("withdrawn_at"):
        yield f"we talk about it again on {day(consent['review_at'])}"


def _lead(facts: Mapping[str, Any], directory: Directory) -> _Part:
    lead = facts["lead"]
    if not lead:
        return ("No lead professional is written here.",), ()
    person = directory.practitioners.get(lead["practitioner"])
    agency = directory.agencies.get(lead["agency"])
    name = person.name if person else lead["practitioner"]
    own = reached(person.contact) if person else ""
    how = own or (reached(agency.contact) if agency else "")
    first = f"{name}, {agency_name(directory, lead['agency'])}, since {day(lead['since'])}."
    second = f"How to reach them: {how}." if how else "Ask the agency above how to reach them."
    return (first, second), ()


def _next(facts: Mapping[str, Any], directory: Directory) -> _Part:
    items = [_request(one, directory) for one in facts["open"]]
    items += [
        f"A meeting has been called ({words(one['kind'])}), by {agency_name(directory, one['by'])}"
        for one in facts["meetings"]
    ]
    clocks = facts["clocks"]
    items += [_clock(one, directory) for one in clocks or ()]
    said = [] if items else ["Nothing is waiting at present."]
    if clocks is None:
        said.append("The days by which things are due could not be looked up just now.")
    return tuple(said), tuple(items)


def _request(one: Mapping[str, Any], directory: Directory) -> str:
    asked = ", ".join(agency_name(directory, agency) for agency in one["to"])
    taken = "somebody there has taken it" if one["taken"] else "nobody there has taken it yet"
    from_whom = agency_name(directory, one["agency"])
    return f"{one['title']}: {from_whom} asked {asked} on {day(one['at'])}; {taken}"


def _clock(one: Mapping[str, Any], directory: Directory) -> str:
    late = {
        "missed": "This is late, and a manager has to say why",
        "paused": "This stands still at present",
    }.get(one["state"])
    due = f"{one['title']}: {agency_name(directory, one['agency'])}, by {moment(one['due_at'])}"
    return f"{due}. {late}" if late else due


def _erased(facts: Mapping[str, Any]) -> _Part:
    items = tuple(_erasure(one) for one in facts["erasures"])
    return ((), items) if items else (("Nothing.",), ())


def _erasure(one: Mapping[str, Any]) -> str:
    count = "1 answer" if one["statements"] == 1 else f"{one['statements']} answers"
    return f"{day(one['at'])}: {count}, because {_BECAUSE.get(one['because'], 'it was right to')}"


def words(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ").replace("-", " ")
