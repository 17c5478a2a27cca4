"""The processes that carry, keep and time what agencies say."""
