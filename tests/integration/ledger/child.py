"""A process that delivers without end and is killed by tests: `python child.py URL FIRST-CHUNK [CHUNKS]`.

It says on standard output, line by line, which chunks it has claimed and which the ledger has acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from datetime import UTC, datetime

import polars as pl

from ponte.engine.canonical import join_key
from ponte.engine.ledger_port import CLAIM_SCHEMA, RECORD_SCHEMA, Commit, ScopeIdentity, Writer
from ponte.ledger.opening import open_ledger
from ponte_api.result import RunResult

PER_CHUNK = 40


async def deliver(url: str, first: int, chunks: int | None, state: str) -> None:
    """Claims and commits chunk after chunk."""
    ledger = open_ledger(url)
    identity = ScopeIdentity(state, state, ("erp", "ARTICOLI"), ("shop", "products"))
    scope = await ledger.open_scope(identity)
    run = f"{state}-{first}"
    writer = await ledger.acquire(scope, run, lease_s=3600)
    assert isinstance(writer, Writer), writer
    now = datetime(2026, 11, 23, tzinfo=UTC)
    report = RunResult(
        run=run, job=state, action="sync", read_mode="all", phase="Running", reason="Running", started_at=now
    )
    for chunk in itertools.islice(itertools.count(first), chunks):
        keys = [join_key([f"{chunk}-{number}"]) for number in range(PER_CHUNK)]
        claim = pl.DataFrame([(key, None, "create", 1) for key in keys], schema=CLAIM_SCHEMA, orient="row")
        grant = await ledger.claim(writer, claim, 3600)
        say("claimed", chunk)
        added = pl.DataFrame([(key, None, 7, 1) for key in keys], schema=RECORD_SCHEMA, orient="row")
        await ledger.commit(writer, Commit(report, grant.claim, added=added, watermark=f"{chunk:09}"))
        say("committed", chunk)
    await ledger.release(writer)
    await ledger.close()


def say(what: str, chunk: int) -> None:
    """Told at once, whatever happens next."""
    sys.stdout.write(f"{what} {chunk}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    address, start, *rest = sys.argv[1:]
    asyncio.run(deliver(address, int(start), int(rest[0]) if rest else None, rest[1] if rest else "products"))
