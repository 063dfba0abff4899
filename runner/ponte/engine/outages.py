"""Outages: a target that answers for none of its records is down, which is no fault of theirs.

A record to which a target has no answer again and again, while others go through, becomes a reject: it must not stop
the others. Where no record of a delivery gets one, the run ends to be tried again, and nothing is rejected: what may
have arrived stays in doubt, what was not sent is given back.

Some records are poison: a clumsy server fails over them each time. Three rules tell them from an outage, also where
they come first or alone. Before a target that was given up is taken for down, a few of the records not sent yet are
tried. What had no answer in an earlier run is sent after all others. And it says nothing about the target if it has
none again and the target can still be asked for records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import polars as pl

from ponte.engine.ports import SHUT_OUT, UNANSWERED, Delivery
from ponte.engine.retry import retried
from ponte.engine.settle import for_a_person, key_fields, one_each, part_of, unknown_answers, with_newer
from ponte.engine.state import RunState
from ponte.engine.wording import counted, told
from ponte.errors import ConfigurationError, PonteError, TransientError

Failpoint = Callable[[], Awaitable[None]]

_SEVERAL = 2
"""So many records without an answer, none with one, and none known to be trouble, are no chance."""
_FEW = 20
"""What is left in doubt by more records than that is no poison: their run was killed, or the target down."""
_SAMPLE = 3
"""How many of the records not sent yet are tried before a target is taken for down."""


async def deliver(state: RunState, delivery: Delivery, keys: pl.Series, after: Failpoint) -> pl.DataFrame:
    """Columns of ANSWER_SCHEMA, one answer for each row; unknown ones settled as far as can be.

    What is still unknown is `open` instead where the target is down (see `check`) and can tell later what arrived.
    While a target answers, what it left unsent is sent once more.

    Args:
        state: the run.
        delivery: what is delivered.
        keys: source keys of its rows.
        after: the failpoint behind each call.

    Raises:
        PonteError: certainly nothing of the delivery was applied.
    """
    answers = newest = await _once(state, delivery, after)
    is_sample = False
    while state.may_send() and (unsent := _unsent(answers)).len():
        is_there = await _is_there(state, delivery, newest, keys)
        if is_sample and not is_there:
            break
        is_sample = not is_there
        part = _sample(unsent) if is_sample else unsent
        try:
            sent = await _once(state, part_of(delivery, part), after)
        except PonteError:
            break  # the next run meets it too; what was acknowledged must be committed first
        newest = sent.with_columns(part.gather(sent["row"]).alias("row"))
        answers = with_newer(answers, newest)
    named = for_a_person(state.ports.target.capabilities, delivery.operation, answers)
    named = named.with_columns(pl.col("outcome").cast(pl.String))
    missed = answers.filter(_IS_MISSED)
    is_down = missed.height > 0 and (
        (missed["outcome"] == "unsent").any() or not await _is_there(state, delivery, answers, keys)
    )
    state.unheard = 0 if _is_answered(answers).any() else state.unheard + _fresh(state, missed, keys)
    shut_out = answers.filter((pl.col("outcome") == "unsent") & pl.col("reason").is_in(SHUT_OUT))
    if shut_out.height:
        state.outage = _refusal(state, shut_out)
    if not is_down or shut_out.height:
        return named
    is_unknown = pl.col("outcome") == "unknown"
    state.outage = _outage(state, missed, named.filter(is_unknown & (pl.col("reason") == "AmbiguousCreate")).height)
    is_open = is_unknown & pl.col("reason").is_in(UNANSWERED)
    return named.with_columns(pl.when(is_open).then(pl.lit("open")).otherwise("outcome").alias("outcome"))


def check(state: RunState) -> None:
    """Ends the run where the target was down or shut, called when what it answered before can be committed.

    Raises:
        TransientError: it was down; with its last answer.
        ConfigurationError: it lets nobody in any more: the login or a certificate was good at first and is not now.
    """
    if state.outage is not None:
        raise state.outage


def trouble_last(state: RunState, rows: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """The rows (column row) of a chunk in the order in which they are sent; `keys` are the source keys of the chunk."""
    is_trouble = keys.gather(rows["row"]).is_in(_trouble(state).implode())
    return pl.concat([rows.filter(~is_trouble), rows.filter(is_trouble)]) if is_trouble.any() else rows


_IS_MISSED = pl.col("reason").is_in(UNANSWERED) & pl.col("outcome").is_in(["unknown", "unsent"])


def _trouble(state: RunState) -> pl.Series:
    """Keys of records that an earlier run did not get through."""
    return pl.concat([state.open_rejects["key"], state.doubts["key"]])


def _outage(state: RunState, missed: pl.DataFrame, ambiguous: int) -> TransientError:
    last = missed.sort(pl.col("outcome") == "unsent", maintain_order=True).row(0, named=True)
    target = f"{state.job.target_system}/{state.job.target_object}"
    then = "None of them was rejected; the next run finds out what arrived, and goes on."
    if ambiguous:
        who = told(ambiguous, "record", "may have arrived and waits", "may have arrived and wait")
        then = f"Of these, {who} for a person (AmbiguousCreate); the next run goes on with the others."
    return TransientError(
        f"SyncJob {state.job.name}: {target} is down or does not keep up, with {counted(missed.height, 'record')} to "
        f"go. {then} Its last answer was: {last['message']}",
        reason=last["reason"],
    )


def _refusal(state: RunState, shut_out: pl.DataFrame) -> ConfigurationError:
    why, count = shut_out["message"][0], told(shut_out.height, "record", "was", "were")
    return ConfigurationError(
        f"SyncJob {state.job.name}: {count} not sent, and none of them was rejected: {why}",
        reason=shut_out["reason"][0],
    )


async def _once(state: RunState, delivery: Delivery, after: Failpoint) -> pl.DataFrame:
    ports = state.ports
    answers = await retried(lambda: ports.target.deliver(delivery), ports.clock, state.check_sending)
    await after()
    return await unknown_answers(state, delivery, one_each(answers, delivery))


def _unsent(answers: pl.DataFrame) -> pl.Series:
    return answers.filter(pl.col("outcome") == "unsent")["row"]


def _sample(rows: pl.Series) -> pl.Series:
    """A few of the rows, from the last one on, evenly spread: poison tends to come together."""
    return rows.reverse().gather_every(max(1, len(rows) // _SAMPLE)).head(_SAMPLE).sort()


def _is_answered(answers: pl.DataFrame) -> pl.Series:
    """Which records the target decided on, be it that nobody understands what it said."""
    is_definite = pl.col("outcome").is_in(["done", "rejected"])
    is_heard = (pl.col("outcome") == "unknown") & ~pl.col("reason").is_in(UNANSWERED)
    return answers.select(is_definite | is_heard.fill_null(value=True)).to_series()


def _fresh(state: RunState, missed: pl.DataFrame, keys: pl.Series) -> int:
    """How many records without an answer are not known to be trouble."""
    return int((~keys.gather(missed["row"]).is_in(_trouble(state).implode())).sum())


async def _is_there(state: RunState, delivery: Delivery, answers: pl.DataFrame, keys: pl.Series) -> bool:
    """Whether a target that did not answer for some records is not down: see the rules above."""
    if _is_answered(answers).any():
        return True
    tried = answers.filter(pl.col("outcome") == "unknown")
    if not tried.height:
        return False
    names = keys.gather(tried["row"])
    is_rejected = names.is_in(state.open_rejects["key"].implode())
    is_doubtful = ~is_rejected & names.is_in(state.doubts["key"].implode())
    fresh = _fresh(state, tried, keys)
    if fresh + state.unheard >= _SEVERAL or is_doubtful.sum() > _FEW:
        return False
    return fresh == tried.height or await _can_be_asked(state, delivery)


async def _can_be_asked(state: RunState, delivery: Delivery) -> bool:
    """Whether the target answers when it is asked for a record; True where it cannot be asked. Never raises."""
    target, key, frame = state.ports.target, delivery.key, delivery.frame.head(1)
    if not target.capabilities.finds:
        return True
    wanted = frame.select(key) if set(key) <= set(frame.columns) else key_fields(frame, key)
    try:
        await target.find(wanted)
    except PonteError:
        return False
    return True
