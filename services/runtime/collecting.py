"""Python's garbage collector in a process that makes many short-lived values."""

import gc

_YOUNG = 100_000


def calm_collector() -> None:
    """Collect seldom, and never look again at what the process holds by now.

    A decided message leaves hundreds of values that are freed by counting; looking through all
    of them every 700 allocations took a third of the exchange's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
