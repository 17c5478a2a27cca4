"""`handrail demo`: the guidance's two families and a few dozen referrals, played for real."""
