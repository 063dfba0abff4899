"""Alembic's environment and revisions: how the tables change from version to version."""
