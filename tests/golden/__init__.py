"""Golden streams: what earlier releases wrote, kept so that every later one is held to reading it.

A set under `sets/` is a ledger and its lanes as a real exchange on a real server left them, with
the directory and the keys of an invented partnership, and what was true of it. Sets are numbered;
none is ever changed. `python -m tests.golden NOTE` records the next one.
"""
