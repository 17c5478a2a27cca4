"""Gathering the proof of the log: under one head, waited for, and left out where there is none."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from contracts.errors import HandrailError
from contracts.evidence import dump, read
from contracts.log import LogProof, digest_of
from services.cli import evidence_gathering as gathering
from tests.evidence.base import Base


@pytest.fixture(scope="module")
def base() -> Base:
    """Give an honest file and all that it was made from."""
    return Base()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing."""
    monkeypatch.setattr(gathering, "_BETWEEN_S", 0.0)


class Log:
    """Answers as the exchange does, whose newest head does not hold everything at first."""

    def __init__(self, base: Base, behind: int = 0) -> None:
        self.base, self.behind = base, behind
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, subject: str, **body: Any) -> dict[str, Any]:
        """Answer one question."""
        assert subject == "exchange.admin.log.prove"
        self.asked.append(body)
        names = {digest_of(text): text for text in self.base.log.texts}
        newest = self.base.evidence.log
        assert newest is not None
        late = set(list(names)[-self.behind :]) if self.behind else set[str]()
        self.behind = 0
        proof = LogProof(
            head=body.get("head", newest.head),
            included=tuple(
                self.base.log.included(names[d]) for d in body["groups"] if d not in late
            ),
            missing=tuple(d for d in body["groups"] if d in late),
            witnesses=newest.witnesses if body.get("witnesses", True) else (),
        )
        told: dict[str, Any] = orjson.loads(proof.model_dump_json())
        return told


async def test_many_groups_are_proved_under_one_head(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for in parts, they stand under the head of the first answer, with its witnesses."""
    monkeypatch.setattr(gathering, "_AT_ONCE", 3)
    log = Log(base)
    proof = await gathering._proof(log, base.evidence.groups)

    assert proof is not None
    assert len(log.asked) > 2
    assert {body.get("head") for body in log.asked[1:]} == {proof.head}
    assert read(dump(base.evidence.model_copy(update={"log": proof}))).holds
    assert len(proof.witnesses) == 2


async def test_a_head_that_holds_everything_is_waited_for(base: Base) -> None:
    """What was decided a moment ago is in the next head, so it is asked again."""
    log = Log(base, behind=len(base.log.texts))
    proof = await gathering._proof(log, base.evidence.groups)

    assert proof is not None
    assert len(log.asked) == 2
    assert proof.missing == ()


@pytest.mark.parametrize("code", ["service.unreachable", "log.behind", "service.no-answer"])
async def test_evidence_is_made_without_a_log_that_does_not_answer(base: Base, code: str) -> None:
    """The rest proves what it proves; an error of another sort is not hidden."""

    def raising(code: str) -> Any:
        async def question(_subject: str, **_body: Any) -> dict[str, Any]:
            raise HandrailError(code, "no", "again")

        return question

    assert await gathering._proof(raising(code), base.evidence.groups) is None
    with pytest.raises(HandrailError, match=r"nats\.refused"):
        await gathering._proof(raising("nats.refused"), base.evidence.groups)


async def test_a_witness_whose_clock_is_wrong_is_not_taken_into_the_file(base: Base) -> None:
    """A signature dated before its head would make an honest file look like a dishonest one."""
    log, key = base.log, base.witnesses["caf"]
    size, early = len(log.texts), base.area.now - timedelta(days=1)
    assert base.evidence.log is not None
    seen = log.witnessed("caf", base.evidence.log.head, size, key, at=early)
    given = base.evidence.log.witnesses
    proof = base.evidence.log.model_copy(update={"witnesses": (*given, seen)})
    made = await gathering._complete(Log(base), proof, "", base.area.directory)

    assert made.witnesses == given


async def test_where_the_log_lacks_groups_its_first_one_is_asked_for(base: Base) -> None:
    """The first group tells what is from before there was a log; else nobody asks for it."""

    async def pages(subject: str, **body: Any) -> dict[str, Any]:
        assert (subject, body) == ("exchange.admin.log.page", {"what": "groups"})
        return {"records": [[3, base.log.texts[0]], [9, base.log.texts[1]]]}

    assert base.evidence.log is not None
    bare = base.evidence.log.model_copy(update={"included": (), "missing": ("0" * 64,)})
    first = await gathering._first_group(pages, bare)
    made = await gathering._complete(Log(base), bare, first, base.area.directory)

    assert first == base.log.texts[0]
    assert [(one.group, one.index) for one in made.included] == [(digest_of(first), 0)]
    assert await gathering._first_group(pages, base.evidence.log) == ""
