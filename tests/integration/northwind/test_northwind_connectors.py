"""What the connectors read of Northwind, against plain SQL over the same file."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ponte.engine.ports import Batch, Read
from ponte.runtime.runs import Runtime

pytestmark = [pytest.mark.needs("northwind"), pytest.mark.needs("postgresql")]


def ask(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


async def read(runtime: Runtime, name: str, batch_size: int = 100) -> list[dict[str, Any]]:
    system = runtime.system("northwind")
    batches: list[Batch] = [batch async for batch in system.source(name).read(Read("all", batch_size))]
    await system.close()
    assert batches[-1].is_last
    assert not any(batch.unreadable or batch.faults is not None for batch in batches)
    return [record for batch in batches for record in batch.frame.iter_rows(named=True)]


async def test_products_of_the_database_are_whole_and_their_prices_exact(
    copy: Path, make_runtime: Callable[[str], Runtime]
) -> None:
    products = await read(make_runtime("sqlite"), "products")

    cents = ask(copy / "northwind.db", "SELECT ProductID, CAST(round(UnitPrice * 100) AS INTEGER) FROM Products")
    assert {product["ProductID"]: int(product["UnitPrice"] * 100) for product in products} == dict(cents)
    assert all(isinstance(product["UnitPrice"], Decimal) for product in products)


async def test_orders_of_the_database_have_their_lines(copy: Path, make_runtime: Callable[[str], Runtime]) -> None:
    orders = await read(make_runtime("sqlite"), "orders", 37)

    expected = ask(
        copy / "northwind.db",
        "SELECT o.OrderID, count(d.ProductID), coalesce(sum(d.Quantity), 0), coalesce(sum(CAST(round(d.UnitPrice * 100)"
        ' AS INTEGER)), 0) FROM Orders o LEFT JOIN "Order Details" d ON d.OrderID = o.OrderID GROUP BY o.OrderID',
    )
    found = [
        (
            order["OrderID"],
            len(order["lines"]),
            sum(line["Quantity"] for line in order["lines"]),
            int(sum((line["UnitPrice"] for line in order["lines"]), Decimal(0)) * 100),
        )
        for order in orders
    ]
    assert sorted(found) == sorted(expected)


async def test_each_field_of_the_files_is_the_text_that_stands_in_them(
    copy: Path, make_runtime: Callable[[str], Runtime]
) -> None:
    runtime = make_runtime("files")
    for name, file, null in (
        ("products", "Products", ""),
        ("customers", "Customers", ""),
        ("orders", "Orders", "NULL"),
    ):
        with (copy / f"{file}.csv").open(newline="", encoding="utf-8") as stream:
            expected = [
                {k: v if v not in {"", null} else None for k, v in row.items()} for row in csv.DictReader(stream)
            ]

        assert await read(runtime, name) == expected
