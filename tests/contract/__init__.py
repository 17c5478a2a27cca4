"""Guarantees of the formats that partners rely on."""
