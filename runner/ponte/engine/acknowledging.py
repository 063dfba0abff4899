"""After a run: a source that can put away what it has handed over is told that all of it is safe."""

from __future__ import annotations

from ponte.engine.ledger_port import Ending
from ponte.engine.ports import AcknowledgedSource
from ponte.engine.state import RunState
from ponte.errors import PonteError
from ponte_api.result import RunResult


async def acknowledge(state: RunState, ending: Ending) -> RunResult:
    """The run's report; tells its source first, where every record of a whole reading is safe.

    Called once the ledger has the run's end. A failure is a note: what was delivered stays delivered, and what was not
    put away is read again.
    """
    source = state.ports.source
    if not isinstance(source, AcknowledgedSource) or not ending.has_succeeded:
        return ending.result
    await state.ports.failpoint("acknowledge.before")
    note = await _told(state, source)
    await state.ports.failpoint("acknowledge.after")
    if note is None:
        return ending.result
    return ending.result.model_copy(update={"notes": [*ending.result.notes, note]})


async def _told(state: RunState, source: AcknowledgedSource) -> str | None:
    account = state.account
    unsafe = account.rejected + account.duplicate + account.conflict + account.deferred + state.missed
    try:
        if unsafe or state.shortcomings:
            return await source.retain(unsafe)
        return await source.acknowledge()
    except PonteError as error:
        return f"{error.reason}: {error.message} What was read is read again by the next run."
