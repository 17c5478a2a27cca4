"""Clocks, missed standards, who must be told, and the custody of the lead."""
