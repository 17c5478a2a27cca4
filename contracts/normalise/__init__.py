"""Messy input from school and health systems, brought to the standard's form, the original kept.

Each function takes a text and returns a `Normalised`: value, original, and how sure it is. None of
them raises, and none of them guesses: what has several readings has no value.
"""

from contracts.normalise.base import Normalised, Sure
from contracts.normalise.codes import coded, ethnicity, nhs_ethnicity, sex
from contracts.normalise.dates import Order, birth_date
from contracts.normalise.names import comparable, comparable_name, name
from contracts.normalise.numbers import nhs_number, postcode, upn

__all__ = [
    "Normalised",
    "Order",
    "Sure",
    "birth_date",
    "coded",
    "comparable",
    "comparable_name",
    "ethnicity",
    "name",
    "nhs_ethnicity",
    "nhs_number",
    "postcode",
    "sex",
    "upn",
]
