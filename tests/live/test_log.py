"""The log on a real server: one sequence for both exchanges, and no contradiction ever signed."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest

from contracts import base64url, jws
from contracts.directory import SigningKey
from contracts.errors import HandrailError
from contracts.identifiers import new_reference
from contracts.log import (
    Cosignature,
    Head,
    cosign,
    digest_of,
    open_head,
    read_proof,
    sign_head,
)
from contracts.log_proof import verify_proof
from contracts.merkle import is_consistent
from contracts.subjects import LEDGER, TREE_GROUP, TREE_HEAD
from services.exchange.ledger import Ledger, Stored
from services.exchange.streams import ensure_ledger, ledger_config
from services.exchange.tree_answers import MOST_ASKED, MOST_COMPARED, PLACES, LogAnswers
from services.exchange.tree_heads import Sequencer, State
from services.runtime.tasks import end
from tests import messages as m
from tests.area import GP, SCHOOL, Area
from tests.live.conftest import ServerFactory
from tests.live.exchanging import Exchange, exchange_at, working
from tests.live.logging_world import answering, check, groups, heads, sequencing
from tests.logs import EXCHANGE, with_witnesses

pytestmark = pytest.mark.live


async def _decide(exchange: Exchange, count: int) -> None:
    """Have `count` referrals decided, one group each."""
    async with working(exchange.worker()):
        for _ in range(count):
            await exchange.decided(m.referral(exchange.area, new_reference()))


async def test_both_exchanges_write_one_log_and_everything_is_proved(
    nats_url: str, tmp_path: Path
) -> None:
    """What either process decides is a leaf of one log, proved under one signed head."""
    async with exchange_at(nats_url) as exchange:
        async with working(exchange.worker()), working(exchange.worker(as_urgent=True)):
            for _ in range(3):
                await exchange.decided(m.referral(exchange.area, new_reference()))
                sealed = m.protection(exchange.area, new_reference())
                await exchange.decided(sealed, as_urgent=True)
        async with sequencing(exchange, tmp_path / "log.sqlite") as sequencer:
            await sequencer.step()
            made, _ = await check(exchange)
            tokens = await groups(exchange)
            asked = orjson.dumps({"groups": [digest_of(token) for token in tokens]})
            proof = read_proof(await answering(exchange, sequencer).prove(asked))
        assert made >= 6
        assert proof is not None
        proved = verify_proof(proof, tokens, exchange.area.directory, EXCHANGE)
        assert proved.holds
        assert sorted(proved.places.values()) == list(range(made))


async def test_every_batch_leaves_exactly_one_leaf(nats_url: str, tmp_path: Path) -> None:
    """A message sent again makes a group with a leaf of its own, and no group has two."""
    async with exchange_at(nats_url) as exchange:
        worker = exchange.worker()
        async with working(worker):
            sealed = m.referral(exchange.area, new_reference())
            await exchange.decided(sealed)
            data = await exchange.send(sealed)
            await exchange.answer(sealed, data)
            await exchange.decided(m.referral(exchange.area, new_reference()))
        async with sequencing(exchange, tmp_path / "log.sqlite") as sequencer:
            await sequencer.step()
            made, _ = await check(exchange)
        assert made == worker.counts.groups


async def test_each_head_is_proved_to_continue_the_one_before(
    nats_url: str, tmp_path: Path
) -> None:
    """Between any two heads of the log the exchange gives a proof, and it holds."""
    async with (
        exchange_at(nats_url) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        for count in (1, 2, 3):
            await _decide(exchange, count)
            await sequencer.step()
            await sequencer.step()
        signed = await heads(exchange)
        answers = answering(exchange, sequencer)
        assert len(signed) == 3
        for old in signed:
            for new in signed[signed.index(old) :]:
                asked = orjson.dumps({"first": old.size, "second": new.size})
                path = orjson.loads(await answers.proof(asked))["path"]
                roots = [base64url.decode(head.root) or b"" for head in (old, new)]
                steps = [base64url.decode(step) or b"" for step in path]
                assert is_consistent(old.size, roots[0], new.size, roots[1], steps)
        await check(exchange)


async def test_two_sequencers_make_one_log(nats_url: str, tmp_path: Path) -> None:
    """Two at once, each with an index of its own, never sign two heads for one size."""
    async with (
        exchange_at(nats_url) as exchange,
        sequencing(exchange, tmp_path / "one.sqlite") as one,
        sequencing(exchange, tmp_path / "two.sqlite") as two,
    ):
        running = [asyncio.create_task(s.run(every_s=0.001)) for s in (one, two)]
        await _decide(exchange, 12)
        async with asyncio.timeout(20):
            while not all(s.newest and s.newest.size == 12 for s in (one, two)):
                await asyncio.sleep(0.01)
        await end(running)
        assert (one.state, two.state) == (State.FOLLOWING, State.FOLLOWING)
        await check(exchange)


async def test_two_sequencers_on_one_index_make_one_log(nats_url: str, tmp_path: Path) -> None:
    """One that was paused while another took over its index finds it grown, and goes on."""
    file = tmp_path / "log.sqlite"
    async with (
        exchange_at(nats_url) as exchange,
        sequencing(exchange, file) as first,
        sequencing(exchange, file) as second,
    ):
        for sequencer in (first, second, first, second):
            await _decide(exchange, 1)
            await sequencer.step()
        assert (first.state, second.state) == (State.FOLLOWING, State.FOLLOWING)
        assert await check(exchange) == (4, 4)


async def test_an_index_that_is_lost_or_behind_is_made_again(nats_url: str, tmp_path: Path) -> None:
    """Without its file the sequencer makes the same tree from the ledger and goes on."""
    async with exchange_at(nats_url) as exchange:
        await _decide(exchange, 3)
        async with sequencing(exchange, tmp_path / "one.sqlite") as sequencer:
            await sequencer.step()
        await _decide(exchange, 2)
        for file in ("one.sqlite", "lost.sqlite"):
            async with sequencing(exchange, tmp_path / file) as sequencer:
                await sequencer.step()
                assert sequencer.state is State.FOLLOWING
        assert await check(exchange) == (5, 2)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE tree_nodes SET hash = zeroblob(32) WHERE level = 1 AND position = 0",
        "UPDATE tree_nodes SET hash = zeroblob(32) WHERE level = 0 AND position = 1",
        "UPDATE tree_nodes SET hash = zeroblob(3) WHERE level = 2",
        "DELETE FROM tree_nodes WHERE level = 1",
        "DELETE FROM tree_leaves WHERE position = 1",
        "DELETE FROM tree_leaves WHERE position = 4",
        "UPDATE tree_leaves SET digest = '0' WHERE position = 2",
        "UPDATE positions SET sequence = sequence + 1000",
    ],
)
async def test_a_damaged_index_is_noticed_at_the_next_start(
    nats_url: str, tmp_path: Path, damage: str
) -> None:
    """An index in which anything was changed is made again before a head is signed."""
    file = tmp_path / "log.sqlite"
    async with exchange_at(nats_url) as exchange:
        await _decide(exchange, 5)
        async with sequencing(exchange, file) as sequencer:
            await sequencer.step()
        with sqlite3.connect(file) as database:
            assert database.execute(damage).rowcount > 0
        await _decide(exchange, 1)
        async with sequencing(exchange, file) as sequencer:
            await sequencer.step()
            assert sequencer.state is State.FOLLOWING
        assert await check(exchange) == (6, 2)


@asynccontextmanager
async def _rewritten(
    factory: ServerFactory, area: Area, leaves: list[str], head: str
) -> AsyncIterator[Exchange]:
    """An exchange whose ledger holds these groups and this head: the history of somebody else."""
    async with exchange_at((await factory()).url, area) as exchange:
        for leaf in leaves:
            await exchange.js.publish(TREE_GROUP, leaf.encode())
        if head:
            await exchange.js.publish(TREE_HEAD, head.encode())
        yield exchange


@pytest.mark.parametrize("how", ["removed", "rewritten", "swapped", "last removed"])
@pytest.mark.parametrize("kept", ["its index", "the ledger's head"])
async def test_a_rewritten_ledger_is_noticed_by_a_sequencer_that_starts(
    server_factory: ServerFactory, tmp_path: Path, how: str, kept: str
) -> None:
    """A ledger with another past gets no head, be it by the index kept or by the head recorded."""
    file = tmp_path / "log.sqlite"
    async with exchange_at((await server_factory()).url) as exchange:
        await _decide(exchange, 5)
        async with sequencing(exchange, file) as sequencer:
            await sequencer.step()
            head = sequencer.token
        leaves = await groups(exchange)
    changed = {
        "removed": leaves[:1] + leaves[2:],
        "rewritten": [*leaves[:2], leaves[0], *leaves[3:]],
        "swapped": [leaves[1], leaves[0], *leaves[2:]],
        "last removed": leaves[:-1],
    }[how]
    with_index = kept == "its index"
    written = _rewritten(server_factory, exchange.area, changed, "" if with_index else head)
    own = file if with_index else tmp_path / "another.sqlite"
    async with written as other, sequencing(other, own) as sequencer:
        await sequencer.step()
        assert sequencer.state is State.INCONSISTENT
        assert sequencer.reason in ("log.shorter", "log.other-root")
        await _decide(other, 1)  # deciding goes on
        await sequencer.step()
        assert len(await heads(other)) == (0 if with_index else 1)


async def test_a_head_forged_into_the_ledger_stops_the_signing(
    nats_url: str, tmp_path: Path
) -> None:
    """A head over another tree, even one with the exchange's own signature, is never followed."""
    async with (
        exchange_at(nats_url) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        await _decide(exchange, 2)
        await sequencer.step()
        newest = sequencer.newest
        assert newest is not None
        other = newest.model_copy(update={"root": base64url.encode(b"\x01" * 32)})
        forged = sign_head(other, exchange.area.services["exchange"])
        await exchange.js.publish(TREE_HEAD, forged.encode())
        await sequencer.step()
        assert (sequencer.state, sequencer.reason) == (State.INCONSISTENT, "log.other-root")
        await _decide(exchange, 1)
        await sequencer.step()
        assert len(await exchange.all(TREE_HEAD)) == 2


async def test_a_head_whose_key_was_revoked_does_not_end_the_log(
    nats_url: str, tmp_path: Path
) -> None:
    """The newest head that is still to be trusted is continued, be it at work or at a new start.

    The last heads are by a key of the exchange that was stolen, and by a key of the story.
    """
    async with exchange_at(nats_url) as exchange:
        area, stolen = exchange.area, jws.PrivateKey.generate()
        head = Head(log=EXCHANGE, size=2, root="A" * 43, at=area.now, ledger=9)
        by_stolen = sign_head(head, stolen)
        others = [by_stolen, sign_head(head, area.services["story"]), by_stolen]
        _give_key(area, stolen)
        assert open_head(by_stolen, area.directory, EXCHANGE) is not None
        _give_key(area, stolen, compromised_at=area.now - timedelta(hours=1))
        async with sequencing(exchange, tmp_path / "log.sqlite") as sequencer:
            await _decide(exchange, 2)
            await sequencer.step()
            trusted = sequencer.newest
            for other in others:
                await exchange.js.publish(TREE_HEAD, other.encode())
            await sequencer.step()
            assert (sequencer.state, sequencer.newest) == (State.FOLLOWING, trusted)
            await exchange.js.publish(TREE_HEAD, by_stolen.encode())
        await _decide(exchange, 1)
        async with sequencing(exchange, tmp_path / "log.sqlite") as sequencer:
            await sequencer.step()
            assert sequencer.state is State.FOLLOWING
            assert sequencer.newest is not None
            assert sequencer.newest.size == 3


def _give_key(area: Area, key: jws.PrivateKey, **times: datetime) -> None:
    """Have the directory name a further key of the exchange, in place of its entry before."""
    made = SigningKey(kid=key.kid, x=key.x, valid_from=area.now - timedelta(days=365), **times)
    services = tuple(
        one.model_copy(update={"keys": (*(k for k in one.keys if k.kid != key.kid), made)})
        if one.id == EXCHANGE
        else one
        for one in area.document.services
    )
    area.document = area.document.model_copy(update={"services": services})


async def test_time_never_runs_back_from_head_to_head(nats_url: str, tmp_path: Path) -> None:
    """With a clock that was set back the next head is given the time of the one before."""
    async with (
        exchange_at(nats_url) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        await _decide(exchange, 1)
        await sequencer.step()
        first = sequencer.newest
        assert first is not None
        back = Sequencer(
            Ledger(exchange.client, exchange.js),
            sequencer.store,
            exchange=EXCHANGE,
            key=exchange.area.services["exchange"],
            directory=lambda: exchange.area.directory,
            now=lambda: first.at - timedelta(hours=1),
        )
        await _decide(exchange, 1)
        await back.step()
        assert back.newest is not None
        assert (back.newest.size, back.newest.at) == (2, first.at)


async def test_a_ledger_of_before_gains_the_subjects_of_the_log_and_nothing_else(
    nats_url: str,
) -> None:
    """The configuration of an existing ledger differs afterwards in its subjects alone."""
    async with exchange_at(nats_url) as exchange:
        js, client = exchange.js, exchange.client
        await js.delete_stream(LEDGER)
        config = ledger_config()
        before = [one for one in config.subjects or [] if not one.startswith("tree.")]
        await js.add_stream(
            config.evolve(subjects=before, max_msg_size=123_456, duplicate_window=7)
        )
        await js.publish("journey.x", b"kept")
        asked = f"$JS.API.STREAM.INFO.{LEDGER}"
        old = orjson.loads((await client.request(asked)).data)["config"]
        await ensure_ledger(js)
        made = orjson.loads((await client.request(asked)).data)
        assert {*old.pop("subjects"), "tree.>"} == {*made["config"].pop("subjects")}
        assert made["config"] == old
        assert made["state"]["messages"] == 1
        await js.publish(TREE_GROUP, b"a group")


async def _witnessing(
    exchange: Exchange, answers: LogAnswers, agency: str, **changes: object
) -> bytes:
    """Sign the newest head as the witness of an agency, and hand that in for it."""
    token = str(orjson.loads(await answers.head())["head"])
    return await answers.witness(agency, _signed(exchange, token, **changes))


def _signed(exchange: Exchange, token: str, **changes: object) -> bytes:
    """What the school's witness hands in over the head of `token`."""
    head = open_head(token, exchange.area.directory, EXCHANGE)
    assert head is not None
    said = {
        "witness": "schools",
        "agency": SCHOOL,
        "log": EXCHANGE,
        "head": digest_of(token),
        "size": head.size,
        "root": head.root,
        "at": head.at,
        **changes,
    }
    signed = cosign(Cosignature.model_validate(said), KEYS["schools"])
    return orjson.dumps({"cosignature": signed, "head": token})


AREA = Area()
KEYS = with_witnesses(AREA)


async def test_a_witness_is_recorded_once_for_each_head_and_proved(
    nats_url: str, tmp_path: Path
) -> None:
    """What an agency's witness signed stands in the ledger and in every proof from then on."""
    async with (
        exchange_at(nats_url, AREA) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        answers = answering(exchange, sequencer)
        await _decide(exchange, 2)
        await sequencer.step()
        assert orjson.loads(await _witnessing(exchange, answers, SCHOOL)) == {"recorded": True}
        assert orjson.loads(await _witnessing(exchange, answers, SCHOOL)) == {"recorded": False}
        await _decide(exchange, 3)
        await sequencer.step()
        proof = read_proof(await answers.prove(b'{"groups":[]}'))
        assert proof is not None
        proved = verify_proof(proof, (), AREA.directory, EXCHANGE)
        assert proved.holds
        assert [(w.said.agency, w.said.size) for w in proved.witnesses] == [(SCHOOL, 2)]
        status = orjson.loads(await answers.status())
        assert (status["state"], status["groups"]) == ("following", 5)
        assert [one["agency"] for one in status["witnesses"]] == [SCHOOL]
        assert len(await exchange.all(f"tree.witness.{SCHOOL}")) == 1


async def test_of_two_signatures_handed_in_at_once_the_newer_counts(
    nats_url: str, tmp_path: Path
) -> None:
    """One that was overtaken between its reading and its writing is not recorded over the newer."""
    async with (
        exchange_at(nats_url, AREA) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        slow, other = answering(exchange, sequencer), answering(exchange, sequencer)
        await _decide(exchange, 2)
        await sequencer.step()
        older = _signed(exchange, sequencer.token)
        await _decide(exchange, 3)
        await sequencer.step()
        recorded: list[bytes] = []

        class Overtaken(Ledger):
            """A ledger in which the newer signature is recorded right after the first look."""

            async def last(self, subject: str) -> Stored | None:
                """Return the last record as it was before."""
                found = await super().last(subject)
                if not recorded:
                    recorded.append(await _witnessing(exchange, other, SCHOOL))
                return found

        slow._ledger = Overtaken(exchange.client, exchange.js)
        assert orjson.loads(await slow.witness(SCHOOL, older)) == {"recorded": False}
        assert [orjson.loads(one) for one in recorded] == [{"recorded": True}]
        (record,) = await exchange.all(f"tree.witness.{SCHOOL}")
        assert orjson.loads(record[1])["size"] == 5


@pytest.mark.parametrize(
    ("agency", "changes"),
    [
        (GP, {}),
        (SCHOOL, {"witness": "caf"}),
        (SCHOOL, {"size": 1}),
        (SCHOOL, {"root": base64url.encode(b"\x02" * 32)}),
        (SCHOOL, {"head": "0" * 64}),
        (SCHOOL, {"log": "demo.story"}),
    ],
)
async def test_a_witness_that_is_not_what_it_says_is_not_recorded(
    nats_url: str, tmp_path: Path, agency: str, changes: dict[str, object]
) -> None:
    """Nobody witnesses for another agency, or a head that the exchange has not signed."""
    async with (
        exchange_at(nats_url, AREA) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        answers = answering(exchange, sequencer)
        await _decide(exchange, 2)
        await sequencer.step()
        with pytest.raises(HandrailError, match="not the signature") as refused:
            await _witnessing(exchange, answers, agency, **changes)
        assert refused.value.code == "log.witness-untrusted"
        assert await exchange.all("tree.witness.>") == []


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"first":0,"second":1}', b'{"groups":["x"]}', b'{"what":"else"}', b"\xff"],
)
async def test_questions_that_are_none_are_answered_with_a_code(
    nats_url: str, tmp_path: Path, data: bytes
) -> None:
    """Whatever bytes are asked, the answer is an error of ours and never a failure."""
    async with (
        exchange_at(nats_url, AREA) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        answers = answering(exchange, sequencer)
        included = partial(answers.included, SCHOOL)
        for ask in (answers.proof, answers.prove, included, answers.page):
            with pytest.raises(HandrailError) as refused:
                await ask(data)
            assert refused.value.code == "log.bad-question"
        with pytest.raises(HandrailError):
            await answers.witness(SCHOOL, data)
        for ask, most in ((included, MOST_COMPARED), (answers.prove, MOST_ASKED)):
            with pytest.raises(HandrailError) as refused:
                await ask(orjson.dumps({"groups": ["0" * 64] * (most + 1)}))
            assert refused.value.code == "log.bad-question"


async def test_a_head_of_which_nothing_is_known_proves_nothing(
    nats_url: str, tmp_path: Path
) -> None:
    """Before the first head, and for a head that the tree does not reproduce, there is no proof."""
    async with (
        exchange_at(nats_url, AREA) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        answers = answering(exchange, sequencer)
        await sequencer.step()
        assert sequencer.state is State.FOLLOWING
        assert orjson.loads(await answers.head()) == {"head": ""}
        later = Head(log=EXCHANGE, size=9, root="A" * 43, at=AREA.now, ledger=9)
        token = sign_head(later, AREA.services["exchange"])
        for asked in (b"{}", orjson.dumps({"head": token})):
            with pytest.raises(HandrailError) as refused:
                await answers.prove(asked)
            assert refused.value.code == "log.behind"


async def test_one_agency_asks_the_log_no_more_than_its_share(
    nats_url: str, tmp_path: Path
) -> None:
    """Who asks for places without end is told to wait, and every other agency is answered."""
    async with (
        exchange_at(nats_url, AREA) as exchange,
        sequencing(exchange, tmp_path / "log.sqlite") as sequencer,
    ):
        await _decide(exchange, 1)
        await sequencer.step()
        now = [0.0]
        ledger = Ledger(exchange.client, exchange.js)
        directory = exchange.area.directory
        answers = LogAnswers(sequencer, ledger, EXCHANGE, lambda: directory, lambda: now[0])
        asked = orjson.dumps({"groups": [f"{n:064x}" for n in range(MOST_COMPARED)]})
        for _ in range(int(PLACES.burst) // MOST_COMPARED):
            await answers.included(SCHOOL, asked)
        with pytest.raises(HandrailError) as refused:
            await answers.included(SCHOOL, asked)
        assert refused.value.code == "busy.try-again"
        assert read_proof(await answers.included(GP, asked)) is not None
        now[0] = MOST_COMPARED / PLACES.per_s
        assert read_proof(await answers.included(SCHOOL, asked)) is not None
