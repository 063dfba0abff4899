"""The ledger's tables, as SQLAlchemy defines and Alembic migrates them.

Never imported while a job runs: `schema/*.sql` is generated from here for new ledgers, and a test checks the run-time
statements against these tables. Rows are found by the text of canonical keys, which sources deliver nearly in order, so
that the indexes grow at their end; a hash as key would scatter them. Fingerprints are two signed 64-bit integers
(`print_hi`, `print_lo`): both databases store and stream them as they are. Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

KeyText = Text().with_variant(Text(collation="C"), "postgresql")

Table(
    "ponte_meta",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, comment="always 1"),
    Column("schema_version", Integer, nullable=False, comment="version of these tables"),
    Column("min_reader", Integer, nullable=False, comment="oldest code that may use them"),
    Column("ledger_id", Text, nullable=False, comment="identity of this ledger"),
    Column("erase_key", Text, nullable=False, comment="secret under the marks of erased keys"),
    Column("created_at", BigInteger, nullable=False),
)

Table(
    "ponte_scopes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("state_id", Text, nullable=False, unique=True, comment="SyncJob.spec.stateId or its name"),
    Column("job", Text, nullable=False, comment="name of the job that last used it"),
    Column("source_system", Text, nullable=False),
    Column("source_object", Text, nullable=False),
    Column("target_system", Text, nullable=False),
    Column("target_object", Text, nullable=False),
    Column("mapping_fingerprint", Text, comment="of the last complete reading of all"),
    Column("watermark", Text, comment="cursor up to which changes are durably delivered or kept"),
    Column("outside_commits", BigInteger, nullable=False, comment="commits made without the lease; grows"),
    Column("epoch", BigInteger, nullable=False, comment="of the last writer; grows"),
    Column("lease_epoch", BigInteger, comment="epoch of the writer that holds the lease"),
    Column("lease_holder", Text),
    Column("lease_until", BigInteger),
    Column("last_success_at", BigInteger),
    UniqueConstraint("state_id", "target_system", "target_object", name="ponte_scopes_target"),
)

Table(
    "ponte_records",
    metadata,
    Column("scope", BigInteger, nullable=False),
    Column("key", KeyText, nullable=False, comment="source key, canonical"),
    Column("natural_key", KeyText, comment="natural key, canonical; null when it is the source key"),
    Column("print_hi", BigInteger, comment="fingerprint delivered last; null when not known"),
    Column("print_lo", BigInteger),
    Column("version", BigInteger, nullable=False, comment="source version or read time of what was delivered"),
    Column("deleted_at", BigInteger, comment="tombstone: when it was removed from the target"),
    PrimaryKeyConstraint("scope", "key"),
    Index(
        "ponte_records_natural",
        "scope",
        "natural_key",
        sqlite_where=text("natural_key IS NOT NULL"),
        postgresql_where=text("natural_key IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

Table(
    "ponte_ids",
    metadata,
    Column("system", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("natural_key", KeyText, nullable=False, comment="canonical"),
    Column("target_id", Text, nullable=False, comment="the target's own id"),
    PrimaryKeyConstraint("system", "object", "natural_key"),
    sqlite_with_rowid=False,
)

Table(
    "ponte_claims",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("scope", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("run", Text, nullable=False),
    Column("live_until", BigInteger, nullable=False, comment="after it the claim is in doubt, not live"),
    Column("keys", LargeBinary, nullable=False, comment="Arrow IPC: key, natural_key, operation, version"),
    Index("ponte_claims_scope", "scope"),
    sqlite_autoincrement=True,
)

Table(
    "ponte_rejects",
    metadata,
    Column("scope", BigInteger, nullable=False),
    Column("key", KeyText, nullable=False, comment="source key, canonical; position for what has none"),
    Column("stage", Text, nullable=False, comment="extract, map, deliver or lookup"),
    Column("reason", Text, nullable=False, comment="of the first fault"),
    Column("field", Text),
    Column("message", Text, nullable=False),
    Column("faults", Text, nullable=False, comment="JSON list of field, reason, message"),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("first_run", Text, nullable=False),
    Column("last_run", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="open, deferred, ambiguous, skipped or closed"),
    PrimaryKeyConstraint("scope", "key"),
    sqlite_with_rowid=False,
)

Table(
    "ponte_runs",
    metadata,
    Column("run", Text, primary_key=True),
    Column("scope", BigInteger, nullable=False),
    Column("job", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("phase", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("result", Text, nullable=False, comment="RunResult as JSON"),
    Column("pending", LargeBinary, comment="AwaitingApproval: the operations, Arrow IPC"),
    Index("ponte_runs_scope", "scope", "started_at"),
)

Table(
    "ponte_erased",
    metadata,
    Column("scope", BigInteger, nullable=False),
    Column("mark", Text, nullable=False, comment="keyed hash of an erased source key"),
    Column("erased_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "mark"),
    sqlite_with_rowid=False,
)
