"""Options that take a code take those of the contract; a wrong one ends the command as usage."""

from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from contracts.consents import StatutoryProvision
from contracts.messages.corrections import SentInError, WhyRedirected
from contracts.messages.referral import ReferralOutcome
from contracts.messages.standards import Cause
from contracts.messages.stepdown import StepDownOutcome
from contracts.messages.stepup import StepUpOutcome
from contracts.messages.telling import Form, WhyNot
from contracts.rules.packs import Person
from services.cli import choices
from services.cli.main import app

PERSON, MESSAGE = "demo.hilltop-school.jo-marsh", "0123456789ABCDEFGH"


@pytest.mark.parametrize(
    ("offered", "known"),
    [
        (choices.WrongSending, (SentInError,)),
        (choices.WhyRedirected, (WhyRedirected,)),
        (choices.Cause, (Cause,)),
        (choices.Form, (Form,)),
        (choices.WhyNot, (WhyNot,)),
        (choices.Provision, (StatutoryProvision,)),
        (choices.Person, (Person,)),
        (choices.Outcome, (ReferralOutcome, StepUpOutcome, StepDownOutcome)),
    ],
)
def test_what_an_option_offers_is_what_the_contract_has(
    offered: Any, known: tuple[type[StrEnum], ...]
) -> None:
    """No code is missing from an option, and none is offered that would be refused."""
    assert set(get_args(offered)) == {one.value for several in known for one in several}


@pytest.mark.parametrize(
    "words",
    [
        ("withdraw", MESSAGE, "--error", "oops"),
        ("redirect", MESSAGE, "--to", "demo.social-care", "--because", "oops"),
        ("explain-miss", MESSAGE, "a:b", "--cause", "oops", "--reason", "x"),
        ("decide", MESSAGE, "--outcome", "oops"),
        ("told", MESSAGE, MESSAGE, "--people", "family", "--form", "oops"),
        ("told", MESSAGE, MESSAGE, "--people", "aunt"),
        ("told", MESSAGE, MESSAGE, "--people", ","),
    ],
)
def test_a_wrong_code_is_a_wrong_option(words: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, and the codes that there are, before anything is read or sent."""
    done = CliRunner().invoke(app, [*words, "--as", PERSON, "--dir", str(tmp_path)])

    assert done.exit_code == 2
    assert "Invalid value" in done.output


def test_who_may_be_told_is_said_where_somebody_is_not_known(tmp_path: Path) -> None:
    """An aunt is none of them; the family is."""
    words = ["told", MESSAGE, MESSAGE, "--people", "aunt", "--as", PERSON, "--dir", str(tmp_path)]
    done = CliRunner().invoke(app, words)

    assert "aunt" in done.output
    assert "family" in done.output
