"""Whole jobs: Northwind to PostgreSQL, run twice, changed, and compared row by row by plain SQL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ponte.runtime.runs import RunRequest, Runtime
from ponte_api.result import RunResult

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from northwind_rows import Row, change_database, change_files, database_rows, file_rows

pytestmark = [pytest.mark.needs("northwind"), pytest.mark.needs("postgresql")]

MakeRuntime = Callable[[str], Runtime]
TARGET_ROWS = {
    "products": "SELECT sku, name, price, stock, is_discontinued FROM products",
    "customers": "SELECT code, company, contact, city, country, phone FROM customers",
    "orders": "SELECT number, customer, ordered_on, freight, ship_name FROM orders",
    "lines": "SELECT number, sku, price, quantity, discount FROM order_lines",
}
COUNTS = {"products": 77, "customers": 93, "orders": 830}


def ask_target(url: str, statement: str) -> list[Row]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def check_all(rows: Callable[[Path, str], list[Row]], folder: Path, url: str) -> None:
    """Each row of the target is that of the source, and there are no others."""
    for kind, statement in TARGET_ROWS.items():
        assert sorted(ask_target(url, statement)) == rows(folder, kind), kind


async def run_all(runtime: Runtime, *more: str) -> dict[str, RunResult]:
    return {name: await runtime.run(RunRequest(name)) for name in ("products", "customers", "orders", *more)}


async def test_from_the_database_everything_arrives_once_and_only_changes_follow(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("sqlite")

    first = await run_all(runtime)
    check_all(database_rows, copy, postgres_url)
    second = await run_all(runtime)

    assert {name: result.account.created for name, result in first.items()} == COUNTS
    assert {name: result.account.unchanged for name, result in second.items()} == COUNTS
    assert [result.account.written for result in second.values()] == [0, 0, 0]

    change_database(
        copy,
        "UPDATE Products SET UnitPrice = 0.1, ProductName = 'Châi; DROP' WHERE ProductID = 1",
        'UPDATE "Order Details" SET Quantity = 99 WHERE OrderID = 10248 AND ProductID = 11',
        'DELETE FROM "Order Details" WHERE OrderID = 10249 AND ProductID = 14',
        'INSERT INTO "Order Details" VALUES (10250, 1, 3.3, 7, 0.05)',
        "UPDATE Orders SET OrderDate = '2026-02-28 23:59:59.000', Freight = NULL, ShipName = 'Ö' WHERE OrderID = 10251",
        "UPDATE Customers SET City = NULL, ContactName = 'O''Neil' WHERE CustomerID = 'ALFKI'",
    )
    third = await run_all(runtime)

    assert {name: result.account.updated for name, result in third.items()} == {
        "products": 1,
        "customers": 1,
        "orders": 4,
    }
    check_all(database_rows, copy, postgres_url)
    assert ask_target(postgres_url, "SELECT DISTINCT remark FROM products") == [("ours",)]


async def test_from_the_files_the_same_arrives_and_what_changes_in_them_follows(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("files")

    first = await run_all(runtime, "lines")
    check_all(file_rows, copy, postgres_url)
    second = await run_all(runtime, "lines")

    counts = {**COUNTS, "lines": 2155}
    assert {name: result.account.created for name, result in first.items()} == counts
    assert {name: result.account.unchanged for name, result in second.items()} == counts
    assert [result.account.written for result in second.values()] == [0, 0, 0, 0]

    change_files(copy)
    third = await run_all(runtime, "lines")

    assert {name: (r.account.created, r.account.updated, r.account.deleted) for name, r in third.items()} == {
        "products": (0, 1, 0),
        "customers": (1, 1, 1),
        "orders": (1, 1, 0),
        "lines": (1, 1, 1),
    }
    check_all(file_rows, copy, postgres_url)
    new = ask_target(
        postgres_url, "SELECT customer, ordered_on::text, freight, ship_name FROM orders WHERE number = 20000"
    )
    assert new == [("NEWCO", "2026-11-25 00:00:00", Decimal("7.05"), None)]


async def test_a_product_that_leaves_the_source_leaves_the_target(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("sqlite")
    await runtime.run(RunRequest("products"))

    change_database(copy, "DELETE FROM Products WHERE ProductID IN (76, 77)")
    result = await runtime.run(RunRequest("products"))

    assert result.account.deleted == 2
    assert sorted(ask_target(postgres_url, TARGET_ROWS["products"])) == database_rows(copy, "products")


async def test_orders_wait_for_their_customers_and_products_then_come_go_and_change(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("sqlite")

    early = await runtime.run(RunRequest("orders"))
    assert (early.account.read, early.account.deferred, early.account.written) == (830, 830, 0)
    assert ask_target(postgres_url, "SELECT count(*) FROM orders") == [(0,)]

    await run_all(runtime)
    check_all(database_rows, copy, postgres_url)

    change_database(
        copy,
        "INSERT INTO Orders (OrderID, CustomerID, Freight) VALUES (20000, 'ALFKI', 1.5)",
        'INSERT INTO "Order Details" VALUES (20000, 77, 9.99, 3, 0)',
        "UPDATE Orders SET CustomerID = 'ANATR' WHERE OrderID = 10250",
        'DELETE FROM "Order Details" WHERE OrderID = 10248',
        "DELETE FROM Orders WHERE OrderID = 10248",
    )
    changed = (await run_all(runtime))["orders"]

    assert (changed.account.created, changed.account.updated, changed.account.deleted) == (1, 1, 1)
    check_all(database_rows, copy, postgres_url)
