"""The front door of social care, which receives step-ups and screens them."""
