"""What Alembic runs: the revisions, on the connection and in the transaction of `ponte.ledger.migration`."""

from __future__ import annotations

from alembic import context

from ponte.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
