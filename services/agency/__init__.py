"""What the four kinds of agency share: inbox, outbox, acknowledging, proposing a lead."""
