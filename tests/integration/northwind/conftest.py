"""Northwind as systems: its SQLite file, its CSV files, and a PostgreSQL that it is brought to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime.runs import Runtime

TARGET = """
CREATE TABLE products (sku integer PRIMARY KEY, name varchar(40) NOT NULL, price numeric(12,4) CHECK (price >= 0),
  stock integer NOT NULL, is_discontinued boolean NOT NULL, remark text DEFAULT 'ours');
CREATE TABLE customers (code varchar(5) PRIMARY KEY, company text NOT NULL, contact text, city text, country text,
  phone text);
CREATE TABLE orders (number integer PRIMARY KEY, customer varchar(5) REFERENCES customers, ordered_on timestamp,
  freight numeric(12,4), ship_name text);
CREATE TABLE order_lines (number integer REFERENCES orders, sku integer REFERENCES products, price numeric(12,4),
  quantity integer NOT NULL CHECK (quantity > 0), discount numeric(6,4) NOT NULL, PRIMARY KEY (number, sku));
"""
FILES = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: northwind}
spec:
  files: {path: {value: "%(folder)s"}}
  objects:
  - {name: products, path: Products.csv, csv: {}, key: [ProductID]}
  - {name: customers, path: Customers.csv, csv: {}, key: [CustomerID]}
  - {name: orders, path: Orders.csv, csv: {"null": "NULL"}, key: [OrderID]}
  - {name: lines, path: OrderDetails.csv, csv: {}, key: [OrderID, ProductID]}
"""
SQLITE = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: northwind}
spec:
  sql: {url: {value: "sqlite:///%(folder)s/northwind.db"}}
  objects:
  - {name: products, table: Products, key: [ProductID]}
  - {name: customers, table: Customers, key: [CustomerID]}
  - name: orders
    table: Orders
    key: [OrderID]
    parts:
    - {name: lines, table: Order Details, join: [{part: OrderID, record: OrderID}], key: [ProductID]}
"""
JOBS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  sql: {url: {value: "%(url)s"}}
  objects:
  - {name: products, table: products, key: [sku]}
  - {name: customers, table: customers, key: [code]}
  - name: orders
    table: orders
    key: [number]
    parts:
    - {name: lines, table: order_lines, join: [{part: number, record: number}], key: [sku]}
  - {name: lines, table: order_lines, key: [number, sku]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields:
  - {to: sku, from: ProductID, type: integer, required: true}
  - {to: name, from: ProductName, required: true, maxLength: 40}
  - {to: price, from: UnitPrice, type: "decimal(12,4)", required: true}
  - {to: stock, from: UnitsInStock, type: integer, required: true}
  - {to: is_discontinued, from: Discontinued, type: boolean, format: "1|0", required: true}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: customer}
spec:
  key: [code]
  fields:
  - {to: code, from: CustomerID, required: true, maxLength: 5}
  - {to: company, from: CompanyName, required: true}
  - {to: contact, from: ContactName}
  - {to: city, from: City}
  - {to: country, from: Country}
  - {to: phone, from: Phone}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: order}
spec:
  key: [number]
  fields:
  - {to: number, from: OrderID, type: integer, required: true}
  - {to: customer, from: CustomerID, lookup: {system: shop, object: customers}}
  - {to: ordered_on, from: OrderDate, type: datetime}
  - {to: freight, from: Freight, type: "decimal(12,4)"}
  - {to: ship_name, from: ShipName}%(lines)s
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec:
  source: {name: northwind, object: products}
  target: {name: shop, object: products}
  mapping: product
  deletes: {policy: delete}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: customers}
spec:
  source: {name: northwind, object: customers}
  target: {name: shop, object: customers}
  mapping: customer
  deletes: {policy: delete}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: orders}
spec:
  source: {name: northwind, object: orders}
  target: {name: shop, object: orders}
  mapping: order
  batchSize: 100
  deletes: {policy: delete}
"""
NESTED_LINES = """
  - to: lines
    from: lines
    each:
    - {to: sku, from: ProductID, type: integer, required: true, lookup: {system: shop, object: products}}
    - {to: price, from: UnitPrice, type: "decimal(12,4)", required: true}
    - {to: quantity, from: Quantity, type: integer, required: true}
    - {to: discount, from: Discount, type: "decimal(6,4)", required: true}"""
LINES_OF_THEIR_OWN = """
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: line}
spec:
  key: [number, sku]
  fields:
  - {to: number, from: OrderID, type: integer, required: true, lookup: {system: shop, object: orders}}
  - {to: sku, from: ProductID, type: integer, required: true, lookup: {system: shop, object: products}}
  - {to: price, from: UnitPrice, type: "decimal(12,4)", required: true}
  - {to: quantity, from: Quantity, type: integer, required: true}
  - {to: discount, from: Discount, type: "decimal(6,4)", required: true}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: lines}
spec:
  source: {name: northwind, object: lines}
  target: {name: shop, object: lines}
  mapping: line
  deletes: {policy: delete}
"""


@pytest.fixture
def copy(northwind: Path, tmp_path: Path) -> Path:
    """A copy of Northwind that may be changed."""
    folder = tmp_path / "northwind"
    folder.mkdir()
    for file in northwind.iterdir():
        shutil.copyfile(file, folder / file.name)
    return folder


@pytest.fixture
def make_runtime(copy: Path, tmp_path: Path, postgres_url: str) -> Callable[[str], Runtime]:
    """Jobs from Northwind ("sqlite" or "files") to PostgreSQL, with a ledger of their own."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute(TARGET.encode())

    def make(kind: str) -> Runtime:
        folder = tmp_path / "manifests"
        folder.mkdir()
        (folder / "source.yaml").write_text((SQLITE if kind == "sqlite" else FILES) % {"folder": copy})
        lines = NESTED_LINES if kind == "sqlite" else ""
        (folder / "jobs.yaml").write_text(JOBS % {"url": postgres_url, "lines": lines})
        if kind == "files":
            (folder / "lines.yaml").write_text(LINES_OF_THEIR_OWN)
        manifests = load([folder])
        assert manifests.faults == ()
        return Runtime(manifests, References(environment={}), f"sqlite:///{tmp_path}/ledger.db")

    return make
