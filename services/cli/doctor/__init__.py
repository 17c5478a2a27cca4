"""`handrail doctor`: gathering facts about an installation, and judging them.

What judges is pure and stands apart from what gathers, so that every judgement is tested with an
installation that is wrong.
"""
