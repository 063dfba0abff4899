"""The ledger at run time: the engine's port over one database connection, used from one thread at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar

import polars as pl

from ponte.engine.ledger_port import Busy, Commit, Ending, Grant, Outside, Scope, ScopeIdentity, Writer
from ponte.errors import TransientError
from ponte.ledger import claims, erasure, lookups, records, rejects, runs, scopes, seeding
from ponte.ledger.database import Database
from ponte.threads import in_thread
from ponte_api.result import RunResult

T = TypeVar("T")

CLOCK_PATIENCE_S = 5.0
"""How far a clock may be set back and be waited for."""


class StoredLedger:
    """Implements `ponte.engine.ledger_port.Ledger` over a database.

    Args:
        db: an open connection to a ledger of this version.
        holder: who this process is, as leases name it.
        is_gone: whether a holder is certainly no longer there (same machine, no such process).
    """

    def __init__(self, db: Database, holder: str, is_gone: Callable[[str], bool]) -> None:
        self._db = db
        self._holder = holder
        self._is_gone = is_gone
        self._lock = threading.Lock()

    async def open_scope(self, identity: ScopeIdentity) -> Scope:
        """See `Ledger.open_scope`."""
        return await self._call(lambda: scopes.open_scope(self._db, identity))

    async def find_scope(self, identity: ScopeIdentity) -> Scope | None:
        """See `Ledger.find_scope`."""
        return await self._call(lambda: scopes.find_scope(self._db, identity))

    async def acquire(self, scope: Scope, run: str, *, lease_s: float | None) -> Writer | Busy:
        """See `Ledger.acquire`. A clock that was set back a little, as time services do, is waited for."""
        while True:
            try:
                return await self._call(
                    lambda: scopes.acquire(self._db, scope, run, self._holder, lease_s, self._is_gone)
                )
            except TransientError as error:
                if error.reason != "ClockWentBack" or (error.retry_after or 0) > CLOCK_PATIENCE_S:
                    raise
                await asyncio.sleep(error.retry_after or 0)

    async def renew(self, writer: Writer, lease_s: float) -> None:
        """See `Ledger.renew`."""
        await self._call(lambda: scopes.renew(self._db, writer, lease_s))

    async def release(self, writer: Writer) -> None:
        """See `Ledger.release`."""
        await self._in_transaction(lambda: scopes.release(self._db, writer))

    async def known(self, scope: Scope) -> pl.DataFrame:
        """See `Ledger.known`."""
        return await self._call(lambda: records.known(self._db, scope))

    async def details(self, scope: Scope, keys: pl.Series) -> pl.DataFrame:
        """See `Ledger.details`."""
        return await self._reading(lambda: records.details(self._db, scope, keys))

    async def details_of_hashes(self, scope: Scope, hashes: pl.Series) -> pl.DataFrame:
        """See `Ledger.details_of_hashes`."""
        return await self._call(lambda: records.details_of_hashes(self._db, scope, hashes))

    async def holders(self, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
        """See `Ledger.holders`."""
        return await self._reading(lambda: records.holders(self._db, scope, naturals))

    async def doubts(self, writer: Writer) -> pl.DataFrame:
        """See `Ledger.doubts`."""
        return await self._call(lambda: claims.doubts(self._db, writer, self._db.now_us()))

    async def is_alone(self, writer: Writer) -> bool:
        """See `Ledger.is_alone`."""
        return await self._call(lambda: scopes.is_alone(self._db, writer))

    async def outside(self, writer: Writer) -> Outside:
        """See `Ledger.outside`."""
        return await self._call(lambda: self._outside(writer))

    async def open_rejects(self, scope: Scope) -> pl.DataFrame:
        """See `Ledger.open_rejects`."""
        return await self._call(lambda: rejects.open_rejects(self._db, scope))

    async def claim(self, writer: Writer, rows: pl.DataFrame, live_s: float, read_at: datetime | None = None) -> Grant:
        """See `Ledger.claim`."""
        return await self._in_transaction(lambda: self._claim(writer, rows, live_s, read_at))

    async def commit(self, writer: Writer, commit: Commit) -> None:
        """See `Ledger.commit`."""
        await self._in_transaction(lambda: self._commit(writer, commit))

    async def finish(self, writer: Writer, ending: Ending) -> None:
        """See `Ledger.finish`."""
        await self._in_transaction(lambda: self._finish(writer, ending))

    async def target_ids(self, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
        """See `Ledger.target_ids`."""
        return await self._reading(lambda: records.target_ids(self._db, scope, naturals))

    async def resolve(
        self, system: str, object_name: str, by: Literal["sourceKey", "naturalKey"], keys: pl.Series
    ) -> pl.DataFrame:
        """See `Ledger.resolve`."""
        return await self._reading(lambda: lookups.resolve(self._db, system, object_name, by, keys))

    async def succeeded(self, job: str) -> bool:
        """See `Ledger.succeeded`."""
        return await self._call(lambda: runs.succeeded(self._db, job))

    async def reject_levels(self, scope: Scope, run: str) -> tuple[int, int, list[tuple[str, str | None, int]]]:
        """See `Ledger.reject_levels`."""
        return await self._call(lambda: rejects.levels(self._db, scope, run))

    async def recent_runs(self, job: str | None = None, limit: int = 10) -> list[RunResult]:
        """The last runs, newest first."""
        return await self._call(lambda: runs.recent(self._db, job, limit))

    async def pending(self, run: str) -> pl.DataFrame | None:
        """The operations of a run that wait for approval; None where there are none."""
        return await self._call(lambda: runs.pending(self._db, run))

    async def approve(self, run: str, by: str) -> pl.DataFrame:
        """See `runs.approve`: the operations that waited, once."""
        return await self._in_transaction(lambda: runs.approve(self._db, run, by))

    async def erased(self, scope: Scope, keys: pl.Series) -> pl.Series:
        """See `Ledger.erased`."""
        return await self._reading(lambda: erasure.erased_keys(self._db, scope, keys))

    async def seed(self, writer: Writer, rows: pl.DataFrame) -> int:
        """See `seeding.seed`: makes records known that are at the target."""
        return await self._in_transaction(lambda: seeding.seed(self._db, writer, rows))

    async def now(self) -> datetime:
        """See `Ledger.now`."""
        return datetime.fromtimestamp(await self._call(self._db.now_us) / 1e6, UTC)

    async def aclose(self) -> None:
        """As `close`, by the name that `contextlib.aclosing` calls."""
        await self.close()

    async def close(self) -> None:
        """Gives the connection back."""
        await self._call(self._db.close)

    def _outside(self, writer: Writer) -> Outside:
        claimed = claims.live(self._db, writer, self._db.now_us())  # first: who commits in between is in the count
        has_written = scopes.outside_commits(self._db, writer.scope) != writer.outside_commits
        return Outside(has_written, claimed)

    def _claim(self, writer: Writer, rows: pl.DataFrame, live_s: float, read_at: datetime | None) -> Grant:
        db = self._db
        until = db.now_us() + int(live_s * 1e6)
        is_shared = bool((rows["operation"] == "create").any()) and scopes.lock_beside(db, writer.scope)
        is_alone = scopes.hold(db, writer, until)
        contest = claims.contest(db, writer, rows, db.now_us())
        busy = [contest.lost]
        if is_shared:
            busy.append(claims.creating_elsewhere(db, writer.scope, rows, db.now_us()))
        older = rows.filter(pl.col("operation") != "create") if is_alone else rows
        newer = records.newer(db, writer.scope, older.select("key", "version"))
        if read_at is not None and not is_alone:
            newer = pl.concat([newer, records.removed_since(db, writer.scope, rows["key"], read_at)]).unique()
        made = rows["key"].clear() if is_alone else records.made(db, writer.scope, rows)
        erased = erasure.erased_keys(db, writer.scope, rows["key"])
        lost = pl.concat([*busy, newer, made]).unique()
        lost = lost.filter(~lost.is_in(erased.implode()))
        kept = rows.filter(~pl.col("key").is_in(pl.concat([lost, erased]).implode()))
        claim = claims.add(db, writer, kept, until)
        newer = newer.filter(newer.is_in(lost.implode()) & ~newer.is_in(pl.concat(busy).implode()))
        doubtful = contest.doubtful.filter(contest.doubtful.is_in(kept["key"].implode()))
        return Grant(claim, lost, newer, doubtful, erased, is_shared)

    def _commit(self, writer: Writer, commit: Commit) -> None:
        db, scope = self._db, writer.scope
        is_alone = scopes.hold(db, writer)
        if commit.claim is not None:
            claims.settle_own(db, writer, commit.claim, commit.unknown)
        claims.settle_others(db, scope, commit.settled, db.now_us())
        if is_alone:
            records.append(db, scope, commit.added)
            records.change(db, scope, commit.changed)
        else:
            records.put(db, scope, pl.concat([commit.added, commit.changed]))
        records.heal(db, scope, commit.healed)
        if not writer.is_leased:
            scopes.count_outside_commit(db, scope.id)
        records.remove(db, scope, commit.removed)
        records.keep_ids(db, scope, commit.ids)
        rejects.close(db, scope, writer.run, commit.closed)
        rejects.record(db, scope, writer.run, commit.rejects)
        if commit.watermark is not None:
            db.execute("UPDATE ponte_scopes SET watermark = $2 WHERE id = $1", (scope.id, commit.watermark))
        if commit.mapping_fingerprint is not None:
            runs.note_mapping(db, scope.id, commit.mapping_fingerprint)
        runs.save(db, writer, commit.result)

    def _finish(self, writer: Writer, ending: Ending) -> None:
        scopes.hold(self._db, writer)
        runs.finish(self._db, writer, ending)
        scopes.release(self._db, writer)

    async def _reading(self, work: Callable[[], T]) -> T:
        def read() -> T:
            with self._db.reading():
                return work()

        return await self._call(read)

    async def _in_transaction(self, work: Callable[[], T]) -> T:
        def transact() -> T:
            with self._db.transaction():
                return work()

        return await self._call(transact)

    async def _call(self, work: Callable[[], T]) -> T:
        def locked() -> T:
            with self._lock:
                return work()

        return await in_thread(locked)
