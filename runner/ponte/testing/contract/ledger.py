"""What every ledger promises, asked through the engine's port.

Inherit the classes of the `ledger_*` modules beside this one and give the fixture `open_ledger`:

    class TestMyLedger(LedgerClaims, LedgerRecords, ...):
        @pytest.fixture
        def open_ledger(self): ...

Times are never waited for: a lease or a claim of no seconds has run out when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import polars as pl
import pytest

from ponte.engine.canonical import join_key
from ponte.engine.ledger_port import (
    CLAIM_SCHEMA,
    ID_SCHEMA,
    RECORD_SCHEMA,
    REJECT_SCHEMA,
    REMOVED_SCHEMA,
    Grant,
    Ledger,
    Scope,
    ScopeIdentity,
    Writer,
)
from ponte_api.result import RunResult

IDENTITY = ScopeIdentity("products", "products", ("erp", "ARTICOLI"), ("shop", "products"))
LONG_S = 3600.0
GONE = "a process that is gone"


class OpenLedger(Protocol):
    """Opens one more connection to the test's ledger; the fixture closes it.

    `holder` is who the connection says it is; of all holders only GONE is certainly no longer there.
    """

    def __call__(self, holder: str = "somebody") -> Ledger:
        """Opens it."""
        ...


class LedgerContract:
    """Fixtures of all contract classes."""

    @pytest.fixture
    def open_ledger(self) -> OpenLedger:
        """To be overridden."""
        raise NotImplementedError("give the fixture open_ledger")

    @pytest.fixture
    def ledger(self, open_ledger: OpenLedger) -> Ledger:
        """One connection."""
        return open_ledger()

    @pytest.fixture
    async def scope(self, ledger: Ledger) -> Scope:
        """A job's place."""
        return await ledger.open_scope(IDENTITY)

    @pytest.fixture
    async def writer(self, ledger: Ledger, scope: Scope) -> Writer:
        """A run that holds the lease."""
        return await acquired(ledger, scope, "run-1")


async def acquired(ledger: Ledger, scope: Scope, run: str, lease_s: float | None = LONG_S) -> Writer:
    """A writer; fails where the lease is held by another."""
    writer = await ledger.acquire(scope, run, lease_s=lease_s)
    assert isinstance(writer, Writer)
    return writer


async def claimed(
    ledger: Ledger, writer: Writer, keys: Sequence[str], operation: str = "create", live_s: float = LONG_S
) -> Grant:
    """Claims keys in version 1."""
    return await ledger.claim(writer, claim_rows(keys, operation), live_s)


def key(*fields: str) -> str:
    """A canonical key."""
    return join_key(fields)


def keys_of(*values: str) -> list[str]:
    """Canonical keys of one field."""
    return [join_key([value]) for value in values]


def series(keys: Sequence[str]) -> pl.Series:
    """Keys as the port takes them."""
    return pl.Series("key", keys, dtype=pl.String)


def claim_rows(keys: Sequence[str], operation: str = "create", version: int = 1) -> pl.DataFrame:
    """CLAIM_SCHEMA."""
    return pl.DataFrame([(text, None, operation, version) for text in keys], schema=CLAIM_SCHEMA, orient="row")


def records(keys: Sequence[str], fingerprint: int | None = 7, version: int = 1) -> pl.DataFrame:
    """RECORD_SCHEMA, with the source key as natural key."""
    return pl.DataFrame([(text, None, fingerprint, version) for text in keys], schema=RECORD_SCHEMA, orient="row")


def named_records(naturals: dict[str, str], version: int = 1) -> pl.DataFrame:
    """RECORD_SCHEMA of source keys with natural keys of their own."""
    rows = [(text, natural, 7, version) for text, natural in naturals.items()]
    return pl.DataFrame(rows, schema=RECORD_SCHEMA, orient="row")


def removals(keys: Sequence[str], version: int = 1) -> pl.DataFrame:
    """REMOVED_SCHEMA."""
    return pl.DataFrame([(text, version) for text in keys], schema=REMOVED_SCHEMA, orient="row")


def ids(found: dict[str, str]) -> pl.DataFrame:
    """ID_SCHEMA."""
    return pl.DataFrame(list(found.items()), schema=ID_SCHEMA, orient="row")


def reject_rows(keys: Sequence[str], reason: str = "NotConvertible", state: str = "open") -> pl.DataFrame:
    """REJECT_SCHEMA."""
    faults = '[{"field": "price", "reason": "NotConvertible", "message": "\\"12,5O\\" is not a number"}]'
    rows = [(text, "map", reason, "price", '"12,5O" is not a number', faults, state) for text in keys]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


def report(run: str = "run-1", **changes: object) -> RunResult:
    """A run's report."""
    base = RunResult(
        run=run,
        job=IDENTITY.job,
        action="sync",
        read_mode="all",
        phase="Running",
        reason="Running",
        started_at=datetime(2026, 11, 23, 2, tzinfo=UTC),
    )
    return base.model_copy(update=changes)
