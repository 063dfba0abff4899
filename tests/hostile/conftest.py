"""A drop folder, a table and the program between them: what a person has when a bad file comes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ponte.cli.main import run_program
from ponte.runtime.clock import SystemClock

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: erp}}
spec:
  files: {{path: {{value: "{folder}/drop"}}}}
  objects: [{{name: articles, path: {path}, key: [sku], {format}}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: shop}}
spec:
  sql: {{url: {{value: "sqlite:///{folder}/shop.db"}}}}
  objects: [{{name: products, table: products, key: [sku]}}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {{name: product}}
spec:
  key: [sku]
  fields:
  - {{to: sku, from: sku, required: true}}
  - {{to: value, from: value{rule}}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {{name: products}}
spec:
  source: {{name: erp, object: articles}}
  target: {{name: shop, object: products}}
  mapping: product
  rejects: {{max: 100000, maxPercent: "100"}}
"""


@dataclass(frozen=True)
class Outcome:
    """What a person sees of a run.

    Attributes:
        code: exit code.
        said: all that was printed.
        rows: what the table holds, by key.
        rejects: reason by key.
        account: where the records went.
    """

    code: int
    said: str
    rows: dict[str, Any]
    rejects: dict[str, str] = field(default_factory=dict)
    account: dict[str, int] = field(default_factory=dict)


@dataclass
class Workplace:
    """One job from a file to a table of SQLite."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    path: str = "in.csv"

    def prepare(self, data: bytes, form: str, rule: str = "", column: str = "TEXT") -> None:
        """Drops a file and writes the manifests."""
        prepare(self.folder, data, form, path=self.path, rule=rule, column=column)

    def run(self) -> Outcome:
        """Runs the job once more."""
        code, said = self.ponte("run", "products", "-o", "json")
        listed, text = self.ponte("rejects", "list", "products", "-o", "json")
        rejects = {one["key"][0]: one["faults"][0]["reason"] for one in json.loads(text)} if listed == 0 else {}
        result = _json_of(said)
        account = {name: count for name, count in result.get("account", {}).items() if count}
        return Outcome(code, said, self.rows(), rejects, account)

    def ponte(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        self.capsys.readouterr()
        ledger = f"sqlite:///{self.folder}/ledger.db"
        code = run_program([*words, "-f", str(self.folder / "job.yaml"), "--ledger", ledger])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def rows(self) -> dict[str, Any]:
        """What the table holds."""
        with closing(sqlite3.connect(self.folder / "shop.db")) as shop:
            return dict(shop.execute("SELECT sku, value FROM products"))


def prepare(folder: Path, data: bytes, form: str, **odd: str) -> None:
    """Drops a file and writes the manifests. `odd`: another path or rule, or another type of the table's column."""
    path = odd.get("path", "in.csv")
    (folder / "drop").mkdir()
    (folder / "drop" / path).write_bytes(data)
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute(f"CREATE TABLE products (sku TEXT PRIMARY KEY, value {odd.get('column', 'TEXT')})")
    manifests = MANIFESTS.format(folder=folder, path=json.dumps(path), format=form, rule=odd.get("rule", ""))
    (folder / "job.yaml").write_text(manifests, encoding="utf-8")


def _json_of(said: str) -> dict[str, Any]:
    try:
        return dict(json.loads(said[said.index("{") : said.rindex("}") + 1]))
    except ValueError:
        return {}


@pytest.fixture
def workplace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workplace:
    """A workplace in a folder of its own."""
    return Workplace(tmp_path, capsys)


@pytest.fixture
def awake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between tries."""

    async def no_time(_clock: SystemClock, _seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(SystemClock, "sleep", no_time)
