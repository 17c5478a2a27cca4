"""Tests, each named for the guarantee that it holds."""
