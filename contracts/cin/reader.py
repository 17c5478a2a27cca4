"""The reader of a children in need (CIN) census return: bytes in, values out.

Source: CIN census schema of 2026 (elements and their order), and `GenderCurrent` of earlier years.
"""

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Final, TypeVar
from xml.etree.ElementTree import Element

from contracts.cin.census import Census, Child, Referral
from contracts.cin.faults import Fault
from contracts.cin.parse import records, unreadable
from contracts.codes import (
    ClosureReason,
    Coded,
    Disability,
    Ethnicity,
    PrimaryNeed,
    ReferralSource,
    Sex,
    UpnUnknown,
)

_C = TypeVar("_C", bound=Coded)

_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?")
_YES_NO: Final = {"1": True, "true": True, "0": False, "false": False}


def read_census(data: bytes) -> Census:
    """Read a return and find in it every child and referral, in file order.

    Take the bytes of the XML file. Unknown elements are passed over; a date or code that cannot be
    read becomes a fault of its child or referral. Raise `HandrailError` `cin.unreadable` where the
    bytes as a whole are no CIN return, and nothing else.
    """
    header: Element | None = None
    children: list[Child] | None = None
    read: list[Child] = []
    for element in records(data):
        if element.tag == "Child":
            read.append(_child(element))
        elif element.tag == "Children":
            children = read
        elif header is None:
            header = element
    if children is None:
        raise unreadable("the file has no `Children`")
    return _census(Element("Header") if header is None else header, children)


def _census(header: Element, children: list[Child]) -> Census:
    """Put children under their header, and tell each what only the whole return shows."""
    if _text(header, "CollectionDetails/Collection") not in {None, "CIN"}:
        raise unreadable("the file is a return of another collection than CIN")
    faults: list[Fault] = []
    reference_date = _date(
        header, "CollectionDetails/ReferenceDate", faults, Fault.REFERENCE_DATE_MISSING
    )
    if reference_date is None:
        faults = [Fault.REFERENCE_DATE_MISSING]
    uses = Counter(child.la_child_id for child in children if child.la_child_id)
    return Census(
        local_authority=_text(header, "Source/LEA"),
        year=_text(header, "CollectionDetails/Year"),
        reference_date=reference_date,
        children=tuple(
            replace(
                child,
                reference_date=reference_date,
                faults=(
                    *faults,
                    *child.faults,
                    *([Fault.CHILD_ID_REPEATED] if uses[child.la_child_id] > 1 else []),
                ),
            )
            for child in children
        ),
    )


def _child(element: Element) -> Child:
    """Read one `Child`."""
    faults: list[Fault] = []
    identifiers = _first(element, "ChildIdentifiers")
    traits = _first(element, "ChildCharacteristics")
    return Child(
        la_child_id=_text(identifiers, "LAchildID") or "",
        referrals=tuple(
            _referral(position, episode)
            for position, episode in enumerate(element.findall("CINdetails"))
        ),
        upn=_text(identifiers, "UPN"),
        former_upn=_text(identifiers, "FormerUPN"),
        upn_unknown=_code(
            identifiers, "UPNunknown", UpnUnknown, faults, unknown=Fault.UPN_REASON_UNKNOWN
        ),
        birth_date=_date(identifiers, "PersonBirthDate", faults, Fault.BIRTH_DATE_UNREADABLE),
        expected_birth_date=_date(
            identifiers, "ExpectedPersonBirthDate", faults, Fault.BIRTH_DATE_UNREADABLE
        ),
        death_date=_date(identifiers, "PersonDeathDate", faults, Fault.DEATH_DATE_UNREADABLE),
        sex=_sex(identifiers, faults),
        ethnicity=_code(
            traits,
            "Ethnicity",
            Ethnicity,
            faults,
            unknown=Fault.ETHNICITY_UNKNOWN,
            missing=Fault.ETHNICITY_MISSING,
        ),
        disabilities=_disabilities(traits, faults),
        faults=tuple(faults),
    )


def _referral(position: int, element: Element) -> Referral:
    """Read one `CINdetails`."""
    faults: list[Fault] = []
    return Referral(
        position=position,
        referral_date=_date(
            element,
            "CINreferralDate",
            faults,
            Fault.REFERRAL_DATE_UNREADABLE,
            missing=Fault.REFERRAL_DATE_MISSING,
        ),
        source=_code(
            element,
            "ReferralSource",
            ReferralSource,
            faults,
            unknown=Fault.SOURCE_UNKNOWN,
            missing=Fault.SOURCE_MISSING,
        ),
        need=_code(element, "PrimaryNeedCode", PrimaryNeed, faults, unknown=Fault.NEED_UNKNOWN),
        closure_date=_date(element, "CINclosureDate", faults, Fault.CLOSURE_DATE_UNREADABLE),
        closure_reason=_code(
            element,
            "ReasonForClosure",
            ClosureReason,
            faults,
            unknown=Fault.CLOSURE_REASON_UNKNOWN,
        ),
        conference_dates=_conference_dates(element, faults),
        no_further_action=_no_further_action(element, faults),
        faults=tuple(faults),
    )


def _sex(identifiers: Element, faults: list[Fault]) -> Sex | None:
    """Read `Sex`, or `GenderCurrent` where the return is older."""
    text = _text(identifiers, "Sex")
    older = _text(identifiers, "GenderCurrent")
    if text is None and older is None:
        faults.append(Fault.SEX_MISSING)
        return None
    sex = Sex.read(text) if text is not None else Sex.from_gender_current(older or "")
    if sex is None:
        faults.append(Fault.SEX_UNKNOWN)
    return sex


def _disabilities(traits: Element, faults: list[Fault]) -> tuple[Disability, ...]:
    """Read every `Disability` that is in the code set, each once, in file order."""
    found: list[Disability] = []
    for element in traits.findall("Disabilities/Disability"):
        disability = Disability.read((element.text or "").strip())
        if disability is None:
            faults.append(Fault.DISABILITY_UNKNOWN)
        elif disability in found:
            faults.append(Fault.DISABILITY_REPEATED)
        else:
            found.append(disability)
    return tuple(found)


def _conference_dates(episode: Element, faults: list[Fault]) -> tuple[date, ...]:
    """Read the initial conferences of an episode and of its section 47 enquiries, each date once.

    The two places are read apart: a date given in both is one conference.
    """
    found = [
        _date(place, "DateOfInitialCPC", faults, Fault.CONFERENCE_DATE_UNREADABLE)
        for place in (episode, *episode.findall("Section47"))
    ]
    return tuple(sorted({day for day in found if day is not None}))


def _no_further_action(episode: Element, faults: list[Fault]) -> bool | None:
    """Read `ReferralNFA`: 0 and 1, or the words that earlier schemas allow (rule 8568)."""
    value = _YES_NO.get((_text(episode, "ReferralNFA") or "").lower())
    if value is None:
        faults.append(Fault.NFA_UNREADABLE)
    return value


def _date(
    parent: Element,
    tag: str,
    faults: list[Fault],
    unreadable_date: Fault,
    missing: Fault | None = None,
) -> date | None:
    """Read an `xs:date`; its time zone, if it has one, is left aside, as a day is meant."""
    text = _text(parent, tag)
    if text is None:
        if missing is not None:
            faults.append(missing)
        return None
    match = _DATE.fullmatch(text)
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError:
        faults.append(unreadable_date)
        return None


def _code(
    parent: Element,
    tag: str,
    codes: type[_C],
    faults: list[Fault],
    *,
    unknown: Fault,
    missing: Fault | None = None,
) -> _C | None:
    """Read a code of the set `codes`."""
    text = _text(parent, tag)
    if text is None:
        if missing is not None:
            faults.append(missing)
        return None
    code = codes.read(text)
    if code is None:
        faults.append(unknown)
    return code


def _text(parent: Element, path: str) -> str | None:
    """Return the text at `path`, trimmed, or None where there is none.

    A field given twice is joined to one text that no date or code equals: nothing here can tell
    which of the two was meant.
    """
    texts = [(element.text or "").strip() for element in parent.findall(path)]
    return " ".join(text for text in texts if text) or None


def _first(parent: Element, tag: str) -> Element:
    """Return the first child element of that name, or an empty one."""
    found = parent.find(tag)
    return Element(tag) if found is None else found
