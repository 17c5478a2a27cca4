"""CIN returns written by hand: their pieces, and for each fault a return that has it alone."""

from contracts.cin import (
    Child,
    Fault,
    Referral,
    event_faults,
    read_census,
    referral_faults,
    warnings,
)

ID = "<LAchildID>A1</LAchildID>"
BORN = "<PersonBirthDate>2015-05-05</PersonBirthDate>"
MALE = "<Sex>M</Sex>"
TRAITS = "<Ethnicity>WBRI</Ethnicity>"
DATED = "<CINreferralDate>2025-06-02</CINreferralDate>"
SOURCE = "<ReferralSource>2A</ReferralSource>"
NEED = "<PrimaryNeedCode>N4</PrimaryNeedCode>"
ACTION = "<ReferralNFA>0</ReferralNFA>"
NO_ACTION = "<ReferralNFA>1</ReferralNFA>"
SOUND = DATED + SOURCE + NEED + ACTION
HEADER = (
    "<Header><CollectionDetails><Collection>CIN</Collection><Year>2026</Year>"
    "<ReferenceDate>2026-03-31</ReferenceDate></CollectionDetails>"
    "<Source><LEA>975</LEA></Source></Header>"
)


def child(*episodes: str, identifiers: str = ID + BORN + MALE, traits: str = TRAITS) -> str:
    """Write one `Child` with an episode for each text."""
    details = "".join(f"<CINdetails>{episode}</CINdetails>" for episode in episodes)
    return (
        f"<Child><ChildIdentifiers>{identifiers}</ChildIdentifiers>"
        f"<ChildCharacteristics>{traits}</ChildCharacteristics>{details}</Child>"
    )


def document(*children: str, header: str = HEADER) -> bytes:
    """Write a whole return."""
    return f"<Message>{header}<Children>{''.join(children)}</Children></Message>".encode()


def closed(on: str, reason: str = "RC7") -> str:
    """Write the closure of an episode."""
    return f"<CINclosureDate>{on}</CINclosureDate><ReasonForClosure>{reason}</ReasonForClosure>"


def conference(on: str) -> str:
    """Write an initial child protection conference."""
    return f"<DateOfInitialCPC>{on}</DateOfInitialCPC>"


def died(on: str, born: str = BORN) -> str:
    """Write the identifiers of a child with a date of death."""
    return f"{ID}{born}{MALE}<PersonDeathDate>{on}</PersonDeathDate>"


def last(data: bytes) -> tuple[Child, Referral]:
    """Read a return and give its last child and that child's last referral."""
    found = read_census(data).children[-1]
    return found, found.referrals[-1]


def all_faults(data: bytes) -> set[Fault]:
    """Give every fault of the last referral of a return."""
    pair = last(data)
    return {*referral_faults(*pair), *event_faults(*pair), *warnings(*pair)}


ALONE: dict[Fault, bytes] = {
    Fault.CHILD_ID_MISSING: document(child(SOUND, identifiers=BORN + MALE)),
    Fault.CHILD_ID_REPEATED: document(child(SOUND), child(SOUND)),
    Fault.REFERRAL_DATE_MISSING: document(child(SOURCE + NEED + ACTION)),
    Fault.REFERRAL_DATE_UNREADABLE: document(
        child("<CINreferralDate>2025-02-30</CINreferralDate>" + SOURCE + NEED + ACTION)
    ),
    Fault.REFERRAL_AFTER_REFERENCE_DATE: document(
        child("<CINreferralDate>2026-04-01</CINreferralDate>" + SOURCE + NEED + ACTION)
    ),
    Fault.SOURCE_MISSING: document(child(DATED + NEED + ACTION)),
    Fault.SOURCE_UNKNOWN: document(
        child(DATED + "<ReferralSource>11</ReferralSource>" + NEED + ACTION)
    ),
    Fault.REFERRAL_BEFORE_PREGNANCY: document(
        # 2025-06-02 and 281 days.
        child(SOUND, identifiers=f"{ID}<PersonBirthDate>2026-03-10</PersonBirthDate>{MALE}")
    ),
    Fault.REFERRAL_AFTER_DEATH: document(child(SOUND, identifiers=died("2025-06-01"))),
    Fault.CLOSED_BEFORE_REFERRAL: document(child(SOUND + closed("2025-06-01"))),
    Fault.REFERRAL_REPEATED: document(child(SOUND + closed("2025-06-02"), SOUND)),
    Fault.CLOSURE_DATE_MISSING: document(child(SOUND + "<ReasonForClosure>RC7</ReasonForClosure>")),
    Fault.CLOSURE_DATE_UNREADABLE: document(child(SOUND + closed("01/07/2025"))),
    Fault.CLOSURE_REASON_MISSING: document(
        child(SOUND + "<CINclosureDate>2025-07-01</CINclosureDate>")
    ),
    Fault.CLOSURE_REASON_UNKNOWN: document(child(SOUND + closed("2025-07-01", "RC10"))),
    Fault.CLOSURE_AFTER_REFERENCE_DATE: document(child(SOUND + closed("2026-04-01"))),
    Fault.CONFERENCE_DATE_UNREADABLE: document(child(SOUND + conference("2025-7-1"))),
    Fault.CONFERENCE_BEFORE_REFERRAL: document(child(SOUND + conference("2025-06-01"))),
    Fault.CONFERENCE_AFTER_CLOSURE: document(
        child(SOUND + closed("2025-07-01") + conference("2025-07-02"))
    ),
    Fault.CONFERENCE_AFTER_DEATH: document(
        child(SOUND + conference("2025-07-02"), identifiers=died("2025-07-01"))
    ),
    Fault.CONFERENCE_AFTER_REFERENCE_DATE: document(child(SOUND + conference("2026-04-01"))),
    Fault.DEATH_DATE_UNREADABLE: document(child(SOUND, identifiers=died("20250701"))),
    Fault.DEATH_BEFORE_BIRTH: document(
        # Born after the referral, so that the death is not before the referral as well.
        child(
            SOUND,
            identifiers=died("2025-07-01", "<PersonBirthDate>2025-07-02</PersonBirthDate>"),
        )
    ),
    Fault.DEATH_AFTER_REFERENCE_DATE: document(child(SOUND, identifiers=died("2026-04-01"))),
    Fault.REFERENCE_DATE_MISSING: document(child(SOUND), header=""),
    Fault.CHILD_ID_FORM: document(
        child(SOUND, identifiers=f"<LAchildID>A-1</LAchildID>{BORN}{MALE}")
    ),
    Fault.BIRTH_DATE_MISSING: document(child(SOUND, identifiers=ID + MALE)),
    Fault.BIRTH_DATE_UNREADABLE: document(
        child(SOUND, identifiers=f"{ID}<PersonBirthDate>2015</PersonBirthDate>{MALE}")
    ),
    Fault.BIRTH_AFTER_REFERENCE_DATE: document(
        child(
            "<CINreferralDate>2026-03-30</CINreferralDate>" + SOURCE + NEED + ACTION,
            identifiers=f"{ID}<PersonBirthDate>2026-04-01</PersonBirthDate>{MALE}",
        )
    ),
    Fault.SEX_MISSING: document(child(SOUND, identifiers=ID + BORN)),
    Fault.SEX_UNKNOWN: document(child(SOUND, identifiers=ID + BORN + "<Sex>X</Sex>")),
    Fault.ETHNICITY_MISSING: document(child(SOUND, traits="")),
    Fault.ETHNICITY_UNKNOWN: document(child(SOUND, traits="<Ethnicity>CNHE</Ethnicity>")),
    Fault.DISABILITY_UNKNOWN: document(
        child(SOUND, traits=TRAITS + "<Disabilities><Disability>XXX</Disability></Disabilities>")
    ),
    Fault.DISABILITY_CONTRADICTORY: document(
        child(
            SOUND,
            traits=TRAITS + "<Disabilities><Disability>NONE</Disability>"
            "<Disability>MOB</Disability></Disabilities>",
        )
    ),
    Fault.DISABILITY_REPEATED: document(
        child(
            SOUND,
            traits=TRAITS + "<Disabilities><Disability>MOB</Disability>"
            "<Disability>MOB</Disability></Disabilities>",
        )
    ),
    Fault.UPN_FORM: document(child(SOUND, identifiers=f"{ID}<UPN>P20700001604</UPN>{BORN}{MALE}")),
    Fault.UPN_CHECK_LETTER: document(
        child(SOUND, identifiers=f"{ID}<UPN>A207000016049</UPN>{BORN}{MALE}")
    ),
    Fault.UPN_REASON_UNKNOWN: document(
        child(SOUND, identifiers=f"{ID}<UPNunknown>UN8</UPNunknown>{BORN}{MALE}")
    ),
    Fault.NEED_MISSING: document(child(DATED + SOURCE + ACTION)),
    Fault.NEED_UNKNOWN: document(
        child(DATED + SOURCE + "<PrimaryNeedCode>N10</PrimaryNeedCode>" + ACTION)
    ),
    Fault.NFA_UNREADABLE: document(child(DATED + SOURCE + NEED + "<ReferralNFA>no</ReferralNFA>")),
    Fault.NFA_WITH_CONFERENCE: document(
        child(DATED + SOURCE + NEED + NO_ACTION + conference("2025-07-01"))
    ),
    Fault.REFERRAL_OVERLAPS: document(
        child(
            "<CINreferralDate>2025-06-01</CINreferralDate>"
            + SOURCE
            + NEED
            + ACTION
            + closed("2025-06-03"),
            SOUND,
        )
    ),
    Fault.DIED_WITHOUT_DATE: document(child(SOUND + closed("2025-07-01", "RC2"))),
}
"""For each fault a return whose last referral has it and no other."""
