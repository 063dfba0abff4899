"""A CSV file that loses a column: what its records held is never emptied for it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ponte.engine.ports import Read
from ponte.engine.run import RunFailed
from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: drop}
spec:
  files: {path: {value: "%(folder)s"}}
  objects:
  - {name: products, path: in.csv, csv: {}, key: [sku], cursor: {field: changed}%(fields)s}
  - {name: out, path: out.csv, csv: {}, key: [sku]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  where: "active = 'y'"
  fields: [{to: sku, from: sku}, {to: stock, from: stock}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec: {source: {name: drop, object: products}, target: {name: drop, object: out}, mapping: product}
"""
NAMES = ("sku", "stock", "active", "changed")
LOCKED = f", fields: [{', '.join(f'{{name: {name}, type: string}}' for name in NAMES)}]"
WHOLE = "sku,stock,active,changed\nA,7,y,2026-01-01\nB,8,y,2026-01-02\n"
WITHOUT_STOCK = "sku,stok,active,changed\nA,7,y,2026-01-01\nB,8,y,2026-01-02\n"
WITHOUT_ACTIVE = "sku,stock,changed\nA,7,2026-01-01\nB,8,2026-01-02\n"

Make = Callable[..., Runtime]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The job over this text, with the schema locked or not."""

    def make_one(text: str, fields: str = LOCKED) -> Runtime:
        (tmp_path / "in.csv").write_text(text)
        (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % {"folder": tmp_path, "fields": fields})
        manifests = load([tmp_path / "jobs.yaml"])
        assert manifests.faults == ()
        return Runtime(manifests, References(environment={}), f"sqlite:///{tmp_path}/ledger.db")

    return make_one


def delivered(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "out.csv").read_text().splitlines()))


@pytest.mark.parametrize("request_", [RunRequest("products"), RunRequest("products", read="keys", keys=("A",))])
@pytest.mark.parametrize(("text", "lost"), [(WITHOUT_STOCK, "stock"), (WITHOUT_ACTIVE, "active")])
async def test_a_declared_column_that_is_gone_stops_the_run_and_empties_nothing(
    make: Make, tmp_path: Path, text: str, lost: str, request_: RunRequest
) -> None:
    await make(WHOLE).run(RunRequest("products"))

    with pytest.raises(RunFailed, match=f"field {lost}.*ponte schema SYSTEM products --lock") as failure:
        await make(text).run(request_)

    assert failure.value.result.reason == "SchemaDrift"
    assert delivered(tmp_path) == [{"sku": "A", "stock": "7"}, {"sku": "B", "stock": "8"}]


@pytest.mark.parametrize("mode", ["all", "changes", "range", "keys"])
async def test_each_way_of_reading_refuses_it_and_names_the_nearest_column(make: Make, mode: str) -> None:
    system = make(WITHOUT_STOCK).system("drop")
    keys = pl.DataFrame({"sku": ["A"]}) if mode == "keys" else None

    with pytest.raises(Exception, match="Did you mean stok") as failure:
        _ = [batch async for batch in system.source("products").read(Read(mode, 10, keys=keys))]  # type: ignore[arg-type]  # parametrised

    assert failure.value.reason == "SchemaDrift"  # type: ignore[attr-defined]  # of ConfigurationError


async def test_a_mapped_column_that_is_gone_stops_the_run_without_a_locked_schema_too(
    make: Make, tmp_path: Path
) -> None:
    await make(WHOLE, "").run(RunRequest("products"))

    with pytest.raises(RunFailed, match="stock"):
        await make(WITHOUT_STOCK, "").run(RunRequest("products"))

    assert delivered(tmp_path) == [{"sku": "A", "stock": "7"}, {"sku": "B", "stock": "8"}]


async def test_the_fields_of_a_changed_file_can_be_listed_to_lock_them_anew(make: Make) -> None:
    fields = await make(WITHOUT_STOCK).system("drop").schema("products")

    assert [field.name for field in fields] == ["sku", "stok", "active", "changed"]
