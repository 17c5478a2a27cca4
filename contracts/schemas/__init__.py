"""Documents generated from the contract: JSON Schemas, AsyncAPI and golden messages."""
