"""Social care, which assesses, holds statutory cases and steps them down."""
