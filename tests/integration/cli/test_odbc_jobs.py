"""Systems over ODBC by the command line: well or ill, their fields, and orders with their lines from end to end."""

from __future__ import annotations

import getpass
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]
Sqlite = Callable[..., list[tuple[Any, ...]]]
Shop = tuple[str, Callable[[str], Sequence[tuple[Any, ...]]]]

HEADERS = "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer VARCHAR(5) NOT NULL)"
PARTS = (
    "CREATE TABLE order_lines (order_id INTEGER, pos INTEGER, sku VARCHAR(20), price DECIMAL(8,2),"
    " PRIMARY KEY (order_id, pos))"
)
TABLES = (HEADERS, PARTS)
ORDERS = "INSERT INTO orders VALUES (1, 'ALFKI'), (2, 'BONAP'), (3, 'CHOPS')"
LINES = "INSERT INTO order_lines VALUES (1, 1, '0001', 18.10), (1, 2, 'Ärmel', 0.10), (2, 1, '0001', 7.00)"
OBJECTS = """
  objects:
  - name: orders
    table: orders
    key: [id]
    parts: [{name: lines, table: order_lines, join: [{part: order_id, record: id}], key: [pos]}]
"""
SYSTEM = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: %s}
spec:
  odbc: {%s}
"""
JOB = """
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: order}
spec:
  key: [id]
  fields:
  - {to: id, from: id, type: integer, required: true}
  - {to: customer, from: customer}
  - to: lines
    from: lines
    each:
    - {to: pos, from: pos, type: integer, required: true}
    - {to: sku, from: sku}
    - {to: price, from: price, type: "decimal(8,2)"}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: orders}
spec:
  source: {name: erp, object: orders}
  target: {name: shop, object: orders}
  mapping: order
  deletes: {policy: delete, minCount: 5}
  triggers: [{name: nightly, schedule: "0 2 * * *", timeZone: UTC, read: all}]
"""


def _over_sqliteodbc(path: Path, **options: str) -> str:
    every = {"Database": str(path), **options}
    written = ", ".join(f"{{name: {name}, value: '{value}'}}" for name, value in every.items())
    return f"driver: SQLite3, options: [{written}]"


@pytest.fixture
def erp(tmp_path: Path, sqlite: Sqlite) -> Path:
    """Three orders, one without lines."""
    path = tmp_path / "erp.db"
    sqlite(path, *TABLES, ORDERS, LINES)
    return path


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.needs("sqliteodbc")),
        pytest.param("postgresql", marks=pytest.mark.needs("psqlodbc")),
    ]
)
def shop(request: pytest.FixtureRequest, tmp_path: Path, sqlite: Sqlite) -> Shop:
    """A target without orders: its settings, and how to ask it by a driver of its own."""
    if request.param == "sqlite":
        path = tmp_path / "shop.db"
        sqlite(path, *TABLES)
        return _over_sqliteodbc(path), lambda statement: sqlite(path, statement)
    url = request.getfixturevalue("postgres_url")

    def ask(statement: str) -> Sequence[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    for statement in TABLES:
        ask(statement)
    parts = urlsplit(url)
    options = (
        f"{{name: Servername, value: {parse_qs(parts.query)['host'][0]}}}, {{name: Database, value: {parts.path[1:]}}}"
    )
    return f"driver: PostgreSQL Unicode, options: [{options}], username: {{value: {getpass.getuser()}}}", ask


@pytest.mark.needs("sqliteodbc")
def test_orders_and_their_lines_arrive_change_and_go_together(
    ponte: Ponte, sqlite: Sqlite, tmp_path: Path, erp: Path, shop: Shop
) -> None:
    settings, ask = shop
    systems = [SYSTEM % ("erp", _over_sqliteodbc(erp)) + OBJECTS, "---", SYSTEM % ("shop", settings) + OBJECTS, JOB]
    (tmp_path / "ponte.yaml").write_text("".join(systems), encoding="utf-8")

    first = ponte("run", "orders")
    lines = ask("SELECT order_id, pos, sku, CAST(price AS VARCHAR(9)) FROM order_lines ORDER BY 1, 2")
    again = ponte("run", "orders")
    sqlite(erp, "UPDATE order_lines SET sku = 'new' WHERE pos = 2", "DELETE FROM order_lines WHERE order_id = 2")
    sqlite(erp, "DELETE FROM orders WHERE id = 3")
    changed = ponte("run", "orders")

    assert (first.returncode, again.returncode, changed.returncode) == (0, 0, 0), first.stderr + changed.stderr
    assert "created 3" in first.stdout
    assert "unchanged 3" in again.stdout
    assert [(order, pos, sku, float(price)) for order, pos, sku, price in lines] == [
        (1, 1, "0001", 18.1), (1, 2, "Ärmel", 0.1), (2, 1, "0001", 7.0)
    ]  # fmt: skip
    assert list(ask("SELECT order_id, pos, sku FROM order_lines ORDER BY 1, 2")) == [(1, 1, "0001"), (1, 2, "new")]
    assert list(ask("SELECT id FROM orders ORDER BY id")) == [(1,), (2,)]


def test_doctor_and_schema_tell_what_a_database_has(ponte: Ponte, tmp_path: Path, shop: Shop) -> None:
    settings, _ = shop
    (tmp_path / "ponte.yaml").write_text(SYSTEM % ("shop", settings) + OBJECTS, encoding="utf-8")

    well, fields = ponte("doctor", "shop"), ponte("schema", "shop", "orders")

    assert (well.returncode, "the database answers" in well.stdout) == (0, True)
    assert [line.split() for line in fields.stdout.splitlines()[1:3]] == [["id", "integer"], ["customer", "string"]]


@pytest.mark.needs("sqliteodbc")
def test_a_database_that_another_program_holds_is_named(ponte: Ponte, tmp_path: Path, erp: Path) -> None:
    odbc = _over_sqliteodbc(erp, Timeout="1")
    (tmp_path / "ponte.yaml").write_text(SYSTEM % ("erp", odbc) + OBJECTS, encoding="utf-8")
    with closing(sqlite3.connect(erp, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        told = ponte("schema", "erp", "orders")

    assert told.returncode == 75
    assert "erp: another program holds the database (database is locked)" in told.stderr


@pytest.mark.parametrize(
    ("module", "error", "reason", "told"),
    [
        (
            "pyodbc",
            "ModuleNotFoundError(\"No module named 'pyodbc'\", name='pyodbc')",
            "ExtraMissing",
            "(pyodbc). Next: pip install 'ponte-sync[odbc]'",
        ),
        (
            "pyarrow",
            "ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')",
            "ExtraMissing",
            "(pyarrow). Next: pip install 'ponte-sync[odbc]'",
        ),
        (
            "pyodbc",
            "ImportError('libodbc.so.2: cannot open shared object file: No such file or directory')",
            "DriverMissing",
            "apt-get install unixodbc",
        ),
    ],
)
def test_what_is_not_installed_is_named(
    ponte: Ponte, tmp_path: Path, module: str, error: str, reason: str, told: str
) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / f"{module}.py").write_text(f"raise {error}\n", encoding="utf-8")
    (tmp_path / "ponte.yaml").write_text(SYSTEM % ("erp", "driver: SQLite3") + OBJECTS, encoding="utf-8")

    doctor = ponte("doctor", "erp", PYTHONPATH=str(missing))

    assert doctor.returncode == 1
    assert doctor.stdout.startswith(f"erp  FAILED  {reason}: ")
    assert told in doctor.stdout
