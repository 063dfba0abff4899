"""Whole rows of Northwind as they must arrive, worked out from its database by plain SQL, or from its CSV files.

The columns of each kind of record, in order:

- products: number, name, price, stock, whether it is discontinued;
- customers: code, company, contact, city, country, phone;
- orders: number, customer's code, time, freight, ship name;
- lines: order, product, price, quantity, discount.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]
NULLS = {"", "NULL"}


def exact(value: object) -> Decimal:
    """A number by the digits that are shown of it."""
    return Decimal(str(value))


@dataclass(frozen=True)
class Kind:
    """A kind of record: its table, its file, its columns and what their values are."""

    table: str
    file: str
    columns: dict[str, Callable[[Any], Any]]

    def row(self, values: Iterable[Any]) -> Row:
        pairs = zip(self.columns.values(), values, strict=True)
        return tuple(None if value is None else convert(value) for convert, value in pairs)


KINDS = {
    "products": Kind(
        "Products",
        "Products.csv",
        {
            "ProductID": int,
            "ProductName": str,
            "UnitPrice": exact,
            "UnitsInStock": int,
            "Discontinued": lambda value: str(value) == "1",
        },
    ),
    "customers": Kind(
        "Customers",
        "Customers.csv",
        dict.fromkeys(("CustomerID", "CompanyName", "ContactName", "City", "Country", "Phone"), str),
    ),
    "orders": Kind(
        "Orders",
        "Orders.csv",
        {
            "OrderID": int,
            "CustomerID": str,
            "OrderDate": datetime.fromisoformat,
            "Freight": exact,
            "ShipName": str,
        },
    ),
    "lines": Kind(
        "Order Details",
        "OrderDetails.csv",
        {"OrderID": int, "ProductID": int, "UnitPrice": exact, "Quantity": int, "Discount": exact},
    ),
}


def database_rows(folder: Path, kind: str) -> list[Row]:
    """What stands in northwind.db, in order."""
    columns = ", ".join(KINDS[kind].columns)
    return sorted(map(KINDS[kind].row, change_database(folder, f'SELECT {columns} FROM "{KINDS[kind].table}"')))


def file_rows(folder: Path, kind: str) -> list[Row]:
    """What stands in the CSV files, in order."""
    cells = [[row[name] for name in KINDS[kind].columns] for row in _read(folder / KINDS[kind].file)]
    return sorted(KINDS[kind].row(None if cell in NULLS else cell for cell in row) for row in cells)


def change_database(folder: Path, *statements: str) -> list[Row]:
    """Runs the statements and returns the rows of the last one."""
    with closing(sqlite3.connect(folder / "northwind.db")) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def change_files(folder: Path) -> None:
    """One record changed in each file; a customer, an order and a line more, a customer and a line less."""
    _change_file(folder, "products", lambda rows: [{**rows[0], "UnitPrice": "18.05"}, *rows[1:]])
    _change_file(
        folder,
        "customers",
        lambda rows: [
            *(
                {**row, "City": ""} if row["CustomerID"] == "ALFKI" else row
                for row in rows
                if row["CustomerID"] != "PARIS"
            ),
            {**rows[0], "CustomerID": "NEWCO", "CompanyName": 'New, "quoted" & Söhne'},
        ],
    )
    order = {"CustomerID": "NEWCO", "OrderDate": "2026-11-25 00:00:00.000", "Freight": "7.05", "ShipName": "NULL"}
    _change_file(
        folder,
        "orders",
        lambda rows: [{**rows[0], "CustomerID": "NEWCO"}, *rows[1:], {**rows[0], "OrderID": "20000", **order}],
    )
    _change_file(
        folder,
        "lines",
        lambda rows: [{**rows[0], "Quantity": "99"}, *rows[2:], {**rows[1], "OrderID": "20000", "Discount": "0.15"}],
    )


def _change_file(folder: Path, kind: str, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    """Writes a CSV file anew with its rows changed."""
    path = folder / KINDS[kind].file
    rows = _read(path)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(change(rows))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
