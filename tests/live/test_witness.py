"""The witness of the log against an exchange that tells the truth, and against ones that do not."""

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.errors import HandrailError
from contracts.log import Witnessed, digest_of, open_cosignature, open_head
from contracts.subjects import log_request
from services.agency import witness_memory
from services.agency.logged import Comparing
from services.agency.others import Others
from services.agency.tables import DELIVERIES
from services.agency.tables import METADATA as STORED
from services.agency.unproved import PROVED_WITHIN_S
from services.agency.watching import Step
from services.agency.witness_memory import Memory, State, aside_of
from services.agency.witnessing import OLDER_AT_MOST, Identity, Witness
from services.runtime import log as logs
from services.runtime.sql import SqlRunner, create_tables, engine
from services.runtime.subscribing import ERROR_HEADER
from services.runtime.whole_files import write_whole
from tests.area import GP, SCHOOL, Area
from tests.live.brokers import has_read
from tests.logs import EXCHANGE, MemoryLog, with_witnesses

pytestmark = pytest.mark.live

AREA = Area()
KEYS = with_witnesses(AREA)
Answer = Callable[[dict[str, Any]], object]


@dataclass
class Shown:
    """An exchange that answers for a log as the test wants it to."""

    log: MemoryLog
    client: Client
    url: str
    token: str = ""
    path: Answer | None = None
    included: Answer | None = None
    others: tuple[Witnessed, ...] = ()
    refuses: HandrailError | None = None
    handed_in: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, message: Msg) -> None:
        """Answer one request."""
        asked = orjson.loads(message.data)
        made = {
            "head": lambda _: {"head": self.token or self.log.head()},
            "proof": self.path or (lambda a: {"path": self.log.path(a["first"], a["second"])}),
            "included": self.included or self._included,
            "witness": self._take,
            "witnesses": self._others,
        }[message.subject.rsplit(".", 1)[-1]](asked)
        if isinstance(made, HandrailError):
            told = {"code": made.code, "message": made.message, "remedy": made.remedy}
            headers = {ERROR_HEADER: made.code}
            await self.client.publish(message.reply, orjson.dumps(told), headers=headers)
            return
        await message.respond(made if isinstance(made, bytes) else orjson.dumps(made))

    def _included(self, asked: dict[str, Any]) -> object:
        size = next(s for s, token in self.log.heads.items() if token == asked["head"])
        there = {digest_of(group): group for group in self.log.groups[:size]}
        found = [there[d] for d in asked["groups"] if d in there]
        proof = self.log.proof(*found, size=size)
        return proof.model_dump(mode="json")

    def _others(self, _asked: dict[str, Any]) -> object:
        return {"witnesses": [one.model_dump(exclude={"path"}) for one in self.others]}

    def _take(self, asked: dict[str, Any]) -> object:
        if self.refuses is not None:
            return self.refuses
        self.handed_in.append(asked)
        return {"recorded": True}

    @property
    def signed(self) -> list[int]:
        """The sizes that the witness signed, every signature checked."""
        found: list[int] = []
        for one in self.handed_in:
            said = open_cosignature(one["cosignature"], AREA.directory)
            assert said is not None
            assert said.head == digest_of(one["head"])
            found.append(said.size)
        return found


@asynccontextmanager
async def _exchange(url: str, size: int = 3) -> AsyncIterator[Shown]:
    client = await nats.connect(url)
    shown = Shown(_log(size), client, url)
    try:
        await client.subscribe(log_request(SCHOOL, "*"), cb=shown.answer)
        await has_read(client)
        yield shown
    finally:
        await client.close()


def _log(size: int, first: str = "group 0") -> MemoryLog:
    log = MemoryLog(AREA)
    log.add(first, *(f"group {number}" for number in range(1, size)))
    return log


def _witness(shown: Shown, folder: Path) -> Witness:
    return Witness(
        Identity("schools", SCHOOL, EXCHANGE),
        shown.client,
        Memory(folder / "witness.json"),
        directory=lambda: AREA.directory,
        key=lambda: KEYS["schools"],
        clock=lambda: datetime.now(UTC),
    )


async def test_each_head_that_continues_is_signed_once(nats_url: str, tmp_path: Path) -> None:
    """The first head and every continuation are signed, in order, and none of them twice."""
    async with _exchange(nats_url) as shown:
        witness = _witness(shown, tmp_path)
        for size in (3, 3, 4, 9, 9, 20):
            shown.log.add(*(f"more {n}" for n in range(len(shown.log.groups), size)))
            await witness.round()
        assert shown.signed == [3, 4, 9, 20]
        assert witness.remembered.state is State.WITNESSING


async def test_a_witness_remembers_over_restarts(nats_url: str, tmp_path: Path) -> None:
    """A witness that starts again compares with the head it saw before, and signs no head twice."""
    async with _exchange(nats_url) as shown:
        await _witness(shown, tmp_path).round()
        await _witness(shown, tmp_path).round()
        assert shown.signed == [3]
        shown.log = _log(5, first="rewritten while it was away")
        again = _witness(shown, tmp_path)
        await again.round()
        assert again.remembered.state is State.FORKED
        assert shown.signed == [3]


def _removed(log: MemoryLog) -> MemoryLog:
    made = MemoryLog(AREA)
    made.add(*log.groups[1:], "another", "and another")
    return made


@pytest.mark.parametrize(
    "other",
    [
        lambda _: _log(3, first="rewritten"),
        lambda _: _log(8, first="rewritten"),
        _removed,
    ],
    ids=["rewritten, same size", "rewritten, larger", "removed"],
)
async def test_a_log_with_another_past_is_never_signed_again(
    nats_url: str, tmp_path: Path, other: Callable[[MemoryLog], MemoryLog]
) -> None:
    """A rewritten or removed leaf is noticed; both heads are kept, and no head is signed any more.

    Not even the old log, shown again, or a new start makes the witness sign.
    """
    async with _exchange(nats_url) as shown:
        witness, true = _witness(shown, tmp_path), shown.log
        await witness.round()
        shown.log = other(true)
        await witness.round()
        assert witness.remembered.state is State.FORKED
        kept = [(tmp_path / f"witness.{name}.jws").read_text() for name in ("seen", "other")]
        assert kept == [true.head(3), shown.log.head()]
        assert all(open_head(token, AREA.directory, EXCHANGE) for token in kept)
        true.add("true again")
        shown.log = true
        await witness.round()
        await _witness(shown, tmp_path).round()
        assert shown.signed == [3]


async def test_a_smaller_head_is_not_signed_and_is_a_fork_when_it_stays(
    nats_url: str, tmp_path: Path
) -> None:
    """An exchange that was asleep may show an older head for a while; a log that shrank stays so.

    In between the larger head is taken up again without anybody's help.
    """
    async with _exchange(nats_url, 5) as shown:
        witness = _witness(shown, tmp_path)
        await witness.round()
        shown.token = shown.log.head(3)
        for _ in range(OLDER_AT_MOST):
            await witness.round()
        shown.token = ""
        await witness.round()
        assert witness.remembered.state is State.WITNESSING
        shown.token = shown.log.head(4)
        for _ in range(OLDER_AT_MOST + 1):
            await witness.round()
        assert (witness.remembered.state, witness.remembered.reason) == (
            State.FORKED,
            "log.shorter",
        )
        assert shown.signed == [5]


async def test_a_head_whose_time_runs_back_is_not_signed(nats_url: str, tmp_path: Path) -> None:
    """A larger head from before the one seen is left alone until time goes on."""
    async with _exchange(nats_url) as shown:
        witness = _witness(shown, tmp_path)
        await witness.round()
        shown.log.add("more")
        shown.log.head(4, at=AREA.now - timedelta(hours=1))
        await witness.round()
        assert shown.signed == [3]
        shown.log.head(4, at=AREA.now + timedelta(hours=1))
        await witness.round()
        assert shown.signed == [3, 4]


async def test_a_head_that_the_exchange_has_not_signed_changes_nothing(
    nats_url: str, tmp_path: Path
) -> None:
    """A head under any other key is not believed, and is no fork either: anybody could send it."""
    async with _exchange(nats_url) as shown:
        witness = _witness(shown, tmp_path)
        await witness.round()
        before = witness.remembered
        other = _log(9, first="forged")
        for key in (AREA.services["story"], KEYS["schools"], AREA.root):
            shown.token = other.head(key=key)
            await witness.round()
        assert witness.remembered == before
        assert shown.signed == [3]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"path":"x"}',
        b'{"path":["short"]}',
        b'{"path":[1]}',
        b"[" * 10_000,
        orjson.dumps({"path": ["A" * 43] * 65}),
        HandrailError("log.behind", "not yet", "ask again"),
    ],
)
async def test_answers_that_are_none_are_no_fork(
    nats_url: str, tmp_path: Path, answer: bytes | HandrailError
) -> None:
    """What cannot be read, and an exchange that is behind, is waited out: nothing is signed by it.

    Once the proof comes the head is signed.
    """
    async with _exchange(nats_url) as shown:
        witness = _witness(shown, tmp_path)
        await witness.round()
        shown.log.add("more")
        shown.path = lambda _: answer
        with pytest.raises(HandrailError) as refused:
            await witness.round()
        assert refused.value.code in ("log.bad-answer", "log.behind")
        assert witness.remembered.state is State.WITNESSING
        shown.path = None
        await witness.round()
        assert shown.signed == [3, 4]


async def test_a_signature_that_did_not_arrive_is_handed_in_again(
    nats_url: str, tmp_path: Path
) -> None:
    """The head is remembered first; a hand-in that failed is made again at the next round."""
    async with _exchange(nats_url) as shown:
        witness = _witness(shown, tmp_path)
        shown.refuses = HandrailError("internal.error", "no", "again")
        with pytest.raises(HandrailError):
            await witness.round()
        assert witness.remembered.cosigned == 0
        shown.refuses = None
        await _witness(shown, tmp_path).round()
        assert shown.signed == [3]


async def test_a_memory_that_cannot_be_read_signs_nothing(nats_url: str, tmp_path: Path) -> None:
    """Damaged memory could hide a fork, so nothing is signed until somebody has looked."""
    for damage in (b"", b"{", b"\xff", b'{"v":2}'):
        (tmp_path / "witness.json").write_bytes(damage)
        async with _exchange(nats_url) as shown:
            witness = _witness(shown, tmp_path)
            await witness.round()
            assert witness.remembered.reason == "log.memory-unreadable"
            assert shown.signed == []
        assert (tmp_path / "witness.json").read_bytes() == damage


@dataclass
class _Compared:
    """Deliveries that an agency has stored, compared with the log that a test shows."""

    witness: Witness
    comparing: Comparing
    sql: SqlRunner
    now: float = 0.0

    async def deliver(self, sequence: int, group: str) -> None:
        """Store a delivery whose decision stands in `group`."""
        row = {c.name: "" for c in DELIVERIES.c}
        row |= {"protection": False, "alert": False, "history": False}  # type: ignore[dict-item]
        row |= {"agency": SCHOOL, "message": f"M{sequence}", "record": json.dumps({"group": group})}
        values = {**row, "sequence": sequence}
        await self.sql.run(lambda c: c.execute(DELIVERIES.insert().values(values)))


@asynccontextmanager
async def _compared(shown: Shown, folder: Path) -> AsyncIterator[_Compared]:
    database = engine(f"sqlite:///{folder / 'agency.sqlite'}")
    create_tables(database, STORED)
    sql = SqlRunner(database)
    witness = _witness(shown, folder)
    made = _Compared(witness, None, sql)  # type: ignore[arg-type]
    made.comparing = Comparing(witness, [SCHOOL], sql, EXCHANGE, lambda: made.now)
    try:
        yield made
    finally:
        await sql.close()


async def test_deliveries_are_proved_to_be_in_the_log(nats_url: str, tmp_path: Path) -> None:
    """Every delivery is compared once, in order, and what is proved is not asked again."""
    async with _exchange(nats_url, 5) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        for sequence in range(1, 4):
            await compared.deliver(sequence, f"group {sequence}")
        await compared.comparing.round()
        assert compared.witness.remembered.checked == {SCHOOL: 3}
        assert compared.witness.remembered.missing == ()
        shown.included = lambda _: HandrailError("internal.error", "not asked again", "")
        await compared.comparing.round()


async def test_a_delivery_that_arrives_late_is_compared_too(nats_url: str, tmp_path: Path) -> None:
    """Deliveries come in any order: one with a lower sequence than those compared is not missed."""
    async with _exchange(nats_url, 1) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        shown.log.add(*(f"group {n}" for n in range(1, 1500)))
        await compared.witness.round()
        await compared.deliver(9, "group 9")
        await compared.comparing.round()
        await compared.deliver(4, "left out, and late")
        await compared.comparing.round()
        assert compared.witness.remembered.missing == (4,)


async def test_a_delivery_that_was_left_out_of_the_log_is_told(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a head far beyond a delivery, its group is in the log or the alarm is raised.

    The alarm outlives a restart; the deliveries after it are compared all the same.
    """
    told = _alarms(monkeypatch)
    async with _exchange(nats_url, 1) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        shown.log.add(*(f"group {n}" for n in range(1, 1500)))
        await compared.witness.round()
        await compared.deliver(7, "left out")
        await compared.deliver(8, "group 8")
        await compared.comparing.round()
        remembered = _witness(shown, tmp_path).remembered
        assert (remembered.missing, remembered.checked) == ((7,), {SCHOOL: 2})
        assert [event for event, _ in told] == ["log.missing"]
        assert told[0][1]["sequence"] == 7


@pytest.mark.parametrize("how", ["nothing", "a bent path", "another's place", "another head"])
async def test_a_lie_about_a_delivery_is_no_proof(nats_url: str, tmp_path: Path, how: str) -> None:
    """Only a path that leads to the head the witness saw counts as proof of a delivery."""
    async with _exchange(nats_url, 1) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        shown.log.add(*(f"group {n}" for n in range(1, 1500)))
        await compared.witness.round()
        await compared.deliver(7, "left out")
        other = _log(1500, first="left out")
        place = shown.log.included("group 7").model_copy(update={"group": digest_of("left out")})
        proofs = {
            "nothing": shown.log.proof(),
            "a bent path": shown.log.proof().model_copy(
                update={"included": (place.model_copy(update={"path": place.path[::-1]}),)}
            ),
            "another's place": shown.log.proof().model_copy(update={"included": (place,)}),
            "another head": other.proof("left out"),
        }
        shown.included = lambda _: proofs[how].model_dump(mode="json")
        await compared.comparing.round()
        missing = compared.witness.remembered.missing
        assert missing == (() if how == "another head" else (7,))
        assert compared.witness.remembered.checked.get(SCHOOL, 0) == (0 if not missing else 1)


async def test_a_delivery_that_the_log_does_not_reach_is_told_when_it_takes_too_long(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that stays behind what was delivered is an alarm each minute, until it is proved."""
    told = _alarms(monkeypatch)
    async with _exchange(nats_url, 2) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        await compared.deliver(5, "group 5")
        for _ in range(3):
            await compared.comparing.round()
        assert told == []
        compared.now = PROVED_WITHIN_S + 1
        await compared.comparing.round()
        await compared.comparing.round()
        assert [(event, keys["reason"]) for event, keys in told] == [("log.missing", "log.not-yet")]
        shown.log.add(*(f"group {n}" for n in range(2, 9)))
        await compared.witness.round()
        await compared.comparing.round()
        assert compared.witness.remembered.checked == {SCHOOL: 1}


async def test_what_was_delivered_before_the_witness_first_looked_is_no_alarm(
    nats_url: str, tmp_path: Path
) -> None:
    """A witness vouches from its first head on: what is older may be older than the log."""
    async with _exchange(nats_url, 1500) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        await compared.deliver(7, "from before there was a log")
        await compared.comparing.round()
        assert compared.witness.remembered.missing == ()
        assert compared.witness.remembered.checked == {SCHOOL: 1}


@pytest.mark.parametrize("code", ["log.behind", "service.no-answer", "internal.error"])
async def test_an_exchange_that_proves_no_delivery_is_told_and_gets_no_signature(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Whatever it answers in place of a proof: after a minute it is told, and nothing is signed.

    Once the proof comes the witness goes on by itself.
    """
    told = _alarms(monkeypatch)
    async with _exchange(nats_url, 5) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        await compared.deliver(4, "group 4")
        shown.included = lambda _: HandrailError(code, "no", "again")
        for passed in (0.0, PROVED_WITHIN_S + 1, PROVED_WITHIN_S + 2):
            compared.now = passed
            with pytest.raises(HandrailError):
                await compared.comparing.round()
        assert [(event, keys["sequence"]) for event, keys in told] == [("log.not-proved", 4)]
        shown.log.add("more")
        await compared.witness.round()
        assert shown.signed == [5]
        shown.included = None
        await compared.comparing.round()
        await compared.witness.round()
        assert shown.signed == [5, 6]


async def test_an_exchange_that_proves_no_head_is_told(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange that is behind, or silent, for longer than a minute is an alarm each minute."""
    told = _alarms(monkeypatch, "services.agency.watching")
    async with _exchange(nats_url) as shown:
        witness, now = _witness(shown, tmp_path), [0.0]
        step = Step("head", SCHOOL, witness.round, lambda: now[0])
        await step()
        shown.log.add("more")
        shown.path = lambda _: HandrailError("log.behind", "not yet", "again")
        for now[0] in (0.0, 30.0, PROVED_WITHIN_S + 1, PROVED_WITHIN_S + 2):
            await step()
        assert [(event, keys["code"]) for event, keys in told] == [("log.not-proved", "log.behind")]


@pytest.mark.parametrize("size", [3, 5, 7])
async def test_witnesses_who_were_shown_two_logs_find_each_other(
    nats_url: str, tmp_path: Path, size: int
) -> None:
    """What another witness signed must be of the log seen here, be it older, as large or newer."""
    async with _exchange(nats_url, 5) as shown:
        witness, other = _witness(shown, tmp_path), _log(size, first="shown to another")
        await witness.round()
        shown.others = (other.witnessed(GP, KEYS["health"]),)
        shown.path = lambda a: {"path": other.path(a["first"], a["second"])}
        if size == 3:
            shown.path = None
        await Others(witness, every=1).round()
        assert (witness.remembered.state, witness.remembered.reason) == (
            State.FORKED,
            "log.other-witness",
        )
        assert (tmp_path / "witness.other.jws").read_text() == other.head(size)


async def test_witnesses_of_one_log_agree_and_what_nobody_signed_is_no_fork(
    nats_url: str, tmp_path: Path
) -> None:
    """Older and newer signatures over this log are proved; forged ones are passed over."""
    async with _exchange(nats_url, 5) as shown:
        witness, other = _witness(shown, tmp_path), _log(5, first="forged")
        await witness.round()
        shown.log.add("more", "and more")
        forged = other.witnessed(GP, KEYS["schools"])
        unsigned = other.witnessed(GP, KEYS["health"])
        bent = unsigned.model_copy(update={"head": other.head(5, key=AREA.services["story"])})
        honest = [shown.log.witnessed(GP, KEYS["health"], size) for size in (2, 5, 7)]
        shown.others = (forged, bent, *honest)
        await Others(witness, every=1).round()
        assert witness.remembered.state is State.WITNESSING


def _put_aside(folder: Path) -> None:
    path = folder / "witness.json"
    path.rename(aside_of(path, datetime.now(UTC)))


async def test_a_witness_that_runs_begins_again_when_its_fork_is_resolved(
    nats_url: str, tmp_path: Path
) -> None:
    """Resolved while the service runs, the next head is the first: nothing is to be restarted."""
    async with _exchange(nats_url) as shown:
        witness = _witness(shown, tmp_path)
        await witness.round()
        shown.log = _log(8, first="restored")
        await witness.round()
        assert witness.remembered.state is State.FORKED
        _put_aside(tmp_path)
        await witness.round()
        assert (witness.remembered.state, witness.begun) == (State.WITNESSING, 1)
        assert shown.signed == [3, 8]
        assert _witness(shown, tmp_path).remembered == witness.remembered


async def test_missing_deliveries_that_were_resolved_do_not_come_back(
    nats_url: str, tmp_path: Path
) -> None:
    """What was compared by a memory that was put aside meanwhile is compared anew, not kept."""
    async with _exchange(nats_url, 1) as shown, _compared(shown, tmp_path) as compared:
        await compared.witness.round()
        shown.log.add(*(f"group {n}" for n in range(1, 1500)))
        await compared.witness.round()
        await compared.deliver(7, "left out")
        await compared.comparing.round()
        assert list(compared.witness.remembered.missing) == [7]
        await compared.deliver(8, "left out too")
        answer = shown._included

        def resolved_meanwhile(asked: dict[str, Any]) -> object:
            _put_aside(tmp_path)
            return answer(asked)

        shown.included = resolved_meanwhile
        await compared.comparing.round()
        assert compared.witness.remembered.state is State.WAITING
        shown.included = None
        await compared.witness.round()
        await compared.comparing.round()
        assert list(compared.witness.remembered.missing) == []
        assert compared.witness.remembered.checked == {SCHOOL: 2}
        assert _witness(shown, tmp_path).remembered == compared.witness.remembered


async def test_other_witnesses_are_compared_anew_by_one_that_begins_again(
    nats_url: str, tmp_path: Path
) -> None:
    """That another's head agreed with a log that was put aside proves nothing of the next one."""
    async with _exchange(nats_url, 5) as shown:
        witness = _witness(shown, tmp_path)
        others = Others(witness, every=1)
        await witness.round()
        shown.others = (shown.log.witnessed(GP, KEYS["health"]),)
        await others.round()
        _put_aside(tmp_path)
        shown.log = _log(5, first="shown after that")
        await witness.round()
        await others.round()
        assert witness.remembered.reason == "log.other-witness"


async def test_a_witness_writes_and_opens_its_key_off_the_loop(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heads, comparisons, forks and signatures wait for disk and key in threads of their own."""
    threads: dict[str, set[int]] = {"written": set(), "signed": set()}

    def noted(path: Path, content: bytes) -> None:
        threads["written"].add(threading.get_ident())
        write_whole(path, content)

    def key() -> Any:
        threads["signed"].add(threading.get_ident())
        return KEYS["schools"]

    monkeypatch.setattr(witness_memory, "write_whole", noted)
    async with _exchange(nats_url, 5) as shown, _compared(shown, tmp_path) as compared:
        compared.witness._key = key
        await compared.witness.round()
        await compared.deliver(1, "group 1")
        await compared.comparing.round()
        shown.log = _log(8, first="rewritten")
        await compared.witness.round()
        assert compared.witness.remembered.state is State.FORKED
        assert shown.signed == [5]
    assert all(threads.values())
    assert threading.get_ident() not in threads["written"] | threads["signed"]


def _alarms(
    patch: pytest.MonkeyPatch, module: str = "services.agency.logged"
) -> list[tuple[str, dict[str, Any]]]:
    """Return where errors that are logged from now on are kept."""
    told: list[tuple[str, dict[str, Any]]] = []

    class Kept:
        def error(self, event: str, **keys: Any) -> None:
            assert logs.is_event(event)
            assert all(name in logs.LISTED and logs.LISTED[name](v) for name, v in keys.items())
            told.append((event, keys))

    patch.setattr(f"{module}._log", Kept())
    return told
