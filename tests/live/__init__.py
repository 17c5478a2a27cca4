"""Guarantees of delivery, permission and durability on a real nats-server."""
