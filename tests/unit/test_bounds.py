"""Bounds of what comes from outside, each as docs/bounds.md says it: up to it, and not beyond."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.js.api import DiscardPolicy
from pydantic import ValidationError

from contracts.errors import HandrailError
from contracts.evidence import Code, Evidence, Finding, dump, load
from contracts.identifiers import new_reference
from contracts.log import read_proof
from services.exchange.quarantine_desk import QuarantineDesk, Release
from services.exchange.streams import lane_config

NAMED = "0" * 64
PLACE = {"index": 0, "path": []}
ANSWER = {"decision": "d", "group": NAMED, "place": PLACE, "lane": "l", "lane_place": PLACE}


def test_a_lane_holds_256_mebibytes_and_refuses_the_next_one() -> None:
    """What waits in one lane has a bound, and nothing acknowledged makes room for what is new."""
    made = lane_config("SUBMIT_demo_gp", "submit.demo.gp.>")
    assert made.max_bytes == 256 * 1024**2
    assert made.max_msg_size == 704 * 1024
    assert made.discard is DiscardPolicy.NEW


def _loaded(**members: Any) -> Evidence | Finding:
    """Read an evidence file that says nothing but `members`."""
    empty = Evidence(
        made_at=datetime(2026, 11, 23, tzinfo=UTC),
        partnership="demo",
        exchange="demo.exchange",
        root="A" * 43,
        directory="d",
    )
    assert load(dump(empty)) == empty
    return load(orjson.dumps({**orjson.loads(dump(empty)), **members}))


@pytest.mark.parametrize(
    ("member", "one", "most"),
    [
        ("journeys", {"child": new_reference()}, 32),
        ("clocks", "c", 32),
        ("answers", ANSWER, 10_000),
        ("groups", "g", 15_000),
    ],
)
def test_an_evidence_file_has_no_more_parts_than_its_form_allows(
    member: str, one: Any, most: int
) -> None:
    """As many as the bound are read; with one more the file is of the wrong form."""
    held = _loaded(**{member: [one] * most})
    assert isinstance(held, Evidence)
    assert len(getattr(held, member)) == most
    assert _loaded(**{member: [one] * (most + 1)}) == Finding(Code.WRONG_FORM, member)


@pytest.mark.parametrize(
    ("member", "one", "most"),
    [
        ("witnesses", {"cosignature": "c", "head": "h"}, 1_000),
        ("included", {"group": NAMED, "index": 0}, 20_000),
        ("missing", NAMED, 20_000),
    ],
)
def test_a_proof_of_the_log_has_no_more_parts_than_its_form_allows(
    member: str, one: Any, most: int
) -> None:
    """As many as the bound are read, and with one more it is no proof."""
    held = read_proof({"head": "h", member: [one] * most})
    assert held is not None
    assert len(getattr(held, member)) == most
    assert read_proof({"head": "h", member: [one] * (most + 1)}) is None


async def test_fifty_items_are_released_at_once_and_no_more() -> None:
    """What would keep the exchange busy with one request is refused before anything is read."""
    item = {"lane": "SUBMIT_demo_gp", "sequence": 1, "digest": NAMED}
    body = {"items": [item] * 50, "because": "sender-asked"}
    assert len(Release.model_validate_json(orjson.dumps(body)).items) == 50
    body["items"] = [item] * 51
    with pytest.raises(ValidationError):
        Release.model_validate_json(orjson.dumps(body))
    client = Client()
    with pytest.raises(HandrailError) as refused:
        await QuarantineDesk(client, client.jetstream(), "demo.exchange").release(
            orjson.dumps(body)
        )
    assert refused.value.code == "quarantine.bad-request"
    assert refused.value.remedy
