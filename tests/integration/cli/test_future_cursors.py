"""A record that says it was changed in years to come hides no change, and is told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]
Sqlite = Callable[..., list[tuple[Any, ...]]]
MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: erp}}
spec:
  sql: {{url: {{value: "sqlite:///{0}/erp.db"}}}}
  objects: [{{name: articles, table: a, key: [sku], cursor: {{field: changed}}}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: shop}}
spec:
  sql: {{url: {{value: "sqlite:///{0}/shop.db"}}}}
  objects: [{{name: products, table: p, key: [sku]}}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {{name: product}}
spec:
  key: [sku]
  fields: [{{to: sku, from: sku}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {{name: products}}
spec:
  source: {{name: erp, object: articles}}
  target: {{name: shop, object: products}}
  mapping: product
  triggers: [{{name: nightly, schedule: "0 2 * * *", timeZone: Europe/Rome, read: all}}]
"""


def test_one_record_from_the_future_hides_no_change(ponte: Ponte, sqlite: Sqlite, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFESTS.format(tmp_path))
    sqlite(tmp_path / "shop.db", "CREATE TABLE p (sku TEXT PRIMARY KEY)")
    erp = tmp_path / "erp.db"
    sqlite(
        erp,
        "CREATE TABLE a (sku TEXT PRIMARY KEY, changed DATETIME)",
        "INSERT INTO a VALUES ('old', '2026-01-01 10:00:00'), ('future', '2999-01-01 00:00:00')",
    )
    said = ponte("run", "products", "-f", ".", "--read", "changes").stdout

    assert "changed 2999-01-01 00:00:00, which is in the future; the watermark stays at" in " ".join(said.split())
    for sku in ("one", "two"):
        sqlite(erp, f"INSERT INTO a VALUES ('{sku}', '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}')")
        again = ponte("run", "products", "-f", ".", "--read", "changes")
        assert again.returncode == 0
        assert "which is in the future" in " ".join(again.stdout.split())

    found = sqlite(tmp_path / "shop.db", "SELECT sku FROM p ORDER BY sku")
    assert found == [("future",), ("old",), ("one",), ("two",)]


def test_a_record_from_the_future_leaves_the_watermark_where_the_others_are(
    ponte: Ponte, sqlite: Sqlite, tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text(MANIFESTS.format(tmp_path))
    sqlite(tmp_path / "shop.db", "CREATE TABLE p (sku TEXT PRIMARY KEY)")
    erp = tmp_path / "erp.db"
    sqlite(erp, "CREATE TABLE a (sku TEXT PRIMARY KEY, changed DATETIME)")
    for sku, changed in (("a", "2026-01-01 10:00:00"), ("b", "2999-01-01 00:00:00"), ("late", "2026-01-02 10:00:00")):
        sqlite(erp, f"INSERT INTO a VALUES ('{sku}', '{changed}')")
        said = ponte("run", "products", "-f", ".", "--read", "changes").stdout

    assert "the watermark stays at 2026-01-02 10:00:00" in " ".join(said.split())
    assert sqlite(tmp_path / "shop.db", "SELECT sku FROM p ORDER BY sku") == [("a",), ("b",), ("late",)]


@pytest.mark.parametrize("column", ["INTEGER", "TEXT"])
def test_a_day_in_digits_from_the_future_hides_no_change(
    ponte: Ponte, sqlite: Sqlite, tmp_path: Path, column: str
) -> None:
    (tmp_path / "m.yaml").write_text(MANIFESTS.format(tmp_path))
    sqlite(tmp_path / "shop.db", "CREATE TABLE p (sku TEXT PRIMARY KEY)")
    erp = tmp_path / "erp.db"
    sqlite(erp, f"CREATE TABLE a (sku TEXT PRIMARY KEY, changed {column})", "INSERT INTO a VALUES ('old', '20260101')")
    for sku, changed in (("for ever", "20991231"), ("new", f"{datetime.now(UTC):%Y%m%d}")):
        sqlite(erp, f"INSERT INTO a VALUES ('{sku}', '{changed}')")
        said = ponte("run", "products", "-f", ".", "--read", "changes").stdout
        assert "changed 20991231, which is in the future; the watermark stays at" in " ".join(said.split())

    assert sqlite(tmp_path / "shop.db", "SELECT sku FROM p ORDER BY sku") == [("for ever",), ("new",), ("old",)]


def test_a_counter_that_looks_like_a_day_is_no_future(ponte: Ponte, sqlite: Sqlite, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFESTS.format(tmp_path))
    sqlite(tmp_path / "shop.db", "CREATE TABLE p (sku TEXT PRIMARY KEY)")
    erp = tmp_path / "erp.db"
    sqlite(erp, "CREATE TABLE a (sku TEXT PRIMARY KEY, changed INTEGER)", "INSERT INTO a VALUES ('a', 30000100)")
    for sku, changed in (("b", 30000101), ("c", 30000102)):
        sqlite(erp, f"INSERT INTO a VALUES ('{sku}', {changed})")
        said = ponte("run", "products", "-f", ".", "--read", "changes").stdout
        assert "future" not in said

    assert sqlite(tmp_path / "shop.db", "SELECT sku FROM p ORDER BY sku") == [("a",), ("b",), ("c",)]
