"""Who takes part: the roles of agencies and the capacities in which a person signs (003, page 1).

The labels that people see ("Lead Professional", "Lead Practitioner") are data of a rule pack;
these are the keys.
"""

from enum import StrEnum


class Role(StrEnum):
    """What an agency is in the partnership."""

    UNIVERSAL = "universal"
    CAF_TEAM = "caf_team"
    FIRST_RESPONSE = "first_response"
    SOCIAL_CARE = "social_care"


class Capacity(StrEnum):
    """In which capacity a person signs."""

    PRACTITIONER = "practitioner"
    LEAD_PROFESSIONAL = "lead_professional"
    LINE_MANAGER = "line_manager"
    TEAM_MANAGER = "team_manager"
    SOCIAL_WORKER = "social_worker"
    DUTY_WORKER = "duty_worker"
    CAF_WORKER = "caf_worker"
    DATA_PROTECTION = "data_protection"
    SERVICE = "service"


class Level(StrEnum):
    """The level of help a child is at (003, definitions and §§1-5)."""

    UNIVERSAL = "universal"
    EARLY_HELP = "early_help"
    CHILD_IN_NEED = "child_in_need"
    CHILD_PROTECTION = "child_protection"


class Requester(StrEnum):
    """For whom a copy is asked for: each is given its own words, and nobody another's."""

    CHILD = "child"
    MOTHER = "mother"
    FATHER = "father"
    CARER = "carer"
