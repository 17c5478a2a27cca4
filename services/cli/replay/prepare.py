"""Everything before sending: the file, the key, the memory and the plan."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.cin import read_census
from contracts.cin.parse import MAX_BYTES
from contracts.errors import HandrailError
from services.cli.messages import current_directory
from services.cli.output import now
from services.cli.replay.memory import Memory
from services.cli.replay.naming import Names, local_key
from services.cli.replay.plan import Plan, make_plan
from services.cli.replay.routing import Routes
from services.runtime.partnership import Partnership


@contextmanager
def prepared(partnership: Partnership, file: Path) -> Iterator[tuple[Plan, Memory, str]]:
    """Give the plan for the return in `file`, the folder's memory, and First Response's agency id.

    Raises HandrailError `file.unreadable`, `cin.unreadable`, `directory.*`, `replay.*` or `key.*`.
    """
    data = read_return(file)
    census = read_census(data)
    directory = current_directory(partnership)
    memory = Memory(partnership.folder)
    try:
        prefix = "practitioners/"
        signers = {name.removeprefix(prefix) for name in partnership.keys.names(prefix)}
        routes = Routes(directory, now(), signers, memory.agencies())
        names = Names(local_key(partnership.keys), census.local_authority)
        plan = make_plan(census, hashlib.sha256(data).hexdigest(), names, routes)
        yield plan, memory, routes.first_response
    finally:
        memory.close()


def read_return(file: Path) -> bytes:
    """Return a file's bytes, or of one that is too large so many that its reader turns it away.

    Raises HandrailError `file.unreadable`.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError:
        raise HandrailError(
            "file.unreadable", f"the file {file} cannot be read", "check its name and permissions"
        ) from None
