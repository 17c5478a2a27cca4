"""Pages of `docs/` that are made from the contract, the rule packs and the tests themselves."""
