"""Running a gateway's witness of the log beside its service, for as long as that runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client

from contracts import jws
from contracts.directory import Directory
from contracts.errors import HandrailError
from services.agency.logged import Comparing
from services.agency.others import Others
from services.agency.unproved import Unproved
from services.agency.witness_memory import Memory, State, path_of
from services.agency.witnessing import EVERY_S, Identity, Witness
from services.runtime.log import error_keys, get
from services.runtime.partnership import Partnership
from services.runtime.sql import SqlRunner, engine

_PASSING: Final = ("service.unreachable", "service.no-answer", "log.behind", "busy.try-again")
_log = get(__name__)


async def watch_log(
    partnership: Partnership,
    gateway: str,
    role: str,
    agencies: Sequence[str],
    client: Client,
    directory: Callable[[], Directory],
    *,
    every_s: float = EVERY_S,
) -> None:
    """Witness the log in the name of the first of `agencies` until cancelled; never raises else."""
    if not agencies:
        await asyncio.Event().wait()
    sql = SqlRunner(engine(partnership.database(f"agency-{gateway}")))
    witness = Witness(
        Identity(gateway, agencies[0], partnership.exchange),
        client,
        Memory(path_of(partnership.folder, gateway, role)),
        directory=directory,
        key=lambda: witness_key(partnership, gateway, directory()),
        clock=lambda: datetime.now(UTC),
    )
    if witness.remembered.state is State.FORKED:
        _log.error("log.forked", agency=agencies[0], reason=witness.remembered.reason)
    comparing = Comparing(witness, agencies, sql, partnership.exchange)
    others = Others(witness)
    steps = {"head": witness.round, "others": others.round, "deliveries": comparing.round}
    rounds = [Step(name, agencies[0], step) for name, step in steps.items()]
    try:
        while True:
            for round_ in rounds:
                await round_()
            await asyncio.sleep(every_s)
    finally:
        await sql.close()


def witness_key(partnership: Partnership, gateway: str, directory: Directory) -> jws.Signer:
    """Return the witness key of a gateway that may sign now; raises `key.*`."""
    entry = next((g for g in directory.document.gateways if g.id == gateway), None)
    keys = entry.witness if entry else ()
    return partnership.signers.newest(f"witnesses/{gateway}", keys, datetime.now(UTC))


class Step:
    """One of the things done in every round, which never raises: what goes wrong is told.

    What comes by itself, such as an exchange that is not there, is told once it lasts.
    """

    def __init__(
        self,
        name: str,
        agency: str,
        work: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Do `work`, in the name of `agency`; `clock` gives seconds that only grow."""
        self._name, self._agency, self._work = name, agency, work
        self._waits = Unproved(clock)

    async def __call__(self) -> None:
        """Do it once."""
        try:
            await self._work()
        except Exception as error:  # noqa: BLE001 - tried again, whatever it was
            self._tell(error)
        else:
            self._waits.proved(self._name)

    def _tell(self, error: Exception) -> None:
        passes = isinstance(error, HandrailError) and error.code in _PASSING
        if not passes:
            _log.warning("log.not-witnessed", **error_keys(error))
        elif self._waits.wait(self._name):
            _log.error("log.not-proved", agency=self._agency, **error_keys(error))
