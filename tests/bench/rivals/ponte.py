"""Ponte as an entrant: manifests, a ledger of either kind, and the command as users call it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.rivals.databases import Database
from bench.rivals.processes import Ended
from bench.rivals.race import Command, Entrant

CHILD = Path(__file__).parents[1] / "timed_ponte.py"
REMARKS = "rules and checks on each record, rejects kept, durable ledger, only what changed is written"
Source = dict[str, Any]


@dataclass(frozen=True)
class Integration:
    """What is written into manifests.

    Attributes:
        source: spec of the SyncSource that is read; its one object is `records`.
        target: spec of the one that is written; its one object is `target`.
        rules: the Mapping's fields.
    """

    source: Source
    target: Source
    rules: Sequence[Mapping[str, Any]]

    def write(self, folder: Path) -> None:
        """As a folder of manifests, whose job is `bench`."""
        folder.mkdir(parents=True, exist_ok=True)
        job = {"source": {"name": "from", "object": "records"}, "target": {"name": "to", "object": "target"}}
        specs = [
            ("SyncSource", "from", self.source),
            ("SyncSource", "to", self.target),
            ("Mapping", "bench", {"key": [self.rules[0]["to"]], "fields": list(self.rules)}),
            ("SyncJob", "bench", {**job, "mapping": "bench"}),
        ]
        texts = [
            yaml.safe_dump({"apiVersion": "ponte.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
            for kind, name, spec in specs
        ]
        (folder / "bench.yaml").write_text("---\n".join(texts), encoding="utf-8")


def in_file(integration: Integration, folder: Path, reads: Mapping[str, str]) -> Entrant:
    """Ponte with its ledger in a file.

    Args:
        integration: what it does.
        folder: of its own, for manifests and the ledger.
        reads: how it reads, by step: all or changes.
    """

    def forget() -> None:
        for part in folder.glob("ledger.db*"):
            part.unlink()

    return _entrant("ledger in SQLite", integration, folder, f"sqlite:///{folder}/ledger.db", reads, forget)


def in_database(integration: Integration, folder: Path, ledger: Database, reads: Mapping[str, str]) -> Entrant:
    """Ponte with its ledger in PostgreSQL, in a database of its own; see `in_file`."""
    return _entrant("ledger in PostgreSQL", integration, folder, ledger.url, reads, ledger.make_anew)


def _entrant(
    configuration: str,
    integration: Integration,
    folder: Path,
    ledger: str,
    reads: Mapping[str, str],
    forget: Callable[[], None],
) -> Entrant:
    manifests = folder / "manifests"
    integration.write(manifests)
    commands = {step: _starter(folder, manifests, ledger, read) for step, read in reads.items()}
    return Entrant("ponte", configuration, REMARKS, commands, forget, lambda ended: _report(folder, ended))


def _starter(folder: Path, manifests: Path, ledger: str, read: str) -> Callable[[], Command]:
    words = [sys.executable, str(CHILD), str(folder / "stages.json"), "run", "bench", "--file", str(manifests)]
    return lambda: Command([*words, "--ledger", ledger, "--read", read, "--output", "json"])


def _report(folder: Path, ended: Ended) -> dict[str, Any]:
    stages = json.loads((folder / "stages.json").read_text())
    return {"stages": stages, "account": json.loads(ended.answer)["account"]}


def article_rules() -> list[dict[str, Any]]:
    """Rules for articles: every value is converted, what must be there is asked for, figures are checked."""
    return [
        {"to": "sku", "from": "sku", "trim": True, "required": True},
        {"to": "name", "from": "name", "trim": True, "required": True},
        {"to": "description", "from": "description", "trim": True},
        {"to": "price", "from": "price", "type": "decimal(12,2)", "required": True, "check": "price >= 0"},
        {"to": "cost", "from": "cost", "type": "decimal(12,2)", "check": "cost >= 0"},
        {"to": "stock", "from": "stock", "type": "integer", "required": True, "check": "stock >= 0"},
        {"to": "weight", "from": "weight", "type": "decimal(10,3)"},
        {"to": "ean", "from": "ean", "trim": True},
        {"to": "brand", "from": "brand", "trim": True},
        {"to": "category", "from": "category", "trim": True},
        {"to": "unit", "from": "unit", "trim": True, "required": True, "check": "unit IN ('PCE', 'KGM')"},
        {"to": "active", "from": "active", "type": "boolean", "required": True},
        {"to": "created", "from": "created", "type": "date"},
        {"to": "modified", "from": "modified", "type": "datetime", "timeZone": "UTC"},
        {"to": "vat", "from": "vat", "type": "integer", "required": True},
        {"to": "note", "from": "note", "trim": True},
    ]


def sql_target(database: Database, table: str, key: str) -> Source:
    """A table of PostgreSQL to be written."""
    return {
        "sql": {"url": {"value": database.url}},
        "objects": [{"name": "target", "table": table, "key": [key]}],
    }
