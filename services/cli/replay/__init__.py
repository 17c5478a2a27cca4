"""Replaying records that were kept before: a statutory return becomes sealed messages."""
