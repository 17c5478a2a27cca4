"""How a family reaches a practitioner or an agency: what the directory may say beside the name."""

from typing import Annotated

from pydantic import StringConstraints

from contracts.values import Value

Telephone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ]{4,23}$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^\s@<>\"']{1,64}@[a-zA-Z0-9.-]{3,120}$")]


class Contact(Value):
    """A telephone number and an e-mail address at work, each where there is one."""

    telephone: Telephone | None = None
    email: Email | None = None
