"""Mutation testing of what decides: change one thing, and some test has to notice."""
