"""Verdicts on failed messages, and one place where subscribers are made."""

import ast
from pathlib import Path

import pytest
from faststream import AckPolicy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.errors import HandrailError
from services.runtime.settlement import (
    EXHAUSTED,
    INVALID,
    LONGEST_DELAY_S,
    PermanentFault,
    Retry,
    SetAside,
    judge,
    retry_delay,
)
from services.runtime.subscribing import (
    Record,
    Request,
    ledger_batch_subscriber,
    ledger_subscriber,
    make_broker,
    request_subscriber,
)

ROOT = Path(__file__).parents[2]
SUBSCRIBING = ROOT / "services/runtime/subscribing.py"
MADE_ELSEWHERE = {"subscriber", "NatsBroker", "NkeyBroker", "NatsRouter"}


def test_delays_grow_to_a_minute() -> None:
    """The delay doubles from 0.2 seconds and stays at 60 whatever the number of deliveries."""
    assert [retry_delay(n) for n in (1, 2, 3, 9, 10, 10**6)] == [0.2, 0.4, 0.8, 51.2, 60, 60]


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_any_other_fault_is_tried_again_until_the_limit(deliveries: int, limit: int) -> None:
    """A fault that may pass is retried below the limit and set aside from it on."""
    verdict = judge(RuntimeError(), deliveries, limit)

    if deliveries >= limit:
        assert verdict == SetAside(EXHAUSTED)
    else:
        assert isinstance(verdict, Retry)
        assert 0 < verdict.delay_s <= LONGEST_DELAY_S


def test_a_permanent_fault_is_set_aside_at_once() -> None:
    """A declared permanent fault keeps its code; a value of the wrong shape has one of its own."""
    with pytest.raises(ValidationError) as invalid:
        TypeAdapter(int).validate_python("x")
    fault = PermanentFault.of(HandrailError("seal.invalid", "the seal is broken", "send it again"))

    assert judge(fault, 1, 20) == SetAside("seal.invalid")
    assert judge(invalid.value, 1, 20) == SetAside(INVALID)
    assert isinstance(judge(HandrailError("a.b", "c", "d"), 1, 20), Retry)


def test_every_subscriber_settles_by_hand() -> None:
    """No helper leaves a subscriber on FastStream's default, which drops what fails once."""
    broker = make_broker("nats://127.0.0.1:1", None, name="test")

    @ledger_subscriber(broker, "a.>", "one")
    async def one(record: Record) -> None: ...

    @ledger_batch_subscriber(broker, "b.>", "many")
    async def many(records: tuple[Record, ...]) -> None: ...

    @request_subscriber(broker, "c")
    async def question(request: Request) -> bytes:
        return request.data

    assert [subscriber.ack_policy for subscriber in broker.subscribers] == [AckPolicy.MANUAL] * 3


def test_subscribers_and_brokers_are_made_in_one_module_only() -> None:
    """Nothing in services calls FastStream's own `subscriber`, or makes a broker, elsewhere."""
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "services").rglob("*.py")
        if path != SUBSCRIBING
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _called(node) in MADE_ELSEWHERE
    }

    assert found == set()
    calls = [n for n in ast.walk(ast.parse(SUBSCRIBING.read_text())) if isinstance(n, ast.Call)]
    assert "subscriber" in {_called(call) for call in calls}


@pytest.mark.parametrize("fill_s", [0.0, -1.0, 0.6])
def test_a_batch_never_waits_too_long_to_fill(fill_s: float) -> None:
    """A wait that would leave pulls behind on the server is refused."""
    with pytest.raises(HandrailError, match=r"subscription\.invalid"):
        ledger_batch_subscriber(
            make_broker("nats://127.0.0.1:1", None, name="test"), "a.>", "many", fill_s=fill_s
        )


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))
