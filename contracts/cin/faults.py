"""What can be wrong with a record of a children in need (CIN) return: a closed list.

Rule numbers are those of the Department for Education's CIN validation rules as the Data to
Insight validator carries them; a trailing Q marks a query, which asks the authority to explain.
"""

from enum import StrEnum
from typing import Self


class Effect(StrEnum):
    """Say what a fault does to the referral it is found on."""

    REFUSES = "refuses"
    """The referral cannot become a message."""
    KEEPS_BACK = "keeps-back"
    """One later event is not sent; the referral itself is."""
    WARNS = "warns"
    """Everything is sent; somebody should put the record right."""


_REFUSES, _KEEPS_BACK, _WARNS = Effect.REFUSES, Effect.KEEPS_BACK, Effect.WARNS


class Fault(StrEnum):
    """Name one fault: a stable code, its `effect`, the `rule` it follows and a `text` for people.

    `rule` is the number of a CIN rule, `schema` for the census schema's own types, or `handrail`
    where no CIN rule covers the fault. Nothing here holds a value from the file.
    """

    effect: Effect
    rule: str
    text: str

    def __new__(cls, code: str, effect: Effect, rule: str, text: str) -> Self:
        """Make a member from its code, effect, rule and text."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.effect, member.rule, member.text = effect, rule, text
        return member

    CHILD_ID_MISSING = "child.id-missing", _REFUSES, "8500", "the child has no `LAchildID`"
    CHILD_ID_REPEATED = (
        "child.id-repeated",
        _REFUSES,
        "8510",
        "another child of the return has the same `LAchildID`, so whose record it is stays open",
    )
    REFERRAL_DATE_MISSING = "referral.date-missing", _REFUSES, "8600", "there is no referral date"
    REFERRAL_DATE_UNREADABLE = (
        "referral.date-unreadable",
        _REFUSES,
        "8600",
        "the referral date is not one calendar date",
    )
    REFERRAL_AFTER_REFERENCE_DATE = (
        "referral.after-reference-date",
        _REFUSES,
        "8600",
        "the referral is dated after the last day that the return covers",
    )
    SOURCE_MISSING = "referral.source-missing", _REFUSES, "8866", "there is no referral source"
    SOURCE_UNKNOWN = (
        "referral.source-unknown",
        _REFUSES,
        "8866",
        "the referral source is not in the code set",
    )
    REFERRAL_BEFORE_PREGNANCY = (
        "referral.before-pregnancy",
        _REFUSES,
        "8606",
        "the referral is dated more than 280 days before the birth or the expected birth",
    )
    REFERRAL_AFTER_DEATH = (
        "referral.after-death",
        _REFUSES,
        "8555Q",
        "the referral is dated after the child's death",
    )
    CLOSED_BEFORE_REFERRAL = (
        "closure.before-referral",
        _REFUSES,
        "8630",
        "the case closed before it was referred, and the record does not say which date is wrong",
    )
    REFERRAL_REPEATED = (
        "referral.repeated",
        _REFUSES,
        "8820",
        "the same child has an earlier record of a referral on the same date",
    )

    CLOSURE_DATE_MISSING = (
        "closure.date-missing",
        _KEEPS_BACK,
        "8810",
        "there is a reason for closure without a closure date",
    )
    CLOSURE_DATE_UNREADABLE = (
        "closure.date-unreadable",
        _KEEPS_BACK,
        "schema",
        "the closure date is not one calendar date",
    )
    CLOSURE_REASON_MISSING = (
        "closure.reason-missing",
        _KEEPS_BACK,
        "8805",
        "there is a closure date without a reason for closure",
    )
    CLOSURE_REASON_UNKNOWN = (
        "closure.reason-unknown",
        _KEEPS_BACK,
        "8640",
        "the reason for closure is not in the code set",
    )
    CLOSURE_AFTER_REFERENCE_DATE = (
        "closure.after-reference-date",
        _KEEPS_BACK,
        "8620",
        "the closure is dated after the last day that the return covers",
    )
    CONFERENCE_DATE_UNREADABLE = (
        "conference.date-unreadable",
        _KEEPS_BACK,
        "schema",
        "the date of an initial child protection conference is not one calendar date",
    )
    CONFERENCE_BEFORE_REFERRAL = (
        "conference.before-referral",
        _KEEPS_BACK,
        "1104",
        "an initial child protection conference is dated before the referral",
    )
    CONFERENCE_AFTER_CLOSURE = (
        "conference.after-closure",
        _KEEPS_BACK,
        "8565",
        "an initial child protection conference is dated after the closure",
    )
    CONFERENCE_AFTER_DEATH = (
        "conference.after-death",
        _KEEPS_BACK,
        "handrail",
        "an initial child protection conference is dated after the child's death",
    )
    CONFERENCE_AFTER_REFERENCE_DATE = (
        "conference.after-reference-date",
        _KEEPS_BACK,
        "8715",
        "an initial child protection conference is dated after the last day of the return",
    )
    DEATH_DATE_UNREADABLE = (
        "death.date-unreadable",
        _KEEPS_BACK,
        "schema",
        "the date of death is not one calendar date",
    )
    DEATH_BEFORE_BIRTH = (
        "death.before-birth",
        _KEEPS_BACK,
        "8535Q",
        "the death is dated before the birth",
    )
    DEATH_AFTER_REFERENCE_DATE = (
        "death.after-reference-date",
        _KEEPS_BACK,
        "8545Q",
        "the death is dated after the last day that the return covers",
    )

    REFERENCE_DATE_MISSING = (
        "return.reference-date-missing",
        _WARNS,
        "100",
        "the return has no readable reference date, so no date was judged as lying in the future",
    )
    CHILD_ID_FORM = (
        "child.id-form",
        _WARNS,
        "1580",
        "the `LAchildID` has signs other than letters and digits, or more than 20 of them",
    )
    BIRTH_DATE_MISSING = (
        "child.birth-date-missing",
        _WARNS,
        "8525Q",
        "there is neither a birth date nor an expected birth date",
    )
    BIRTH_DATE_UNREADABLE = (
        "child.birth-date-unreadable",
        _WARNS,
        "schema",
        "the birth date or the expected birth date is not one calendar date",
    )
    BIRTH_AFTER_REFERENCE_DATE = (
        "child.birth-after-reference-date",
        _WARNS,
        "8520",
        "the birth is dated after the last day that the return covers",
    )
    SEX_MISSING = "child.sex-missing", _WARNS, "4180", "there is no code for the child's sex"
    SEX_UNKNOWN = "child.sex-unknown", _WARNS, "4180", "the code for sex is not in the code set"
    ETHNICITY_MISSING = "child.ethnicity-missing", _WARNS, "4220", "there is no ethnicity"
    ETHNICITY_UNKNOWN = (
        "child.ethnicity-unknown",
        _WARNS,
        "4220",
        "the ethnicity is not in the code set",
    )
    DISABILITY_UNKNOWN = (
        "child.disability-unknown",
        _WARNS,
        "8540",
        "a disability is not in the code set",
    )
    DISABILITY_CONTRADICTORY = (
        "child.disability-contradictory",
        _WARNS,
        "8790",
        "`NONE` stands beside another disability",
    )
    DISABILITY_REPEATED = (
        "child.disability-repeated",
        _WARNS,
        "8794",
        "a disability is given twice",
    )
    UPN_FORM = "child.upn-form", _WARNS, "1550", "the UPN is not in the form of a UPN"
    UPN_CHECK_LETTER = "child.upn-check-letter", _WARNS, "1510", "the UPN's first letter is wrong"
    UPN_REASON_UNKNOWN = (
        "child.upn-reason-unknown",
        _WARNS,
        "schema",
        "the reason for a missing UPN is not in the code set",
    )
    NEED_MISSING = (
        "referral.need-missing",
        _WARNS,
        "8610",
        "there is no primary need although further action followed",
    )
    NEED_UNKNOWN = (
        "referral.need-unknown",
        _WARNS,
        "8650",
        "the primary need is not in the code set",
    )
    NFA_UNREADABLE = (
        "referral.nfa-unreadable",
        _WARNS,
        "8568",
        "whether further action followed is missing or not 0, 1, true or false",
    )
    NFA_WITH_CONFERENCE = (
        "referral.nfa-with-conference",
        _WARNS,
        "8831",
        "a referral without further action has an initial child protection conference",
    )
    REFERRAL_OVERLAPS = (
        "referral.overlaps",
        _WARNS,
        "8820",
        "the referral falls within another episode of the same child",
    )
    DIED_WITHOUT_DATE = (
        "closure.died-without-date",
        _WARNS,
        "8585Q",
        "the case closed because the child died, but there is no readable date of death",
    )
