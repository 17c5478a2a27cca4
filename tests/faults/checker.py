"""Check after the faults that nothing was lost, doubled, forged or out of order; exit 1 otherwise.

`python -m tests.faults.checker --state DIR --sent DIR --url URL` reads every record of the ledger,
every agency's store, the story's and the tracker's, with none of the services' own code, and has
the tracker's tables built anew beside the live ones. The services go on running, and have some time
to catch up with the ledger.
"""

import argparse
import asyncio
import base64
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.faults.checks import heard_in, judge, sent_in
from tests.faults.checks_answers import Heard, Sent
from tests.faults.checks_found import Report
from tests.faults.checks_log import covered, unwitnessed
from tests.faults.checks_records import Reading
from tests.faults.checks_stores import Stores, compare_rebuilt, counted, read_stores
from tests.faults.checks_trust import Trust, trust

LEDGER: Final = "LEDGER"
_BATCH: Final = 500
_PATIENCE: Final = 20
_LOOK_S: Final = 1.0
_USER: Final = b"\xa0"


def _identity(state: Path, user: str) -> tuple[str, Ed25519PrivateKey]:
    """Return a NATS user's public name and key, from its file (PKCS #8 in PEM, not encrypted)."""
    key = load_pem_private_key((state / "keys" / "nkeys" / f"{user}.key").read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(user)
    public = _USER + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    check = _crc16(public).to_bytes(2, "little")
    return base64.b32encode(public + check).decode().rstrip("="), key


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


async def connect(state: Path, url: str) -> Client:
    """Connect as the exchange does, which may read the whole ledger."""
    public, key = _identity(state, "exchange")
    client = Client()
    client._public_nkey = public
    await client.connect(
        url.split(","),
        name="faults-checker",
        signature_cb=lambda nonce: base64.b64encode(key.sign(nonce.encode())),
        inbox_prefix=f"_INBOX.{public}",
        connect_timeout=10,
    )
    return client


class Ledger:
    """Reads the ledger from its beginning to wherever it ends by then, and makes no consumer."""

    def __init__(self, client: Client, reading: Reading) -> None:
        self._client, self._stream = client, client.jetstream(timeout=30)
        self._reading = reading
        self._reached = 0

    async def read_on(self) -> None:
        """Take in every record up to the end, in its order.

        Raises RuntimeError when the server stops giving them before.
        """
        last, failed = await self._end(), 0
        while self._reached < last:
            before = self._reached
            try:
                await self._page()
            except (TimeoutError, NatsError):
                await asyncio.sleep(_LOOK_S)
            failed = failed + 1 if self._reached == before else 0
            if failed > _PATIENCE:
                msg = f"the ledger could be read up to {self._reached} of {last} only"
                raise RuntimeError(msg)

    async def _end(self) -> int:
        state = (await self._stream.stream_info(LEDGER)).state
        return state.last_seq if state.messages else 0

    async def _page(self) -> None:
        """Take in the next records; a copy of the stream that lags gives fewer (ADR-31)."""
        inbox = self._client.new_inbox()
        answers = await self._client.subscribe(inbox)
        wanted = {"seq": self._reached + 1, "next_by_subj": ">", "batch": _BATCH}
        try:
            subject = f"$JS.API.DIRECT.GET.{LEDGER}"
            await self._client.publish(subject, orjson.dumps(wanted), reply=inbox)
            while True:
                message = await answers.next_msg(timeout=10)
                headers = message.headers or {}
                if "Status" in headers:
                    return
                self._reached = int(headers["Nats-Sequence"])
                self._reading.take(self._reached, headers["Nats-Subject"], message.data)
        finally:
            await answers.unsubscribe()


async def settle(ledger: Ledger, reading: Reading, databases: Path, seconds: float) -> Stores:
    """Return what the databases hold once they have all of the ledger, and its log is witnessed.

    Then a head covers all of it, and the witness of every gateway has signed that head.
    What has not moved for so many seconds is taken as it is: then something is lost.
    """
    clock, before = asyncio.get_running_loop().time, (-1, -1, -1)
    moved = clock()
    while True:
        await ledger.read_on()
        accepted, now = sum(map(len, reading.journeys.values())), counted(databases)
        if now != before:
            before, moved = now, clock()
        all_there = now == (len(reading.inbox), accepted, accepted)
        done = all_there and covered(reading) == len(reading.tree) and not unwitnessed(reading)
        if done or clock() > moved + seconds:
            return read_stores(databases)
        await asyncio.sleep(_LOOK_S)


def read_sent(folder: Path) -> list[Sent]:
    """Return every line that the senders wrote."""
    return sent_in(_lines(folder, "*.jsonl"))


def read_heard(folder: Path) -> list[Heard]:
    """Return every answer that the senders wrote down."""
    return heard_in(_lines(folder, "*.jsonl.answers"))


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(name)):
        yield from map(orjson.loads, path.read_bytes().splitlines())


def rebuild_beside(state: Path, url: str) -> list[str]:
    """Have the tracker's tables built anew in another database; return where they differ.

    A notice of the tracker's own may come in between, so a difference is looked at once more.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "tracker.sqlite"
        return _rebuilt(state, url, fresh) and _rebuilt(state, url, fresh)


def _rebuilt(state: Path, url: str, fresh: Path) -> list[str]:
    command = [sys.executable, "-m", "tests.faults.checks_rebuild", "--state", str(state)]
    command += ["--into", str(fresh), "--url", url]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        return [f"not rebuilt: {made.stderr.strip().splitlines()[-1:]}"]
    return compare_rebuilt(state / "db" / "tracker.sqlite", fresh)


def whom_to_trust(state: Path) -> Trust:
    """Return the keys of the partnership whose state lies in `state`."""
    root = orjson.loads((state / "partnership.json").read_bytes())["root_x"]
    return trust((state / "directory.jws").read_bytes(), root)


async def check(
    state: Path, sent: Path, url: str, *, rebuild: bool = True, settle_s: float = 0
) -> Report:
    """Read everything there is and return what was found."""
    reading = Reading(whom_to_trust(state))
    client = await connect(state, url)
    try:
        stores = await settle(Ledger(client, reading), reading, state / "db", settle_s)
    finally:
        await client.close()
    if rebuild:
        stores.rebuilt = rebuild_beside(state, url)
    return judge(read_sent(sent), reading, stores, read_heard(sent))


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print the table, and return 0 only when something was checked and nothing found."""
    parser = argparse.ArgumentParser(prog="tests.faults.checker", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the partnership")
    parser.add_argument("--sent", type=Path, required=True, help="folder of the senders' lines")
    parser.add_argument("--url", required=True, help="servers, joined by commas")
    parser.add_argument("--no-rebuild", action="store_true", help="leave the tracker's tables be")
    parser.add_argument(
        "--settle",
        type=float,
        default=60,
        help="seconds that a service may rest while it is behind",
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    given = parser.parse_args(arguments)
    checking = check(
        given.state,
        given.sent,
        given.url,
        rebuild=not given.no_rebuild,
        settle_s=given.settle,
    )
    report = asyncio.run(checking)
    told = orjson.dumps(report.as_json()).decode() if given.json else "\n".join(report.lines())
    sys.stdout.write(told + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
