"""The forms that are filled in about a family: which questions a kind of message asks."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from contracts.questions import Question, questions
from contracts.rules import RulePacks


@dataclass(frozen=True, slots=True)
class Form:
    """One form: the `kind` of message that carries it, its short `name`, and what it `asks`.

    `asks` are keys of the catalogue, in the order of the form.
    """

    kind: str
    name: str
    title: str
    cites: str
    asks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a form: its question, and whether the rules in force refuse a form without it.

    Conditions of the rules are not looked at: what some cases require is required here.
    """

    question: Question
    required: bool


@cache
def forms() -> dict[str, Form]:
    """Return every form, by the kind of message that carries it."""
    text = resources.files("contracts").joinpath("forms.toml").read_text(encoding="utf-8")
    found = (
        Form(**{**entry, "asks": tuple(entry["asks"])}) for entry in tomllib.loads(text)["form"]
    )
    return {form.kind: form for form in found}


def form_of(name: str) -> Form | None:
    """Return the form called `name`, or carried by the kind `name`; None for neither."""
    return next((form for form in forms().values() if name in (form.kind, form.name)), None)


def places(form: Form, packs: RulePacks) -> tuple[Place, ...]:
    """Return the places of `form`: what the parts of `packs` require, then what it asks beside."""
    parts = packs.for_kind(form.kind).parts
    required = dict.fromkeys(q for rule in parts for q in rule.questions)
    catalogue = questions()
    return tuple(
        Place(catalogue[key], key in required) for key in dict.fromkeys((*required, *form.asks))
    )
