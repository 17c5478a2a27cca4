"""Guarantees of pure functions and of single modules."""
