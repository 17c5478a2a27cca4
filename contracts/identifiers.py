"""Identifiers that may stand in subjects, seals and logs: opaque or organisational, never personal.

A child reference and a message id are random (design: CloudEvents `id`, `[0-9A-Za-z-]{16,40}`);
agencies, practitioners and services are named by their partnership first.
"""

import re
import secrets
from typing import Annotated

from pydantic import StringConstraints

_NAME = r"[a-z][a-z0-9-]{1,30}"

PARTNERSHIP = re.compile(rf"{_NAME}")
AGENCY = re.compile(rf"{_NAME}\.{_NAME}")
PRACTITIONER = re.compile(rf"{_NAME}\.{_NAME}\.{_NAME}")
SERVICE = AGENCY
REFERENCE = re.compile(r"[0-9A-Za-z-]{16,40}")

PartnershipId = Annotated[str, StringConstraints(pattern=rf"^{_NAME}$")]
AgencyId = Annotated[str, StringConstraints(pattern=rf"^{_NAME}\.{_NAME}$")]
ServiceId = AgencyId
PractitionerId = Annotated[str, StringConstraints(pattern=rf"^{_NAME}\.{_NAME}\.{_NAME}$")]
HolderId = Annotated[str, StringConstraints(pattern=rf"^{_NAME}(\.{_NAME}){{1,2}}$")]
ChildRef = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{16,40}$")]
MessageId = ChildRef
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Base64Url = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]*$", max_length=200_000)]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """Return a fresh random reference (130 bits) for a child or a message."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(26))


def is_reference(text: str) -> bool:
    """Tell whether `text` has the form of a child reference or message id."""
    return REFERENCE.fullmatch(text) is not None


def agency_of(holder: str) -> str:
    """Return the agency (first two parts) of a practitioner's id; an agency's id is itself."""
    return ".".join(holder.split(".")[:2])


def partnership_of(holder: str) -> str:
    """Return the partnership (first part) of any agency, practitioner or service id."""
    return holder.split(".", 1)[0]
