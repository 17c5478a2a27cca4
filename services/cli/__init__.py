"""The command line, 'handrail'."""
