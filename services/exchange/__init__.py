"""The gate that every message passes: opened, decided and committed to the ledger."""
