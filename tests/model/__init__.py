"""Random families driven through the real decision and through a naive reference, step by step."""
