"""Doubts: what dead runs claimed and never settled. What the target holds of such keys is found out, then put right.

A reading of all looks creates in doubt up first, so that a record whose source is gone meanwhile is still known and can
be removed; it ends the claims when it is whole. Other readings only read these keys again.
"""

from __future__ import annotations

import polars as pl

from ponte.engine.canonical import split_key
from ponte.engine.ledger_port import CLAIM_SCHEMA, ID_SCHEMA, RECORD_SCHEMA, REMOVED_SCHEMA, Commit
from ponte.engine.rejecting import rejects_of, single_fault
from ponte.engine.retry import retried
from ponte.engine.state import RunState

_GONE = (
    "an earlier create had no answer, and the source has the record no longer, or the job leaves it out: "
    "remove it at the target if it is there, then `ponte rejects retry`"
)
_NOT_KNOWN = pl.lit(None, dtype=pl.UInt128).alias("fingerprint")


async def admit(state: RunState) -> None:
    """Makes records of the ledger of what is in doubt and may be at the target; what it holds there is not known."""
    ports = state.ports
    doubts = state.doubts.unique("key", keep="last", maintain_order=True)
    if not doubts.height:
        return
    await ports.clock.sleep(ports.target.capabilities.settle_s)
    details = await ports.ledger.details(state.writer.scope, doubts["key"])
    live = details.filter(~pl.col("deleted")).with_columns(_NOT_KNOWN)
    unsure = doubts.join(live, on="key", how="anti", maintain_order="left")
    arrived = await _arrived(state, unsure)
    stored = arrived.with_columns(_NOT_KNOWN).select(RECORD_SCHEMA.names())
    has_row = pl.col("key").is_in(details["key"].implode())
    named = arrived.select(pl.coalesce("natural_key", "key").alias("natural_key"), "target_id")
    commit = Commit(
        result=state.result(),
        added=stored.filter(~has_row),
        changed=pl.concat([live.select(RECORD_SCHEMA.names()), stored.filter(has_row)]),
        ids=named.drop_nulls("target_id").select(ID_SCHEMA.names()),
    )
    await ports.failpoint("admit.before")
    await ports.ledger.commit(state.writer, commit)
    await ports.failpoint("admit.after")


async def _arrived(state: RunState, doubts: pl.DataFrame) -> pl.DataFrame:
    """Those (CLAIM_SCHEMA) that are at the target, with target_id; all, where it does no harm to send them again."""
    capabilities = state.ports.target.capabilities
    none = pl.DataFrame(schema={**CLAIM_SCHEMA, "target_id": pl.String})
    if capabilities.upserts and "update" in state.job.operations:
        return doubts.match_to_schema(none.schema, missing_columns="insert")
    if not capabilities.finds:
        return none
    size = capabilities.chunk
    parts = [await _found(state, part) for part in doubts.iter_slices(size)] if doubts.height else []
    return pl.concat([none, *parts])


async def _found(state: RunState, doubts: pl.DataFrame) -> pl.DataFrame:
    """Those (columns key, natural_key and others) that the target has, once each, with target_id."""
    ports = state.ports
    keys = natural_key_fields(
        doubts.select(pl.coalesce("natural_key", "key")).to_series(), tuple(state.job.mapping.key)
    )
    with state.stage("find"):
        found = await retried(lambda: ports.target.find(keys), ports.clock, state.check_stop)
    single = found.filter(~pl.col("row").is_duplicated())
    return doubts.with_row_index("row").join(single, on="row", maintain_order="left").drop("row")


def natural_key_fields(natural_keys: pl.Series, key: tuple[str, ...]) -> pl.DataFrame:
    """Canonical natural keys as a frame of the key's fields, as text."""
    fields = [split_key(natural) for natural in natural_keys]
    return pl.DataFrame(fields, schema=dict.fromkeys(key, pl.String), orient="row")


async def settle_rest(state: RunState, passed_over: pl.Series) -> None:
    """Ends, after a whole reading of all, the claims of keys that came to nothing: rejected, skipped or gone.

    Not those of keys that it passed over.

    Those that are not at the target after all are no longer taken for records that are. Where the target cannot tell,
    a person must: what the source has no longer, or what is rejected now, would stay at the target unseen. Where this
    run has said so already, it is not said twice.
    """
    capabilities, ports = state.ports.target.capabilities, state.ports
    settled = pl.concat([passed_over, *state.settled])
    doubts = state.doubts.unique("key", keep="last", maintain_order=True)
    rest = doubts.filter(~pl.col("key").is_in(settled.implode()))
    if not rest.height:
        return
    details = await ports.ledger.details(state.writer.scope, rest["key"])
    live = details.filter(~pl.col("deleted"))
    keys = rest["key"] if capabilities.finds or capabilities.upserts else live["key"]
    absent = live.clear()
    if capabilities.finds:
        found = pl.concat([await _found(state, part) for part in live.iter_slices(capabilities.chunk)] or [live])
        absent = live.join(found, on="key", how="anti", maintain_order="left")
    removed = absent.select(REMOVED_SCHEMA.names())
    told = pl.concat([keys, *state.ambiguous])
    unsure = rest.filter(~pl.col("key").is_in(told.implode())).with_row_index("row")
    rejects = rejects_of(unsure, single_fault(unsure["row"], None, "AmbiguousCreate", _GONE), "deliver", "ambiguous")
    state.note_rejects(rejects, keys.clear())
    commit = Commit(result=state.result(), settled=keys, removed=removed, rejects=rejects)
    await ports.failpoint("settle-rest.before")
    await ports.ledger.commit(state.writer, commit)
    await ports.failpoint("settle-rest.after")
