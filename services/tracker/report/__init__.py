"""The report on a period: what it counts, how it is worked out, and what anybody may read."""
