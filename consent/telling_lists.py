"""What a family may be shown, as closed lists with the reason; what is not in them is kept back.

Each name was looked at: whoever reads it on a kitchen table must not learn from it that somebody
looks into harm to the child (domain, traps 12 and 13; Data Protection Act 2018, Sch. 3).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from contracts.roles import Requester

_ANSWER: Final = "it is the family's own answer"
_ASKED: Final = "the family is asked before it, unless a rule about the basis keeps it back"
_HELP: Final = "it is about help that the family takes part in"

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "consent.recorded": _ANSWER,
        "consent.refused": _ANSWER,
        "consent.withdrawn": _ANSWER,
        "family.choice-recorded": _ANSWER,
        "referral.submitted": _ASKED,
        "stepup.requested": _ASKED,
        "story.added": _ASKED,
        "story.erased": "the page itself says what has been erased",
        "caf.information-sent": _HELP,
        "caf.contact-made": _HELP,
        "caf.ended": _HELP,
        "lead.proposed": _HELP,
        "lead.accepted": _HELP,
        "lead.refused": _HELP,
        "lead.withdrawn": _HELP,
        "lead.left": _HELP,
        "stepdown.requested": _HELP,
        "stepdown.decided": _HELP,
        "case.closed": _HELP,
    }
)
"""The kinds of message of which nothing but the basis can tell of child protection, and why."""

_WITH_THE_FAMILY: Final = frozenset(
    {"team_around_the_child", "child_in_need", "child_in_need_review"}
)
_NOTHING: Final = frozenset[str | None]({None})

KINDS_THAT_SAY: Final[Mapping[str, Mapping[str, frozenset[str | None]]]] = MappingProxyType(
    {
        "referral.decided": {"outcome": frozenset({"not_met", "assess"})},
        "stepup.decided": {"outcome": frozenset({"not_accepted", "assess"})},
        "assessment.started": {"assessment": frozenset({"child_and_family", "initial"})},
        "assessment.concluded": {
            "finding": frozenset({"child_in_need", "not_in_need"}),
            "assessment": frozenset({None, "child_and_family", "initial"}),
        },
        "meeting.convened": {"meeting": _WITH_THE_FAMILY},
        "meeting.held": {"meeting": _WITH_THE_FAMILY},
        "case.opened-before": {
            "level": frozenset({"universal", "early_help", "child_in_need"}),
            "protection_plan_since": _NOTHING,
            "protection_plan_ended": _NOTHING,
        },
        "request.redirected": {},
    }
)
"""The kinds that may be spoken of only where their content says one of these of each member.

A decision to enquire under section 47, a finding of child protection and a conference are messages
of the same kinds. What answers another message is spoken of only where that one is.
"""

GUARDING: Final = frozenset(
    {
        "address.protected",
        "address.unprotected",
        "people.must-not-know",
        "people.not-told",
        "protection.failed",
        "sharing.withheld",
        "story.glass-broken",
    }
)
"""The kinds that guard somebody: to name one would tell from whom, and that there is a reason."""

_REQUEST: Final = "it tells how soon a request is taken and answered"
_WITH: Final = "the family is at the meeting, or hears of it"
_HEARS: Final = "it tells by when the family hears"

CLOCKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "acknowledge-request": _REQUEST,
        "decide-request": _REQUEST,
        "follow-up-referral": _REQUEST,
        "single-assessment": _REQUEST,
        "initial-assessment": _REQUEST,
        "acknowledge-contact": _REQUEST,
        "family-help-triage": _REQUEST,
        "acknowledge-step-down": _REQUEST,
        "decide-step-down": _REQUEST,
        "answer-lead-proposal": _REQUEST,
        "replace-lead": _REQUEST,
        "review-consent": _HEARS,
        "tell-family-of-decision": _HEARS,
        "tell-family-of-step-down": _HEARS,
        "tell-assessment-outcome": _HEARS,
        "tell-review-outcome": _HEARS,
        "take-to-meeting": _WITH,
        "child-in-need-meeting": _WITH,
        "child-in-need-review": _WITH,
    }
)
"""The clocks that a page may show, by the id of their rule, and why; no other pack's are known."""

OWN_WORDS: Final[Mapping[Requester, frozenset[str]]] = MappingProxyType(
    {
        Requester.CHILD: frozenset({"child", "young person"}),
        Requester.MOTHER: frozenset({"mother"}),
        Requester.FATHER: frozenset({"father"}),
        Requester.CARER: frozenset({"carer"}),
    }
)
"""Whose words each is given: which parent a "parent" was is not known, so nobody's copy has it."""

AT_WORK: Final = frozenset(
    {
        "caf worker",
        "child psychologist",
        "class teacher",
        "clinical psychologist",
        "community nurse",
        "doctor",
        "duty worker",
        "educational psychologist",
        "family support worker",
        "general practitioner",
        "gp",
        "head of year",
        "head teacher",
        "headteacher",
        "health visitor",
        "hospital doctor",
        "midwife",
        "nurse",
        "occupational therapist",
        "paediatrician",
        "physiotherapist",
        "psychologist",
        "school nurse",
        "senior social worker",
        "social worker",
        "special educational needs coordinator",
        "speech and language therapist",
        "support worker",
        "teacher",
        "teaching assistant",
    }
)
"""Who speaks for health, education or social work (Data Protection Act 2018, Sch. 2 para. 17)."""
