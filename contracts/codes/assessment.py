"""Codes of an assessment and a protection plan in the children in need (CIN) census.

Source: CIN census code sets as enumerated by the census schema of 2026; the labels of factors are
shortened to the concern and whom it is about.
"""

from contracts.codes.base import Coded


class AbuseCategory(Coded):
    """Say what a child is protected from (`InitialCategoryOfAbuse`, `LatestCategoryOfAbuse`)."""

    NEGLECT = "NEG", "Neglect"
    PHYSICAL = "PHY", "Physical abuse"
    SEXUAL = "SAB", "Sexual abuse"
    EMOTIONAL = "EMO", "Emotional abuse"
    MULTIPLE = "MUL", "Multiple/not recommended"


class AssessmentFactor(Coded):
    """Say what an assessment found (`AssessmentFactors`, 44 codes; there is no 8A).

    No factor is given twice (rule 8898) and `21` stands alone (rule 8869).
    """

    ALCOHOL_CHILD = "1A", "Alcohol misuse: child"
    ALCOHOL_PARENT = "1B", "Alcohol misuse: parent or carer"
    ALCOHOL_HOUSEHOLD = "1C", "Alcohol misuse: another person in the household"
    DRUGS_CHILD = "2A", "Drug misuse: child"
    DRUGS_PARENT = "2B", "Drug misuse: parent or carer"
    DRUGS_HOUSEHOLD = "2C", "Drug misuse: another person in the household"
    DOMESTIC_ABUSE_CHILD = "3A", "Domestic abuse: child"
    DOMESTIC_ABUSE_PARENT = "3B", "Domestic abuse: parent or carer"
    DOMESTIC_ABUSE_HOUSEHOLD = "3C", "Domestic abuse: another person in the household"
    MENTAL_HEALTH_CHILD = "4A", "Mental health: child"
    MENTAL_HEALTH_PARENT = "4B", "Mental health: parent or carer"
    MENTAL_HEALTH_HOUSEHOLD = "4C", "Mental health: another person in the family"
    LEARNING_DISABILITY_CHILD = "5A", "Learning disability: child"
    LEARNING_DISABILITY_PARENT = "5B", "Learning disability: parent or carer"
    LEARNING_DISABILITY_HOUSEHOLD = "5C", "Learning disability: another person in the family"
    ILLNESS_CHILD = "6A", "Physical disability or illness: child"
    ILLNESS_PARENT = "6B", "Physical disability or illness: parent or carer"
    ILLNESS_HOUSEHOLD = "6C", "Physical disability or illness: another person in the family"
    YOUNG_CARER = "7A", "Young carer"
    FOSTERED_RETURNING = "8B", "Privately fostered: from overseas, intends to return"
    FOSTERED_STAYING = "8C", "Privately fostered: from overseas, intends to stay"
    FOSTERED_EDUCATION = "8D", "Privately fostered: UK child in an educational placement"
    FOSTERED_FAMILY = "8E", "Privately fostered: UK child, alternative family arrangement"
    FOSTERED_OTHER = "8F", "Privately fostered: other"
    UNACCOMPANIED = "9A", "Unaccompanied asylum-seeking child"
    MISSING = "10A", "Going or being missing"
    SEXUAL_EXPLOITATION = "11A", "Child sexual exploitation"
    TRAFFICKING = "12A", "Trafficking"
    GANGS = "13A", "Gangs"
    UNACCEPTABLE_BEHAVIOUR = "14A", "Socially unacceptable behaviour"
    SELF_HARM = "15A", "Self-harm"
    NEGLECT = "16A", "Neglect"
    EMOTIONAL_ABUSE = "17A", "Emotional abuse"
    PHYSICAL_ABUSE = "18A", "Physical abuse (no longer used)"
    PHYSICAL_ABUSE_BY_CHILD = "18B", "Physical abuse: child on child"
    PHYSICAL_ABUSE_BY_ADULT = "18C", "Physical abuse: adult on child"
    SEXUAL_ABUSE = "19A", "Sexual abuse (no longer used)"
    SEXUAL_ABUSE_BY_CHILD = "19B", "Sexual abuse: child on child"
    SEXUAL_ABUSE_BY_ADULT = "19C", "Sexual abuse: adult on child"
    OTHER = "20", "Other"
    NONE_IDENTIFIED = "21", "No factors identified, and no further action"
    FGM = "22A", "Female genital mutilation"
    FAITH_OR_BELIEF = "23A", "Abuse linked to faith or belief"
    CRIMINAL_EXPLOITATION = "24A", "Child criminal exploitation"

    @property
    def deprecated(self) -> bool:
        """Tell whether the code is still read but must not be given any more.

        18A and 19A gave way to codes that say by whom (queries 8945Q and 8950Q).
        """
        return self in {AssessmentFactor.PHYSICAL_ABUSE, AssessmentFactor.SEXUAL_ABUSE}
