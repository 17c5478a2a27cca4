"""Measurements of the exchange against baselines run beside it."""
