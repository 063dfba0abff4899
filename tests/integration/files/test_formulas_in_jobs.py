"""A formula in the data: text in the file that leaves, found equal by verify, and merged by its key."""

from __future__ import annotations

from pathlib import Path

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: drop}
spec:
  files: {path: {value: "%s"}}
  objects:
  - {name: in, path: in.csv, csv: {}, key: [sku]}
  - {name: out, path: out.csv, csv: {}, key: [sku]}
  - {name: kept, path: kept.csv, csv: {formulas: keep}, key: [sku]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields: [{to: sku, from: sku}, {to: name, from: name}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: safe}
spec: {source: {name: drop, object: in}, target: {name: drop, object: out}, mapping: product}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: plain}
spec: {source: {name: drop, object: in}, target: {name: drop, object: kept}, mapping: product}
"""


async def test_formulas_leave_as_text_and_are_the_same_record_afterwards(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % tmp_path)
    (tmp_path / "in.csv").write_text("sku,name\n@1,=1+1\n'=2,-12.5\n")
    runtime = Runtime(load([tmp_path / "jobs.yaml"]), References(environment={}), f"sqlite:///{tmp_path}/ledger.db")
    await runtime.run(RunRequest("safe"))
    assert (tmp_path / "out.csv").read_text() == "sku,name\n'@1,'=1+1\n''=2,-12.5\n"

    verified = await runtime.verify("safe")
    (tmp_path / "in.csv").write_text("sku,name\n@1,+cmd\n'=2,-12.5\n")
    changed = await runtime.run(RunRequest("safe"))

    assert list(verified.differences) == []
    assert (changed.account.updated, changed.account.unchanged) == (1, 1)
    assert (tmp_path / "out.csv").read_text() == "sku,name\n'@1,'+cmd\n''=2,-12.5\n"


async def test_formulas_are_kept_where_a_program_reads(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % tmp_path)
    (tmp_path / "in.csv").write_text("sku,name\n1,=1+1\n")
    runtime = Runtime(load([tmp_path / "jobs.yaml"]), References(environment={}), f"sqlite:///{tmp_path}/ledger.db")

    await runtime.run(RunRequest("plain"))

    assert (tmp_path / "kept.csv").read_text() == "sku,name\n1,=1+1\n"
