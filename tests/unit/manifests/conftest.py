"""A folder of manifests that is in order, to be broken by the tests one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ponte.manifests import Manifests, load

GOOD = """\
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  sql: {url: {value: "sqlite:///erp.db"}}
  objects:
  - {name: articles, table: ARTICOLI, key: [ARTCOD], cursor: {field: DATMOD}}
  - {name: orders, table: ORDINI, key: [NUMORD]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  rest: {baseUrl: {value: "https://shop.example"}}
  objects:
  - {name: products, path: /products, key: [sku], write: {upsert: "PUT /products/{sku}"}}
  - {name: orders, path: /orders, key: [id], write: {create: POST /orders, update: "PATCH /orders/{id}"}}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields:
  - {to: sku, from: ARTCOD, required: true}
  - {to: name, from: ARTDES}
  audiences:
  - {name: customer, fields: [sku, name]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: products, audience: customer}
  mapping: product
  triggers:
  - {name: nightly, schedule: "0 2 * * *", timeZone: Europe/Rome, read: all}
"""


@pytest.fixture
def good() -> str:
    """Two systems, a Mapping and a job, without a fault."""
    return GOOD


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Manifests]:
    """Loads texts as the files of a folder `integration`: `loaded(a="...", b="...")`."""
    monkeypatch.chdir(tmp_path)
    folder = Path("integration")
    folder.mkdir()

    def load_texts(**texts: str) -> Manifests:
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text)
        return load([folder])

    return load_texts
