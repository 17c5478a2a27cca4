"""The compact JSON form in which a ledger's entries carry the journey after them (design §1)."""

from typing import Any

import orjson

from contracts.consents import ConsentHeld
from contracts.digests import LET_GO
from contracts.journey import (
    Assessment,
    Journey,
    Lead,
    Meeting,
    Proposal,
    Request,
    Sent,
    Standard,
)
from contracts.keeping_back import not_shared
from contracts.protecting import protected_address
from contracts.roles import Level

FOLD_VERSION = 5
_WITH_DIGESTS = 4


def dump(journey: Journey) -> bytes:
    """Return the compact JSON form of `journey`."""
    return orjson.dumps(_compact(journey))


def _compact(journey: Journey) -> dict[str, Any]:
    made: dict[str, Any] = {"v": FOLD_VERSION, "child": journey.child}
    for name in _PLAIN:
        value = getattr(journey, name)
        if value:
            made[name] = value
    if journey.recent:
        made["recent"] = [
            (s.id, s.agency, s.to, s.kind, s.answered, s.consents, s.parts, s.at)
            for s in journey.recent
        ]
    if journey.consents:
        made["consents"] = [
            c.model_dump(mode="json", exclude_defaults=True) for c in journey.consents
        ]
    return made


_PLAIN = (
    "entries",
    "now",
    "level",
    "case_open",
    "lead",
    "proposals",
    "requests",
    "assessment",
    "answered",
    "told",
    "involved",
    "child_in_need_since",
    "protection_plan_ended",
    "support",
    "live",
    "unborn",
    "protection_plan_since",
    "last_review",
    "meetings",
    "withdrawn",
    "lead_left",
    "moved_to",
    "standards",
    "support_by",
    "level_known",
    "team",
    "case_holder",
    "earlier_plan_ended",
    "linked",
    "linked_into",
    "linked_by",
    "ahead",
    "protected",
    "must_not_know",
    "digests",
    "not_shared",
    "erased",
)


def _request(made: dict[str, Any]) -> Request:
    return Request(
        **{
            **made,
            "to": tuple(made["to"]),
            "acknowledged_by": tuple(made.get("acknowledged_by", ())),
        }
    )


def _meeting(made: dict[str, Any]) -> Meeting:
    return Meeting(**{**made, "invited": tuple(made.get("invited", ()))})


def _sent(made: list[Any]) -> Sent:
    message, agency, to, kind, answered, consents, parts, at = made
    several = (tuple(answered), tuple(consents), tuple(parts))
    return Sent(message, agency, tuple(to), kind, *several, at)


def _marks(made: list[Any]) -> tuple[tuple[str, str, str], ...]:
    """Return the marks of a question; before version 5 there was one, not in a list of them."""
    known = [made] if made and isinstance(made[0], str) else made
    return tuple((day, agency, basis) for day, agency, basis in known)


def _ahead(made: str | list[str]) -> tuple[str, str]:
    """Return when a consent was withdrawn and on whose word, "" where that was not kept."""
    return (made, "") if isinstance(made, str) else (made[0], made[1])


def load(made: dict[str, Any]) -> Journey:
    """Return the journey of its compact form; give only what `dump` wrote and a ledger kept."""
    lead, assessment = made.get("lead"), made.get("assessment")
    return Journey(
        child=made["child"],
        entries=made.get("entries", 0),
        now=made.get("now", ""),
        level=Level(made.get("level", Level.UNIVERSAL)),
        case_open=made.get("case_open", False),
        lead=Lead(**lead) if lead else None,
        proposals=tuple(Proposal(**p) for p in made.get("proposals", ())),
        requests=tuple(_request(r) for r in made.get("requests", ())),
        assessment=Assessment(**assessment) if assessment else None,
        consents=tuple(ConsentHeld.model_validate(c) for c in made.get("consents", ())),
        answered={k: (v[0], v[1]) for k, v in made.get("answered", {}).items()},
        told={k: _marks(v) for k, v in made.get("told", {}).items()},
        involved=tuple(made.get("involved", ())),
        child_in_need_since=made.get("child_in_need_since", ""),
        protection_plan_ended=made.get("protection_plan_ended", ""),
        support=made.get("support", ""),
        live=made.get("live", False),
        unborn=made.get("unborn", False),
        protection_plan_since=made.get("protection_plan_since", ""),
        last_review=made.get("last_review", ""),
        meetings=tuple(_meeting(m) for m in made.get("meetings", ())),
        recent=tuple(_sent(s) for s in made.get("recent", ())),
        withdrawn=tuple(made.get("withdrawn", ())),
        lead_left=made.get("lead_left", ""),
        moved_to=made.get("moved_to", ""),
        standards=tuple(Standard(**s) for s in made.get("standards", ())),
        support_by=made.get("support_by", ""),
        level_known=made.get("level_known", False),
        team=made.get("team", False),
        case_holder=made.get("case_holder", ""),
        earlier_plan_ended=made.get("earlier_plan_ended", ""),
        linked=tuple(made.get("linked", ())),
        linked_into=made.get("linked_into", ""),
        linked_by=made.get("linked_by", ""),
        ahead={k: _ahead(v) for k, v in made.get("ahead", {}).items()},
        protected=protected_address(made.get("protected")),
        must_not_know=tuple(made.get("must_not_know", ())),
        # Before version 4 digests were not kept, so none can be shown to be unknown.
        digests=tuple(made.get("digests", ())) if made["v"] >= _WITH_DIGESTS else (LET_GO,),
        not_shared=not_shared(made.get("not_shared", ())),
        erased=made.get("erased", ""),
    )
