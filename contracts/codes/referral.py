"""Codes of a referral in the children in need (CIN) census: who referred, why, how it closed.

Source: CIN census code sets as enumerated by the census schema of 2026; the labels of referral
sources are shortened.
"""

from contracts.codes.base import Coded


class ReferralSource(Coded):
    """Say who made a referral (`ReferralSource`, 22 codes)."""

    FAMILY_OR_CARER = "1A", "Family member, relative or carer"
    ACQUAINTANCE = "1B", "Acquaintance, such as a neighbour or child minder"
    SELF = "1C", "The child or young person"
    OTHER_INDIVIDUAL = "1D", "Another individual"
    SCHOOL = "2A", "School"
    EDUCATION_SERVICE = "2B", "Education service"
    GP = "3A", "General practitioner"
    HEALTH_VISITOR = "3B", "Health visitor"
    SCHOOL_NURSE = "3C", "School nurse"
    OTHER_PRIMARY_HEALTH = "3D", "Other primary health service"
    EMERGENCY_DEPARTMENT = "3E", "Accident and emergency department"
    OTHER_HEALTH = "3F", "Other health service"
    HOUSING = "4", "Local authority housing or housing association"
    LA_SOCIAL_CARE = "5A", "Local authority social care, such as adults' services"
    LA_INTERNAL = "5B", "Another service of the local authority"
    LA_EXTERNAL = "5C", "Another local authority's services"
    LA_EARLY_HELP = "5D", "Early help"
    POLICE = "6", "Police"
    LEGAL_AGENCY = "7", "Other legal agency, such as a court, probation or Cafcass"
    OTHER_AGENCY = "8", "Other, such as a children's centre or voluntary organisation"
    ANONYMOUS = "9", "Anonymous"
    UNKNOWN = "10", "Unknown"

    @property
    def names_agency(self) -> bool:
        """Tell whether an agency made the referral; a person, named or not, did otherwise."""
        return self not in _NO_AGENCY


_NO_AGENCY = frozenset(
    {
        ReferralSource.FAMILY_OR_CARER,
        ReferralSource.ACQUAINTANCE,
        ReferralSource.SELF,
        ReferralSource.OTHER_INDIVIDUAL,
        ReferralSource.ANONYMOUS,
        ReferralSource.UNKNOWN,
    }
)


class PrimaryNeed(Coded):
    """Say what a child mainly needs (`PrimaryNeedCode`, 10 codes).

    Where two of N1 to N8 apply, the one that stands first is recorded.
    """

    ABUSE_OR_NEGLECT = "N1", "Abuse, neglect and exploitation"
    CHILD_DISABILITY = "N2", "Child's disability"
    PARENTAL_ILLNESS = "N3", "Parental disability or illness"
    ACUTE_STRESS = "N4", "Family in acute stress"
    FAMILY_DYSFUNCTION = "N5", "Family dysfunction"
    UNACCEPTABLE_BEHAVIOUR = "N6", "Socially unacceptable behaviour"
    LOW_INCOME = "N7", "Low income"
    ABSENT_PARENTING = "N8", "Absent parenting"
    NOT_IN_NEED = "N9", "Cases other than children in need"
    NOT_STATED = "N0", "Not stated"


class ClosureReason(Coded):
    """Say why a case closed (`ReasonForClosure`, 9 codes; rule 8640)."""

    ADOPTED = "RC1", "Adopted"
    DIED = "RC2", "Died"
    CHILD_ARRANGEMENTS_ORDER = "RC3", "Child arrangements order"
    SPECIAL_GUARDIANSHIP = "RC4", "Special guardianship order"
    OTHER_AUTHORITY = "RC5", "Transferred to services of another local authority"
    ADULT_SERVICES = "RC6", "Transferred to adult social care services"
    SERVICES_CEASED = (
        "RC7",
        "Services ceased for any other reason, including child no longer in need",
    )
    NO_FURTHER_ACTION = "RC8", "Case closed after assessment, no further action"
    EARLY_HELP = "RC9", "Case closed after assessment, referred to early help"
