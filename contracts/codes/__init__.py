"""Code sets of the Department for Education and the NHS, and checks of their numbers."""

from contracts.codes.assessment import AbuseCategory, AssessmentFactor
from contracts.codes.base import Coded
from contracts.codes.child import Disability, Ethnicity, Sex, UpnUnknown
from contracts.codes.identifiers import (
    NumberFlaw,
    is_nhs_number,
    is_upn,
    nhs_number_flaw,
    upn_check_letter,
    upn_flaw,
)
from contracts.codes.people import ReligionGroup, SenProvision
from contracts.codes.referral import ClosureReason, PrimaryNeed, ReferralSource

__all__ = [
    "AbuseCategory",
    "AssessmentFactor",
    "ClosureReason",
    "Coded",
    "Disability",
    "Ethnicity",
    "NumberFlaw",
    "PrimaryNeed",
    "ReferralSource",
    "ReligionGroup",
    "SenProvision",
    "Sex",
    "UpnUnknown",
    "is_nhs_number",
    "is_upn",
    "nhs_number_flaw",
    "upn_check_letter",
    "upn_flaw",
]
