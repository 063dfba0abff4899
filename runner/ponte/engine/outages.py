"""Outages: a target that answers for none of its records is down, which is no fault of theirs.

A record to which a target has no answer again and again, while others go through, becomes a reject: it must not stop
the others. Where no record of a delivery gets one, the run ends to be tried again, and nothing is rejected: what may
have arrived stays in doubt, what was not sent is given back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import polars as pl

from ponte.engine.ports import SHUT_OUT, UNANSWERED, Delivery
from ponte.engine.retry import retried
from ponte.engine.settle import for_a_person, one_each, part_of, unknown_answers, with_newer
from ponte.engine.state import RunState
from ponte.engine.wording import counted, told
from ponte.errors import ConfigurationError, PonteError, TransientError

Failpoint = Callable[[], Awaitable[None]]

_SEVERAL = 2
"""So many records without an answer, none with one, and none known to be trouble, are no chance."""


async def deliver(state: RunState, delivery: Delivery, keys: pl.Series, after: Failpoint) -> pl.DataFrame:
    """Columns of ANSWER_SCHEMA, one answer for each row; unknown ones settled as far as can be.

    What is still unknown is `open` instead where the target is down. While a target answers, what it left unsent is
    sent once more.

    Args:
        state: the run.
        delivery: what is delivered.
        keys: source keys of its rows.
        after: the failpoint behind each call.

    Raises:
        PonteError: certainly nothing of the delivery was applied.
    """
    answers = newest = await _once(state, delivery, after)
    while _is_answered(newest).any() and state.may_send():
        unsent = answers.filter(pl.col("outcome") == "unsent")["row"]
        if unsent.is_empty():
            break
        try:
            sent = await _once(state, part_of(delivery, unsent), after)
        except PonteError:
            break  # the next run meets it too; what was acknowledged must be committed first
        newest = sent.with_columns(unsent.gather(sent["row"]).alias("row"))
        answers = with_newer(answers, newest)
    named = for_a_person(state.ports.target.capabilities, delivery.operation, answers)
    named = named.with_columns(pl.col("outcome").cast(pl.String))
    if not _is_down(state, answers, keys):
        return named
    is_open = (pl.col("outcome") == "unknown") & pl.col("reason").is_in(UNANSWERED)
    return named.with_columns(pl.when(is_open).then(pl.lit("open")).otherwise("outcome").alias("outcome"))


def check(state: RunState, answers: pl.DataFrame, column: str) -> None:
    """Ends the run where the target was down or let nobody in any more.

    Args:
        state: the run.
        answers: what `deliver` said.
        column: name of the column that has the outcome.

    Raises:
        TransientError: it was down; with its last answer.
        ConfigurationError: the login or a certificate was good at first and is not any more.
    """
    refused = answers.filter((pl.col(column) == "unsent") & pl.col("reason").is_in(SHUT_OUT))
    if refused.height:
        why, count = refused["message"][0], told(refused.height, "record", "was", "were")
        raise ConfigurationError(
            f"SyncJob {state.job.name}: {count} not sent, and none of them was rejected: {why}",
            reason=refused["reason"][0],
        )
    is_missed = (pl.col(column) == "open") | ((pl.col(column) == "unsent") & pl.col("reason").is_in(UNANSWERED))
    missed = answers.filter(is_missed)
    if not missed.height:
        return
    last = missed.sort(pl.col(column) == "unsent", maintain_order=True).row(0, named=True)
    target = f"{state.job.target_system}/{state.job.target_object}"
    raise TransientError(
        f"SyncJob {state.job.name}: {target} is down or does not keep up, with {counted(missed.height, 'record')} to "
        "go. None of them was rejected; the next run finds out what arrived, and goes on. Its last answer was: "
        f"{last['message']}",
        reason=last["reason"],
    )


async def _once(state: RunState, delivery: Delivery, after: Failpoint) -> pl.DataFrame:
    ports = state.ports
    answers = await retried(lambda: ports.target.deliver(delivery), ports.clock, state.check_sending)
    await after()
    return await unknown_answers(state, delivery, one_each(answers, delivery))


def _is_answered(answers: pl.DataFrame) -> pl.Series:
    """Which records the target decided on, be it that nobody understands what it said."""
    is_definite = pl.col("outcome").is_in(["done", "rejected"])
    is_heard = (pl.col("outcome") == "unknown") & ~pl.col("reason").is_in(UNANSWERED)
    return answers.select(is_definite | is_heard.fill_null(value=True)).to_series()


def _is_down(state: RunState, answers: pl.DataFrame, keys: pl.Series) -> bool:
    is_away = pl.col("reason").is_in(UNANSWERED)
    missed = answers.filter(is_away & pl.col("outcome").is_in(["unknown", "unsent"]))
    if (missed["outcome"] == "unsent").any():
        return True
    known = keys.gather(missed["row"]).is_in(state.open_rejects["key"].implode())
    return not _is_answered(answers).any() and (~known).sum() >= _SEVERAL
