"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

_KEY_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _meta() -> None:
    op.create_table(
        "ponte_meta",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False, comment="always 1"),
        sa.Column("schema_version", sa.Integer, nullable=False, comment="version of these tables"),
        sa.Column("min_reader", sa.Integer, nullable=False, comment="oldest code that may use them"),
        sa.Column("ledger_id", sa.Text, nullable=False, comment="identity of this ledger"),
        sa.Column("erase_key", sa.Text, nullable=False, comment="secret under the marks of erased keys"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )


def _scopes() -> None:
    op.create_table(
        "ponte_scopes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("state_id", sa.Text, nullable=False, unique=True, comment="SyncJob.spec.stateId or its name"),
        sa.Column("job", sa.Text, nullable=False, comment="name of the job that last used it"),
        sa.Column("source_system", sa.Text, nullable=False),
        sa.Column("source_object", sa.Text, nullable=False),
        sa.Column("target_system", sa.Text, nullable=False),
        sa.Column("target_object", sa.Text, nullable=False),
        sa.Column("mapping_fingerprint", sa.Text, comment="of the last complete reading of all"),
        sa.Column("watermark", sa.Text, comment="cursor up to which changes are durably delivered or kept"),
        sa.Column("outside_commits", sa.BigInteger, nullable=False, comment="commits made without the lease; grows"),
        sa.Column("epoch", sa.BigInteger, nullable=False, comment="of the last writer; grows"),
        sa.Column("lease_epoch", sa.BigInteger, comment="epoch of the writer that holds the lease"),
        sa.Column("lease_holder", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("last_success_at", sa.BigInteger),
        sa.UniqueConstraint("state_id", "target_system", "target_object", name="ponte_scopes_target"),
    )


def _records() -> None:
    op.create_table(
        "ponte_records",
        sa.Column("scope", sa.BigInteger, nullable=False),
        sa.Column("key", _KEY_TEXT, nullable=False, comment="source key, canonical"),
        sa.Column("natural_key", _KEY_TEXT, comment="natural key, canonical; null when it is the source key"),
        sa.Column("print_hi", sa.BigInteger, comment="fingerprint delivered last; null when not known"),
        sa.Column("print_lo", sa.BigInteger),
        sa.Column(
            "version", sa.BigInteger, nullable=False, comment="source version or read time of what was delivered"
        ),
        sa.Column("deleted_at", sa.BigInteger, comment="tombstone: when it was removed from the target"),
        sa.PrimaryKeyConstraint("scope", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ponte_records_natural",
        "ponte_records",
        ["scope", "natural_key"],
        sqlite_where=sa.text("natural_key IS NOT NULL"),
        postgresql_where=sa.text("natural_key IS NOT NULL"),
    )


def _ids() -> None:
    op.create_table(
        "ponte_ids",
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("natural_key", _KEY_TEXT, nullable=False, comment="canonical"),
        sa.Column("target_id", sa.Text, nullable=False, comment="the target's own id"),
        sa.PrimaryKeyConstraint("system", "object", "natural_key"),
        sqlite_with_rowid=False,
    )


def _claims() -> None:
    op.create_table(
        "ponte_claims",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("scope", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("live_until", sa.BigInteger, nullable=False, comment="after it the claim is in doubt, not live"),
        sa.Column("keys", sa.LargeBinary, nullable=False, comment="Arrow IPC: key, natural_key, operation, version"),
        sqlite_autoincrement=True,
    )
    op.create_index("ponte_claims_scope", "ponte_claims", ["scope"])


def _rejects() -> None:
    op.create_table(
        "ponte_rejects",
        sa.Column("scope", sa.BigInteger, nullable=False),
        sa.Column("key", _KEY_TEXT, nullable=False, comment="source key, canonical; position for what has none"),
        sa.Column("stage", sa.Text, nullable=False, comment="extract, map, deliver or lookup"),
        sa.Column("reason", sa.Text, nullable=False, comment="of the first fault"),
        sa.Column("field", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("faults", sa.Text, nullable=False, comment="JSON list of field, reason, message"),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("first_run", sa.Text, nullable=False),
        sa.Column("last_run", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="open, deferred, ambiguous, skipped or closed"),
        sa.PrimaryKeyConstraint("scope", "key"),
        sqlite_with_rowid=False,
    )


def _runs() -> None:
    op.create_table(
        "ponte_runs",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("scope", sa.BigInteger, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("result", sa.Text, nullable=False, comment="RunResult as JSON"),
        sa.Column("pending", sa.LargeBinary, comment="AwaitingApproval: the operations, Arrow IPC"),
    )
    op.create_index("ponte_runs_scope", "ponte_runs", ["scope", "started_at"])


def _erased() -> None:
    op.create_table(
        "ponte_erased",
        sa.Column("scope", sa.BigInteger, nullable=False),
        sa.Column("mark", sa.Text, nullable=False, comment="keyed hash of an erased source key"),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "mark"),
        sqlite_with_rowid=False,
    )


def upgrade() -> None:
    """Makes all tables of version 1."""
    _meta()
    _scopes()
    _records()
    _ids()
    _claims()
    _rejects()
    _runs()
    _erased()
