"""From SQLite to MariaDB by the command line: first, again, after changes, and what stands there by plain SQL."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mariadb import MariadbServer

pytestmark = pytest.mark.needs("mariadb")

SOURCE = """
CREATE TABLE articles (sku TEXT PRIMARY KEY, name TEXT, price DECIMAL(12,2));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT);
CREATE TABLE order_lines (order_id INTEGER, pos INTEGER, sku TEXT, quantity INTEGER, PRIMARY KEY (order_id, pos));
INSERT INTO articles VALUES ('0001', 'Chai', 18.1), ('0002', 'Château', 0.1), ('0003', 'Dropped', 3);
INSERT INTO orders VALUES (1, 'ALFKI'), (2, 'BONAP');
INSERT INTO order_lines VALUES (1, 1, '0001', 5), (1, 2, '0002', 1), (2, 1, '0001', 7);
"""
TARGET = (
    "CREATE TABLE articles (sku varchar(20) PRIMARY KEY, name varchar(40), price decimal(12,2), remark text)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer varchar(5))",
    "CREATE TABLE order_lines (order_id int, pos int, sku varchar(20), quantity int, PRIMARY KEY (order_id, pos))",
)
MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  sql: {url: {value: "sqlite:///erp.db"}}
  objects:
  - {name: articles, table: articles, key: [sku]}
  - name: orders
    table: orders
    key: [id]
    parts: [{name: lines, table: order_lines, join: [{part: order_id, record: id}], key: [pos]}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  sql: {url: {value: "%s"}}
  objects:
  - {name: articles, table: articles, key: [sku]}
  - name: orders
    table: orders
    key: [id]
    parts: [{name: lines, table: order_lines, join: [{part: order_id, record: id}], key: [pos]}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: article}
spec:
  key: [sku]
  fields:
  - {to: sku, from: sku, required: true}
  - {to: name, from: name}
  - {to: price, from: price, type: "decimal(12,2)"}
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
    - {to: quantity, from: quantity, type: integer}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: articles}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: articles}
  mapping: article
  deletes: {policy: delete}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: orders}
spec: {source: {name: erp, object: orders}, target: {name: shop, object: orders}, mapping: order}
"""
CHANGES = """
UPDATE articles SET price = 19.99 WHERE sku = '0001';
DELETE FROM articles WHERE sku = '0003';
INSERT INTO articles VALUES ('0004', 'New', NULL);
UPDATE order_lines SET quantity = 6 WHERE order_id = 1 AND pos = 1;
DELETE FROM order_lines WHERE order_id = 1 AND pos = 2;
"""


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)


def test_a_job_to_mariadb_writes_what_is_new_and_then_only_what_changed(
    mariadb_server: MariadbServer,
    mariadb_url: str,
    tmp_path: Path,
    ponte: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    database = urlsplit(mariadb_url).path.removeprefix("/")

    def held(statement: str) -> list[tuple[Any, ...]]:
        return mariadb_server.run(statement, database=database)

    mariadb_server.run(*TARGET, database=database)
    change(tmp_path / "erp.db", SOURCE)
    (tmp_path / "jobs.yaml").write_text(MANIFESTS % mariadb_url, encoding="utf-8")

    first = [ponte("run", name, "-f", "jobs.yaml") for name in ("articles", "orders")]
    second = [ponte("run", name, "-f", "jobs.yaml") for name in ("articles", "orders")]

    assert [done.returncode for done in (*first, *second)] == [0] * 4
    assert "read 3 = created 3" in first[0].stdout
    assert "read 3 = unchanged 3" in second[0].stdout
    assert "read 2 = unchanged 2" in second[1].stdout
    assert held("SELECT * FROM articles ORDER BY sku") == [
        ("0001", "Chai", Decimal("18.10"), None),
        ("0002", "Château", Decimal("0.10"), None),
        ("0003", "Dropped", Decimal("3.00"), None),
    ]

    change(tmp_path / "erp.db", CHANGES)
    third = [ponte("run", name, "-f", "jobs.yaml") for name in ("articles", "orders")]
    verified = [ponte("verify", name, "-f", "jobs.yaml") for name in ("articles", "orders")]

    assert [done.returncode for done in (*third, *verified)] == [0] * 4
    assert held("SELECT sku, price FROM articles ORDER BY sku") == [
        ("0001", Decimal("19.99")),
        ("0002", Decimal("0.10")),
        ("0004", None),
    ]
    assert held("SELECT * FROM order_lines ORDER BY 1, 2") == [(1, 1, "0001", 6), (2, 1, "0001", 7)]
