"""Whole jobs from XML: attributes, text beside attributes and lists by their paths in a Mapping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ponte.engine.run import RunFailed
from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: supplier}
spec:
  files: {path: {value: "%s"}}
  objects:
  - name: products
    path: catalog.xml
    key: ["@id"]
    xml: {records: "/c:catalog/c:product", namespaces: [{name: c, uri: "urn:c"}], lists: ["c:lines/c:line"]}
  - {name: shop, path: shop.jsonl, jsonLines: {}, key: [sku]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields:
  - {to: sku, from: "@id"}
  - {to: price, from: "c:price.#text", type: "decimal(9,2)"}
  - {to: currency, from: "c:price.@currency"}
  - {to: lines, from: "c:lines.c:line", each: [{to: pos, from: "@pos"}]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec:
  source: {name: supplier, object: products}
  target: {name: supplier, object: shop}
  mapping: product
  deletes: {policy: delete, minCount: 10}
"""
PRODUCT = '<product id="{0}"><price currency="EUR">{0}.50</price><lines><line pos="1">a</line></lines></product>'


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % tmp_path)
    manifests = load([tmp_path / "jobs.yaml"])
    assert manifests.faults == ()
    return Runtime(manifests, References(environment={}), f"sqlite:///{tmp_path}/ledger.db")


def write(folder: Path, *products: str) -> None:
    (folder / "catalog.xml").write_text(f'<catalog xmlns="urn:c">{"".join(products)}</catalog>')


def delivered(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line, parse_float=str) for line in (folder / "shop.jsonl").read_text().splitlines()]


async def test_attributes_texts_and_lists_are_mapped(tmp_path: Path, runtime: Runtime) -> None:
    write(tmp_path, PRODUCT.format(7), PRODUCT.format(8))

    await runtime.run(RunRequest("products"))

    assert delivered(tmp_path) == [
        {"sku": sku, "price": f"{sku}.50", "currency": "EUR", "lines": [{"pos": "1"}]} for sku in ("7", "8")
    ]


async def test_a_document_that_breaks_in_its_middle_deletes_nothing(tmp_path: Path, runtime: Runtime) -> None:
    write(tmp_path, PRODUCT.format(7), PRODUCT.format(8))
    await runtime.run(RunRequest("products"))
    write(tmp_path, PRODUCT.format(9), "<product><broken></product>")

    with pytest.raises(RunFailed, match="mismatched tag"):
        await runtime.run(RunRequest("products"))

    assert {record["sku"] for record in delivered(tmp_path)} >= {"7", "8"}
