"""All targets by name, and the corpus of what was found once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.fuzz import files, messages, proofs, records
from tests.fuzz.target import OK, Target

CORPUS: Final = Path(__file__).with_name("corpus")
TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for several in (messages, files, records, proofs)
    for target in several.TARGETS
}
SELF_TEST: Final = replace(files.TARGETS[-1], name="too-small", outcomes=frozenset({OK}))
"""A target that something must escape from, so that a fuzzer that finds nothing can be told."""
MAIN: Final = (
    "message",
    "submission",
    "seal",
    "statements",
    "directory",
    "rule-pack",
    "cin",
    "evidence",
)
"""The targets that stand between a stranger's bytes and everything else."""


def found_before(name: str) -> list[Path]:
    """Return the files of the corpus of one target, in the order of their names."""
    folder = CORPUS / name
    return sorted(folder.iterdir()) if folder.is_dir() else []


def target_of(name: str) -> Target:
    """Return the target of that name; raises KeyError for none."""
    return SELF_TEST if name == SELF_TEST.name else TARGETS[name]
