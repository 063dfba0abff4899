"""The ledger as the engine needs it: what is known, who may write, what is claimed, what came of it.

Rows are named by the canonical text of their source key (`key`); `natural_key` is null where it is the same text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

import polars as pl

from ponte_api.result import RunResult

KNOWN_SCHEMA = pl.Schema(
    {
        "key": pl.UInt128,  # xxh3-128 of the canonical source key
        "natural": pl.UInt128,  # of the natural key; null: equal to `key`; where all are, the column is of type Null
        "fingerprint": pl.UInt128,  # null: what the target holds is not known
        "deleted": pl.Boolean,  # a tombstone
    }
)
DETAIL_SCHEMA = pl.Schema(
    {
        "key": pl.String,
        "natural_key": pl.String,  # null: equal to `key`
        "fingerprint": pl.UInt128,  # null: what the target holds is not known
        "version": pl.Int64,
        "deleted": pl.Boolean,
        "deleted_at": pl.Int64,  # microseconds since 1970, by the ledger's clock; null: not deleted
    }
)
CLAIM_SCHEMA = pl.Schema({"key": pl.String, "natural_key": pl.String, "operation": pl.String, "version": pl.Int64})
RECORD_SCHEMA = pl.Schema(
    {
        "key": pl.String,
        "natural_key": pl.String,  # null: equal to `key`
        "fingerprint": pl.UInt128,  # null: what the target holds is not known
        "version": pl.Int64,
    }
)
REMOVED_SCHEMA = pl.Schema({"key": pl.String, "version": pl.Int64})
ID_SCHEMA = pl.Schema({"natural_key": pl.String, "target_id": pl.String})
REJECT_SCHEMA = pl.Schema(
    {
        "key": pl.String,  # canonical source key; a position for what has none
        "stage": pl.String,
        "reason": pl.String,
        "field": pl.String,
        "message": pl.String,
        "faults": pl.String,  # JSON list of {field, reason, message}
        "state": pl.String,  # open, deferred or ambiguous
    }
)
OPEN_REJECT_SCHEMA = pl.Schema({"key": pl.String, "state": pl.String, "first_seen": pl.Int64})


@dataclass(frozen=True, slots=True)
class ScopeIdentity:
    """What a job's rows in the ledger belong to."""

    state_id: str
    job: str
    source: tuple[str, str]
    target: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scope:
    """A job's place in the ledger, as it was when it was opened."""

    id: int
    identity: ScopeIdentity
    mapping_fingerprint: str | None
    watermark: str | None
    has_succeeded: bool
    succeeded_at_us: int | None = None


@dataclass(slots=True)
class Writer:
    """Who may write: a run with its epoch.

    Attributes:
        is_leased: it has the scope's lease; what it knows by heart is true until others write.
        outside_commits: how many commits others had made without the lease when it was opened; it never moves.
        is_beside: it has no lease, and another run had it at that time.
    """

    scope: Scope
    run: str
    epoch: int
    is_leased: bool
    outside_commits: int
    is_beside: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A claim, and the keys that it does not hold or holds with a doubt.

    Attributes:
        lost: another writer claimed them, or delivered something newer, or removed it.
        newer: those of the lost that nobody else claims: the ledger has a newer version.
        doubtful: claimed, but an older claim of them was never settled.
        erased: a person asked that they be forgotten: they are never delivered again.
        is_shared: the claim has creates, and other jobs write to the same object of the target: what they made until
            now can be found there, and what they are making now is among the lost.
    """

    claim: int
    lost: pl.Series
    newer: pl.Series
    doubtful: pl.Series
    erased: pl.Series
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Outside:
    """What others do in a scope just now: whether they committed since the writer was opened, and keys they deliver."""

    has_written: bool
    claimed: pl.Series


def _none(schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True, slots=True)
class Commit:
    """What came of a chunk or batch; one transaction.

    Attributes:
        claim: the claim it settles; None where nothing was delivered.
        unknown: keys of the claim whose outcome is not known; they stay in doubt.
        settled: keys whose older claims are settled by it.
        added, changed: records delivered, by RECORD_SCHEMA; `added` are keys that the ledger has no row of.
        healed: records delivered over a newer version, by RECORD_SCHEMA; only what the claim holds.
        removed: keys that left the target, by REMOVED_SCHEMA: they become tombstones.
        ids: ids that the target gave, by ID_SCHEMA.
        rejects: by REJECT_SCHEMA. `closed` are keys whose rejects are done.
        watermark: new watermark; None leaves it.
        mapping_fingerprint: what the records were delivered by from now on; None leaves it.
        result: the run as it now stands.
    """

    result: RunResult
    claim: int | None = None
    unknown: pl.Series = field(default_factory=lambda: pl.Series("key", [], dtype=pl.String))
    settled: pl.Series = field(default_factory=lambda: pl.Series("key", [], dtype=pl.String))
    added: pl.DataFrame = field(default_factory=lambda: _none(RECORD_SCHEMA))
    changed: pl.DataFrame = field(default_factory=lambda: _none(RECORD_SCHEMA))
    healed: pl.DataFrame = field(default_factory=lambda: _none(RECORD_SCHEMA))
    removed: pl.DataFrame = field(default_factory=lambda: _none(REMOVED_SCHEMA))
    ids: pl.DataFrame = field(default_factory=lambda: _none(ID_SCHEMA))
    rejects: pl.DataFrame = field(default_factory=lambda: _none(REJECT_SCHEMA))
    closed: pl.Series = field(default_factory=lambda: pl.Series("key", [], dtype=pl.String))
    watermark: str | None = None
    mapping_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends."""

    result: RunResult
    mapping_fingerprint: str | None = None  # after a complete reading of all
    has_succeeded: bool = False
    pending: pl.DataFrame | None = None  # operations that wait for approval


class Ledger(Protocol):
    """What was synchronised. Every call is durable when it returns."""

    async def open_scope(self, identity: ScopeIdentity) -> Scope:
        """The job's place, made if it is new.

        Raises:
            StateError: the state belongs to another target.
        """
        ...

    async def find_scope(self, identity: ScopeIdentity) -> Scope | None:
        """The job's place if it has one; nothing is written."""
        ...

    async def acquire(self, scope: Scope, run: str, *, lease_s: float | None) -> Writer | Busy:
        """A new epoch; with `lease_s` the job's lease too, unless another holds it."""
        ...

    async def renew(self, writer: Writer, lease_s: float) -> None:
        """Keeps the lease. Raises StateError when it is lost."""
        ...

    async def release(self, writer: Writer) -> None:
        """Gives the lease back."""
        ...

    async def known(self, scope: Scope) -> pl.DataFrame:
        """All records of the scope by KNOWN_SCHEMA, sorted by the hash of their key."""
        ...

    async def details(self, scope: Scope, keys: pl.Series) -> pl.DataFrame:
        """The records with these keys by DETAIL_SCHEMA; unknown ones are left out."""
        ...

    async def details_of_hashes(self, scope: Scope, hashes: pl.Series) -> pl.DataFrame:
        """The records with these key hashes by DETAIL_SCHEMA: one pass over the scope, for what vanished."""
        ...

    async def holders(self, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
        """Which live record has each natural key: columns natural_key, key. Unknown ones are left out."""
        ...

    async def doubts(self, writer: Writer) -> pl.DataFrame:
        """Keys of claims of others that are no longer live and not settled, by CLAIM_SCHEMA."""
        ...

    async def is_alone(self, writer: Writer) -> bool:
        """Whether no other run was opened, or had the lease, since a writer without the lease was opened."""
        ...

    async def outside(self, writer: Writer) -> Outside:
        """What others have done since the writer was opened, and what they claim now."""
        ...

    async def open_rejects(self, scope: Scope) -> pl.DataFrame:
        """Rejects that are not closed, by OPEN_REJECT_SCHEMA."""
        ...

    async def claim(self, writer: Writer, rows: pl.DataFrame, live_s: float, read_at: datetime | None = None) -> Grant:
        """Marks keys (CLAIM_SCHEMA) as being delivered. Raises StateError when the lease is lost.

        Args:
            writer: who delivers.
            rows: what.
            live_s: how long the claim lives.
            read_at: ledger time before they were read: what another writer removed since then is newer, whatever its
                version; None where they were read because of that.
        """
        ...

    async def commit(self, writer: Writer, commit: Commit) -> None:
        """Writes outcomes. Raises StateError when another epoch has taken over; nothing is written then."""
        ...

    async def finish(self, writer: Writer, ending: Ending) -> None:
        """Writes how the run ended and gives the lease back."""
        ...

    async def target_ids(self, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
        """Ids that the target gave, by ID_SCHEMA. Unknown ones are left out."""
        ...

    async def resolve(
        self, system: str, object_name: str, by: Literal["sourceKey", "naturalKey"], keys: pl.Series
    ) -> pl.DataFrame:
        """Look-ups: for canonical keys delivered to that object, columns value (the key) and target_id.

        A target without ids of its own is referred to by its natural key.
        """
        ...

    async def succeeded(self, job: str) -> bool:
        """Whether a job of that name has ever succeeded."""
        ...

    async def reject_levels(self, scope: Scope, run: str) -> tuple[int, int, list[tuple[str, str | None, int]]]:
        """Rejects: opened by this run, open now, and the most frequent open reasons with their field and count."""
        ...

    async def erased(self, scope: Scope, keys: pl.Series) -> pl.Series:
        """Those of the keys that a person asked to be forgotten: they are neither delivered nor listed."""
        ...

    async def seed(self, writer: Writer, rows: pl.DataFrame) -> int:
        """Makes records known that are at the target already; gives how many.

        Columns key, natural_key, target_id, fingerprint, version. What the ledger knows stays as it is.
        """
        ...

    async def now(self) -> datetime:
        """The ledger's time, aware, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run holds the lease."""

    holder: str
    run_epoch: int
    remaining_s: float
