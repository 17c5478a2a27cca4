"""What waits while its erasure is accepted does not come back by being accepted later."""

from collections.abc import Iterator
from functools import partial

import pytest

from contracts.identifiers import new_reference
from services.agency.sending import receipt_of
from services.cli.desk import desk, wait_for
from services.cli.output import Exit
from tests.live.commands import (
    CAF_MANAGER,
    DUTY,
    FRONT,
    SCHOOL,
    TEACHER,
    System,
    received,
    referral,
    running,
    supported_child,
    until,
)
from tests.live.test_family_erasing import (
    COUNTERSIGNER,
    STAYS,
    answered,
    child_key,
    erase,
    files_with_text,
    kept,
    said,
    told,
)

pytestmark = pytest.mark.live

HELD = "Ottoline will not sleep before the lighthouse is lit"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a running system of this module's own."""
    with running(tmp_path_factory.mktemp("held-erasing")) as started:
        yield started


def test_words_that_are_held_when_everything_is_erased_never_come_back(system: System) -> None:
    """What was submitted before is refused as soon as it is decided; what is said since is read."""
    child, agreed = supported_child(system), new_reference()
    waiting = _waiting(system, child, HELD, agreed)
    told(system, child, said("views.child", STAYS, "child"), kind="story.added", data={})

    erase(system, child)
    until(lambda: child_key(system, child), lambda found: found is None)
    answer = until(partial(_answer, system, waiting), bool)

    assert answer is not None
    assert answer[0] == "refused"
    assert "erasure.came-first" in answer[1]
    _agree(system, child, agreed)
    since = told(system, child, said("views.child", STAYS, "child"), kind="story.added", data={})
    opened = until(lambda: system.ask("open", since, "--as", DUTY), lambda a: "statements" in a)
    assert [one["statement"]["value"] for one in opened["statements"]] == [STAYS]
    assert system.run("open", waiting, "--as", DUTY, code=1)["error"]["code"] == "delivery.unknown"
    assert kept(system, waiting) == []
    assert files_with_text(system.folder, HELD) == set()


def test_the_erasure_of_a_message_that_is_held_waits_and_then_erases_it(system: System) -> None:
    """Whatever is accepted first, the words of the message are not left readable."""
    child, agreed = supported_child(system), new_reference()
    waiting = _waiting(system, child, HELD, agreed)
    erasing = {
        "kind": "story.erased",
        "child": child,
        "basis": {"kind": "notice"},
        "data": {"because": "error", "of": waiting},
        "recipients": [],
        "capacity": "data_protection",
        "countersigners": [{"id": COUNTERSIGNER, "capacity": "team_manager"}],
    }
    sent = system.send(erasing, CAF_MANAGER, "--countersign", COUNTERSIGNER, code=Exit.HELD).json
    assert sent["outcome"] == "held"

    _agree(system, child, agreed)
    received(system, FRONT, waiting)
    refused = until(
        lambda: system.ask("open", waiting, "--as", DUTY),
        lambda a: a.get("error", {}).get("code") == "story.erased",
    )

    assert refused["error"]["code"] == "story.erased"
    assert kept(system, waiting) == []
    assert "health.services" not in answered(system, child)


def _waiting(system: System, child: str, words: str, agreed: str) -> str:
    """Send what rests on a consent that has not come; return its id once it is held."""
    document = referral(
        child=child,
        kind="story.added",
        data={},
        basis={"kind": "consent", "consents": [agreed]},
        statements=[said("health.services", words)],
    )
    sent = system.send(document, TEACHER, code=Exit.HELD).json
    return str(sent["message"])


def _agree(system: System, child: str, agreed: str) -> None:
    """Record the consent that was waited for."""
    consent = {
        "id": agreed,
        "covers": "sharing",
        "given_by": "parent_with_responsibility",
        "given_at": "2026-11-01T09:00:00Z",
        "recipients": [FRONT],
        "categories": ["health"],
    }
    document = referral(child=child, kind="consent.recorded", data={}, recipients=[])
    told = {**document, "statements": [], "basis": {"kind": "notice"}, "consents": [consent]}
    assert system.send(told, TEACHER).json["outcome"] == "accepted"


def _answer(system: System, message: str) -> tuple[str, list[str]] | None:
    """Give the school's final answer to a message, once there is one."""
    return wait_for(_final(system, message))


async def _final(system: System, message: str) -> tuple[str, list[str]] | None:
    async with desk(system.partnership, SCHOOL) as place:
        found = await receipt_of(place.client, place.partnership, place.directory, SCHOOL, message)
    if found is None or found.decision.outcome == "held":
        return None
    return str(found.decision.outcome), [r.code for r in found.decision.reasons]
