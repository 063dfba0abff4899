"""From a Firebird server, which Ponte knows only by SQLAlchemy, to SQLite by the command line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from firebird_server import PASSWORD, USER, FirebirdDatabase

pytestmark = pytest.mark.needs("firebird")

Ponte = Callable[..., subprocess.CompletedProcess[str]]
LOGIN = {"PONTE_SECRET_ERP_LOGIN_PASSWORD": PASSWORD}
MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  sql:
    url: {value: "%s"}
    username: {value: %s}
    password: {secretRef: {name: erp-login, key: password}}
  objects:
  - {name: articles, table: articles, key: [sku], cursor: {field: changed}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  sql: {url: {value: "sqlite:///shop.db"}}
  objects:
  - {name: articles, table: articles, key: [sku]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: article}
spec:
  key: [sku]
  fields:
  - {to: sku, from: sku}
  - {to: name, from: name, required: true}
  - {to: price, from: price, type: "decimal(12,2)"}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: articles}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: articles}
  mapping: article
"""
BACKWARDS = """
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: back}
spec:
  source: {name: shop, object: articles}
  target: {name: erp, object: articles}
  mapping: article
"""


@pytest.fixture
def integration(tmp_path: Path, firebird: FirebirdDatabase) -> Path:
    firebird.run(
        "CREATE TABLE articles (sku char(8) NOT NULL PRIMARY KEY, name varchar(40), price decimal(12,2),"
        " changed timestamp)",
        "INSERT INTO articles VALUES ('0001', 'Chai', 18.10, timestamp '2026-01-01 08:00')",
        "INSERT INTO articles VALUES ('0002', 'Château', 0.10, timestamp '2026-01-02 08:00')",
        "INSERT INTO articles VALUES ('0003', NULL, 3, NULL)",
    )
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE articles (sku TEXT PRIMARY KEY, name TEXT, price DECIMAL(12,2))")
    file = tmp_path / "articles.yaml"
    file.write_text(MANIFESTS % (firebird.url, USER))
    return file


def _shop(integration: Path) -> list[tuple[str, str, float]]:
    with closing(sqlite3.connect(integration.parent / "shop.db")) as connection:
        return connection.execute("SELECT sku, name, price FROM articles ORDER BY sku").fetchall()


def test_a_job_reads_it_first_again_and_by_its_changes(
    ponte: Ponte, integration: Path, firebird: FirebirdDatabase
) -> None:
    planned = ponte("plan", "articles", **LOGIN)
    first = ponte("run", "articles", "--read", "changes", "-o", "json", **LOGIN)
    firebird.run("UPDATE articles SET name = 'Tea', changed = timestamp '2026-01-03 08:00' WHERE sku = '0001'")
    again = ponte("run", "articles", "--read", "changes", "-o", "json", **LOGIN)

    assert (planned.returncode, first.returncode, again.returncode) == (0, 0, 0), planned.stderr + first.stderr
    assert "RequiredFieldMissing" in planned.stdout
    account = json.loads(first.stdout)["account"]
    assert (account["read"], account["created"], account["rejected"]) == (3, 2, 1)
    assert json.loads(again.stdout)["account"]["updated"] == 1
    assert _shop(integration) == [("0001", "Tea", 18.1), ("0002", "Château", 0.1)]


def test_doctor_and_schema_know_it(ponte: Ponte, integration: Path) -> None:
    healthy = ponte("doctor", **LOGIN)
    schema = ponte("schema", "erp", "articles", **LOGIN)

    assert healthy.returncode == 0, healthy.stdout
    assert "the database answers" in healthy.stdout
    assert schema.returncode == 0, schema.stderr
    assert "decimal(12,2)" in schema.stdout


def test_a_wrong_password_is_said_and_never_shown(ponte: Ponte, integration: Path) -> None:
    refused = ponte("run", "articles", PONTE_SECRET_ERP_LOGIN_PASSWORD="not-the-password")

    assert refused.returncode == 78
    assert "the login was refused" in refused.stderr
    assert "not-the-password" not in refused.stdout + refused.stderr


def test_a_job_that_would_write_to_it_is_refused_before_it_runs(ponte: Ponte, integration: Path) -> None:
    integration.write_text(integration.read_text() + BACKWARDS)

    refused = ponte("validate")

    assert refused.returncode == 78
    assert '"erp" is a database that Ponte only reads: name another system as the target' in (
        refused.stdout + refused.stderr
    )
