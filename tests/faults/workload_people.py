"""The people of the demonstration partnership, as the workload of the faults signs for them."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

from contracts.directory import Directory, open_directory
from contracts.identifiers import agency_of
from contracts.jws import PrivateKey
from services.runtime.partnership import Partnership
from services.runtime.settings import Settings
from tests.area import Area

FRONT: Final = "demo.first-response"
CAF: Final = "demo.caf-team"
CARE: Final = "demo.social-care"
DUTY: Final = f"{FRONT}.claire-dunmore"
CAF_WORKER: Final = f"{CAF}.nina-holt"
CAF_MANAGER: Final = f"{CAF}.ali-rezaei"
WORKER: Final = f"{CARE}.priya-nair"
CARE_MANAGER: Final = f"{CARE}.marian-keogh"
GONE: Final = "demo.hilltop-school.samira-haddad"
"""Somebody who leaves before anything is sent; whatever she signs from then on is refused."""
KNOWN_AFTER: Final = timedelta(seconds=30)
"""By when every service that runs has taken a new directory, with time to spare."""


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody at a universal service who works with families, and that person's manager."""

    person: str
    manager: str

    @property
    def agency(self) -> str:
        """The agency of both."""
        return agency_of(self.person)


def _helper(agency: str, person: str, manager: str) -> Helper:
    return Helper(f"demo.{agency}.{person}", f"demo.{agency}.{manager}")


HELPERS: Final = (
    _helper("hilltop-school", "jo-marsh", "ruth-adeyemi"),
    _helper("millbrook-academy", "dan-rowntree", "colin-praed"),
    _helper("health-visiting", "laura-finch", "bronwen-pugh"),
    _helper("riverside-surgery", "peter-voss", "nadia-rahman"),
    _helper("school-nursing", "gill-hathersage", "mark-oyelaran"),
    _helper("family-centre", "paolo-ricci", "dot-wainwright"),
    _helper("police", "will-penrose", "vic-harrow"),
    _helper("housing", "rosa-quintero", "len-cartmell"),
)


class Crew(Area):
    """The partnership in a folder of state; everybody's key is in that folder."""

    def __init__(self, partnership: Partnership, now: datetime) -> None:
        super().__init__(now)
        data = partnership.directory_path.read_bytes()
        self._directory = open_directory(data, partnership.root_x)
        helpers = {one for helper in HELPERS for one in (helper.person, helper.manager)}
        people = {DUTY, CAF_WORKER, CAF_MANAGER, WORKER, CARE_MANAGER, GONE, *helpers}
        signers = {person: partnership.practitioner_key(person) for person in people}
        self.keys = {person: cast(PrivateKey, key) for person, key in signers.items()}

    @property
    def directory(self) -> Directory:
        """The directory as the folder holds it."""
        return self._directory

    @property
    def somebody_left(self) -> bool:
        """Tell whether the one who is to leave has left long enough for everybody to know."""
        left = self._directory.practitioners[GONE].left_at
        return left is not None and left + KNOWN_AFTER < self.now


def load(folder: Path) -> Partnership:
    """Return the partnership whose state lies in `folder`."""
    return Partnership.load(Settings.load(state_dir=folder))


def let_somebody_leave(partnership: Partnership) -> None:
    """Sign a directory by which one practitioner has left, unless that was done before."""
    data = partnership.directory_path.read_bytes()
    if open_directory(data, partnership.root_x).practitioners[GONE].left_at is not None:
        return
    command = [sys.executable, "-m", "services.cli", "practitioner", "leave", GONE]
    command += ["--dir", str(partnership.folder), "--json"]
    subprocess.run(command, check=False, capture_output=True)
