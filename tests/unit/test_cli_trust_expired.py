"""`handrail partnership trust add` with a directory that has expired."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts import directory_token
from services.cli.root_signing import root_key
from tests.unit.test_cli_trust import (
    SCHOOL,
    code_of,
    directory_of,
    offered,
    ours,
    partnership_of,
    run,
    theirs,
)

__all__ = ["ours", "theirs"]


def _offered_until(theirs: Path, expires_at: datetime) -> Path:
    """Return an offer that their root signed a year before it expires."""
    partnership, document = partnership_of(theirs), directory_of(theirs).document
    times = {"issued_at": expires_at - timedelta(days=365), "expires_at": expires_at}
    part = {"services": (), "gateways": (), **times}
    made = document.model_copy(update=part)
    out = theirs / "dated"
    root = root_key(partnership, document)
    out.write_bytes(directory_token.sign(made, root, directory_token.OFFER_TYP))
    return out


def test_a_directory_that_has_expired_makes_nobody_a_guest(ours: Path, theirs: Path) -> None:
    """What another partnership signed for a time that is over is refused, and nothing changes."""
    root, now = offered(theirs, SCHOOL)[2:], datetime.now(UTC)
    named = (*root, "--agency", f"{SCHOOL}=universal", "--gateway", "guests")
    add = ("partnership", "trust", "add", "--directory")
    before = directory_of(ours).document.version

    assert code_of(ours, *add, _offered_until(theirs, now), *named) == "trust.expired"
    assert directory_of(ours).document.version == before
    assert not directory_of(ours).document.trusted
    run(ours, *add, _offered_until(theirs, now + timedelta(days=1)), *named)
    assert [one.partnership for one in directory_of(ours).document.trusted] == ["moor"]
