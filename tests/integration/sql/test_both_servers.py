"""What holds alike for PostgreSQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]
Run = Callable[[str], list[tuple[Any, ...]]]


async def read(system: System, name: str, request: Read) -> list[Batch]:
    return [batch async for batch in system.source(name).read(request)]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...]) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing)


async def test_without_a_unique_index_the_statement_that_helps_is_given(
    database: tuple[str, str, Run], make_system: Make
) -> None:
    type_, url, run = database
    run("CREATE TABLE t (sku varchar(50), n int)")
    run("CREATE UNIQUE INDEX part ON t " + ("(sku(3))" if type_ == "datetime" else "(sku) WHERE n > 0"))
    delivery = deliver("create", pl.DataFrame({"sku": ["a"], "n": [1]}), ("sku",))

    with pytest.raises(ConfigurationError, match="CREATE UNIQUE INDEX") as failure:
        await make_system(url, {"name": "t", "table": "t"}).target("t").deliver(delivery)
    run(failure.value.message.partition("Next: ")[2])
    answers = await make_system(url, {"name": "t", "table": "t"}).target("t").deliver(delivery)

    assert answers["outcome"].to_list() == ["done"]


async def test_header_and_lines_are_one_record_in_one_transaction(
    database: tuple[str, str, Run], make_system: Make
) -> None:
    _, url, run = database
    run("CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL)")
    run(
        "CREATE TABLE order_lines (order_id int, pos int, sku text, price decimal(8,2) CHECK (price > 0), note text,"
        " PRIMARY KEY (order_id, pos), FOREIGN KEY (order_id) REFERENCES orders (id))"
    )
    parts = [{"name": "lines", "table": "order_lines", "join": [{"part": "order_id", "record": "id"}], "key": ["pos"]}]
    system = make_system(url, {"name": "orders", "table": "orders", "key": ["id"], "parts": parts})
    target = system.target("orders")

    def frame(*orders: tuple[int, list[tuple[int, str, str]]]) -> pl.DataFrame:
        rows = [
            {"id": i, "customer": "c", "lines": [{"pos": p, "sku": s, "price": Decimal(n)} for p, s, n in lines]}
            for i, lines in orders
        ]
        line = pl.Struct({"pos": pl.Int64, "sku": pl.String, "price": pl.Decimal(8, 2)})
        return pl.DataFrame(rows, schema={"id": pl.Int64, "customer": pl.String, "lines": pl.List(line)})

    first = frame((1, [(1, "a", "1.10"), (2, "b", "2.20")]), (2, []), (3, [(1, "bad", "-1.00")]))
    answers = await target.deliver(deliver("create", first, ("id",)))
    run("UPDATE order_lines SET note = 'kept' WHERE pos = 2")
    await target.deliver(deliver("update", frame((1, [(2, "b2", "2.50"), (3, "c", "3.00")])), ("id",)))

    assert answers["outcome"].to_list() == ["done", "done", "rejected"]
    assert run("SELECT * FROM order_lines ORDER BY 1, 2") == [
        (1, 2, "b2", Decimal("2.50"), "kept"),
        (1, 3, "c", Decimal("3.00"), None),
    ]
    batches = await read(system, "orders", Read("all", 1))
    lists = {row["id"]: row["lines"] for batch in batches for row in batch.frame.iter_rows(named=True)}
    assert [line["sku"] for line in lists[1]] == ["b2", "c"]
    assert lists[2] == []
    fetched = await target.fetch(pl.DataFrame({"id": [1]}), pl.Series([None], dtype=pl.String))
    assert [line["pos"] for line in fetched["lines"][0]] == [2, 3]
    await target.deliver(deliver("delete", pl.DataFrame({"id": [1, 2]}), ("id",)))
    assert run("SELECT count(*) FROM orders") == [(0,)]


async def test_a_record_with_two_lines_of_one_key_is_rejected_by_itself(
    database: tuple[str, str, Run], make_system: Make
) -> None:
    _, url, run = database
    run("CREATE TABLE o (id int PRIMARY KEY)")
    run("CREATE TABLE l (o int, pos int, sku text, PRIMARY KEY (o, pos))")
    parts = [{"name": "lines", "table": "l", "join": [{"part": "o", "record": "id"}], "key": ["pos"]}]
    system = make_system(url, {"name": "t", "table": "o", "key": ["id"], "parts": parts})
    lines = [[{"pos": "1", "sku": "a"}, {"pos": "01", "sku": "b"}], [{"pos": "1", "sku": "c"}]]

    answers = await system.target("t").deliver(deliver("create", pl.DataFrame({"id": [1, 2], "lines": lines}), ("id",)))

    assert answers.select("outcome", "reason").rows() == [("rejected", "DuplicatePart"), ("done", None)]
    assert run("SELECT * FROM l") == [(2, 1, "c")]


def changed_as_text(run: Run, make_system: Make, url: str, rows: str) -> System:
    """The system of a table `t` whose cursor `changed` is text; `rows` stand behind VALUES."""
    run("CREATE TABLE t (id int PRIMARY KEY, changed varchar(30))")
    run(f"INSERT INTO t VALUES {rows}")
    return make_system(url, {"name": "t", "table": "t", "key": ["id"], "cursor": {"field": "changed"}})


@pytest.mark.parametrize("values", [("8", "9"), ("01/01/2026", "31/12/2025"), ("20251231", "n/a")])
async def test_a_cursor_of_text_that_does_not_sort_is_refused(
    database: tuple[str, str, Run], make_system: Make, values: tuple[str, ...]
) -> None:
    _, url, run = database
    rows = ", ".join(f"({number}, '{value}')" for number, value in enumerate(values))
    source = changed_as_text(run, make_system, url, rows).source("t")

    with pytest.raises(ConfigurationError, match=f"cursor changed: it is text, and .*{values[-1]}") as failure:
        await source.upper_bound()

    assert failure.value.reason == "InvalidCursor"


async def test_a_value_between_that_is_written_differently_is_refused_when_it_is_read(
    database: tuple[str, str, Run], make_system: Make
) -> None:
    _, url, run = database
    rows = "(1, '20251231'), (2, '20260101'), (3, '202601015'), (4, '20260102'), (5, NULL), (6, '')"
    system = changed_as_text(run, make_system, url, rows)
    upper = await system.source("t").upper_bound()

    for request in (Read("all", 2), Read("changes", 2, lower="20260101", upper=upper)):
        with pytest.raises(ConfigurationError, match=r"it holds 20.* and 20.*, written differently"):
            await read(system, "t", request)
    run("DELETE FROM t WHERE id = 3")
    batches = await read(system, "t", Read("changes", 9, lower="20260101", upper=upper))

    assert upper == "20260102"
    assert sorted(number for batch in batches for number in batch.frame["id"]) == [2, 4, 5]


async def test_a_time_of_text_with_a_blank_is_not_missed_after_one_with_t(
    database: tuple[str, str, Run], make_system: Make
) -> None:
    _, url, run = database
    system = changed_as_text(run, make_system, url, "(1, '2026-01-01T10:00:00'), (2, '2026-01-01 23:30:00')")
    upper = await system.source("t").upper_bound()

    batches = await read(system, "t", Read("changes", 9, lower="2026-01-01T09:55:00", upper=upper))

    assert [number for batch in batches for number in batch.frame["id"]] == [2, 1]
