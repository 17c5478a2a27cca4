"""The codes that options take, named here so that help needs no more than Typer itself.

They are those of the contract's own lists; a wrong one ends a command as any wrong option does.
"""

from typing import Literal

WrongSending = Literal["wrong_child", "wrong_recipient", "sent_in_error"]
WhyRedirected = Literal["not_ours", "other_area", "other_service"]
Cause = Literal[
    "workload", "absence", "family_unavailable", "information_awaited", "system", "other"
]
Form = Literal["outcome", "copy", "contact"]
WhyNot = Literal["unsafe_for_child", "unsafe_for_another", "not_reachable", "asked_not_to_be"]
Outcome = Literal["not_met", "assess", "section_47", "accepted", "not_accepted"]
Provision = Literal["CA1989-s17", "CA1989-s47", "CA2004-s10", "CA2004-s11", "CA2004-s16LA"]
Person = Literal[
    "referrer",
    "lead_professional",
    "family",
    "partner_agencies",
    "invitees",
    "manager",
    "caf_team",
    "first_response",
]
