"""Failpoints work in the program of `ponte.testing`, and only there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ponte.errors import UsageError
from ponte.testing.failpoints import FailpointReached, Failpoints, Trap, armed_by

MANIFESTS = """\
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: exports}
spec:
  files: {path: {value: "FOLDER"}}
  objects: [{name: articles, path: articles.csv, key: [code], csv: {}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec: {memory: {}, objects: [{name: products, key: [sku]}]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec: {key: [sku], fields: [{to: sku, from: code}]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec: {source: {name: exports, object: articles}, target: {name: shop, object: products}, mapping: product}
"""


def run(module: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "integration").mkdir(exist_ok=True)
    (folder / "articles.csv").write_text("code\n1\n2\n")
    (folder / "integration" / "all.yaml").write_text(MANIFESTS.replace("FOLDER", str(folder)))
    environment = {**os.environ, "PONTE_FAILPOINT": "claim.after:1:kill"}
    command = [sys.executable, "-m", module, "run", "products", "--ledger", f"sqlite:///{folder}/l.db"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_program_of_the_tests_dies_where_it_is_told_to(tmp_path: Path) -> None:
    assert run("ponte.testing.run", tmp_path).returncode == -9


def test_the_shipped_program_ignores_failpoints(tmp_path: Path) -> None:
    done = run("ponte.cli.main", tmp_path)

    assert done.returncode == 0, done.stderr
    assert "created 2" in done.stdout


async def test_a_trap_springs_at_its_hit_and_only_then() -> None:
    points = Failpoints((Trap("commit.before", 2, None),))

    await points("commit.before")
    await points("commit.after")
    with pytest.raises(FailpointReached, match=r"commit\.before"):
        await points("commit.before")
    assert points.reached.total() == 3


async def test_any_name_counts_all_of_them() -> None:
    points = armed_by({"PONTE_FAILPOINT": "*:3:raise"})

    await points("a.before")
    await points("b.before")
    with pytest.raises(FailpointReached):
        await points("c.before")


@pytest.mark.parametrize("text", ["commit.before", "commit.before:0:kill", "commit.before:1:sleep", "a:1:kill:2"])
def test_a_variable_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="PONTE_FAILPOINT"):
        armed_by({"PONTE_FAILPOINT": text})


def test_without_the_variable_nothing_is_armed() -> None:
    assert armed_by({}).traps == ()
