"""Guarantees that hold when something is killed, cut off or forged."""
