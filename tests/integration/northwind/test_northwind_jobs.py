"""Whole jobs: Northwind to PostgreSQL, run twice, changed, and compared row by row by plain SQL."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ponte.runtime.runs import RunRequest, Runtime
from ponte_api.result import RunResult

pytestmark = [pytest.mark.needs("northwind"), pytest.mark.needs("postgresql")]

MakeRuntime = Callable[[str], Runtime]
PRODUCTS = "SELECT ProductID, ProductName, UnitPrice, UnitsInStock, Discontinued FROM Products ORDER BY 1"
LINES = 'SELECT OrderID, ProductID, UnitPrice, Quantity, Discount FROM "Order Details" ORDER BY 1, 2'


def ask_source(folder: Path, *statements: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "northwind.db")) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def ask_target(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def exact(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float | Decimal) else value


def check_products(folder: Path, url: str) -> None:
    expected = [(*row[:2], Decimal(str(row[2])), row[3], row[4] == "1") for row in ask_source(folder, PRODUCTS)]
    assert ask_target(url, "SELECT sku, name, price, stock, is_discontinued FROM products ORDER BY 1") == expected


def check_lines(folder: Path, url: str) -> None:
    expected = [tuple(exact(value) for value in row) for row in ask_source(folder, LINES)]
    found = ask_target(url, "SELECT number, sku, price, quantity, discount FROM order_lines ORDER BY 1, 2")
    assert found == [tuple(Decimal(v) if i in {2, 4} else v for i, v in enumerate(row)) for row in expected]


async def run_all(runtime: Runtime) -> dict[str, RunResult]:
    return {name: await runtime.run(RunRequest(name)) for name in ("products", "customers", "orders")}


async def test_from_the_database_everything_arrives_once_and_only_changes_follow(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("sqlite")

    first = await run_all(runtime)
    check_products(copy, postgres_url)
    check_lines(copy, postgres_url)
    second = await run_all(runtime)

    counts = {
        name: ask_source(copy, f"SELECT count(*) FROM {name}")[0][0] for name in ("products", "customers", "orders")
    }
    assert {name: result.account.created for name, result in first.items()} == counts
    assert {name: result.account.unchanged for name, result in second.items()} == counts
    assert [result.account.written for result in second.values()] == [0, 0, 0]

    ask_source(
        copy,
        "UPDATE Products SET UnitPrice = 0.1, ProductName = 'Châi; DROP' WHERE ProductID = 1",
        'UPDATE "Order Details" SET Quantity = 99 WHERE OrderID = 10248 AND ProductID = 11',
        'DELETE FROM "Order Details" WHERE OrderID = 10249 AND ProductID = 14',
        'INSERT INTO "Order Details" VALUES (10250, 1, 3.3, 7, 0.05)',
        "UPDATE Customers SET City = NULL WHERE CustomerID = 'ALFKI'",
    )
    third = await run_all(runtime)

    assert {name: result.account.updated for name, result in third.items()} == {
        "products": 1,
        "customers": 1,
        "orders": 3,
    }
    check_products(copy, postgres_url)
    check_lines(copy, postgres_url)
    assert ask_target(postgres_url, "SELECT city FROM customers WHERE code = 'ALFKI'") == [(None,)]
    assert ask_target(postgres_url, "SELECT DISTINCT remark FROM products") == [("ours",)]


async def test_from_the_files_the_same_arrives(copy: Path, make_runtime: MakeRuntime, postgres_url: str) -> None:
    runtime = make_runtime("files")

    first = await run_all(runtime)
    second = await run_all(runtime)

    check_products(copy, postgres_url)
    with (copy / "Customers.csv").open(newline="", encoding="utf-8") as file:
        customers = [
            tuple(row[name] or None for name in ("CustomerID", "CompanyName", "City")) for row in csv.DictReader(file)
        ]
    assert ask_target(postgres_url, "SELECT code, company, city FROM customers ORDER BY 1") == sorted(customers)
    assert all(result.phase == "Succeeded" for result in first.values())
    assert [result.account.written for result in second.values()] == [0, 0, 0]


async def test_a_product_that_leaves_the_source_leaves_the_target(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("sqlite")
    await runtime.run(RunRequest("products"))

    ask_source(copy, "DELETE FROM Products WHERE ProductID IN (76, 77)")
    result = await runtime.run(RunRequest("products"))

    assert result.account.deleted == 2
    check_products(copy, postgres_url)


async def test_orders_wait_for_their_customers_and_products_then_come_go_and_change(
    copy: Path, make_runtime: MakeRuntime, postgres_url: str
) -> None:
    runtime = make_runtime("sqlite")

    early = await runtime.run(RunRequest("orders"))
    assert (early.account.read, early.account.deferred, early.account.written) == (830, 830, 0)
    assert ask_target(postgres_url, "SELECT count(*) FROM orders") == [(0,)]

    await run_all(runtime)
    check_lines(copy, postgres_url)

    ask_source(
        copy,
        "INSERT INTO Orders (OrderID, CustomerID, Freight) VALUES (20000, 'ALFKI', 1.5)",
        'INSERT INTO "Order Details" VALUES (20000, 77, 9.99, 3, 0)',
        "UPDATE Orders SET CustomerID = 'ANATR' WHERE OrderID = 10250",
        'DELETE FROM "Order Details" WHERE OrderID = 10248',
        "DELETE FROM Orders WHERE OrderID = 10248",
    )
    changed = (await run_all(runtime))["orders"]

    assert (changed.account.created, changed.account.updated, changed.account.deleted) == (1, 1, 1)
    check_lines(copy, postgres_url)
    orders = "SELECT {} , {} FROM orders ORDER BY 1"
    expected = ask_source(copy, orders.format("OrderID", "CustomerID"))
    assert ask_target(postgres_url, orders.format("number", "customer")) == expected
