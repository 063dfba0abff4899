"""Versions of the API and of what is derived from it."""

FINGERPRINT_VERSION = 2
"""Version of the canonical form under a fingerprint; a new one makes the next run read all."""
