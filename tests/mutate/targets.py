"""What is mutated, by which tests it is held, and the mutants that decide nothing differently."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_LIBRARIES: Final = ("pytest_asyncio", "hypothesis.strategies", "pydantic", "contracts.seal")
_READY: Final = (*_LIBRARIES, "contracts.messages.checks")
_DECIDING: Final = ("bases", "breaking", "decision", "family", "limits", "reading", "rules")
_CONSENT_TESTS: Final = (
    "tests/unit/test_consent.py",
    "tests/unit/test_consent_limits.py",
    "tests/unit/test_consent_reading.py",
    "tests/unit/test_consent_breaking.py",
    "tests/unit/test_consent_failing.py",
    "tests/unit/test_consent_model.py",
    "tests/unit/test_consent_reference.py",
)
_KNOWING_TESTS: Final = (
    "tests/unit/test_consent_knowing.py",
    "tests/unit/test_asked_again.py",
)
_TELLING_TESTS: Final = ("tests/unit/test_telling_families.py",)
_RULES_TESTS: Final = (
    "tests/unit/test_consent_checks.py",
    "tests/unit/test_rules_checks.py",
    "tests/unit/test_rules_judging.py",
    "tests/unit/test_decision_rules.py",
    "tests/unit/test_decision.py",
    "tests/unit/test_child_protection.py",
    "tests/unit/test_kinds_guidance_caf.py",
    "tests/unit/test_kinds_guidance_levels.py",
    "tests/unit/test_rule_packs.py",
    "tests/unit/test_rules_cli.py",
)


@dataclass(frozen=True)
class Target:
    """A module, and the tests of which one has to notice any change of it.

    `ready` may be imported before it. `models`: random families are driven before the tests.
    """

    module: str
    tests: tuple[str, ...]
    ready: tuple[str, ...] = ()
    models: bool = False

    @property
    def path(self) -> Path:
        """Where its source is."""
        return ROOT / (self.module.replace(".", "/") + ".py")


TARGETS: Final = {
    "consent": (
        *(Target(f"consent.{name}", _CONSENT_TESTS, _READY, models=True) for name in _DECIDING),
        Target("consent.knowing", _KNOWING_TESTS, _LIBRARIES),
        Target("consent.telling", _TELLING_TESTS, _LIBRARIES),
    ),
    "rules": (
        Target("contracts.messages.checks", _RULES_TESTS, (*_LIBRARIES, "contracts.messages")),
    ),
}


def equivalent() -> dict[str, dict[str, str]]:
    """Return, by module, the mutants that decide nothing differently, each with the reason."""
    text = Path(__file__).with_name("equivalent.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
