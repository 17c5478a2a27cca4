"""Guarantee that the code sets are the census's own, held against the published schema."""

import json
from pathlib import Path

import pytest
from defusedxml import ElementTree

from contracts.codes import (
    AbuseCategory,
    AssessmentFactor,
    ClosureReason,
    Coded,
    Disability,
    Ethnicity,
    PrimaryNeed,
    ReferralSource,
    Sex,
    UpnUnknown,
)

XS = "{http://www.w3.org/2001/XMLSchema}"

TYPES: dict[str, type[Coded]] = {
    "referralsourcetype": ReferralSource,
    "primaryneedcodetype": PrimaryNeed,
    "reasonforclosuretype": ClosureReason,
    "ethnicitytype": Ethnicity,
    "disabilitytype": Disability,
    "categoryofabusetype": AbuseCategory,
    "assessmentfactorstype": AssessmentFactor,
    "unknownupntype": UpnUnknown,
    "sextype": Sex,
}

SHORTENED = {ReferralSource, AssessmentFactor, UpnUnknown}
"""Sets whose labels are ours because the schema's are too long to show, or missing."""


def enumerations(schema: Path) -> dict[str, dict[str, str]]:
    """Return code and label of every enumerated simple type of an XML schema."""
    found: dict[str, dict[str, str]] = {}
    for kind in ElementTree.fromstring(schema.read_bytes()).iter(f"{XS}simpleType"):
        codes = {
            entry.attrib["value"]: entry.findtext(f"{XS}annotation/{XS}documentation") or ""
            for entry in kind.iter(f"{XS}enumeration")
        }
        if codes and "name" in kind.attrib:
            found[kind.attrib["name"]] = codes
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_a_code_set_is_the_schemas_enumeration(kind: str, shared_data: Path) -> None:
    """Our codes are the codes of the 2026 schema, in its order, and short labels are its labels."""
    standard = enumerations(shared_data / "cin" / "CIN_schema_2026.xsd")[kind]
    ours = TYPES[kind]

    assert [member.value for member in ours] == list(standard)
    if ours not in SHORTENED:
        assert [member.label for member in ours] == list(standard.values())


@pytest.mark.parametrize("kind", TYPES)
def test_a_code_set_is_the_published_list(kind: str, shared_data: Path) -> None:
    """Our codes are those of the code list made from the schema, which is a second reading."""
    lists = json.loads((shared_data / "cin" / "cin_2026.json").read_text("utf-8"))["lists"]

    assert [member.value for member in TYPES[kind]] == [entry["code"] for entry in lists[kind]]


def test_no_code_set_of_the_schema_is_left_out(shared_data: Path) -> None:
    """Every enumerated type of the schema but yes-or-no is one of our code sets."""
    assert set(enumerations(shared_data / "cin" / "CIN_schema_2026.xsd")) - {"yesnotype"} == set(
        TYPES
    )


def test_codes_of_an_older_schema_are_still_read(shared_data: Path) -> None:
    """Whatever a return of 2022 may hold in our code sets is read by them."""
    older = enumerations(shared_data / "cin" / "CIN_schema_2022.xsd")

    for kind in set(TYPES) & set(older):
        assert [code for code in older[kind] if TYPES[kind].read(code) is None] == []
