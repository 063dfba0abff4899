"""Statements that make a new ledger, one file per database."""
