"""Codes that describe a child in the children in need (CIN) census.

Source: CIN census code sets as enumerated by the census schema of 2026.
"""

from contracts.codes.base import Coded


class Ethnicity(Coded):
    """Say how the child or a parent describes the child's ethnicity (`Ethnicity`, 20 codes).

    `NOBT` (nobody has asked yet) and `REFU` (asked, and declined) are two different facts.
    """

    WHITE_BRITISH = "WBRI", "White British"
    WHITE_IRISH = "WIRI", "White Irish"
    IRISH_TRAVELLER = "WIRT", "Traveller of Irish heritage"
    WHITE_OTHER = "WOTH", "Any other White background"
    ROMA = "WROM", "Gypsy/Roma"
    WHITE_AND_CARIBBEAN = "MWBC", "White and Black Caribbean"
    WHITE_AND_AFRICAN = "MWBA", "White and Black African"
    WHITE_AND_ASIAN = "MWAS", "White and Asian"
    MIXED_OTHER = "MOTH", "Any other mixed background"
    INDIAN = "AIND", "Indian"
    PAKISTANI = "APKN", "Pakistani"
    BANGLADESHI = "ABAN", "Bangladeshi"
    ASIAN_OTHER = "AOTH", "Any other Asian background"
    CARIBBEAN = "BCRB", "Caribbean"
    AFRICAN = "BAFR", "African"
    BLACK_OTHER = "BOTH", "Any other black background"
    CHINESE = "CHNE", "Chinese"
    OTHER = "OOTH", "Any other ethnic group"
    REFUSED = "REFU", "Refused"
    NOT_YET_OBTAINED = "NOBT", "Information not yet obtained"


class Disability(Coded):
    """Say what a child's disability affects (`Disability`, 13 codes, repeatable).

    `NONE` stands alone (rule 8790) and no code is given twice (rule 8794).
    """

    NONE = "NONE", "No disability"
    MOBILITY = "MOB", "Mobility"
    HAND_FUNCTION = "HAND", "Hand function"
    PERSONAL_CARE = "PC", "Personal care"
    INCONTINENCE = "INC", "Incontinence"
    COMMUNICATION = "COMM", "Communication"
    LEARNING = "LD", "Learning"
    HEARING = "HEAR", "Hearing"
    VISION = "VIS", "Vision"
    BEHAVIOUR = "BEH", "Behaviour"
    CONSCIOUSNESS = "CON", "Consciousness"
    AUTISM = "AUT", "Autism"
    OTHER = "DDA", "Other"


class Sex(Coded):
    """Say a child's sex (`Sex`, 3 codes); an unborn child is `U` (rule 8750)."""

    MALE = "M", "male"
    FEMALE = "F", "female"
    UNKNOWN = "U", "unknown"

    @classmethod
    def from_gender_current(cls, code: str) -> "Sex | None":
        """Return the sex for a `GenderCurrent` code (1, 2, 0 or 9), or None for any other text.

        `GenderCurrent` stood in returns before the collection of 2024 to 2025; its 0 (not known)
        and 9 (indeterminate) both become `U`, the only one of today's codes that fits them.
        """
        return _GENDER_CURRENT.get(code)


_GENDER_CURRENT = {"1": Sex.MALE, "2": Sex.FEMALE, "0": Sex.UNKNOWN, "9": Sex.UNKNOWN}


class UpnUnknown(Coded):
    """Say why a child has no unique pupil number (`UPNunknown`, 7 codes).

    The schema gives these codes without labels; no source that confirms the wording of UN6 was
    found, and its label says so.
    """

    NOT_SCHOOL_AGE = "UN1", "Not of school age, no UPN assigned yet"
    NEVER_MAINTAINED_SCHOOL = "UN2", "Never attended a maintained school in England"
    EDUCATED_ELSEWHERE = "UN3", "Educated outside England"
    NEWLY_IN_NEED = "UN4", "Newly in need, UPN not yet known"
    SOURCES_DISAGREE = "UN5", "Sources reflect discrepancies preventing reliable matching"
    UN6 = "UN6", "UN6 (wording not confirmed)"
    NO_FURTHER_ACTION = "UN7", "Referral with no further action"
