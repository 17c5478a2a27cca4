"""Where the exchange's own time per message goes: open, contract, fold, consent, and the rest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.js import JetStreamContext

from benchmarks.workload import EXCHANGE, One, Workload
from consent import ShareRequest
from consent import decide as decide_sharing
from contracts import jws
from contracts.event import TYP
from contracts.journey import Journey
from contracts.kinds import Opened, Step
from contracts.questions import questions
from contracts.reasons import Refusal
from contracts.roles import Role
from contracts.seal import public_key
from contracts.submission import decrypt, read
from services.exchange.attesting import LaneStep
from services.exchange.deciding import decide_all, open_all
from services.exchange.folding import folded
from services.exchange.lanes import Arrived
from services.exchange.ledger import Known, Ledger
from services.exchange.writing import Writer

_LANE = "SUBMIT_bench_school"
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Microseconds per message, each the best of several rounds on one core."""

    open: float
    contract: float
    fold: float
    consent: float
    decide_rest: float
    write: float


def measure(workload: Workload, work: Sequence[One]) -> Breakdown:
    """Return where the time of deciding `work` goes, without NATS and without the disk."""
    arrived = [
        Arrived(_LANE, number, one.subject, datetime.now(UTC), one.data)
        for number, one in enumerate(work, 1)
    ]
    keys = {workload.month: workload.intake}
    opened = open_all(arrived, workload.directory, keys)
    messages = [m for _, m in opened if isinstance(m, Opened)]
    crypto = best(len(work), lambda: _open_only(workload, work))
    whole = best(len(work), lambda: open_all(arrived, workload.directory, keys))
    fold = best(len(work), lambda: _fold_only(messages))
    consent = best(len(work), lambda: _consent_only(messages))
    decide = best(
        len(work), lambda: decide_all(opened, workload.directory, _fresh_ledger(messages))
    )
    ledger = _fresh_ledger(messages)
    group = decide_all(opened, workload.directory, ledger)
    step = LaneStep(_LANE, 1, len(work), "")
    writer = Writer(EXCHANGE, workload.exchange, workload.directory)
    write = best(len(work), lambda: writer.write(group, [step], ledger))
    return Breakdown(
        open=crypto,
        contract=max(0.0, whole - crypto),
        fold=fold,
        consent=consent,
        decide_rest=max(0.0, decide - fold - consent),
        write=write,
    )


def best(count: int, work: Callable[[], object]) -> float:
    """Return the least microseconds of processor time per message, of several rounds."""
    times: list[float] = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times) / count * 1e6


def _open_only(workload: Workload, work: Sequence[One]) -> None:
    """Decrypt the disclosures and verify the signature: what needs no contract."""
    for one in work:
        submission = read(one.data)
        if isinstance(submission, Refusal) or submission.disclosures is None:
            raise RuntimeError(submission)
        decrypt(submission.disclosures, submission.sealed_digest, {workload.month: workload.intake})
        parsed = jws.parse(submission.seal, TYP)
        if isinstance(parsed, jws.Unacceptable):
            raise RuntimeError(parsed)  # noqa: TRY004 - as above
        jws.verify(parsed, {workload.author.kid: public_key(workload.author.x)})


def _fresh_ledger(messages: Sequence[Opened]) -> Ledger:
    ledger = Ledger(Client(), JetStreamContext(Client()))
    for message in messages:
        ledger.hold(message.event.subject, Known(None))
        ledger.know(f"journey.{message.event.subject}", 0)
    return ledger


def _fold_only(messages: Sequence[Opened]) -> None:
    catalogue = questions()
    for message in messages:
        answered = tuple(sorted({catalogue[q].number for q in message.questions}))
        step = Step(message.event, message.content, message.event.time)
        folded(Journey(child=message.event.subject), step, message.kind, answered)


def _consent_only(messages: Sequence[Opened]) -> None:
    for message in messages:
        data = message.event.data
        decide_sharing(
            ShareRequest(
                basis=data.basis,
                sender=message.event.agency,
                author=data.author.id,
                countersigners=(),
                line_managers=frozenset(),
                recipient=data.recipients[0].agency,
                recipient_role=Role.FIRST_RESPONSE,
                categories=tuple(d.statement.category for d in message.statements),
                consents=(),
                now=message.event.time,
            )
        )
