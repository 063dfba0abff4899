"""Connectors: one folder per kind of system, and what they share directly in here. Found by entry points."""
