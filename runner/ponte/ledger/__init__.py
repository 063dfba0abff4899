"""The ledger: the database of what was synchronised."""
