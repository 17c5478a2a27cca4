"""Codes of the NHS and of schools that no return of social care holds."""

from contracts.codes.base import Coded


class ReligionGroup(Coded):
    """Say to which religion or belief a person feels they belong (14 codes).

    Source: NHS Data Dictionary, RELIGIOUS OR OTHER BELIEF SYSTEM AFFILIATION GROUP CODE.
    """

    BAHAI = "A", "Baha'i"
    BUDDHIST = "B", "Buddhist"
    CHRISTIAN = "C", "Christian"
    HINDU = "D", "Hindu"
    JAIN = "E", "Jain"
    JEWISH = "F", "Jewish"
    MUSLIM = "G", "Muslim"
    PAGAN = "H", "Pagan"
    SIKH = "I", "Sikh"
    ZOROASTRIAN = "J", "Zoroastrian"
    OTHER = "K", "Other"
    NONE = "L", "None"
    DECLINED = "M", "Declines to disclose"
    UNKNOWN = "N", "Religion unknown"


class SenProvision(Coded):
    """Say what a school provides for special educational needs (`SENprovision`, 3 codes).

    Source: DfE, school census. The statement of earlier years (`S`) gave way to the plan.
    """

    NONE = "N", "No special educational need"
    SUPPORT = "K", "Special educational needs support"
    PLAN = "E", "Education, health and care plan"
