"""What an order to release names is the very message: its place, and the digest of its bytes."""

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from contracts.quarantine import ReleaseOrder, ReleaseReason
from contracts.submission import digest_of_bytes
from services.exchange.releasing import lying

LANE = "SUBMIT_demo_gp"
HELD = {(LANE, 1): b"what was set aside", (LANE, 2): b"what another wrote"}


class _Stream(JetStreamContext):
    """A lane as its leader reads it, of these messages alone."""

    async def get_msg(self, stream_name: str, seq: int | None = None, *_: object) -> RawStreamMsg:
        """Return a message, and as the server does, raise for one that is gone."""
        if (stream_name, seq) not in HELD:
            raise NotFoundError
        return RawStreamMsg(subject="submit.demo.gp.x", seq=seq, data=HELD[stream_name, seq or 0])


@pytest.mark.parametrize(
    ("sequence", "data", "is_it"),
    [
        (1, b"what was set aside", True),
        (2, b"what was set aside", False),
        (1, b"what another wrote", False),
        (3, b"what was set aside", False),
        (3, b"", False),
    ],
)
async def test_bytes_that_are_not_those_of_the_order_are_not_released(
    sequence: int, data: bytes, *, is_it: bool
) -> None:
    """A lane made anew has other messages at the same sequence: none of them is decided instead."""
    order = ReleaseOrder(
        lane=LANE,
        sequence=sequence,
        digest=digest_of_bytes(data),
        because=ReleaseReason.SENDER_ASKED,
    )
    found = await lying(_Stream(Client()), order)
    assert (found is not None) == is_it
    assert found is None or found.data == data
