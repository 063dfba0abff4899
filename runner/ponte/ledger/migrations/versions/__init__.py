"""Revisions; the number of each is the version of the tables that it makes."""
