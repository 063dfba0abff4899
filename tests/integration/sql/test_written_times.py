"""A time is written as it is, or its record is a reject: no target may round it in silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl

from ponte.engine.ports import Delivery, System

Make = Callable[..., System]
Run = Callable[[str], list[tuple[Any, ...]]]


async def test_a_time_that_is_finer_than_its_column_is_a_reject(
    database: tuple[str, str, Run], make_system: Make
) -> None:
    type_, url, run = database
    run(f"CREATE TABLE t (id int PRIMARY KEY, s {type_}(0), ms {type_}(3), us {type_}(6), d0 time(0), d2 time(2))")
    rows = [
        {"s": "2026-01-01 10:00:00", "ms": "2026-01-01 10:00:00.123", "us": "2026-01-01 10:00:00.123456"},
        {"s": "2026-01-01 10:00:00.5"},
        {"ms": "2026-01-01 10:00:00.1234"},
        {"us": "2026-01-01 10:00:00.1234567"},
        {"us": "2026-01-01 10:00:00.123456000"},
        {"d0": "23:59:59.9"},
        {"d2": "23:59:59.999"},
        {"d0": "23:59:59.000", "d2": "23:59:59.99"},
    ]
    fields = ("s", "ms", "us", "d0", "d2")
    frame = pl.DataFrame(
        {"id": range(len(rows)), **{name: [row.get(name) for row in rows] for name in fields}},
        schema={"id": pl.Int64, **dict.fromkeys(fields, pl.String)},
    )
    nothing = pl.Series([None] * frame.height, dtype=pl.String)

    answers = (
        await make_system(url, {"name": "t", "table": "t"})
        .target("t")
        .deliver(Delivery("create", frame, ("id",), nothing, nothing))
    )

    rejected = answers.filter(pl.col("outcome") == "rejected").select("row", "field", "reason").rows()
    assert rejected == [
        (n, field, "NotConvertible") for n, field in ((1, "s"), (2, "ms"), (3, "us"), (5, "d0"), (6, "d2"))
    ]
    assert "digits of a second's fraction" in answers["message"][1]
    assert run("SELECT id FROM t ORDER BY id") == [(0,), (4,), (7,)]
    moment = datetime(2026, 1, 1, 10, 0, 0, 123456)  # noqa: DTZ001 - the column has no zone
    assert run("SELECT s, ms, us FROM t WHERE id = 0") == [
        (moment.replace(microsecond=0), moment.replace(microsecond=123000), moment)
    ]


async def test_a_time_in_nanoseconds_is_never_cut(database: tuple[str, str, Run], make_system: Make) -> None:
    type_, url, run = database
    run(f"CREATE TABLE t (id int PRIMARY KEY, us {type_}(6))")
    times = pl.Series([1_000, 1_001], dtype=pl.Int64).cast(pl.Datetime("ns"))
    frame = pl.DataFrame({"id": [1, 2], "us": times})
    nothing = pl.Series([None, None], dtype=pl.String)

    answers = (
        await make_system(url, {"name": "t", "table": "t"})
        .target("t")
        .deliver(Delivery("create", frame, ("id",), nothing, nothing))
    )

    assert answers["reason"].to_list() == [None, "NotConvertible"]
    assert run("SELECT id FROM t") == [(1,)]
