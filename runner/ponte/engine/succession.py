"""A source that numbers its records anew: one under a new source key wants the natural key of one that vanished.

The new one is a reject (DuplicateTargetKey) as long as the old one holds the natural key. Once a whole reading has
shown that the old one is gone, the ledger lets go of it; the target's record stays as it is, and the next run delivers
the new one to it. So it is never removed just to be created again, whatever the job's policy for deletes is.
"""

from __future__ import annotations

import polars as pl

from ponte.engine import close
from ponte.engine.canonical import hashes_of
from ponte.engine.known import IndexedKnown
from ponte.engine.ledger_port import REMOVED_SCHEMA
from ponte.engine.state import RunState
from ponte.engine.wording import counted


async def given_up(state: RunState, known: IndexedKnown, read_at_us: int) -> pl.DataFrame:
    """REMOVED_SCHEMA: vanished records whose natural key another record of this reading wants; no longer vanished."""
    none = pl.DataFrame(schema=REMOVED_SCHEMA)
    if not state.contested or state.shortcomings:
        return none
    unseen = known.unseen_holders(pl.concat(state.contested))
    if unseen.is_empty():
        return none
    details = await state.ports.ledger.details_of_hashes(state.writer.scope, unseen)
    settled = details.filter(~pl.col("key").is_in(state.doubts["key"].implode()))
    gone = await close.gone(state, settled, read_at_us)
    known.let_go(hashes_of(gone["key"]))
    if gone.height:
        state.notes.append(
            f"{counted(gone.height, 'vanished record')} gave up the natural key to others, which are rejects of this "
            "run; the next run delivers those"
        )
    return gone.select(REMOVED_SCHEMA.names())
