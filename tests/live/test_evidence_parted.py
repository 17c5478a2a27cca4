"""Evidence about references that were joined and parted again, from a running partnership."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.evidence import dump, load
from contracts.evidence.form import Evidence
from tests.live.commands import CAF_MANAGER, CAF_WORKER, System, running, supported_child, tracked
from tests.live.test_evidence import elsewhere, made, root_of

pytestmark = pytest.mark.live

_SIGNED = ("--as", CAF_WORKER, "--countersign", CAF_MANAGER, "--because")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("parted")) as started:
        yield started


def test_a_child_that_was_joined_and_parted_is_proved_alone(system: System, tmp_path: Path) -> None:
    """While joined a file needs both references; parted, each has a file that holds and is alone.

    What was made while they were joined holds as before.
    """
    retired, survivor = supported_child(system), supported_child(system)
    for child in (retired, survivor):
        tracked(system, child, 1)
    system.run("same", "link", retired, survivor, *_SIGNED, "family_confirmed")
    for child in (retired, survivor):
        tracked(system, child, 2)
    joined, less = tmp_path / "joined.json", tmp_path / "less.json"
    made(system, retired, joined)
    whole = load(joined.read_bytes())
    assert isinstance(whole, Evidence)
    one = tuple(journey for journey in whole.journeys if journey.child == retired)
    less.write_bytes(dump(whole.model_copy(update={"journeys": one, "answers": (), "clocks": ()})))
    system.run("same", "unlink", retired, survivor, *_SIGNED, "different_children")
    for child in (retired, survivor):
        tracked(system, child, 3)

    root, empty = root_of(system), tmp_path / "empty"
    lacks = elsewhere(empty, "verify", less, "--root", root, code=1)
    assert [(f["code"], survivor in f["where"]) for f in lacks["findings"]] == [
        ("evidence.entry-missing", True)
    ]
    proved = elsewhere(empty, "verify", joined, "--root", root)
    assert any("join the references" in line for line in proved["proved"])
    for child in (retired, survivor):
        file = tmp_path / f"{child}.json"
        said = made(system, child, file)
        proved = elsewhere(empty, "verify", file, "--root", root)
        assert (said["holds"], said["references"]) == (True, [child])
        assert [one["kind"] for one in proved["messages"]][1:] == ["child.linked", "child.unlinked"]
        assert not [line for line in proved["proved"] if "join the references" in line]
