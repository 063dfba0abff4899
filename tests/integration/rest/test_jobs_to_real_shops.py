"""Whole jobs to servers that this project did not write: an ERP's export to json-server and to django-oscar.

First run, second run, changed, removed, refused, verified; what stands at the end is read past Ponte, from the
servers' own stores.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from ponte.ledger.integrity import check
from ponte.ledger.opening import opened
from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime.runs import RunRequest, Runtime
from ponte_api.result import RunResult

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  files: {path: {value: "%(folder)s"}}
  objects: [{name: articles, path: articles.csv, csv: {delimiter: ";"}, key: [code]}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec: %(shop)s
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec: %(mapping)s
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: products}
  mapping: product
  deletes: {policy: delete, maxPercent: "50"}
  rejects: {maxPercent: "50"}
"""
Articles = dict[str, tuple[str, str, str]]
FIRST: Articles = {f"{number:04d}": (f"Röhre {number}", f"1.{number:03d},50", "S") for number in range(30)}
CHANGED: Articles = {
    **{code: values for code, values in FIRST.items() if code not in {"0007", "0029"}},
    "0001": ("Röhre 1, lang", "0,10", "N"),
    "0002": ("", "1,00", "S"),
    "0030": ("Neu & gut", "7,00", "S"),
}
"""One article changed, one without its name (0002), one more, two fewer."""


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Runtime]:
    """The job `products` to a shop of that spec, with a ledger of its own."""

    def make(shop: dict, mapping: dict, secrets: dict[str, str] | None = None) -> Runtime:
        folder = tmp_path / "integration"
        folder.mkdir()
        filled = {"folder": tmp_path, "shop": json.dumps(shop), "mapping": json.dumps(mapping)}
        (folder / "job.yaml").write_text(MANIFESTS % filled)
        manifests = load([folder])
        assert manifests.faults == ()
        return Runtime(manifests, References(secrets or {}), f"sqlite:///{tmp_path}/ledger.db")

    return make


def export(folder: Path, articles: Articles) -> None:
    with (folder / "articles.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["code", "name", "price", "web"])
        writer.writerows([code, *values] for code, values in articles.items())


async def run_through(runtime: Runtime, folder: Path) -> None:
    """The job is run, run again, and run with what changed; each time the account is what it must be."""
    export(folder, FIRST)
    first = await runtime.run(RunRequest("products"))
    again = await runtime.run(RunRequest("products"))
    export(folder, CHANGED)
    changed = await runtime.run(RunRequest("products"))
    last = await runtime.run(RunRequest("products"))

    assert written(first) == (30, 0, 0)
    assert (again.account.unchanged, *written(again)) == (30, 0, 0, 0)
    assert (changed.account.unchanged, *written(changed)) == (26, 1, 1, 2)
    assert (changed.account.rejected, changed.rejects.open, changed.phase) == (1, 1, "PartiallySucceeded")
    assert (last.account.unchanged, last.account.rejected, *written(last)) == (28, 1, 0, 0, 0)
    seen = await runtime.verify("products")
    assert (seen.equal, seen.different, seen.missing, seen.extra) == (28, 0, 0, 0)
    with opened(runtime.ledger_url) as ledger:
        assert list(check(ledger)) == []


def written(result: RunResult) -> tuple[int, int, int]:
    return result.account.created, result.account.updated, result.account.deleted


async def test_a_job_to_json_server_leaves_there_what_the_export_says(json_server, job, tmp_path):
    shop = {
        "rest": {
            "baseUrl": {"value": json_server.base_url},
            "allowedNetworks": ["127.0.0.0/8"],
            "pagination": {"page": {"parameter": "_page", "sizeParameter": "_limit", "size": 10}},
        },
        "objects": [
            {
                "name": "products",
                "path": "/products",
                "key": ["sku"],
                "write": {
                    "create": "POST /products",
                    "update": "PATCH /products/{id}",
                    "delete": "DELETE /products/{id}",
                    "get": "GET /products/{id}",
                    "find": {"parameters": [{"name": "sku", "field": "sku"}]},
                    "id": "id",
                },
            }
        ],
    }
    mapping = {
        "key": ["sku"],
        "fields": [
            {"to": "sku", "from": "code", "required": True},
            {"to": "texts.name", "from": "name", "required": True},
            {"to": "price", "from": "price", "type": "decimal(12,2)", "locale": "it"},
            {"to": "isOnWeb", "from": "web", "type": "boolean", "format": "S|N"},
        ],
    }

    await run_through(job(shop, mapping), tmp_path)

    held = json.loads((tmp_path / "db.json").read_text(), parse_float=Decimal)["products"]
    assert len({record.pop("id") for record in held}) == len(held)
    assert sorted(held, key=lambda record: record["sku"]) == [
        {"sku": code, "texts": {"name": name}, "price": amount(price), "isOnWeb": web == "S"}
        for code, (name, price, web) in sorted(expected().items())
    ]


async def test_a_job_to_oscar_leaves_in_its_database_what_the_export_says(oscar, job, tmp_path):
    products = "/admin/products/"
    token = {"name": "Authorization", "secretRef": {"secretRef": {"name": "shop", "key": "token"}}}
    shop = {
        "rest": {
            "baseUrl": {"value": oscar.base_url},
            "allowedNetworks": ["127.0.0.0/8"],
            "auth": {"apiKey": {"header": token}},
            "pagination": {"link": {"next": "next"}},
        },
        "objects": [
            {
                "name": "products",
                "path": products,
                "key": ["upc"],
                "list": {"records": "results", "total": "count"},
                "write": {
                    "create": f"POST {products}",
                    "update": f"PATCH {products}{{id}}/",
                    "delete": f"DELETE {products}{{id}}/",
                    "get": f"GET {products}{{id}}/",
                    "find": {"parameters": [{"name": "upc", "field": "upc"}]},
                    "id": "id",
                },
            }
        ],
        "limits": {"connections": 2},
    }
    mapping = {
        "key": ["upc"],
        "fields": [
            {"to": "upc", "from": "code", "required": True},
            {"to": "slug", "sql": "'p-' || code"},
            {"to": "product_class", "value": "article"},
            {"to": "title", "from": "name", "required": True},
            {"to": "description", "from": "price"},
            {"to": "is_public", "from": "web", "type": "boolean", "format": "S|N"},
        ],
    }

    await run_through(job(shop, mapping, {"PONTE_SECRET_SHOP_TOKEN": f"Token {oscar.token}"}), tmp_path)

    with closing(sqlite3.connect(tmp_path / "oscar" / "shop.db")) as database:
        rows = database.execute(
            "SELECT p.upc, p.slug, c.slug, p.title, p.description, p.is_public FROM catalogue_product p"
            " JOIN catalogue_productclass c ON c.id = p.product_class_id ORDER BY p.upc"
        ).fetchall()
    assert rows == [
        (code, f"p-{code}", "article", name, price, web == "S")
        for code, (name, price, web) in sorted(expected().items())
    ]


def expected() -> Articles:
    """What the shop must hold: the export, and of the article that lost its name what it had before."""
    return {**CHANGED, "0002": FIRST["0002"]}


def amount(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))
